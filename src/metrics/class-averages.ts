/**
 * Precision, recall, F and intersection over union: of the second of two classes, or averaged over classes. Rules are
 * those of scikit-learn 1.9: averages leave out classes that are neither truth nor predicted, and what divides by nothing
 * counts as 0.
 */
import type { z } from 'zod';
import { type ClassCount, type ClassCounts, classMetric, isMultiLabel } from './class-counts.js';
import { classMisfit } from './class-targets.js';
import type { ScoredOutput } from './evaluated-rows.js';
import { type MetricFamily, type Misfit, shares, type TargetFacts, type Zod } from './metric.js';

const averages = ['macro', 'micro', 'weighted'] as const;
type Average = (typeof averages)[number];

const averageSchema = (z: Zod) =>
  z
    .enum(averages)
    .optional()
    .describe(
      'Over classes: macro counts each alike, weighted by how often it is the truth, micro counts all places alike. ' +
        'Of two classes the default is the second one by itself',
    );

const options = (z: Zod) => z.strictObject({ average: averageSchema(z) });
type AverageOptions = z.infer<ReturnType<typeof options>>;

/** What a class, or all together, come to: a fraction. */
type ScoreRatio = (counts: ClassCount) => {
  readonly part: number;
  readonly whole: number;
};

export const scores = {
  precision: ({ hits, predicted }) => ({ part: hits, whole: predicted }),
  recall: ({ hits, truth }) => ({ part: hits, whole: truth }),
  iou: ({ hits, truth, predicted }) => ({ part: hits, whole: truth + predicted - hits }),
} satisfies Record<string, ScoreRatio>;

/** F of van Rijsbergen (1979): (1 + beta²) hits / (beta² truth + predicted). */
export const fScore =
  (beta: number): ScoreRatio =>
  ({ hits, truth, predicted }) => ({ part: (1 + beta ** 2) * hits, whole: beta ** 2 * truth + predicted });

export const ratio = ({ part, whole }: ReturnType<ScoreRatio>): number => (whole === 0 ? 0 : part / whole);

function averaged(
  { classes, total }: ClassCounts,
  score: ScoreRatio,
  average: Average | undefined,
  labels: boolean,
): number {
  if (total === 0) return Number.NaN;
  if (average === undefined) return ratio(score(classes[1]));
  if (average === 'micro') {
    const sum = (of: (counts: ClassCount) => number) => classes.reduce((all, counts) => all + of(counts), 0);
    return ratio(score({ hits: sum((c) => c.hits), truth: sum((c) => c.truth), predicted: sum((c) => c.predicted) }));
  }
  const seen = labels ? classes : classes.filter(({ truth, predicted }) => truth + predicted > 0);
  const weights = seen.map(({ truth }) => (average === 'weighted' ? truth : 1));
  const whole = weights.reduce((a, b) => a + b, 0);
  if (whole === 0) return 0;
  return seen.reduce((sum, counts, i) => sum + weights[i] * ratio(score(counts)), 0) / whole;
}

/** `f1Macro`: what a metric is called in reports. */
export const averagedLabel = (name: string, average: string | undefined): string =>
  average === undefined ? name : name + average[0].toUpperCase() + average.slice(1);

/** Of several classes an average has to be chosen: each answers another question. */
function misfit(name: string, asked: string) {
  return (spec: ScoredOutput, loss: string, facts?: TargetFacts, given?: AverageOptions): Misfit | undefined => {
    const found = classMisfit(spec, loss, facts);
    if (found || given?.average !== undefined || (spec.outputs <= 2 && !isMultiLabel(spec))) return found;
    const [what, each] = isMultiLabel(spec) ? ['labels', 'label'] : ['classes', 'class'];
    return {
      problem: `of ${spec.outputs} ${what} is one number for each ${each}`,
      remedy: `say how they are averaged: ${name}: { ${asked}average: macro } (or micro, weighted), or use perClass for all of them`,
    };
  };
}

const averagedFamily = <Name extends string>(name: Name, score: ScoreRatio) =>
  ({
    name,
    schema: options,
    bare: {},
    better: 'higher',
    range: shares,
    comparesClasses: true,
    needsThreshold: true,
    label: ({ average }: AverageOptions): string => averagedLabel(name, average),
    misfit: misfit(name, ''),
    create: ({ average }: AverageOptions, spec: ScoredOutput) =>
      classMetric(spec, (counts) => averaged(counts, score, average, isMultiLabel(spec))),
  }) as const satisfies MetricFamily<AverageOptions>;

export const precision = averagedFamily('precision', scores.precision);
export const recall = averagedFamily('recall', scores.recall);
export const f1 = averagedFamily('f1', fScore(1));
/** The intersection over union of segmentation; of classes the Jaccard index. */
export const iou = averagedFamily('iou', scores.iou);

const fBetaOptions = (z: Zod) =>
  z.strictObject({
    beta: z.number().positive().describe('How much more recall counts than precision: 2 for twice as much'),
    average: averageSchema(z),
  });

export const fBeta = {
  name: 'fBeta',
  schema: fBetaOptions,
  better: 'higher',
  range: shares,
  comparesClasses: true,
  needsThreshold: true,
  label: ({ beta, average }) => averagedLabel(`f${beta}`, average),
  misfit: (spec, loss, facts, given) => misfit('fBeta', `beta: ${given?.beta ?? 1}, `)(spec, loss, facts, given),
  create: ({ beta, average }, spec) =>
    classMetric(spec, (counts) => averaged(counts, fScore(beta), average, isMultiLabel(spec))),
} as const satisfies MetricFamily<z.infer<ReturnType<typeof fBetaOptions>>>;
