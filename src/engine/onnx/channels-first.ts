/** Convolutions of tensors that are channels-first for tfjs too: the same lowerings, and no number moves. */
import type { GraphBuilder, Value } from './graph.js';
import type { KernelCall, Lowering, Lowerings } from './lowering.js';

const toLast = ([n, c, h, w]: readonly number[]) => [n!, h!, w!, c!];
const toFirst = ([n, h, w, c]: readonly number[]) => [n!, c!, h!, w!];

/** The images of a convolution's kernels; filters are the same in both formats. */
const images = new Set(['x', 'dy']);

function asChannelsLast(graph: GraphBuilder, call: KernelCall): KernelCall {
  const convert = (name: string, value: Value): Value =>
    images.has(name) ? graph.channelsFirstValue(graph.rows(value), toLast(value.shape), value.storage.type) : value;
  const optional = (name: string) => {
    const value = call.optional(name);
    return value && convert(name, value);
  };
  return {
    ...call,
    optional,
    input: (name) => convert(name, call.input(name)),
    attribute: <T>(name: string) => {
      if (name === 'dataFormat') return 'NHWC' as T;
      const value = call.attribute<T>(name);
      return name === 'inputShape' ? (toLast(value as number[]) as T) : value;
    },
  };
}

/** Gradients of filters have a filter's shape. */
const isFilter = (kernel: string) => kernel.endsWith('Filter');

const either =
  (kernel: string, lower: Lowering): Lowering =>
  (graph, call) => {
    if (call.attribute<string | undefined>('dataFormat') !== 'NCHW') return lower(graph, call);
    const result = lower(graph, asChannelsLast(graph, call)) as Value;
    if (isFilter(kernel)) return result;
    return graph.value(graph.channelsFirst(result), toFirst(result.shape), result.storage.type);
  };

/** The lowerings of convolutions, each for both formats. */
export const inBothFormats = (lowerings: Lowerings): Lowerings =>
  Object.fromEntries(Object.entries(lowerings).map(([kernel, lower]) => [kernel, either(kernel, lower)]));
