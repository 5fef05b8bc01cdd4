/** How the state region of the gradient slab is cut into the pieces that travel each by itself. */
import type { SlabLayout } from '../model/slab.js';
import { NORM_BLOCK } from './norm.js';
import { type AllReducePlan, isBlocks, type WirePrecision } from './plan.js';
import type { ParameterRange, ParameterShare } from './shares.js';
import type { TreeNode } from './tree.js';

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
  /** The share that it is a part of; none where all members get its total. */
  readonly share: Pick<ParameterShare, 'id' | 'second'> | undefined;
  /** Coordinate of its middle, from 0 to 1: in that share, or else in the slab. */
  readonly at: number;
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

/** Floats that shares of a reduce-scatter are cut in, so that each is whole segments. */
export const shareUnit = (precision: WirePrecision): number => (precision === 'float32' ? NORM_BLOCK : SEGMENT);

/** @param plan the same on every member @param part of the parameters that is added up, with all state; all where absent. What rounding loses is kept by segment: those never change their size */
export function segmentsOf(
  { trainable, state }: AllReduceLayout,
  { members, precision, shares }: Pick<AllReducePlan, 'members' | 'precision' | 'shares'>,
  part?: readonly ParameterRange[],
): Segment[] {
  const holders = members.filter(({ nodes }) => nodes.length > 0).length;
  const size = precision === 'float32' ? segmentFloats(state, holders) : SEGMENT;
  const segments: Segment[] = [];
  const cut = ({ from, to }: ParameterRange, share?: ParameterShare) => {
    const count = Math.ceil((to - from) / size);
    for (let i = 0; i < count; i++) {
      const start = from + i * size;
      const floats = Math.min(size, to - start);
      const gradients = start + floats <= trainable;
      segments.push({ number: segments.length, start, floats, gradients, share, at: (i + 0.5) / count });
    }
  };
  // What is rounded before it is sent is rounded to the last gradient, and so sent.
  const border = isBlocks(precision) || part ? trainable : 0;
  const rest = { from: border, to: state };
  if (shares) for (const share of shares) cut(share, share);
  else for (const range of [...(part ?? [{ from: 0, to: border }]), rest]) cut(range);
  return segments;
}

/**
 * As what the sum of a node travels. Where replicas are rounded to blocks, so is what is of one of them; what is added up is
 * rounded to bfloat16 wherever it is made, so that all members have the same bits of it.
 */
export const precisionOf = (precision: WirePrecision, { low, high }: TreeNode): WirePrecision =>
  isBlocks(precision) && high - low > 1 ? 'bfloat16' : precision;

/** Numbers that share a scale in int8, and in blocks. */
const INT8_GROUP = 128;
export const BLOCK = 32;
/** Payloads are whole words of their checksum, eight at a time. */
const payloadUnit = 32;

/**
 * Bytes of a payload. int8: a byte for each number, then for each group its scale as a float32, then zeros. Blocks have a byte
 * or half of one for each number, and one for each scale.
 * @param floats a multiple of 16
 */
export function payloadBytes(precision: WirePrecision, floats: number): number {
  if (precision === 'float32') return floats * 4;
  const padded = (bytes: number) => Math.ceil(bytes / payloadUnit) * payloadUnit;
  if (precision === 'int8') return padded(floats + 4 * Math.ceil(floats / INT8_GROUP));
  if (!isBlocks(precision)) return floats * 2;
  return padded((precision === 'mxint4' ? floats / 2 : floats) + Math.ceil(floats / BLOCK));
}

/** Bytes of a whole sum on the wire. */
export function sumBytes(layout: AllReduceLayout, precision: WirePrecision): number {
  const segments = segmentsOf(layout, { members: [], precision });
  return segments.reduce(
    (sum, { gradients, floats }) => sum + payloadBytes(gradients ? precision : 'float32', floats),
    0,
  );
}
