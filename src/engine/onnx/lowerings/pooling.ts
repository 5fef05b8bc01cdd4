/** Lowerings of pooling in two dimensions and its gradients. */
import tf = require('@tensorflow/tfjs-core');

import { windowShares } from '../../../model/tfjs/core-gaps.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import { outputPadding, windowAttributes } from './convolution.js';
import type { KernelCall, Lowering, Lowerings, Shape4 } from './lowering.js';

type Conv2DInfo = tf.backend_util.Conv2DInfo;

function pooling(call: KernelCall, input: StoredValue): Conv2DInfo {
  return tf.backend_util.computePool2DInfo(
    input.shape as Shape4,
    call.attribute('filterSize'),
    call.attribute('strides'),
    call.attribute<[number, number] | undefined>('dilations') ?? 1,
    call.attribute('pad'),
    call.attribute('dimRoundingMode'),
    'channelsLast',
  );
}

/** Whether ONNX Runtime has these windows: it rounds their number down, and no padding is as large as a window. */
function isPlain(info: Conv2DInfo): boolean {
  const { top, bottom, left, right } = info.padInfo;
  const plain = (size: number, pads: number, filter: number, stride: number) =>
    Math.floor((size + pads - filter) / stride) + 1;
  return (
    plain(info.inHeight, top + bottom, info.filterHeight, info.strideHeight) === info.outHeight &&
    plain(info.inWidth, left + right, info.filterWidth, info.strideWidth) === info.outWidth &&
    Math.max(top, bottom) < info.filterHeight &&
    Math.max(left, right) < info.filterWidth
  );
}

/** What all windows cover, channels-first: padded by `filler`, or cut where the last rows or columns are in no window. */
function covered(graph: GraphBuilder, x: StoredValue, info: Conv2DInfo, filler: number): string {
  const { top, left } = info.padInfo;
  const below = (info.outHeight - 1) * info.strideHeight + info.filterHeight - info.inHeight - top;
  const after = (info.outWidth - 1) * info.strideWidth + info.filterWidth - info.inWidth - left;
  return graph.node('Pad', [
    graph.channelsFirst(x),
    graph.int64([0, 0, top, left, 0, 0, below, after]),
    graph.float(filler),
  ]);
}

/** tfjs hands its input on where windows have one pixel and the result is as large as the input. */
const isIdentity = (info: Conv2DInfo): boolean =>
  info.filterHeight === 1 && info.filterWidth === 1 && info.inShape.join() === info.outShape.join();

const maxPool: Lowering = (graph, call) => {
  const x = call.input('x');
  const info = pooling(call, x);
  if (isIdentity(info)) return x;
  const name = isPlain(info)
    ? graph.node('MaxPool', [graph.channelsFirst(x)], windowAttributes(info))
    : graph.node('MaxPool', [covered(graph, x, info, Number.NEGATIVE_INFINITY)], unpadded(info));
  return graph.channelsFirstValue(name, info.outShape);
};

const unpadded = (info: Conv2DInfo) => ({ ...windowAttributes(info), pads: [0, 0, 0, 0] });

/** A filter of ones for each channel. */
const onesOf = (graph: GraphBuilder, { inChannels, filterHeight, filterWidth }: Conv2DInfo): string =>
  graph.tensor(
    new Float32Array(inChannels * filterHeight * filterWidth).fill(1),
    [inChannels, 1, filterHeight, filterWidth],
    'float32',
  );
const sharesOf = (graph: GraphBuilder, info: Conv2DInfo): string =>
  graph.tensor(windowShares(info), [info.outHeight, info.outWidth], 'float32');

const avgPool: Lowering = (graph, call) => {
  const x = call.input('x');
  const info = pooling(call, x);
  if (isIdentity(info)) return x;
  if (isPlain(info)) {
    const attributes = { ...windowAttributes(info), count_include_pad: 0 };
    return graph.channelsFirstValue(graph.node('AveragePool', [graph.channelsFirst(x)], attributes), info.outShape);
  }
  // Sums by a convolution: ONNX Runtime makes padding before an AveragePool its own, however large it is.
  const attributes = { ...unpadded(info), group: info.inChannels };
  const sums = graph.node('Conv', [covered(graph, x, info, 0), onesOf(graph, info)], attributes);
  return graph.channelsFirstValue(graph.node('Mul', [sums, sharesOf(graph, info)]), info.outShape);
};

/** dy goes to the first of the greatest elements of each window, and adds up where windows overlap. */
const maxPoolGrad: Lowering = (graph, call) => {
  const [x, dy] = [call.input('input'), call.input('dy')];
  const info = pooling(call, x);
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth } = info;
  const [n, , , c] = x.shape;
  const numbers = [n * c, inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth];
  const inputs = [graph.channelsFirst(x), graph.channelsFirst(dy)];
  // All count; a rule may leave out what is not positive (rewrites/steps.ts).
  const all = [...numbers, info.padInfo.top, info.padInfo.left, 0];
  const [dx] = graph.kernel('maxPoolGradient', inputs, [[n, c, inHeight, inWidth]], all) as [string];
  return graph.channelsFirstValue(dx, x.shape);
};

/** Every element of a window gets dy / (size of the window): a transposed convolution with ones, channel by channel. */
const avgPoolGrad: Lowering = (graph, call) => {
  const [x, dy] = [call.input('input'), call.input('dy')];
  const info = pooling(call, x);
  const shared = graph.node('Mul', [graph.channelsFirst(dy), sharesOf(graph, info)]);
  const name = graph.node('ConvTranspose', [shared, onesOf(graph, info)], {
    ...windowAttributes(info),
    group: info.inChannels,
    output_padding: outputPadding(info),
  });
  return graph.channelsFirstValue(name, x.shape);
};

export const poolingLowerings: Lowerings = {
  AvgPool: avgPool,
  AvgPoolGrad: avgPoolGrad,
  MaxPool: maxPool,
  MaxPoolGrad: maxPoolGrad,
};
