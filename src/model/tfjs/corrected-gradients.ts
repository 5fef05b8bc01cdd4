/**
 * Gradients that tfjs 4.22 has wrong, or not at all, in operations that every backend has. Imported for its effect, after tfjs
 * has registered its own.
 */
import tf = require('@tensorflow/tfjs-core');

import { type ResizeOptions, resizeMatrix } from './resizing.js';

type Gradient = (dy: tf.Tensor, saved: tf.Tensor[], attrs: Record<string, unknown>) => Record<string, () => tf.Tensor>;

/** In place of tfjs's own. */
function replace(kernelName: string, inputsToSave: string[], gradFunc: Gradient): void {
  if (tf.getGradient(kernelName)) tf.unregisterGradient(kernelName);
  tf.registerGradient({ kernelName, inputsToSave, gradFunc: gradFunc as tf.GradFunc });
}

/** tfjs leaves the result of an axis that is not the last transposed. */
const cumsum: Gradient = (dy, _, attrs) => ({
  x: () => tf.cumsum(dy, attrs.axis as number, attrs.exclusive as boolean, !attrs.reverse),
});

/**
 * tfjs cuts the copies apart and adds them up one by one, two operations a copy, and knows no more than four axes. Here they
 * are axes of their own, and summed. Neighbours that are both repeated, or both not, are one axis.
 */
const tile: Gradient = (dy, [x], attrs) => {
  const reps = attrs.reps as number[];
  const rank = Math.max(reps.length, x.rank);
  const filled = (list: readonly number[]) => [...Array<number>(rank - list.length).fill(1), ...list];
  const sizes = filled(x.shape);
  const axes: { readonly isCopies: boolean; size: number }[] = [];
  const push = (size: number, isCopies: boolean) => {
    const last = axes.at(-1);
    if (size === 1) return;
    if (last?.isCopies === isCopies) last.size *= size;
    else axes.push({ isCopies, size });
  };
  filled(reps).forEach((times, i) => {
    push(times, true);
    push(sizes[i], false);
  });
  const summed = axes.flatMap(({ isCopies }, i) => (isCopies ? [i] : []));
  const apart = () =>
    tf.reshape(
      dy,
      axes.map(({ size }) => size),
    );
  return { x: () => tf.reshape(summed.length === 0 ? dy : tf.sum(apart(), summed), x.shape) };
};

/** tfjs forgets what the mirrored elements add to those that they show. */
const mirrorPad: Gradient = (dy, [x], attrs) => {
  const skip = attrs.mode === 'reflect' ? 1 : 0;
  return {
    x: () =>
      (attrs.paddings as [number, number][]).reduce((current, [before, after], axis) => {
        const size = x.shape[axis];
        const part = (start: number, length: number) =>
          tf.slice(
            current,
            current.shape.map((_, i) => (i === axis ? start : 0)),
            current.shape.map((n, i) => (i === axis ? length : n)),
          );
        /** Mirrored back, and moved to where it was taken from. */
        const returned = (piece: tf.Tensor, start: number, length: number) =>
          tf.pad(
            tf.reverse(piece, axis),
            current.shape.map((_, i) => (i === axis ? [start, size - start - length] : [0, 0])),
          );
        const own = part(before, size);
        const first = before > 0 ? tf.add(own, returned(part(0, before), skip, before)) : own;
        if (after === 0) return first;
        return tf.add(first, returned(part(before + size, after), size - after - skip, after));
      }, dy),
  };
};

/** tfjs has none for more than one batch dimension, and for one it takes the batch apart example by example. */
const batchGather = (dy: tf.Tensor, x: tf.Tensor, indices: tf.Tensor, axis: number, batchDims: number): tf.Tensor => {
  const size = (shape: number[]) => tf.util.sizeFromShape(shape);
  const [batch, outer, inner] = [
    x.shape.slice(0, batchDims),
    x.shape.slice(batchDims, axis),
    x.shape.slice(axis + 1),
  ].map(size);
  const length = x.shape[axis];
  const count = size(indices.shape) / batch;
  const rows = tf.reshape(tf.transpose(tf.reshape(dy, [batch, outer, count, inner]), [0, 2, 1, 3]), [
    batch * count,
    outer * inner,
  ]);
  const starts = tf.tensor2d(
    Array.from({ length: batch }, (_, i) => i * length),
    [batch, 1],
    'int32',
  );
  const places = tf.reshape(tf.add(tf.reshape(indices, [batch, count]), starts), [batch * count, 1]);
  const sums = tf.scatterND(places, rows, [batch * length, outer * inner]);
  return tf.reshape(tf.transpose(tf.reshape(sums, [batch, length, outer, inner]), [0, 2, 1, 3]), x.shape);
};

