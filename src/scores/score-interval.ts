/** The interval of a score, from draws with replacement. */
import { percentileInterval } from '../evaluate/intervals.js';

/** Between which values a score lies, as far as so many texts or series can tell. */
export interface ScoreInterval {
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
  /** Standard deviation of the score over draws. */
  readonly standardError: number;
}

/** Images or series from which on their spread says something. */
export const fewestDrawn = 10;

/** @returns what a score is given: nothing where too many draws have no score */
export function intervalOf(draws: Float64Array | undefined, confidence: number): { readonly interval?: ScoreInterval } {
  const found = draws && percentileInterval(draws, confidence);
  return found ? { interval: { low: found.low, high: found.high, standardError: found.standardError } } : {};
}
