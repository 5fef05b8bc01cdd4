/** The squared norm of a total that the coordinator does not have, from what workers say: those who have the same of it must agree. */
import type { TotalSquares } from '../../src/pool/round-worker.js';
import { blocksIn, totalSquares } from '../../src/reduce/norm.js';
import type { ParameterShare } from '../../src/reduce/shares.js';

/** @returns undefined when they do not agree */
export function agreedSquares(totals: readonly TotalSquares[]): number | undefined {
  const [first, ...others] = totals.map(({ squares }) => squares);
  return others.every((squares) => Object.is(squares, first)) ? first : undefined;
}

/**
 * @param shares of a total that each has a part of
 * @returns the sum over all blocks in their order, which is that of a member that has all; undefined when those who have
 *   the same share do not agree on it, or on its blocks
 */
export function agreedBlocks(
  shares: readonly ParameterShare[],
  totals: ReadonlyMap<number, TotalSquares>,
): number | undefined {
  const all: number[] = [];
  const read = new Map<number, number>();
  for (const share of shares) {
    const [first, end] = blocksIn(share);
    const [own, ...others] = [share.id, share.second].flatMap((id) => {
      if (id === undefined) return [];
      const start = read.get(id) ?? 0;
      // Of the model's state, behind what is trained, there are no blocks.
      const blocks = totals.get(id)?.blocks?.subarray(start, start + end - first) ?? new Float64Array();
      read.set(id, start + blocks.length);
      return [blocks];
    });
    if (others.some((blocks) => !isEqual(blocks, own))) return undefined;
    all.push(...own);
  }
  return totalSquares(Float64Array.from(all));
}

const isEqual = (one: Float64Array, other: Float64Array): boolean =>
  one.length === other.length && one.every((sum, i) => Object.is(sum, other[i]));
