/** Resampling with replacement: how often each example, or each group of examples, is drawn. */
import { randomStream } from '../ground/random.js';

/** What a bootstrap draws. */
export interface Resampling {
  /** Draws are a function of the seed and their number alone, so that two models are compared on the same ones. */
  readonly seed: number;
  readonly examples: number;
  /** A number from 0 of the group of each example: groups are drawn whole. Absent: each example by itself. */
  readonly groups?: Int32Array;
}

/**
 * @param spare of as many numbers as there are examples: written instead of a new array
 * @returns how often each example is in draw `replicate`, [examples]
 */
export function multiplicities(
  { seed, examples, groups }: Resampling,
  replicate: number,
  spare: Float64Array = new Float64Array(examples),
): Float64Array {
  const random = randomStream('bootstrap', seed, replicate);
  const units = groups ? groups.reduce((most, group) => Math.max(most, group + 1), 0) : examples;
  const times = groups ? new Float64Array(units) : spare.fill(0);
  // Some units are likelier than others by a share of units / 2^32, which no number of draws shows.
  const step = units / 2 ** 32;
  for (let i = 0; i < units; i++) times[Math.floor((random.next() >>> 0) * step)]++;
  if (groups) for (let i = 0; i < examples; i++) spare[i] = times[groups[i]];
  return spare;
}
