/** Options of scores that come with intervals. */
import type { Command } from 'commander';
import { ConfigError } from '../src/errors.js';
import { metricText } from '../src/ground/units.js';
import type { ScoreInterval } from '../src/scores/score-interval.js';
import { wholeFlag } from './flag-numbers.js';
import { type SharedFlags, seedOf, withShared } from './shared-options.js';

export interface BootstrapFlags extends Pick<SharedFlags, 'seed' | 'json'> {
  readonly confidence?: string;
  readonly resamples?: string;
}

export function bootstrapFlags(command: Command): Command {
  command
    .option('--confidence <share>', 'how often intervals hold the true value (default: 0.95)')
    .option('--resamples <n>', 'draws for the intervals; 0 for none (default: 1000, of arrays 2000)');
  return withShared(command, 'seed', 'json');
}

/** @throws ConfigError naming the flag */
export function bootstrapOf({ confidence, resamples, ...flags }: BootstrapFlags) {
  const share = confidence === undefined ? undefined : Number(confidence);
  if (share !== undefined && !(share > 0 && share < 1)) {
    throw new ConfigError(`--confidence ${confidence} is not between 0 and 1`, 'use 0.95');
  }
  const draws = wholeFlag('--resamples', resamples, 0);
  if (draws !== undefined && draws > 1_000_000) {
    throw new ConfigError(`--resamples ${resamples} is more than a million`, 'use 1000 to 10000');
  }
  return { confidence: share, resamples: draws, seed: seedOf(flags) };
}

/** An interval in a table; empty where there is none. */
export const rangeText = (interval: ScoreInterval | undefined): string =>
  interval ? `${metricText(interval.low)} to ${metricText(interval.high)}` : '';
