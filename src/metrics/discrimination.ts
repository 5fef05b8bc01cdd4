/**
 * How well scores tell classes apart, over all thresholds. Of two classes by the output itself, so that logits which
 * probabilities of 64 bits no longer tell apart still have an order; of several by their probabilities, as scikit-learn 1.9.
 */
import type { z } from 'zod';
import { averagedLabel } from './class-averages.js';
import { classesOf, isMultiLabel } from './class-counts.js';
import { classMisfit } from './class-targets.js';
import type { EvaluatedRows, ScoredOutput } from './evaluated-rows.js';
import { type MetricCurve, type MetricFamily, type Misfit, ofAllRows, type TargetFacts, type Zod } from './metric.js';
import { Thresholds } from './thresholds.js';

type Area = (thresholds: Thresholds) => number;

/** Rows that count, where some do not. */
function counted(rows: EvaluatedRows): Uint32Array | undefined {
  const { weights } = rows;
  return weights && Uint32Array.from(weights.keys()).filter((row) => weights[row] > 0);
}

interface Column {
  readonly thresholds: Thresholds;
  readonly weight: number;
}

/** Scores of one class against the others, or of a label. */
function column(rows: EvaluatedRows, spec: ScoredOutput, which: number, some = counted(rows)): Column | undefined {
  const labels = isMultiLabel(spec);
  const width = spec.outputs;
  const single = width === 1 || labels;
  const of = single ? rows.outputs : rows.probabilities;
  const at = (i: number) => (some ? some[i] : i) * width + (width === 1 ? 0 : which);
  const length = some ? some.length : rows.count;
  const scores = single ? new Float32Array(length) : new Float64Array(length);
  const hits = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const row = some ? some[i] : i;
    scores[i] = of[at(i)];
    if (Number.isNaN(scores[i])) return undefined;
    hits[i] = Number(labels ? rows.values[at(i)] > 0 : rows.classes[row] === which);
  }
  const weights = some && Float64Array.from(some, (row) => rows.weights![row]);
  let weight = 0;
  for (let i = 0; i < length; i++) if (hits[i] === 1) weight += weights ? weights[i] : 1;
  return { thresholds: new Thresholds(scores, (i) => hits[i] === 1, weights), weight };
}

function averagedArea(rows: EvaluatedRows, spec: ScoredOutput, area: Area, average: 'macro' | 'weighted'): number {
  const some = counted(rows);
  let [sum, whole] = [0, 0];
  for (let which = 0; which < spec.outputs; which++) {
    const found = column(rows, spec, which, some);
    if (!found) return Number.NaN;
    const weight = average === 'macro' ? 1 : found.weight;
    // A class that is nowhere the truth weighs nothing, whatever its area.
    if (weight === 0) continue;
    sum += weight * area(found.thresholds);
    whole += weight;
  }
  return sum / whole;
}

/** Of each pair of classes that are there, in both directions (Hand and Till 2001). */
function pairwiseArea(rows: EvaluatedRows, spec: ScoredOutput, average: 'macro' | 'weighted'): number {
  const some = counted(rows) ?? Uint32Array.from({ length: rows.count }, (_, row) => row);
  const weightOf = (row: number) => rows.weights?.[row] ?? 1;
  const members = Array.from({ length: spec.outputs }, (_, which) => some.filter((row) => rows.classes[row] === which));
  const there = [...members.keys()].filter((which) => members[which].length > 0);
  let [sum, whole] = [0, 0];
  for (const [i, a] of there.entries()) {
    for (const b of there.slice(i + 1)) {
      const pair = Uint32Array.from([...members[a], ...members[b]]);
      const weights = Float64Array.from(pair, weightOf);
      const areaFor = (which: number) => {
        const scores = Float64Array.from(pair, (row) => rows.probabilities[row * spec.outputs + which]);
        if (scores.some(Number.isNaN)) return Number.NaN;
        return new Thresholds(scores, (at) => rows.classes[pair[at]] === which, weights).area();
      };
      const weight = average === 'macro' ? 1 : weights.reduce((x, y) => x + y, 0);
      sum += (weight * (areaFor(a) + areaFor(b))) / 2;
      whole += weight;
    }
  }
  return sum / whole;
}

/** Thresholds between two classes by the rows that they are of: metrics that are asked for together share the sorted scores. */
const sorted = new WeakMap<EvaluatedRows, Thresholds | undefined>();

/** Undefined where some score is not a number. */
function thresholdsOf(rows: EvaluatedRows, spec: ScoredOutput): Thresholds | undefined {
  if (!sorted.has(rows)) sorted.set(rows, column(rows, spec, 1)?.thresholds);
  return sorted.get(rows);
}

const single = (rows: EvaluatedRows, spec: ScoredOutput, of: Area): number => {
  const thresholds = thresholdsOf(rows, spec);
  return thresholds ? of(thresholds) : Number.NaN;
};

