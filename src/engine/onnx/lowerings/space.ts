/** Lowerings of kernels that move between space, channels and the batch. */
import tf = require('@tensorflow/tfjs-core');

import type { GraphBuilder } from '../graph.js';
import type { StoredValue } from '../storage.js';
import type { Lowering, Lowerings } from './lowering.js';
import { permuted, seenAs } from './pieces.js';
import { padded, sliceOf } from './shape.js';

const util = tf.backend_util;

/** Each block of channels becomes a square of pixels. */
const depthToSpace: Lowering = (graph, call) => {
  const x = call.input('x');
  const block = call.attribute<number>('blockSize');
  if (call.attribute<string>('dataFormat') === 'NCHW') {
    const [n, c, h, w] = x.shape as [number, number, number, number];
    const depth = c / block ** 2;
    const apart = permuted(graph, seenAs(x, [n, block, block, depth, h, w]), [0, 3, 4, 1, 5, 2]);
    return seenAs(apart, [n, depth, h * block, w * block]);
  }
  const [n, h, w, c] = x.shape as [number, number, number, number];
  const depth = c / block ** 2;
  const apart = permuted(graph, seenAs(x, [n, h, w, block, block, depth]), [0, 1, 3, 2, 4, 5]);
  return seenAs(apart, [n, h * block, w * block, depth]);
};

/** Reshapes, permutes, reshapes: how blocks of space become examples of a batch, and back. */
function rearranged(graph: GraphBuilder, x: StoredValue, blocks: readonly number[], toSpace: boolean): StoredValue {
  const [shape, sizes] = [[...x.shape], [...blocks]];
  const product = sizes.reduce((a, b) => a * b, 1);
  const apart = util.getReshaped(shape, sizes, product, toSpace);
  const moved = permuted(graph, seenAs(x, apart), util.getPermuted(apart.length, sizes.length, toSpace));
  return seenAs(moved, util.getReshapedPermuted(shape, sizes, product, toSpace));
}

const batchToSpace: Lowering = (graph, call) => {
  const blocks = call.attribute<number[]>('blockShape');
  const crops = call.attribute<number[][]>('crops');
  const whole = rearranged(graph, call.input('x'), blocks, true);
  const cropped = (axis: number) => crops[axis - 1] ?? [0, 0];
  return sliceOf(
    graph,
    whole,
    whole.shape.map((_, axis) => cropped(axis)[0]!),
    whole.shape.map((size, axis) => size - cropped(axis)[0]! - cropped(axis)[1]!),
  );
};

const spaceToBatch: Lowering = (graph, call) => {
  const x = call.input('x');
  const around = call.attribute<[number, number][]>('paddings');
  const all = x.shape.map((_, i): [number, number] => around[i - 1] ?? [0, 0]);
  return rearranged(graph, padded(graph, x, all, 0), call.attribute('blockShape'), false);
};

export const spaceLowerings: Lowerings = {
  BatchToSpaceND: batchToSpace,
  DepthToSpace: depthToSpace,
  SpaceToBatchND: spaceToBatch,
};
