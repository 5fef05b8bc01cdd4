/** Precision, recall and F1 of every class, and how often each is the truth: scikit-learn's classification report. */
import { fScore, ratio, scores } from './class-averages.js';
import { classMetric } from './class-counts.js';
import { classMisfit } from './class-targets.js';
import { namesOf } from './confusion.js';
import type { MetricFamily } from './metric.js';

export const perClass = {
  name: 'perClass',
  bare: {},
  needsThreshold: true,
  misfit: classMisfit,
  create: (_, spec) =>
    classMetric(spec, ({ classes }) => ({
      kind: 'table',
      rows: namesOf(spec),
      columns: ['precision', 'recall', 'f1', 'iou', 'support'],
      values: classes.map((counts) => [
        ...[scores.precision, scores.recall, fScore(1), scores.iou].map((score) => ratio(score(counts))),
        counts.truth,
      ]),
    })),
} as const satisfies MetricFamily;
