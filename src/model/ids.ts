/** Whether a list of layers looks up its inputs in an embedding: those are ids, and scaled they would name other rows. */
import type { LayerConfig } from '../config/model.js';

/** Layers that hand numbers on as they are. */
const passing = ['reshape', 'flatten', 'permute', 'repeatvector'];
const isEmbedding = (kind: string) => kind.toLowerCase() === 'embedding';

/** Of a list of layers, before it is built: the data must be read by then. */
export function layersReadIds(entries: readonly LayerConfig[]): boolean {
  const inputs = new Set(['input']);
  let isInput = true;
  for (const entry of entries) {
    const [[kind, options]] = Object.entries(entry);
    const { from, name } = options ?? {};
    const reads: boolean = from === undefined ? isInput : [from].flat().some((source) => inputs.has(String(source)));
    if (reads && isEmbedding(kind)) return true;
    isInput = reads && passing.includes(kind.toLowerCase());
    if (isInput && typeof name === 'string') inputs.add(name);
  }
  return false;
}
