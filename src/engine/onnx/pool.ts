/** Lowerings of pooling and its gradients, and of normalization kernels. */
import tf = require('@tensorflow/tfjs-core');

import { windowShares } from '../../model/tfjs-gaps.js';
import { outputPadding, windowAttributes } from './convolution.js';
import { elementwise } from './elementwise.js';
import type { GraphBuilder, Value } from './graph.js';
import type { KernelCall, Lowering, Lowerings } from './lowering.js';

type Shape4 = [number, number, number, number];
type Info = tf.backend_util.Conv2DInfo;

function pooling(call: KernelCall, input: Value): Info {
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

const maxPool: Lowering = (graph, call) => {
  const x = call.input('x');
  const info = pooling(call, x);
  return graph.channelsFirstValue(
    graph.node('MaxPool', [graph.channelsFirst(x)], windowAttributes(info)),
    info.outShape,
  );
};

/** dy goes to the first of the greatest elements of each window, and adds up where windows overlap. */
const maxPoolGrad: Lowering = (graph, call) => {
  const [x, dy] = [call.input('input'), call.input('dy')];
  const info = pooling(call, x);
  const { inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth } = info;
  const [n, , , c] = x.shape;
  const numbers = [n * c, inHeight, inWidth, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth];
  const gradient = (positive: boolean): Value => {
    const inputs = [graph.channelsFirst(x), graph.channelsFirst(dy)];
    const all = [...numbers, info.padInfo.top, info.padInfo.left, Number(positive)];
    return graph.channelsFirstValue(graph.kernel('maxPoolGradient', inputs, [n, c, inHeight, inWidth], all), x.shape);
  };
  const result = gradient(false);
  result.storage.pooled = { from: x.storage, positive: () => gradient(true) };
  return result;
};

const avgPool: Lowering = (graph, call) => {
  const x = call.input('x');
  const info = pooling(call, x);
  const name = graph.node('AveragePool', [graph.channelsFirst(x)], { ...windowAttributes(info), count_include_pad: 0 });
  return graph.channelsFirstValue(name, info.outShape);
};

/** Every element of a window gets dy / (size of the window): a transposed convolution with ones, channel by channel. */
const avgPoolGrad: Lowering = (graph, call) => {
  const [x, dy] = [call.input('input'), call.input('dy')];
  const info = pooling(call, x);
  const { inChannels, filterHeight, filterWidth, outHeight, outWidth } = info;
  const share = graph.tensor(windowShares(info), [outHeight, outWidth], 'float32');
  const shared = graph.node('Mul', [graph.channelsFirst(dy), share]);
  const ones = graph.tensor(
    new Float32Array(inChannels * filterHeight * filterWidth).fill(1),
    [inChannels, 1, filterHeight, filterWidth],
    'float32',
  );
  const name = graph.node('ConvTranspose', [shared, ones], {
    ...windowAttributes(info),
    group: inChannels,
    output_padding: outputPadding(info),
  });
  return graph.channelsFirstValue(name, x.shape);
};

/** (x - mean) * scale / sqrt(variance + epsilon) + offset, with what is known per channel worked out first. */
const batchNorm: Lowering = (graph, call) => {
  const [x, mean, variance] = [call.input('x'), call.input('mean'), call.input('variance')];
  const [scale, offset] = [call.optional('scale'), call.optional('offset')];
  const epsilon = call.attribute<number>('varianceEpsilon');
  const deviation = elementwise(graph, [variance], (g, v) => g.node('Sqrt', [g.node('Add', [v, g.float(epsilon)])]));
  const factor = scale
    ? elementwise(graph, [scale, deviation], (g, s, d) => g.node('Div', [s, d]))
    : elementwise(graph, [deviation], (g, d) => g.node('Reciprocal', [d]));
  const scaledMean = elementwise(graph, [mean, factor], (g, m, f) => g.node('Mul', [m, f]));
  const shift = offset
    ? elementwise(graph, [offset, scaledMean], (g, o, m) => g.node('Sub', [o, m]))
    : elementwise(graph, [scaledMean], (g, m) => g.node('Neg', [m]));
  return elementwise(graph, [x, factor, shift], (g, a, f, s) => g.node('Add', [g.node('Mul', [a, f]), s]));
};

/** ONNX's Softmax along the last axis; tfjs allows no other. */
const softmax =
  (op: 'Softmax' | 'LogSoftmax'): Lowering =>
  (graph: GraphBuilder, call: KernelCall) => {
    const x = call.input('logits');
    return graph.value(graph.node(op, [graph.rows(x)], { axis: -1 }), x.shape);
  };

export const poolLowerings: Lowerings = {
  AvgPool: avgPool,
  AvgPoolGrad: avgPoolGrad,
  FusedBatchNorm: batchNorm,
  LogSoftmax: softmax('LogSoftmax'),
  MaxPool: maxPool,
  MaxPoolGrad: maxPoolGrad,
  Softmax: softmax('Softmax'),
};
