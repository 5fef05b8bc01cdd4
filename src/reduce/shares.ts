/** Who updates which part of the parameters, where the optimizer's state is sharded. */
import { WireError } from '../errors.js';

/** Floats of a slab: of its parameters, or of their gradients. */
export interface ParameterRange {
  readonly from: number;
  readonly to: number;
}

/** What a member updates for all. */
export interface ParameterShare extends ParameterRange {
  readonly id: number;
  /** Who updates it too, for itself, so that its state is there twice; absent where there is nobody. */
  readonly second?: number;
}

/** What one of several ranks has of a range, in their order. @param unit floats that are not cut, from the first one on */
export function cutRange({ from, to }: ParameterRange, unit: number, rank: number, ranks: number): ParameterRange {
  const units = Math.ceil((to - from) / unit);
  const border = (rank: number) => Math.min(to, from + Math.floor((rank * units) / ranks) * unit);
  return { from: border(rank), to: border(rank + 1) };
}

/**
 * Equal shares of the floats [0, length) for members, in order.
 * @param unit floats that are not cut
 * @param seconds who has the second copy of each; default: the coordinator
 */
export const dealShares = (
  length: number,
  unit: number,
  ids: readonly number[],
  seconds: readonly number[] = ids.map(() => 0),
): ParameterShare[] =>
  ids.map((id, i) => ({ id, second: seconds[i], ...cutRange({ from: 0, to: length }, unit, i, ids.length) }));

/** What a member updates, for all or for itself. */
export const updatedBy = (shares: readonly ParameterShare[], of: number): ParameterShare[] =>
  shares.filter(({ id, second }) => id === of || second === of);

/** What a member does not update itself. */
export const exceptOf = (shares: readonly ParameterShare[], of: number): ParameterShare[] =>
  shares.filter(({ id, second }) => id !== of && second !== of);

/** Whether the coordinator updates all: it has the second copy, or what nobody else updates. */
export const updatesAll = (shares: readonly ParameterShare[]): boolean => updatedBy(shares, 0).length > 0;

/** @throws WireError unless the shares are the floats [0, length) in order, cut in whole units */
export function checkShares(shares: readonly ParameterShare[], length: number, unit: number): void {
  let end = 0;
  for (const { from, to } of shares) {
    const isWhole = to === length || to % unit === 0;
    if (from !== end || to < from || to > length || !isWhole) throw notAll(length);
    end = to;
  }
  if (end !== length) throw notAll(length);
}

const notAll = (length: number): WireError =>
  new WireError(
    `the shares of a step are not the floats [0, ${length}) in order`,
    'the coordinator must run the same version of Lockstep',
  );

/** What of a range lies before `end`: the parameters of it that have optimizer state. */
export const rangeBefore = ({ from, to }: ParameterRange, end: number): ParameterRange => ({
  from: Math.min(from, end),
  to: Math.min(to, end),
});
