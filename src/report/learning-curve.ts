/** A learning curve as it is kept in the folder of its largest run, and what it says. */
import { z } from 'zod';
import { ModelError } from '../errors.js';
import { readJsonFile } from '../ground/json-file.js';
import { statusOf } from '../ground/status.js';
import { grouped, metricText, percent } from '../ground/units.js';
import { tableLines } from './aligned.js';

const number = z.union([z.number(), z.enum(['NaN', 'Infinity', '-Infinity']).transform(Number)]);
const intervalSchema = z.object({
  low: number,
  high: number,
  standardError: number,
  method: z.enum(['wilson', 'bootstrap']),
});
const curveSchema = z.object({
  split: z.literal('validation'),
  points: z.array(
    z.object({
      size: z.int().min(1),
      metrics: z.record(z.string(), number),
      intervals: z.record(z.string(), intervalSchema),
    }),
  ),
  verdict: z.string(),
});

/** What training on parts of the training split came to. */
export type LearningCurve = z.output<typeof curveSchema>;

/** @returns undefined where the run has none. @throws ModelError where it is damaged */
export function readLearningCurve(file: string): LearningCurve | undefined {
  if (!statusOf(file)) return undefined;
  const kind = { Failure: ModelError, what: 'a learning curve', remedy: 'delete it' };
  return readJsonFile(file, curveSchema, kind);
}

/** By how much the loss of the largest size differs from that of the one before, on the same examples. */
export interface LossChange {
  readonly difference: number;
  readonly interval: { readonly low: number; readonly high: number };
  /** Of the interval. */
  readonly confidence: number;
}

/**
 * Whether more training examples would help, by the last two sizes: the interval of the difference of their losses must not hold 0.
 * @param change undefined where there are no draws to tell it by
 */
export function curveVerdict(points: LearningCurve['points'], change: LossChange | undefined): string {
  const [before, last] = points.slice(-2);
  if (!last) return 'One size alone says nothing about more examples.';
  const [from, to] = [before, last].map(({ metrics }) => metricText(metrics.loss));
  const told = `the loss on validation went from ${from} to ${to} from ${grouped(before.size)} to ${grouped(last.size)} training examples`;
  if (!change) return `Without intervals nobody can say whether more examples would help: ${told}.`;
  const { difference, interval, confidence } = change;
  const [low, high] = [interval.low, interval.high].map(metricText);
  const sure = `on the same examples it differs by ${metricText(difference)}, ${percent(confidence)} interval ${low} to ${high}`;
  if (interval.high < 0) return `More training examples would help: ${told} (${sure}).`;
  if (interval.low > 0) return `More training examples made it worse: ${told} (${sure}).`;
  return `More training examples are not shown to help: ${told} (${sure}).`;
}

/** @param columns of the terminal: longer names are cut */
export function learningCurveText({ points, verdict }: LearningCurve, columns: number): string {
  const names = Object.keys(points[0].metrics);
  const rows = points.map(({ size, metrics, intervals }) => [
    grouped(size),
    ...names.map((name) => {
      const { low, high } = intervals[name] ?? {};
      const range = low === undefined || high === undefined ? '' : ` (${metricText(low)} to ${metricText(high)})`;
      return `${metricText(metrics[name])}${range}`;
    }),
  ]);
  const table = tableLines([['examples', ...names], ...rows], columns - 2, { left: 0, isHeadNames: true });
  return `\nlearning curve, on validation\n${table.map((line) => `  ${line}\n`).join('')}${verdict}\n`;
}
