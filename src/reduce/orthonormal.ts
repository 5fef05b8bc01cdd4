/** Vectors made orthonormal, to the same bits on every machine: plain arithmetic in one order. */

/** What is left of a vector that is less than this part of it is rounding. */
const nothing = 1e-6;

/**
 * Modified Gram-Schmidt in float64. A vector that depends on those before becomes zeros; NaN stays.
 * @param count vectors of `length` numbers
 * @param stride from one number of a vector to its next; from vector to vector it is `apart`
 */
export function orthonormalize(
  values: Float32Array,
  count: number,
  length: number,
  apart: number,
  stride: number,
): void {
  const vectors: Float64Array[] = [];
  for (let k = 0; k < count; k++) {
    const vector = Float64Array.from({ length }, (_, i) => values[k * apart + i * stride]);
    const before = norm(vector);
    for (const other of vectors) {
      const along = dot(vector, other);
      for (let i = 0; i < length; i++) vector[i] -= along * other[i];
    }
    const after = norm(vector);
    const isNothing = after <= nothing * before;
    for (let i = 0; i < length; i++) vector[i] = isNothing ? 0 : vector[i] / after;
    for (let i = 0; i < length; i++) values[k * apart + i * stride] = vector[i];
    vectors.push(vector);
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

const norm = (vector: Float64Array): number => Math.sqrt(dot(vector, vector));
