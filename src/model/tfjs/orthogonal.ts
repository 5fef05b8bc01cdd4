/**
 * Orthogonal initial weights (Saxe et al. 2013), as recurrent layers have them: tfjs's own decomposition of a matrix takes minutes
 * for what a plain loop does in milliseconds. What is drawn is the same, and so are the weights, but for rounding. Imported for its
 * effect.
 */
import { createRequire } from 'node:module';

import tf = require('@tensorflow/tfjs-core');

createRequire(import.meta.url)('@tensorflow/tfjs-layers');

function dot(a: Float64Array, b: Float64Array, from: number): number {
  let [even, odd] = [0, 0];
  let i = from;
  for (; i + 1 < a.length; i += 2) {
    even += a[i] * b[i];
    odd += a[i + 1] * b[i + 1];
  }
  return i < a.length ? even + odd + a[i] * b[i] : even + odd;
}

/** Takes from a column its part along a vector, from place `from` on. */
function reflectOne(vector: Float64Array, column: Float64Array, from: number): void {
  const factor = -dot(column, vector, from);
  for (let i = from; i < column.length; i++) column[i] += factor * vector[i];
}

/** The same of four, to the same bits: their sums do not wait for one another. */
function reflectFour(v: Float64Array, [a, b, c, d]: readonly Float64Array[], from: number): void {
  let [a0, a1, b0, b1, c0, c1, d0, d1] = [0, 0, 0, 0, 0, 0, 0, 0];
  let i = from;
  for (; i + 1 < v.length; i += 2) {
    const x = v[i];
    const y = v[i + 1];
    a0 += a[i] * x;
    a1 += a[i + 1] * y;
    b0 += b[i] * x;
    b1 += b[i + 1] * y;
    c0 += c[i] * x;
    c1 += c[i + 1] * y;
    d0 += d[i] * x;
    d1 += d[i + 1] * y;
  }
  let [p, q, r, s] = [a0 + a1, b0 + b1, c0 + c1, d0 + d1];
  if (i < v.length) {
    p += a[i] * v[i];
    q += b[i] * v[i];
    r += c[i] * v[i];
    s += d[i] * v[i];
  }
  for (let j = from; j < v.length; j++) {
    const x = v[j];
    a[j] += -p * x;
    b[j] += -q * x;
    c[j] += -r * x;
    d[j] += -s * x;
  }
}

/** Takes from each of some columns its part along a vector, from place `from` on. */
function reflect(vector: Float64Array, columns: readonly Float64Array[], from: number): void {
  const fours = columns.length - (columns.length % 4);
  for (let i = 0; i < fours; i += 4) reflectFour(vector, columns.slice(i, i + 4), from);
  for (let i = fours; i < columns.length; i++) reflectOne(vector, columns[i], from);
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
    reflect(column, columns.slice(k + 1), k);
    return diagonal < 0 ? -1 : 1;
  });
  const made = columns.map((column, j) => new Float64Array(column.length).fill(signs[j], j, j + 1));
  for (let k = columns.length - 1; k >= 0; k--) reflect(columns[k], made.slice(k), k);
  return made;
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
  // Not in tf.tidy, which looks for tensors in every number of what it hands out.
  const normal = tf.randomNormal([tall, narrow], 0, 1, 'float32', this.seed);
  const numbers = normal.dataSync();
  normal.dispose();
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
