/** Lowerings of convolutions and poolings in three dimensions, and of their gradients. */
import tf = require('@tensorflow/tfjs-core');

import { elements } from '../../../ground/elements.js';
import { coveredShares, poolingWindows, type Window } from '../../../model/tfjs/windows.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import { type KernelCall, type Lowering, type Lowerings, unsupported } from './lowering.js';
import { addedAt, permuted, seenAs } from './pieces.js';

const util = tf.backend_util;
type Shape5 = [number, number, number, number, number];
type Size3 = number | [number, number, number];

/** [n, d, h, w, c] as [n, c, d, h, w]. */
const first = (graph: GraphBuilder, value: StoredValue): string => graph.rows(permuted(graph, value, [0, 4, 1, 2, 3]));
const firstShape = ([n, d, h, w, c]: readonly number[]) => [n!, c!, d!, h!, w!];
/** A value of `shape` [n, d, h, w, c] whose tensor is [n, c, d, h, w]. */
const last = (graph: GraphBuilder, name: string, shape: readonly number[]): StoredValue =>
  permuted(graph, graph.value(name, firstShape(shape)), [0, 2, 3, 4, 1]);

/** [kd, kh, kw, in, out] as [out, in, kd, kh, kw]. */
const filterOf = (graph: GraphBuilder, filter: StoredValue): string =>
  graph.rows(permuted(graph, filter, [4, 3, 0, 1, 2]));

/** ONNX Runtime refuses windows that see nothing but padding. */
function pooled(call: KernelCall, windows: Window[]): Window[] {
  if (windows.every(({ before, after, kernel }) => before < kernel && after < kernel)) return windows;
  return unsupported(call.kernel, 'padding as wide as the window');
}

/** tfjs starts late where padding is "same" and strides are longer than the window; ONNX cannot. */
function checked(call: KernelCall, windows: Window[]): Window[] {
  if (windows.every(({ before }) => before >= 0)) return windows;
  return unsupported(call.kernel, 'padding "same" and strides that are longer than the window');
}

const attributesOf = (windows: readonly Window[]) => ({
  kernel_shape: windows.map(({ kernel }) => kernel),
  strides: windows.map(({ stride }) => stride),
  pads: [...windows.map(({ before }) => before), ...windows.map(({ after }) => after)],
});
const dilationsOf = (windows: readonly Window[]) => ({ dilations: windows.map(({ dilation }) => dilation) });

/** What no window reached at the end. */
const unreached = (windows: readonly Window[]) => ({
  output_padding: windows.map(({ from, to, kernel, stride, dilation, before, after }) =>
    Math.max(0, from + before + after - ((to - 1) * stride + (kernel - 1) * dilation + 1)),
  ),
});

function convolution(call: KernelCall, input: readonly number[], filter: readonly number[]) {
  const info = util.computeConv3DInfo(
    input as Shape5,
    filter as Shape5,
    call.attribute<Size3>('strides'),
    call.attribute<Size3 | undefined>('dilations') ?? 1,
    call.attribute('pad'),
  );
  return { windows: checked(call, poolingWindows(info)), shape: info.outShape };
}

const convolve: Lowering = (graph, call) => {
  const [x, filter] = [call.input('x'), call.input('filter')];
  const { windows, shape } = convolution(call, x.shape, filter.shape);
  const attributes = { ...attributesOf(windows), ...dilationsOf(windows) };
  return last(graph, graph.node('Conv', [first(graph, x), filterOf(graph, filter)], attributes), shape);
};

const inputGradient: Lowering = (graph, call) => {
  const [dy, filter] = [call.input('dy'), call.input('filter')];
  const shape = call.attribute<number[]>('inputShape');
  const { windows } = convolution(call, shape, filter.shape);
  const attributes = { ...attributesOf(windows), ...dilationsOf(windows), ...unreached(windows) };
  return last(graph, graph.node('ConvTranspose', [first(graph, dy), filterOf(graph, filter)], attributes), shape);
};

