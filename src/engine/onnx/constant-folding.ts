/** Kernels whose inputs are all known while a step is traced are computed there, once, by tfjs's backend `cpu`. */
import tf = require('@tensorflow/tfjs-core');

import { elements } from '../../ground/elements.js';
import type { GraphBuilder } from './graph.js';
import type { ElementType } from './proto.js';
import type { StoredValue } from './storage.js';

/** Random numbers would be the same in every step. */
const random = new Set(['Multinomial']);

type FoldingBackend = tf.KernelBackend & {
  makeTensorInfo(shape: number[], dtype: string, values?: unknown): tf.TensorInfo;
};

const arrays = { float32: Float32Array, int32: Int32Array, uint8: Int32Array, bool: Uint8Array } as const;

/** The data of a value, if they are known. */
function dataOf({ storage, shape }: StoredValue): Float32Array | Int32Array | Uint8Array | undefined {
  const { constant, splat } = storage;
  const Data = arrays[storage.type as keyof typeof arrays];
  if (constant) return constant;
  return splat === undefined ? undefined : new Data(elements(shape)).fill(splat);
}

/** @returns the kernel's results as constants; undefined where an input is known only when the graph runs */
export function folded(
  graph: GraphBuilder,
  kernel: string,
  inputs: Readonly<Record<string, StoredValue | undefined>>,
  attrs: tf.NamedAttrMap | undefined,
): StoredValue | StoredValue[] | undefined {
  const config = tf.getKernel(kernel, 'cpu');
  const given = Object.entries(inputs).filter((entry): entry is [string, StoredValue] => entry[1] !== undefined);
  const data = given.map(([, value]) => dataOf(value));
  if (!config || random.has(kernel) || data.includes(undefined)) return undefined;
  const backend = tf.findBackend('cpu') as FoldingBackend;
  const infos = given.map(([name, { shape, storage }], i) => {
    const dtype = storage.type === 'uint8' ? 'int32' : storage.type;
    return [name, backend.makeTensorInfo([...shape], dtype, data[i])] as const;
  });
  const results = config.kernelFunc({ inputs: Object.fromEntries(infos), attrs, backend });
  const values = [results].flat().map(({ dataId, shape, dtype }) => {
    const numbers = arrays[dtype as keyof typeof arrays].from(backend.readSync(dataId) as Float32Array);
    return graph.constant(numbers, shape, dtype as ElementType);
  });
  // tfjs keeps a sum of booleans, such as 2, as a boolean.
  const isBroken = values.some(
    ({ storage }) => storage.type === 'bool' && storage.constant!.some((value) => value > 1),
  );
  for (const { dataId } of [results, infos.map(([, info]) => info)].flat()) backend.disposeData(dataId, true);
  if (isBroken) return undefined;
  return Array.isArray(results) ? values : values[0];
}
