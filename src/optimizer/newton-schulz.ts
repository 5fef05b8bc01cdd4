/** The orthogonal matrix next to a given one, by products alone, in ONNX Runtime on one thread: the order of its sums is fixed. */
import { createSession } from '../engine/onnx/runtime.js';

/** Of the quintic a x + b x^3 + c x^5: Jordan et al., "Muon" (2024). Singular values end up between about 0.7 and 1.2. */
export const coefficients = { a: 3.4445, b: -4.775, c: 2.0315 };

/** Models by the shapes of matrices. */
export type RuleModels = ReadonlyMap<string, Uint8Array>;

export const shapeKey = (shape: readonly number[]): string => shape.join('x');

/**
 * @param input a matrix whose singular values are at most 1
 * @param output receives the result; both do not move in memory
 * @returns computes it
 */
export function newtonSchulz(
  models: RuleModels,
  shape: readonly number[],
  input: Float32Array,
  output: Float32Array,
): () => void {
  return createSession(models.get(shapeKey(shape))!).bind(
    { x0: { type: 'float32', shape, data: input } },
    { result: { type: 'float32', shape, data: output } },
  );
}
