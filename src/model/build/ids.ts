/** Whether a list of layers looks up its inputs in an embedding: those are ids, and scaled they would name other rows. */
import type { LayerConfig } from '../../config/model.js';
import { expandedLayers } from './expanded-layers.js';

/** Layers that hand numbers on as they are. */
const passing = ['reshape', 'flatten', 'permute', 'repeatvector'];
const isEmbedding = (kind: string) => kind.toLowerCase() === 'embedding';

/**
 * Of a list of layers, before it is built, because the data must be read by then: what the `inputDim` of the embeddings is
 * that read each input.
 * @param inputs names of the inputs; the first layer reads the first unless it says otherwise
 */
export function idInputsOf(
  entries: readonly LayerConfig[],
  inputs: readonly string[] = ['input'],
): Map<string, unknown[]> {
  const sources = new Map(inputs.map((name) => [name, [name]]));
  const found = new Map<string, unknown[]>();
  let before = inputs.slice(0, 1);
  for (const { entry } of expandedLayers(entries)) {
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
