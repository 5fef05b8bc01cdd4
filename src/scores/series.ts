/** Scores of forecasts: MASE, sMAPE and quantile losses, each the mean over the series of what each comes to. */

import { z } from 'zod';
import { ConfigError, DataError } from '../errors.js';
import { multiplicities } from '../evaluate/bootstrap.js';

import { plural } from '../ground/units.js';
import { fewestDrawn, intervalOf, type ScoreInterval } from './score-interval.js';

import { bootstrapOptions, checkOptions } from './text-options.js';

/** A series with what was forecast of it, in the order of time. */
export interface ForecastSeries {
  /** For messages. */
  readonly name: string;
  /** What came. */
  readonly truths: ArrayLike<number>;
  /** What was forecast, one for each truth; absent where only quantiles were. */
  readonly predictions?: ArrayLike<number>;
  /** Forecasts of quantiles: `{ 0.9: [...] }`, one for each truth. */
  readonly quantiles?: Readonly<Record<string, ArrayLike<number>>>;
  /** What the forecaster had seen, up to the first truth; MASE needs it. */
  readonly history?: ArrayLike<number>;
}

const schema = z.strictObject({ season: z.int().min(1).default(1), ...bootstrapOptions });

/** How forecasts are scored. */
export interface SeriesScoreOptions {
  /** Steps of a season: 12 for months, 7 for days; default: 1. MASE compares with the value of a season ago. */
  readonly season?: number;
  /** Of the intervals; default: 0.95. */
  readonly confidence?: number;
  /** Draws of the bootstrap; default: 1000. 0 gives no intervals. */
  readonly resamples?: number;
  /** Decides the draws; default: 0. */
  readonly seed?: number;
}

/** One metric of all series. */
export interface SeriesScore {
  /** The mean over series; NaN where no series has one. */
  readonly value: number;
  /** By series: present where there are at least ten of them, as one series says nothing of others. */
  readonly interval?: ScoreInterval;
  /** What was left out. */
  readonly note?: string;
}

/** Scores by their names: mase, smape, pinball@0.9, ... */
export interface SeriesScores {
  /** How many there are. */
  readonly series: number;
  /** Values that were forecast, of all series. */
  readonly points: number;
  /** One for each metric that the data allow. */
  readonly scores: Readonly<Record<string, SeriesScore>>;
}

/**
 * Scores forecasts that were made anywhere.
 * @throws ConfigError for options, DataError where a series lacks something or has a value that is no number
 */
export function scoreSeries(series: readonly ForecastSeries[], options: SeriesScoreOptions = {}): SeriesScores {
  const checked = checkOptions(schema, options);
  if (series.length === 0) throw new DataError('there are no series', 'give at least one');
  for (const one of series) checkSeries(one, checked.season);
  const [{ predictions, quantiles = {}, history }] = series;
  const scores: Record<string, SeriesScore> = {};
  const add = (name: string, of: (one: ForecastSeries) => number) => {
    const each = series.map((one) => scoreNamed(one, name, of));
    scores[name] = summary(each, checked);
  };
  if (predictions && history) add('mase', (one) => mase(one, checked.season));
  if (predictions) add('smape', smape);
  for (const quantile of Object.keys(quantiles)) add(`pinball@${Number(quantile)}`, (one) => pinball(one, quantile));
  const points = series.reduce((sum, { truths }) => sum + truths.length, 0);
  return { series: series.length, points, scores };
}

const scoreNamed = (one: ForecastSeries, name: string, of: (one: ForecastSeries) => number): number => {
  const value = of(one);
  if (Number.isNaN(value) || Number.isFinite(value)) return value;
  throw new DataError(`series ${one.name}: its ${name} is too large a number`, 'correct its values');
};

function checkSeries({ name, truths, predictions, quantiles = {}, history }: ForecastSeries, season: number): void {
  const lists: [string, ArrayLike<number> | undefined][] = [
    ['truths', truths],
    ['predictions', predictions],
    ...Object.entries(quantiles).map(([q, values]): [string, ArrayLike<number>] => [`quantile ${q}`, values]),
  ];
  if (truths.length === 0) throw new DataError(`series ${name} has no truths`, 'leave it out, or give what came');
  for (const [what, values] of lists) {
    if (!values) continue;
    if (values.length !== truths.length) {
      throw new DataError(
        `series ${name} has ${truths.length} truths, and ${values.length} of ${what}`,
        'give a forecast for each truth',
      );
    }
    requireNumbers(values, `series ${name}, ${what}`);
  }
  for (const q of Object.keys(quantiles)) {
    if (Number(q) > 0 && Number(q) < 1) continue;
    throw new ConfigError(`quantile ${q} is not between 0 and 1`, 'name it as 0.9');
  }
  if (!history) return;
  if (history.length <= season) {
    throw new DataError(
      `series ${name} has ${plural(history.length, 'value')} of history, not more than its season ${season}`,
      season > 1 ? 'give a longer history, or a shorter season' : 'give a longer history',
    );
  }
  requireNumbers(history, `series ${name}, history`);
}

function requireNumbers(values: ArrayLike<number>, where: string): void {
  const at = Array.prototype.findIndex.call(values, (value) => typeof value !== 'number' || !Number.isFinite(value));
  if (at >= 0) throw new DataError(`${where}: value ${at + 1} is ${values[at]}, no finite number`, 'correct it');
}

/** The mean over the steps of a series. */
function meanOf(count: number, cost: (i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += cost(i);
  return sum / count;
}

/** Hyndman and Koehler (2006): the error over that of the value of a season ago in the history; not a number where that never errs. */
function mase({ truths, predictions, history }: ForecastSeries, season: number): number {
  const past = history!;
  const scale = meanOf(past.length - season, (i) => Math.abs(past[i + season] - past[i]));
  if (scale === 0) return Number.NaN;
  return meanOf(truths.length, (i) => Math.abs(truths[i] - predictions![i])) / scale;
}

/** Error over the mean of truth and forecast, from 0 to 2; 0 where both are 0. */
function smape({ truths, predictions }: ForecastSeries): number {
  return meanOf(truths.length, (i) => {
    const whole = Math.abs(truths[i]) + Math.abs(predictions![i]);
    return whole === 0 ? 0 : (2 * Math.abs(truths[i] - predictions![i])) / whole;
  });
}

function pinball({ truths, quantiles }: ForecastSeries, quantile: string): number {
  const forecasts = quantiles![quantile];
  const share = Number(quantile);
  return meanOf(truths.length, (i) => {
    const error = truths[i] - forecasts[i];
    return Math.max(share * error, (share - 1) * error);
  });
}

function summary(each: readonly number[], { confidence, resamples, seed }: z.infer<typeof schema>): SeriesScore {
  const values = Float64Array.from(each.filter((value) => !Number.isNaN(value)));
  const value = meanOf(values.length, (i) => values[i]);
  const missing = each.length - values.length;
  const note =
    missing === 0
      ? undefined
      : `${missing} of ${each.length} series are left out: their histories never change over a season`;
  const result = { value, ...(note !== undefined && { note }) };
  if (resamples === 0 || values.length < fewestDrawn) return result;
  const draws = Float64Array.from({ length: resamples }, (_, draw) => {
    const times = multiplicities({ seed, examples: values.length }, draw);
    return meanOf(values.length, (i) => times[i] * values[i]);
  });
  return { ...result, ...intervalOf(draws, confidence) };
}
