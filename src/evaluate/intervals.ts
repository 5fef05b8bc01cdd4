/** How sure a number of a split is: confidence intervals and standard errors. */
import { normalQuantile } from './normal.js';

/** Where the true value of a metric lies, as far as a split of this size can tell. */
export interface Interval {
  readonly low: number;
  readonly high: number;
  /** Standard deviation of the metric over splits like this one. */
  readonly standardError: number;
  readonly method: 'wilson' | 'bootstrap';
}

/** Share of replicates without a number from which on there is no interval. */
const mostUndefined = 0.05;

/** The value below which a share of ascending numbers lies, between two of them by line (numpy's `linear`). */
export function quantile(ascending: Float64Array, share: number): number {
  const at = share * (ascending.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, ascending.length - 1);
  return ascending[below] + (at - below) * (ascending[above] - ascending[below]);
}

/**
 * The percentile interval of a bootstrap (Efron and Tibshirani 1993, chapter 13).
 * @param replicates of one number
 * @returns undefined where more than a twentieth of them is no number
 */
export function percentileInterval(replicates: Float64Array, confidence: number): Interval | undefined {
  const numbers = ascending(replicates);
  if (!numbers) return undefined;
  const tail = (1 - confidence) / 2;
  return {
    low: quantile(numbers, tail),
    high: quantile(numbers, 1 - tail),
    standardError: deviation(numbers),
    method: 'bootstrap',
  };
}

/**
 * The interval of a distance from 0, which noise makes larger, and a draw's own noise larger again. Its low end is that of the basic
 * bootstrap (Davison and Hinkley 1997, 5.2), and 0 where the distance may come of chance alone; its high end is the percentile
 * less what draws are larger by in the mean. `scripts/coverage.ts` shows how often it holds the true distance.
 *
 * @param byChance the most that a true distance of 0 is seen as
 */
export function distanceInterval(
  distance: number,
  replicates: Float64Array,
  byChance: number,
  confidence: number,
): Interval | undefined {
  const numbers = ascending(replicates);
  if (!numbers) return undefined;
  const highest = quantile(numbers, 1 - (1 - confidence) / 2);
  const noise = numbers.reduce((sum, value) => sum + value, 0) / numbers.length - distance;
  const low = distance <= byChance ? 0 : Math.max(0, 2 * distance - highest);
  return { low, high: Math.max(low, highest - noise), standardError: deviation(numbers), method: 'bootstrap' };
}

/** The replicates that are numbers; undefined where they are too few. */
function ascending(replicates: Float64Array): Float64Array | undefined {
  const numbers = replicates.filter((value) => !Number.isNaN(value)).sort();
  return numbers.length < 2 || numbers.length < (1 - mostUndefined) * replicates.length ? undefined : numbers;
}

/** Standard deviation of a sample. */
function deviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/**
 * The interval of a proportion (Wilson 1927): never beyond 0 and 1, and of some width where all or none are right.
 * @param share of `trials` that are right
 */
export function wilsonInterval(share: number, trials: number, confidence: number): Interval {
  const z = normalQuantile((1 + confidence) / 2);
  const whole = 1 + z ** 2 / trials;
  const middle = (share + z ** 2 / (2 * trials)) / whole;
  const half = (z / whole) * Math.sqrt((share * (1 - share)) / trials + z ** 2 / (4 * trials ** 2));
  return {
    // Rounding must not leave an end on the wrong side of the share.
    low: share === 0 ? 0 : Math.max(0, middle - half),
    high: share === 1 ? 1 : Math.min(1, middle + half),
    standardError: Math.sqrt((share * (1 - share)) / trials),
    method: 'wilson',
  };
}

/**
 * How large a difference between two models a split of this size shows four times out of five, at a level of 5 percent, where each
 * is measured on examples of its own. Compared on the same examples less is enough.
 */
export const detectable = (standardError: number): number =>
  (normalQuantile(0.975) + normalQuantile(0.8)) * Math.SQRT2 * standardError;
