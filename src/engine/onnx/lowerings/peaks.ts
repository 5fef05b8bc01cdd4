/** Lowerings that find the greatest in windows and say where it is: grey-scale dilation, and max pooling with places. */
import tf = require('@tensorflow/tfjs-core');

import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import { filterWindows, windowAttributes } from './convolution.js';
import { type KernelCall, type Lowering, type Lowerings, type Shape4, unsupported } from './lowering.js';
import { addedAt, seenAs, typeCode } from './pieces.js';

const util = tf.backend_util;
type Conv2DInfo = tf.backend_util.Conv2DInfo;

function dilation(graph: GraphBuilder, call: KernelCall) {
  const [x, filter] = [call.input('x'), call.input('filter')];
  if ([x, filter].some(({ storage }) => storage.type !== 'float32')) unsupported(call.kernel, 'integers');
  const info = util.computeDilation2DInfo(
    x.shape as Shape4,
    filter.shape as [number, number, number],
    call.attribute('strides'),
    call.attribute('pad'),
    'NHWC',
    call.attribute('dilations'),
  );
  const { filterHeight, filterWidth, inChannels } = info;
  const heights = graph.rows(filter, [filterHeight * filterWidth, inChannels, 1, 1]);
  const parts = [...filterWindows(graph, graph.channelsFirst(x), info, Number.NEGATIVE_INFINITY)];
  const sums = parts.map((part, i) => {
    const height = graph.node('Slice', [heights, graph.int64([i]), graph.int64([i + 1]), graph.int64([0])]);
    return graph.node('Add', [part, height]);
  });
  return { x, filter, info, sums };
}

/** The greatest sum of image and filter in each window. */
const dilate: Lowering = (graph, call) => {
  const { info, sums } = dilation(graph, call);
  return graph.channelsFirstValue(graph.node('Max', sums), info.outShape);
};

/** The place in the window of each maximum, the first of equal ones: [n, c, height, width], int64. */
function winners(
  graph: GraphBuilder,
  sums: readonly string[],
  { batchSize, inChannels, outHeight, outWidth }: Conv2DInfo,
) {
  const shape = graph.int64([1, batchSize, inChannels, outHeight, outWidth]);
  const stacked = sums.map((sum) => graph.node('Reshape', [sum, shape]));
  return graph.node('ArgMax', [graph.node('Concat', stacked, { axis: 0 })], { axis: 0, keepdims: 0 });
}

const times = (graph: GraphBuilder, name: string, factor: number) =>
  graph.node('Mul', [name, graph.int64([factor], [])]);
/** 0, step, 2 * step, ... along one axis of four. */
function ladder(graph: GraphBuilder, axis: number, count: number, step: number, start = 0): string {
  const shape = [1, 1, 1, 1].map((one, i) => (i === axis ? count : one));
  return graph.int64(
    Array.from({ length: count }, (_, i) => start + i * step),
    shape,
  );
}
const sumOf = (graph: GraphBuilder, ...names: string[]) =>
  names.reduce((total, name) => graph.node('Add', [total, name]));

/** dy goes to the element of the filter that made the maximum. */
const filterGradient: Lowering = (graph, call) => {
  const { filter, info, sums } = dilation(graph, call);
  const channels = info.inChannels;
  const places = sumOf(graph, times(graph, winners(graph, sums, info), channels), ladder(graph, 1, channels, 1));
  const length = elements(filter.shape);
  const name = addedAt(graph, length, places, graph.channelsFirst(call.input('dy')), elements(info.outShape));
  return seenAs(graph.value(name, [length]), filter.shape);
};

/** dy goes to the pixel that made the maximum. */
const inputGradient: Lowering = (graph, call) => {
  const { x, info, sums } = dilation(graph, call);
  const { batchSize, inChannels, inHeight, inWidth, outHeight, outWidth, padInfo, filterHeight, filterWidth } = info;
  const steps = Array.from({ length: filterHeight * filterWidth }, (_, i) => {
    return Math.floor(i / filterWidth) * info.dilationHeight * inWidth + (i % filterWidth) * info.dilationWidth;
  });
  const plane = inHeight * inWidth;
  const places = sumOf(
    graph,
    graph.node('Gather', [graph.int64(steps), winners(graph, sums, info)], { axis: 0 }),
    ladder(graph, 0, batchSize, inChannels * plane),
    ladder(graph, 1, inChannels, plane),
    ladder(graph, 2, outHeight, info.strideHeight * inWidth, -padInfo.top * inWidth),
    ladder(graph, 3, outWidth, info.strideWidth, -padInfo.left),
  );
  const length = elements(x.shape);
  const flat = addedAt(graph, length, places, graph.channelsFirst(call.input('dy')), elements(info.outShape));
  const name = graph.rows(graph.value(flat, [length]), [batchSize, inChannels, inHeight, inWidth]);
  return graph.channelsFirstValue(name, x.shape);
};

/** Max pooling, and where in its image, or in the batch, each maximum lies. */
const maxPoolWithPlaces: Lowering = (graph, call) => {
  const x = call.input('x');
  if (x.storage.type !== 'float32') unsupported(call.kernel, 'integers');
  const info = util.computePool2DInfo(
    x.shape as Shape4,
    call.attribute<[number, number]>('filterSize'),
    call.attribute<[number, number]>('strides'),
    1,
    call.attribute('pad'),
  );
  const { batchSize, inChannels, inHeight, inWidth } = info;
  const name = graph.channelsFirst(x);
  // tfjs passes over what is no number.
  const numbers = graph.node('Where', [graph.node('IsNaN', [name]), graph.float(Number.NEGATIVE_INFINITY), name]);
  const [most, places] = graph.nodes('MaxPool', [numbers], 2, windowAttributes(info));
  // Counted channel by channel, where tfjs counts pixel by pixel.
  const pixels = graph.node('Mod', [places!, graph.int64([inHeight * inWidth], [])]);
  const counted = sumOf(graph, times(graph, pixels, inChannels), ladder(graph, 1, inChannels, 1));
  const all = call.attribute<boolean>('includeBatchInIndex')
    ? sumOf(graph, counted, ladder(graph, 0, batchSize, elements(x.shape) / batchSize))
    : counted;
  const found = graph.node('Cast', [all], { to: typeCode.int32 });
  return [
    graph.channelsFirstValue(most!, info.outShape),
    graph.channelsFirstValue(found, info.outShape, 'int32'),
  ] satisfies StoredValue[];
};

export const peakLowerings: Lowerings = {
  Dilation2D: dilate,
  Dilation2DBackpropFilter: filterGradient,
  Dilation2DBackpropInput: inputGradient,
  MaxPoolWithArgmax: maxPoolWithPlaces,
};
