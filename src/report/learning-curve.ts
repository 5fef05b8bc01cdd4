/** A learning curve as it is kept in the folder of its largest run, and what it says. */
import { z } from 'zod';
import { ModelError } from '../errors.js';
import { readJsonFile } from '../ground/json-file.js';
import { statusOf } from '../ground/status.js';
import { grouped, metricText } from '../ground/units.js';
import { tableLines } from './aligned.js';

/** The file in a run's folder. */
export const learningCurveName = 'learning-curve.json';

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

/**
 * Whether more training examples would help, by the last two sizes: their losses must differ by more than twice the standard error
 * of the difference. Both are measured on the same examples, so that this is rather too careful.
 */
export function verdictOf(points: LearningCurve['points']): string {
  const [before, last] = points.slice(-2);
  if (!last) return 'One size alone says nothing about more examples.';
  const [from, to] = [before, last].map(({ metrics }) => metrics.loss);
  const error = Math.hypot(...[before, last].map(({ intervals }) => intervals.loss?.standardError ?? Number.NaN));
  const sizes = `from ${grouped(before.size)} to ${grouped(last.size)} training examples`;
  const change = `the loss on validation went from ${metricText(from)} to ${metricText(to)} ${sizes}`;
  if (!Number.isFinite(error)) return `Without intervals nobody can say whether more examples would help: ${change}.`;
  const noise = `twice its standard error is ${metricText(2 * error)}`;
  if (from - to > 2 * error) return `More training examples would help: ${change} (${noise}).`;
  if (to - from > 2 * error) return `More training examples made it worse: ${change} (${noise}).`;
  return `More training examples are not shown to help: ${change} (${noise}).`;
}

export function learningCurveText({ points, verdict }: LearningCurve): string {
  const names = Object.keys(points[0].metrics);
  const rows = points.map(({ size, metrics, intervals }) => [
    grouped(size),
    ...names.map((name) => {
      const { low, high } = intervals[name] ?? {};
      const range = low === undefined || high === undefined ? '' : ` (${metricText(low)} to ${metricText(high)})`;
      return `${metricText(metrics[name])}${range}`;
    }),
  ]);
  const table = tableLines([['examples', ...names], ...rows], 0);
  return `\nlearning curve, on validation\n${table.map((line) => `  ${line}\n`).join('')}${verdict}\n`;
}