/** What each place of the filter saw, times dy: a convolution of x by dy, with batch and channels swapped, and steps for gaps. */
const filterGradient: Lowering = (graph, call) => {
  const [x, dy] = [call.input('x'), call.input('dy')];
  const shape = call.attribute<number[]>('filterShape');
  const { windows } = convolution(call, x.shape, shape);
  const swapped = (value: StoredValue) => graph.rows(permuted(graph, value, [4, 0, 1, 2, 3]));
  const name = graph.node('Conv', [swapped(x), swapped(dy)], {
    kernel_shape: windows.map(({ to }) => to),
    strides: windows.map(({ dilation }) => dilation),
    dilations: windows.map(({ stride }) => stride),
    pads: attributesOf(windows).pads,
  });
  // Rows that no window reached make it longer than the filter.
  const ends = graph.int64(windows.map(({ kernel }) => kernel));
  const kept = graph.node('Slice', [name, graph.int64([0, 0, 0]), ends, graph.int64([2, 3, 4])]);
  const [kd, kh, kw, inputs, outputs] = shape as Shape5;
  return permuted(graph, graph.value(kept, [inputs, outputs, kd, kh, kw]), [2, 3, 4, 0, 1]);
};

function pooling(call: KernelCall, input: StoredValue) {
  const info = util.computePool3DInfo(
    input.shape as Shape5,
    call.attribute<Size3>('filterSize'),
    call.attribute<Size3>('strides'),
    1,
    call.attribute('pad'),
    call.attribute('dimRoundingMode'),
    call.attribute('dataFormat'),
  );
  return { windows: pooled(call, checked(call, poolingWindows(info))), shape: info.outShape };
}

const averagePool: Lowering = (graph, call) => {
  const x = call.input('x');
  const { windows, shape } = pooling(call, x);
  if (elements(shape) === 0) return graph.splat(0, shape, 'float32');
  const attributes = { ...attributesOf(windows), count_include_pad: 0 };
  return last(graph, graph.node('AveragePool', [first(graph, x)], attributes), shape);
};

/** Every element of a window gets an equal share of its dy. */
const averagePoolGradient: Lowering = (graph, call) => {
  const [x, dy] = [call.input('input'), call.input('dy')];
  const { windows, shape } = pooling(call, x);
  const shares = graph.tensor(coveredShares(windows), shape.slice(1, 4), 'float32');
  const kernel = windows.map((window) => window.kernel);
  const ones = graph.tensor(new Float32Array(elements(kernel)).fill(1), [1, 1, ...kernel], 'float32');
  // Channel by channel.
  const planes = (sizes: readonly number[]) => [sizes[0]! * sizes[4]!, 1, ...sizes.slice(1, 4)];
  const spread = graph.value(graph.node('Mul', [first(graph, dy), shares]), firstShape(shape));
  const all = graph.rows(seenAs(spread, planes(shape)));
  const name = graph.node('ConvTranspose', [all, ones], { ...attributesOf(windows), ...unreached(windows) });
  const made = seenAs(graph.value(name, planes(x.shape)), firstShape(x.shape));
  return last(graph, graph.rows(made), x.shape);
};

const maxPool: Lowering = (graph, call) => {
  const x = call.input('x');
  const { windows, shape } = pooling(call, x);
  if (elements(shape) === 0) return graph.splat(0, shape, 'float32');
  return last(graph, graph.node('MaxPool', [first(graph, x)], attributesOf(windows)), shape);
};

/** dy goes to the first of the greatest elements of each window. */
const maxPoolGradient: Lowering = (graph, call) => {
  const [x, dy] = [call.input('input'), call.input('dy')];
  const { windows, shape } = pooling(call, x);
  const [, places] = graph.nodes('MaxPool', [first(graph, x)], 2, attributesOf(windows));
  const flat = addedAt(graph, elements(x.shape), places!, first(graph, dy), elements(shape));
  return last(graph, graph.rows(seenAs(graph.value(flat, [elements(x.shape)]), firstShape(x.shape))), x.shape);
};

export const volumeLowerings: Lowerings = {
  AvgPool3D: averagePool,
  AvgPool3DGrad: averagePoolGradient,
  Conv3D: convolve,
  Conv3DBackpropFilterV2: filterGradient,
  Conv3DBackpropInputV2: inputGradient,
  MaxPool3D: maxPool,
  MaxPool3DGrad: maxPoolGradient,
};
