/** Ids that a model computes itself and no embedding has a row for: engines find them in the middle of a step, each in its words. */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { DataError } from '../errors.js';
import { everyLayer } from './layer-tree.js';
import type { SlabLayout } from './slab.js';

/** What layers look up by ids. */
export interface IdTable {
  readonly layer: string;
  readonly rows: number;
}

export const tablesOf = (model: LayersModel): IdTable[] =>
  [...everyLayer(model)]
    .filter((layer) => layer.getClassName() === 'Embedding')
    .map((layer) => ({ layer: layer.name, rows: Number(layer.getConfig().inputDim) }));

/** Where the layers are not at hand: their weights are called after them. */
export const tablesIn = ({ tensors }: SlabLayout): IdTable[] =>
  tensors.flatMap(({ name, shape }) => {
    const [, layer] = /^(.+)\/embeddings$/.exec(name) ?? [];
    return layer === undefined ? [] : [{ layer, rows: shape[0] }];
  });

/** The id, and the highest that there is or one more. */
const phrases: readonly (readonly [RegExp, beyond: number])[] = [
  // ONNX Runtime, whose graphs read negative ids as unsigned 32-bit numbers, so that they do not count from the end.
  [/indices element out of data bounds, idx=(-?\d+) must be within the inclusive range \[-?\d+,(\d+)\]/, 1],
  // tfjs on backends cpu and wasm, and on backend tensorflow.
  [/index value (-?\d+) is not in \[0, (\d+)\]/, 1],
  [/indices\[.*\] = (-?\d+) is not in \[0, (\d+)\)/, 0],
];

/** @param error of an engine; undefined is returned where it is about something else */
export function computedIdError(error: unknown, tables: readonly IdTable[]): DataError | undefined {
  if (!(error instanceof Error)) return undefined;
  for (const [phrase, beyond] of phrases) {
    const [, id, highest] = phrase.exec(error.message) ?? [];
    if (id === undefined) continue;
    const [given, rows] = [Number(id), Number(highest) + beyond];
    return computedId(given < 2 ** 31 ? given : given - 2 ** 32, rows, tables);
  }
  return undefined;
}

function computedId(id: number, rows: number, tables: readonly IdTable[]): DataError {
  const layers = tables.filter((table) => table.rows === rows).map(({ layer }) => layer);
  const [who, inputDim] =
    layers.length > 0 ? [layers.join(' or '), ` (inputDim ${rows})`] : ['a layer of the model', ''];
  const enough = layers.length > 0 && id >= 0 ? `, or set an inputDim above ${id}` : '';
  return new DataError(
    `${who} was given the id ${id}, which the model computes, and takes whole numbers from 0 to ${rows - 1}${inputDim}`,
    `correct the layers before it${enough}`,
  );
}

/** The error of `computedIdError` again, from the message of a worker. */
export function toldComputedId(message: string): DataError | undefined {
  const told = /^(.* was given the id -?\d+, which the model computes, .*?): (correct the layers before it.*)$/.exec(
    message,
  );
  return told ? new DataError(told[1], told[2]) : undefined;
}
