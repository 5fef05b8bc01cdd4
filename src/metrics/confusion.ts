/** Which class was taken for which, as often as it was: a row for each class that is the truth, a column for each prediction. */
import type { z } from 'zod';
import { classesOf } from './class-counts.js';
import { oneClassMisfit } from './class-targets.js';
import type { ScoredOutput } from './evaluated-rows.js';
import { addSums, type Metric, type MetricFamily, type MetricFigure, type TargetFacts, type Zod } from './metric.js';

/** A table of so many cells is as much as a validation may pass around. */
const mostClasses = 1000;

/** A metric of the table [truth][predicted]. */
export function confusionMetric(
  spec: ScoredOutput,
  result: (matrix: readonly (readonly number[])[]) => number | MetricFigure,
): Metric {
  const { weighted } = spec;
  const classes = classesOf(spec);
  return {
    shared: 'confusion',
    width: weighted ? classes ** 2 : 0,
    counts: weighted ? 0 : classes ** 2,
    add({ count, weights, classes: truths, predicted }, sums, counts) {
      const into = weighted ? sums : counts;
      for (let row = 0; row < count; row++) {
        const weight = weights ? weights[row] : 1;
        if (weight !== 0 && predicted[row] >= 0) into[truths[row] * classes + predicted[row]] += weight;
      }
    },
    merge: addSums,
    result: ({ sums }, counts) => {
      const of = weighted ? sums : counts;
      return result(Array.from({ length: classes }, (_, i) => [...of.subarray(i * classes, (i + 1) * classes)]));
    },
  };
}

export function confusionMisfit(spec: ScoredOutput, loss: string, facts?: TargetFacts) {
  const found = oneClassMisfit(spec, loss, facts);
  if (found || spec.outputs <= mostClasses) return found;
  return {
    problem: `keeps a table of ${spec.outputs} x ${spec.outputs} numbers`,
    remedy: 'use perClass, or f1 with an average',
  };
}

const options = (z: Zod) =>
  z.strictObject({
    normalize: z
      .enum(['truth', 'predicted', 'all'])
      .describe('Shares in the place of counts: of the examples of a class, of those predicted as it, or of all'),
  });

export const confusionMatrix = {
  name: 'confusionMatrix',
  schema: options,
  bare: {},
  once: 'keep one of them',
  needsThreshold: true,
  misfit: confusionMisfit,
  create: ({ normalize }, spec) =>
    confusionMetric(spec, (matrix) => {
      const names = namesOf(spec);
      const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
      const rows = matrix.map(sum);
      const columns = matrix.map((_, j) => sum(matrix.map((row) => row[j])));
      const all = sum(rows);
      const whole = (i: number, j: number) => ({ truth: rows[i], predicted: columns[j], all })[normalize!];
      // scikit-learn gives 0 where there is nothing to share, too.
      const share = (count: number, i: number, j: number) => (count === 0 ? 0 : count / whole(i, j));
      const values = normalize ? matrix.map((row, i) => row.map((count, j) => share(count, i, j))) : matrix;
      return { kind: 'table', rows: names, columns: names, values };
    }),
} as const satisfies MetricFamily<Partial<z.infer<ReturnType<typeof options>>>>;

/** Of the classes, or of the outputs. */
export const namesOf = (spec: ScoredOutput): readonly string[] =>
  spec.names ??
  Array.from({ length: spec.binary && spec.outputs > 1 ? spec.outputs : classesOf(spec) }, (_, i) => String(i));
