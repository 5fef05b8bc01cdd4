/** How the state region of the gradient slab is cut into the pieces that travel each by itself. */
import type { SlabLayout } from '../model/slab.js';
import { NORM_BLOCK } from './norm.js';
import type { AllReducePlan, WirePrecision } from './plan.js';

/** The regions of a slab that an all-reduce has to do with. */
export type AllReduceLayout = Pick<SlabLayout, 'trainable' | 'state'>;

/** Floats of a segment, at least and at most; whole blocks of the norm, which keep its bits. */
export const SEGMENT = 16 * NORM_BLOCK;
export const LARGEST_SEGMENT = 64 * NORM_BLOCK;
/** Segments for each member with sums, at least: of three, roots have about the same number, and one is on its way while others are added. */
const segmentsEach = 3;

/** A piece of the slab: the floats [start, start + floats). */
export interface Segment {
  readonly number: number;
  readonly start: number;
  /** A multiple of 16. */
  readonly floats: number;
  /** Whether it holds nothing but gradients. State that a step computes, such as moving means, always travels as it is. */
  readonly gradients: boolean;
}

/**
 * Floats of a segment: as large as leaves work for everybody, since each frame costs time besides its bytes.
 *
 * @param state floats of the slab
 * @param holders members with sums
 */
export function segmentFloats(state: number, holders: number): number {
  let floats = SEGMENT;
  while (floats < LARGEST_SEGMENT && state >= 2 * floats * segmentsEach * holders) floats *= 2;
  return floats;
}

/** @param plan the same on every member. What rounding to 16 bits loses is kept by segment: those never change their size */
export function segmentsOf(
  { trainable, state }: AllReduceLayout,
  { members, precision }: Pick<AllReducePlan, 'members' | 'precision'>,
): Segment[] {
  const holders = members.filter(({ nodes }) => nodes.length > 0).length;
  const size = precision === 'float32' ? segmentFloats(state, holders) : SEGMENT;
  return Array.from({ length: Math.ceil(state / size) }, (_, number) => {
    const start = number * size;
    const floats = Math.min(size, state - start);
    return { number, start, floats, gradients: start + floats <= trainable };
  });
}

export const bytesPerFloat = (precision: WirePrecision): number => (precision === 'float32' ? 4 : 2);
