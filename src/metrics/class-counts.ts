/**
 * Of each class how often it was the truth, how often it was predicted, and how often both: all that precision, recall and their
 * like are made of. Metrics that read them share them. Where each output tells two classes apart by itself, its second class
 * is meant.
 */

import { type EvaluatedRows, type ScoredOutput, tellsApart } from './evaluated-rows.js';
import { addSums, type Metric, type MetricFigure, type MetricSums } from './metric.js';

/** What a class came to: integers where all places count alike, weights where they do not. */
export interface ClassCount {
  readonly hits: number;
  readonly truth: number;
  readonly predicted: number;
}

export interface ClassCounts {
  /** Every class, also those that never occur. */
  readonly classes: readonly ClassCount[];
  /** Weight of all places. */
  readonly total: number;
}

const kinds = 3;

/** A single output tells two classes apart. */
export const classesOf = ({ outputs }: Pick<ScoredOutput, 'outputs'>): number => Math.max(2, outputs);

/** What is predicted of several labels, each by itself. */
export const isMultiLabel = ({ binary, outputs }: Pick<ScoredOutput, 'binary' | 'outputs'>): boolean =>
  binary && outputs > 1;

/** A metric of the counts of classes. */
export function classMetric(spec: ScoredOutput, result: (counts: ClassCounts) => number | MetricFigure): Metric {
  const { weighted } = spec;
  const classes = isMultiLabel(spec) ? spec.outputs : classesOf(spec);
  return {
    shared: 'class counts',
    width: weighted ? kinds * classes : 0,
    counts: weighted ? 0 : kinds * classes,
    add(rows, sums, counts) {
      const into = weighted ? sums : counts;
      if (isMultiLabel(spec)) addLabels(rows, spec, into);
      else addClasses(rows, into);
    },
    merge: addSums,
    result: ({ sums, weight }: MetricSums, counts) => {
      const of = weighted ? sums : counts;
      const each = Array.from({ length: classes }, (_, index) => {
        const [hits, truth, predicted] = of.subarray(kinds * index, kinds * (index + 1));
        return { hits, truth, predicted };
      });
      return result({ classes: each, total: weight });
    },
  };
}

function addClasses({ count, weights, classes, predicted }: EvaluatedRows, into: Float64Array): void {
  for (let row = 0; row < count; row++) {
    const weight = weights ? weights[row] : 1;
    if (weight === 0) continue;
    const [truth, guess] = [classes[row], predicted[row]];
    if (truth === guess) into[kinds * truth] += weight;
    into[kinds * truth + 1] += weight;
    // An output that is not a number predicts nothing.
    if (guess >= 0) into[kinds * guess + 2] += weight;
  }
}

function addLabels(rows: EvaluatedRows, { outputs: width, threshold }: ScoredOutput, into: Float64Array): void {
  const { count, weights, outputs, values } = rows;
  for (let row = 0, at = 0; row < count; row++) {
    const weight = weights ? weights[row] : 1;
    for (let label = 0; label < width; label++, at++) {
      if (weight === 0) continue;
      const truth = values[at] > 0;
      const guess = outputs[at] > threshold;
      if (truth && tellsApart(outputs[at], values[at], threshold)) into[kinds * label] += weight;
      if (truth) into[kinds * label + 1] += weight;
      if (guess) into[kinds * label + 2] += weight;
    }
  }
}
