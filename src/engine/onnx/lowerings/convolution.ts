/**
 * Lowerings of convolutions and their gradients. ONNX Runtime's CPU library has no ConvGrad: the gradient of the input is
 * a ConvTranspose, the gradient of the filter a product of shifted inputs with the output's gradient.
 */

import tf = require('@tensorflow/tfjs-core');

import { elements } from '../../../ground/elements.js';
import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import { activation, elementwise } from './elementwise.js';
import { type KernelCall, type Lowering, type Lowerings, type Shape4, unsupported } from './lowering.js';

type Conv2DInfo = tf.backend_util.Conv2DInfo;

function convolution(
  call: KernelCall,
  input: readonly number[],
  filter: readonly number[],
  depthwise: boolean,
): Conv2DInfo {
  return tf.backend_util.computeConv2DInfo(
    input as Shape4,
    filter as Shape4,
    call.attribute('strides'),
    call.attribute<number | [number, number] | undefined>('dilations') ?? 1,
    call.attribute('pad'),
    call.attribute('dimRoundingMode'),
    depthwise,
  );
}

/** The attributes that convolutions and poolings share. */
export const windowAttributes = (info: Conv2DInfo) => ({
  kernel_shape: [info.filterHeight, info.filterWidth],
  strides: [info.strideHeight, info.strideWidth],
  pads: [info.padInfo.top, info.padInfo.left, info.padInfo.bottom, info.padInfo.right],
});

const attributes = (info: Conv2DInfo, group: number) => ({
  ...windowAttributes(info),
  dilations: [info.dilationHeight, info.dilationWidth],
  group,
});

/** Rows and columns at the end that no window covered: a transposed convolution adds them back as zeros. */
export function outputPadding(info: Conv2DInfo): [number, number] {
  const { top, bottom, left, right } = info.padInfo;
  const reached = (size: number, stride: number, kernel: number, dilation: number, pads: number) =>
    (size - 1) * stride + (kernel - 1) * dilation + 1 - pads;
  return [
    info.inHeight - reached(info.outHeight, info.strideHeight, info.filterHeight, info.dilationHeight, top + bottom),
    info.inWidth - reached(info.outWidth, info.strideWidth, info.filterWidth, info.dilationWidth, left + right),
  ];
}

/** Filter [kh, kw, in, out] as ONNX has it: [out, in, kh, kw]; depthwise [kh, kw, in, m] as [in * m, 1, kh, kw]. */
function filterOf(graph: GraphBuilder, filter: StoredValue, depthwise: boolean): string {
  const [kh, kw, channels, outputs] = filter.shape as Shape4;
  // [kh * kw, channels, outputs] lets both permutations move whole planes.
  const flat = graph.rows(filter, [kh * kw, channels, outputs]);
  if (!depthwise) {
    const moved = graph.node('Transpose', [flat], { perm: [2, 1, 0] });
    return graph.node('Reshape', [moved, graph.int64([outputs, channels, kh, kw])]);
  }
  const moved = graph.node('Transpose', [flat], { perm: [1, 2, 0] });
  return graph.node('Reshape', [moved, graph.int64([channels * outputs, 1, kh, kw])]);
}

function forward(graph: GraphBuilder, call: KernelCall, depthwise: boolean, bias?: StoredValue): StoredValue {
  const [x, filter] = [call.input('x'), call.input('filter')];
  const info = convolution(call, x.shape, filter.shape, depthwise);
  const inputs = [graph.channelsFirst(x), filterOf(graph, filter, depthwise)];
  // ONNX takes a bias a channel; any other shape is an ordinary addition.
  const perChannel = bias && elements(bias.shape) === info.outChannels;
  if (perChannel) inputs.push(graph.rows(bias, [info.outChannels]));
  const name = graph.node('Conv', inputs, attributes(info, depthwise ? info.inChannels : 1));
  const y = graph.channelsFirstValue(name, info.outShape);
  if (!bias || perChannel) return y;
  return elementwise(graph, [y, bias], (g, a, b) => g.node('Add', [a, b]));
}

/** Gradient of the input: transposed convolution of dy with the same filter. */
function inputGradient(graph: GraphBuilder, call: KernelCall, depthwise: boolean): StoredValue {
  const [dy, filter] = [call.input('dy'), call.input('filter')];
  const inShape = call.attribute<Shape4>('inputShape');
  const info = convolution(call, inShape, filter.shape, depthwise);
  const extra = outputPadding(info);
  const fits = extra[0] >= 0 && extra[1] >= 0 && dy.shape[1] === info.outHeight && dy.shape[2] === info.outWidth;
  if (!fits)
    unsupported(
      call.kernel,
      `an input of ${inShape.slice(1, 3).join('x')} and a result of ${dy.shape.slice(1, 3).join('x')}`,
    );
  const name = graph.node('ConvTranspose', [graph.channelsFirst(dy), filterOf(graph, filter, depthwise)], {
    ...attributes(info, depthwise ? info.inChannels : 1),
    output_padding: extra,
  });
  return graph.channelsFirstValue(name, inShape);
}

