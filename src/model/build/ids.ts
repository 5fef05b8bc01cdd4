/** Which inputs a list of layers looks up in embeddings. Such inputs are ids: scaled, they would name other rows. */
import type { LayerConfig } from '../../config/model.js';

/** Layers that only move numbers: ids that go in come out as ids. */
const passing = ['reshape', 'flatten', 'permute', 'repeatvector'];
const isEmbedding = (kind: string) => kind.toLowerCase() === 'embedding';

/**
 * The `inputDim` of the embeddings that read each input. Told from the list, because the data are read before the model is
 * built.
 * @param inputs names of the inputs; the first layer reads the first unless it says otherwise
 */
export function idInputsOf(
  entries: readonly LayerConfig[],
  inputs: readonly string[] = ['input'],
): Map<string, unknown[]> {
  const sources = new Map(inputs.map((name) => [name, [name]]));
  const found = new Map<string, unknown[]>();
  let before = inputs.slice(0, 1);
  for (const entry of entries) {
    const [[kind, options]] = Object.entries(entry);
    const { from, name, inputDim } = options ?? {};
    const read: readonly string[] =
      from === undefined ? before : [from].flat().flatMap((source) => sources.get(String(source)) ?? []);
    if (isEmbedding(kind)) for (const input of read) found.set(input, [...(found.get(input) ?? []), inputDim]);
    before = passing.includes(kind.toLowerCase()) ? [...read] : [];
    if (typeof name === 'string') sources.set(name, before);
  }
  return found;
}