const isTwo = (spec: ScoredOutput): boolean => classesOf(spec) === 2 && !isMultiLabel(spec);

function misfit(name: string, options: string) {
  return (spec: ScoredOutput, loss: string, facts?: TargetFacts, given?: { average?: string }): Misfit | undefined => {
    const found = classMisfit(spec, loss, facts);
    if (found || isTwo(spec) || given?.average !== undefined) return found;
    const what = isMultiLabel(spec) ? 'labels' : 'classes';
    return {
      problem: `is of two classes, and there are ${spec.outputs} ${what}`,
      remedy: `say how they are averaged: ${name}: { average: macro${options} } (or weighted)`,
    };
  };
}

const average = (z: Zod) =>
  z
    .enum(['macro', 'weighted'])
    .optional()
    .describe('Over classes or labels: macro counts each alike, weighted by how often it is the truth');

const aucOptions = (z: Zod) =>
  z.strictObject({
    average: average(z),
    of: z
      .enum(['oneVsRest', 'oneVsOne'])
      .optional()
      .describe(
        'Each class against all others (the default), or each pair of classes in both directions (Hand and Till 2001)',
      ),
  });

const scores = { bare: {}, better: 'higher', needsProbabilities: true } as const;

export const auc = {
  ...scores,
  name: 'auc',
  schema: aucOptions,
  label: ({ of, average }) => averagedLabel(of === 'oneVsOne' ? 'aucOneVsOne' : 'auc', average),
  misfit: misfit('auc', ', of: oneVsRest'),
  create: ({ average, of }, spec) =>
    ofAllRows((rows) => {
      if (isTwo(spec) && spec.outputs === 1) return single(rows, spec, (all) => all.area());
      if (of === 'oneVsOne') return pairwiseArea(rows, spec, average ?? 'macro');
      if (isTwo(spec)) return single(rows, spec, (all) => all.area());
      return averagedArea(rows, spec, (all) => all.area(), average ?? 'macro');
    }),
} as const satisfies MetricFamily<z.infer<ReturnType<typeof aucOptions>>>;

const apOptions = (z: Zod) => z.strictObject({ average: average(z) });

export const averagePrecision = {
  ...scores,
  name: 'averagePrecision',
  schema: apOptions,
  label: ({ average }) => averagedLabel('averagePrecision', average),
  misfit: misfit('averagePrecision', ''),
  create: ({ average }, spec) =>
    ofAllRows((rows) =>
      isTwo(spec)
        ? single(rows, spec, (all) => all.averagePrecision())
        : averagedArea(rows, spec, (all) => all.averagePrecision(), average ?? 'macro'),
    ),
} as const satisfies MetricFamily<z.infer<ReturnType<typeof apOptions>>>;

/** Points that people are shown of a curve: those that are kept lie on it, and the ends are among them. */
const mostPoints = 400;

function thinned(points: readonly (readonly [number, number])[]): readonly (readonly [number, number])[] {
  if (points.length <= mostPoints) return points;
  const step = (points.length - 1) / (mostPoints - 1);
  return Array.from({ length: mostPoints }, (_, i) => points[Math.round(i * step)]);
}

function curve(names: readonly [string, string], points: readonly (readonly [number, number])[]): MetricCurve {
  const some = thinned(points);
  return {
    kind: 'curve',
    x: { name: names[0], values: some.map(([x]) => x) },
    y: { name: names[1], values: some.map(([, y]) => y) },
  };
}

const curves = {
  bare: {},
  needsProbabilities: true,
  misfit: (spec: ScoredOutput, loss: string, facts?: TargetFacts) => {
    const found = classMisfit(spec, loss, facts);
    if (found || isTwo(spec)) return found;
    return {
      problem: `is a curve of two classes, and there are ${spec.outputs}`,
      remedy: 'use auc or averagePrecision with an average',
    };
  },
} as const;

export const rocCurve = {
  ...curves,
  name: 'rocCurve',
  create: (_, spec) =>
    ofAllRows((rows) => {
      const points: [number, number][] = [[0, 0]];
      const all = thresholdsOf(rows, spec)?.each((hits, alarms) => points.push([alarms, hits]));
      const shares = points.map(([alarms, hits]) => [alarms / all!.alarms, hits / all!.hits] as const);
      return curve(['false positive rate', 'true positive rate'], all ? shares : []);
    }),
} as const satisfies MetricFamily;

export const precisionRecallCurve = {
  ...curves,
  name: 'precisionRecallCurve',
  create: (_, spec) =>
    ofAllRows((rows) => {
      const points: [number, number][] = [];
      const all = thresholdsOf(rows, spec)?.each((hits, alarms) => points.push([hits, hits / (hits + alarms)]));
      const shares = points.map(([hits, precision]) => [hits / all!.hits, precision] as const);
      return curve(['recall', 'precision'], all ? [[0, 1], ...shares] : []);
    }),
} as const satisfies MetricFamily;