/** For each position of the filter, what it saw of x: x [a, b, height, width] gives [a, b, outHeight, outWidth]. */
export function* filterWindows(graph: GraphBuilder, x: string, info: Conv2DInfo, filler = 0): Generator<string> {
  const { top, bottom, left, right } = info.padInfo;
  const padded =
    top + bottom + left + right > 0
      ? graph.node('Pad', [x, graph.int64([0, 0, top, left, 0, 0, bottom, right]), graph.float(filler)])
      : x;
  const span = (start: number, count: number, stride: number) => start + (count - 1) * stride + 1;
  for (let row = 0; row < info.filterHeight; row++) {
    for (let column = 0; column < info.filterWidth; column++) {
      const [y0, x0] = [row * info.dilationHeight, column * info.dilationWidth];
      yield graph.node('Slice', [
        padded,
        graph.int64([y0, x0]),
        graph.int64([span(y0, info.outHeight, info.strideHeight), span(x0, info.outWidth, info.strideWidth)]),
        graph.int64([2, 3]),
        graph.int64([info.strideHeight, info.strideWidth]),
      ]);
    }
  }
}

/** [N, C, H, W] as [C, N, H, W]; a Reshape where N or C is one. */
function channelsOutermost(graph: GraphBuilder, name: string, [n, h, w, c]: Shape4): string {
  if (n === 1 || c === 1) return graph.node('Reshape', [name, graph.int64([c, n, h, w])]);
  return graph.node('Transpose', [name], { perm: [1, 0, 2, 3] });
}

/** Gradient of the filter: for each of its positions, what x showed there times dy, summed over batch and space. */
const filterGradient: Lowering = (graph, call) => {
  const [x, dy] = [call.input('x'), call.input('dy')];
  const filterShape = call.attribute<Shape4>('filterShape');
  const info = convolution(call, x.shape, filterShape, false);
  const { batchSize, inChannels, outChannels, outHeight, outWidth } = info;
  const positions = batchSize * outHeight * outWidth;
  const xs = channelsOutermost(graph, graph.channelsFirst(x), x.shape as Shape4);
  const dys = graph.node('Reshape', [
    channelsOutermost(graph, graph.channelsFirst(dy), dy.shape as Shape4),
    graph.int64([outChannels, positions]),
  ]);
  const parts = [...filterWindows(graph, xs, info)];
  // Few channels make thin products: stack the positions into one. Many channels: stacking only costs a copy.
  if (inChannels * parts.length <= 64) {
    const stacked = parts.length === 1 ? parts[0]! : graph.node('Concat', parts, { axis: 0 });
    const rows = graph.node('Reshape', [stacked, graph.int64([parts.length * inChannels, positions])]);
    const name = graph.node('Gemm', [rows, dys], { transB: 1 });
    return { storage: graph.value(name, [parts.length * inChannels, outChannels]).storage, shape: filterShape };
  }
  // [outputs, inputs] a position: the longer side first is the faster product.
  const products = parts.map((part) =>
    graph.node('Gemm', [dys, graph.node('Reshape', [part, graph.int64([inChannels, positions])])], { transB: 1 }),
  );
  const stacked = products.length === 1 ? products[0]! : graph.node('Concat', products, { axis: 0 });
  const apart = graph.node('Reshape', [stacked, graph.int64([parts.length, outChannels, inChannels])]);
  const name = graph.node('Transpose', [apart], { perm: [0, 2, 1] });
  return { storage: graph.value(name, [parts.length, inChannels, outChannels]).storage, shape: filterShape };
};

const depthwiseFilterGradient: Lowering = (graph, call) => {
  const [x, dy] = [call.input('x'), call.input('dy')];
  const filterShape = call.attribute<Shape4>('filterShape');
  const info = convolution(call, x.shape, filterShape, true);
  const { batchSize, inChannels, outHeight, outWidth } = info;
  const multiplier = filterShape[3];
  const dys = graph.node('Reshape', [
    graph.channelsFirst(dy),
    graph.int64([batchSize, inChannels, multiplier, outHeight * outWidth]),
  ]);
  const products = [...filterWindows(graph, graph.channelsFirst(x), info)].map((part) => {
    const seen = graph.node('Reshape', [part, graph.int64([batchSize, inChannels, 1, outHeight * outWidth])]);
    const each = graph.node('Mul', [seen, dys]);
    return graph.node('ReduceSum', [each, graph.int64([0, 3])], { keepdims: 0 });
  });
  const name = products.length === 1 ? products[0]! : graph.node('Concat', products, { axis: 0 });
  const rows = [products.length * inChannels, multiplier];
  return { storage: graph.value(name, rows).storage, shape: filterShape };
};

export const convolutionLowerings: Lowerings = {
  Conv2D: (graph, call) => forward(graph, call, false),
  FusedConv2D: (graph, call) => activation(graph, forward(graph, call, false, call.optional('bias')), call),
  Conv2DBackpropInput: (graph, call) => inputGradient(graph, call, false),
  Conv2DBackpropFilter: filterGradient,
  DepthwiseConv2dNative: (graph, call) => forward(graph, call, true),
  FusedDepthwiseConv2D: (graph, call) => activation(graph, forward(graph, call, true, call.optional('bias')), call),
  DepthwiseConv2dNativeBackpropInput: (graph, call) => inputGradient(graph, call, true),
  DepthwiseConv2dNativeBackpropFilter: depthwiseFilterGradient,
};