/** Each pixel of the images gets what it gave: products with the matrices that resize rows and columns. */
function resizingGradient(
  kind: 'nearest' | 'bilinear',
  dy: tf.Tensor,
  images: tf.Tensor,
  options: ResizeOptions,
): tf.Tensor {
  const [n, h, w, c] = images.shape;
  const [, tall, wide] = dy.shape;
  const rows = tf.tensor2d(resizeMatrix(kind, h, tall, options).transposed, [h, tall]);
  const columns = tf.tensor2d(resizeMatrix(kind, w, wide, options).transposed, [w, wide]);
  const high = tf.reshape(tf.matMul(rows, tf.reshape(dy, [n, tall, wide * c])), [n * h, wide, c]);
  return tf.reshape(tf.matMul(columns, high), images.shape);
}

function resize(kind: 'nearest' | 'bilinear'): Gradient {
  return (dy, [images], { alignCorners, halfPixelCenters }) => {
    const options = { alignCorners: alignCorners === true, halfPixelCenters: halfPixelCenters === true };
    const [n, h, w, c] = images.shape;
    const [, tall, wide] = dy.shape;
    const isWhole = tall % h === 0 && wide % w === 0 && !options.alignCorners;
    // By whole factors, as upSampling2d scales, each pixel's gradient is the sum of those of its copies.
    const copies = () => tf.sum(tf.reshape(dy, [n, h, tall / h, w, wide / w, c]), [2, 4]);
    return { images: kind === 'nearest' && isWhole ? copies : () => resizingGradient(kind, dy, images, options) };
  };
}

/** tfjs trains no transposed convolution in three dimensions. */
const transposedConvolution: Gradient = (dy, [x, filter], { strides, pad }) => ({
  dy: () => tf.conv3d(dy as tf.Tensor5D, filter as tf.Tensor5D, strides as number, pad as 'same'),
  filter: () =>
    tf.engine().runKernel('Conv3DBackpropFilterV2', { x: dy, dy: x }, {
      strides,
      pad,
      filterShape: filter.shape,
    } as unknown as tf.NamedAttrMap) as tf.Tensor,
});

/** tfjs hands the gradient of a single piece on as it is, and joins lists alone. */
const pieces = (dy: tf.Tensor | tf.Tensor[]): tf.Tensor[] => (Array.isArray(dy) ? dy : [dy]);

/** Registers our gradients in place of tfjs's; again for whoever loads the union package, which registers its own anew. */
export function correctGradients(): void {
  // ThresholdedReLU multiplies by a comparison. Its gradient is zero, as tfjs has it for GreaterEqual.
  replace('Greater', ['a', 'b'], (_, [a, b]) => ({ a: () => tf.zerosLike(a), b: () => tf.zerosLike(b) }));
  replace('Cumsum', [], cumsum);
  replace('Tile', ['x'], tile);
  replace('MirrorPad', ['x'], mirrorPad);
  replace('Unpack', [], (dy, _, { axis }) => ({ value: () => tf.stack(pieces(dy), axis as number) }));
  replace('SplitV', [], (dy, _, { axis }) => ({ x: () => tf.concat(pieces(dy), axis as number) }));
  replace('ResizeBilinear', ['images'], resize('bilinear'));
  replace('ResizeNearestNeighbor', ['images'], resize('nearest'));
  replace('Conv3DBackpropInputV2', ['dy', 'filter'], transposedConvolution);
  const gather = tf.getGradient('GatherV2').gradFunc as unknown as Gradient;
  replace('GatherV2', ['x', 'indices'], (dy, saved, attrs) => {
    const wanted = (attrs.batchDims as number | undefined) ?? 0;
    const batchDims = wanted < 0 ? wanted + saved[1].rank : wanted;
    const axis = tf.util.parseAxisParam(attrs.axis as number, saved[0].shape)[0];
    if (batchDims === 0) return gather(dy, saved, attrs);
    return { x: () => batchGather(dy, saved[0], saved[1], axis, batchDims), indices: () => saved[1] };
  });
}
