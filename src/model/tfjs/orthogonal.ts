/**
 * Orthogonal initial weights (Saxe et al. 2013), as recurrent layers have them: tfjs's own decomposition of a matrix takes minutes
 * for what a plain loop does in milliseconds. What is drawn is the same, and so are the weights, but for rounding. Imported for its
 * effect.
 */
import { createRequire } from 'node:module';

import tf = require('@tensorflow/tfjs-core');

createRequire(import.meta.url)('@tensorflow/tfjs-layers');

/** dst += factor * src, from place `from` on. */
function addScaled(dst: Float64Array, src: Float64Array, factor: number, from: number): void {
  for (let i = from; i < dst.length; i++) dst[i] += factor * src[i];
}

function dot(a: Float64Array, b: Float64Array, from: number): number {
  let [even, odd] = [0, 0];
  let i = from;
  for (; i + 1 < a.length; i += 2) {
    even += a[i] * b[i];
    odd += a[i + 1] * b[i + 1];
  }
  return i < a.length ? even + odd + a[i] * b[i] : even + odd;
}

/**
 * Q of A = QR with a positive diagonal of R, by Householder's reflections. For normal numbers it is uniform over all such matrices
 * (Mezzadri 2007).
 * @param columns those of A, at most as many as they are long; they are overwritten
 * @returns the columns of Q
 */
function orthogonalColumns(columns: Float64Array[]): Float64Array[] {
  const signs = columns.map((column, k) => {
    // The reflection that takes what is left of this column to its first place, as a vector of length sqrt(2).
    const length = Math.sqrt(dot(column, column, k));
    const diagonal = column[k] > 0 ? -length : length;
    column[k] -= diagonal;
    const scale = length > 0 ? 1 / Math.sqrt(Math.abs(diagonal * column[k])) : 0;
    for (let i = k; i < column.length; i++) column[i] *= scale;
    for (const other of columns.slice(k + 1)) addScaled(other, column, -dot(column, other, k), k);
    return diagonal < 0 ? -1 : 1;
  });
  return columns.map((_, j) => {
    const q = new Float64Array(columns[j].length);
    q[j] = signs[j];
    for (let k = j; k >= 0; k--) addScaled(q, columns[k], -dot(columns[k], q, k), k);
    return q;
  });
}

interface Orthogonal {
  readonly gain: number;
  readonly seed?: number;
  apply(shape: number[], dtype?: tf.DataType): tf.Tensor;
}
const [Class] = tf.serialization.SerializationMap.getMap().classNameMap.Orthogonal;
const orthogonal = (Class as unknown as { prototype: Orthogonal }).prototype;
const { apply } = orthogonal;
orthogonal.apply = function drawn(shape, dtype) {
  // It says what is wrong with others.
  if (shape.length < 2 || (dtype !== undefined && dtype !== 'float32')) return apply.call(this, shape, dtype);
  const width = shape.at(-1)!;
  const height = tf.util.sizeFromShape(shape.slice(0, -1));
  const [tall, narrow] = [Math.max(width, height), Math.min(width, height)];
  const numbers = tf.tidy(() => tf.randomNormal([tall, narrow], 0, 1, 'float32', this.seed).dataSync());
  const columns = Array.from({ length: narrow }, (_, j) =>
    Float64Array.from({ length: tall }, (_, i) => numbers[i * narrow + j]),
  );
  const q = orthogonalColumns(columns);
  const values = Float32Array.from({ length: tall * narrow }, (_, at) => {
    const [row, column] = [Math.floor(at / width), at % width];
    return this.gain * (height < width ? q[row][column] : q[column][row]);
  });
  return tf.tensor(values, shape, 'float32');
};
