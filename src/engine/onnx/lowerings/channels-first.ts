/** Convolutions of tensors that are channels-first for tfjs too: the same lowerings, and no number moves. */
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import type { KernelCall, Lowering, Lowerings } from './lowering.js';

const toLast = <T>([n, c, h, w]: readonly T[]): T[] => [n!, h!, w!, c!];
const toFirst = ([n, h, w, c]: readonly number[]) => [n!, c!, h!, w!];

/** What has channels and space; filters are the same in both formats. */
const images = new Set(['x', 'dy', 'bias', 'preluActivationWeights']);

function asChannelsLast(graph: GraphBuilder, call: KernelCall): KernelCall {
  const convert = (name: string, value: StoredValue): StoredValue => {
    // Biases of one axis are one number a channel in both formats.
    if (!images.has(name) || value.shape.length < 3) return value;
    const shape = [...Array<number>(4 - value.shape.length).fill(1), ...value.shape];
    return graph.channelsFirstValue(graph.rows(value, shape), toLast(shape), value.storage.type);
  };
  const optional = (name: string) => {
    const value = call.optional(name);
    return value && convert(name, value);
  };
  return {
    ...call,
    optional,
    input: (name) => convert(name, call.input(name)),
    attribute: <T>(name: string, fallback?: T) => {
      if (name === 'dataFormat') return 'NHWC' as T;
      const value = call.attribute<T>(name, fallback);
      const isOfAxes = name === 'inputShape' || (name === 'pad' && Array.isArray(value));
      return isOfAxes ? (toLast(value as number[]) as T) : value;
    },
  };
}

/** Gradients of filters have a filter's shape. */
const isFilter = (kernel: string) => kernel.endsWith('Filter');

const either =
  (kernel: string, lower: Lowering): Lowering =>
  (graph, call) => {
    if (call.attribute<string | undefined>('dataFormat') !== 'NCHW') return lower(graph, call);
    const result = lower(graph, asChannelsLast(graph, call)) as StoredValue;
    if (isFilter(kernel)) return result;
    return graph.value(graph.channelsFirst(result), toFirst(result.shape), result.storage.type);
  };

/** The lowerings of convolutions, each for both formats. */
export const inBothFormats = (lowerings: Lowerings): Lowerings =>
  Object.fromEntries(Object.entries(lowerings).map(([kernel, lower]) => [kernel, either(kernel, lower)]));
