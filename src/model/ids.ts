/** Whether a model looks up its inputs in an embedding: those are ids, and scaled they would name other rows. */
import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import type { LayerConfig } from '../config/model.js';
import type { Encoding } from '../data/encoding.js';
import { DataError } from '../errors.js';

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

/** @throws DataError when a table's numbers were scaled, or its texts became 0 and 1, and an embedding reads them */
export function checkIds(model: LayersModel, { input }: Encoding): void {
  if (input.kind !== 'table') return;
  const found = model.layers.find((layer) => isEmbedding(layer.getClassName()) && readsInput(layer));
  if (!found) return;
  const text = input.columns.find((column) => 'categories' in column);
  if (text) {
    throw new DataError(
      `${found.name} looks up every feature as an id, and column ${text.name} becomes features of 0 and 1`,
      'write its categories as whole numbers from 0, or list it under data.exclude',
    );
  }
  const scaled = input.columns.find((column) => !('categories' in column) && (column.scale !== 1 || column.mean !== 0));
  if (!scaled) return;
  throw new DataError(
    `${found.name} looks up every feature as an id, and column ${scaled.name} is standardized, which makes fractions of ids`,
    'set data.standardize: false',
  );
}

function readsInput(layer: layers.Layer): boolean {
  return layer.inboundNodes.some(({ inboundLayers }) =>
    inboundLayers.some((source) => {
      const kind = source.getClassName();
      return kind === 'InputLayer' || (passing.includes(kind.toLowerCase()) && readsInput(source));
    }),
  );
}
