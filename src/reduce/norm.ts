/** The sum of squares of a gradient, with bits that do not depend on who computes which part of it. */
import type { UpdateKernels } from '../kernels/load-kernels.js';
import type { ParameterRange } from './shares.js';

/** Floats per partial sum of squares: fixed, because a float64 sum depends on where it is cut. */
export const NORM_BLOCK = 4096;

/** Number of partial sums for a slab of `length` floats. */
export function normBlocks(length: number): number {
  return Math.ceil(length / NORM_BLOCK);
}

/** The blocks of a range that begins with one: the first, and behind the last. */
export const blocksIn = ({ from, to }: ParameterRange): [number, number] => [
  from / NORM_BLOCK,
  Math.ceil(to / NORM_BLOCK),
];

/** Those of some ranges, one behind the other. */
export function blocksAmong(sums: Float64Array, ranges: readonly ParameterRange[]): Float64Array {
  const each = ranges.map((range) => sums.subarray(...blocksIn(range)));
  const blocks = new Float64Array(each.reduce((count, { length }) => count + length, 0));
  let start = 0;
  for (const some of each) {
    blocks.set(some, start);
    start += some.length;
  }
  return blocks;
}

/**
 * Writes the sums of squares of the blocks [from, to) of a slab to the same places of `sums`. Threads and members share
 * the work by blocks; `totalSquares` then adds all sums in one order, whoever computed them.
 *
 * @param gradients byte offset of the whole slab
 * @param length floats of the whole slab, a multiple of 16
 * @param sums `normBlocks(length)` numbers, shared by the threads
 */
export function sumSquares(
  kernels: UpdateKernels,
  gradients: number,
  length: number,
  from: number,
  to: number,
  sums: Float64Array,
): void {
  for (let block = from; block < to; block++) {
    const start = block * NORM_BLOCK;
    sums[block] = kernels.sumOfSquares(gradients + start * 4, Math.min(NORM_BLOCK, length - start));
  }
}

/** Sum of squares of a slab by one thread. */
export function squaresOf(kernels: UpdateKernels, gradients: number, length: number): number {
  const sums = new Float64Array(normBlocks(length));
  sumSquares(kernels, gradients, length, 0, sums.length, sums);
  return totalSquares(sums);
}

/** Sum of squares of a slab from all its partial sums. */
export function totalSquares(sums: Float64Array): number {
  let total = 0;
  for (const sum of sums) total += sum;
  return total;
}
