/** Gradient clipping by the global norm. */
import { totalSquares } from '../reduce/norm.js';

/** Euclidean norm of a slab from all its partial sums. */
export function globalNorm(sums: Float64Array): number {
  return Math.sqrt(totalSquares(sums));
}

/**
 * Factor in (0, 1] that brings a gradient down to `clipNorm` and leaves a shorter one alone: Pascanu et al., "On the
 * difficulty of training recurrent neural networks" (2013). NaN for a gradient that holds NaN.
 *
 * @param norm global norm of the mean gradient: of the summed gradient, divided by the number of examples
 */
export function clipFactor(norm: number, clipNorm: number): number {
  return norm <= clipNorm ? 1 : clipNorm / norm;
}
