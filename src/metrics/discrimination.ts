/**
 * How well scores tell classes apart, over all thresholds. Of two classes by the output itself, so that logits which
 * probabilities of 64 bits no longer tell apart still have an order; of several by their probabilities, as scikit-learn 1.9.
 */
import type { z } from 'zod';
import { averagedLabel } from './class-averages.js';
import { classesOf, isMultiLabel } from './class-counts.js';
import type { Floats } from './class-probabilities.js';
import { classMisfit } from './class-targets.js';
import type { EvaluatedRows, ScoredOutput } from './evaluated-rows.js';
import {
  type MetricCurve,
  type MetricFamily,
  type Misfit,
  ofAllRows,
  shares,
  type TargetFacts,
  type Zod,
} from './metric.js';
import { descending } from './sorted.js';
import { Thresholds } from './thresholds.js';

type CurveArea = (thresholds: Thresholds) => number;

/** Scores of one class against others, or of a label, in their order. They are those of a base: other weights leave them as they are. */
interface Sorted {
  /** Rows that they are of; absent where they are of all. */
  readonly rows: Uint32Array | undefined;
  readonly scores: Floats;
  /** 1 for those that are of the class. */
  readonly hits: Uint8Array;
  readonly order: Uint32Array;
}

/** Metrics that are asked for together, and rows that are weighed again, share the sorted scores; undefined where one is not a number. */
const sorted = new WeakMap<EvaluatedRows, Map<string, Sorted | undefined>>();

/** Bytes of sorted scores of a base that are worth keeping; others are sorted at every look. */
const mostBytes = 2 ** 28;

function sortedScores({ base }: EvaluatedRows, key: string, make: () => Sorted | undefined): Sorted | undefined {
  const found = sorted.get(base) ?? new Map<string, Sorted | undefined>();
  sorted.set(base, found);
  if (found.has(key)) return found.get(key);
  const made = make();
  if ((found.size + 1) * base.count * 17 <= mostBytes) found.set(key, made);
  return made;
}

/** Rows of a base that count, where some do not. */
function counted({ base: { weights } }: EvaluatedRows): Uint32Array | undefined {
  return weights && Uint32Array.from(weights.keys()).filter((row) => weights[row] > 0);
}

/** @param rows the places of the scores, where they are not those of all rows */
function sort(rows: Uint32Array | undefined, scores: Floats, isHit: (row: number) => boolean): Sorted | undefined {
  if (scores.some(Number.isNaN)) return undefined;
  const hits = new Uint8Array(scores.length);
  for (let i = 0; i < hits.length; i++) hits[i] = Number(isHit(rows ? rows[i] : i));
  return { rows, scores, hits, order: descending(scores) };
}

/** Scores of one class against the others, or of a label. */
function column(rows: EvaluatedRows, spec: ScoredOutput, which: number): Sorted | undefined {
  return sortedScores(rows, String(which), () => {
    const { base } = rows;
    const some = counted(rows);
    const labels = isMultiLabel(spec);
    const width = spec.outputs;
    // A curve makes one probability of several; all else leaves the order of a single output as it is.
    const single = labels || (width === 1 && spec.decision?.calibration?.method !== 'isotonic');
    const of = single ? base.outputs : base.probabilities;
    const at = (row: number) => (single && !labels ? row : row * classesOf(spec) + which);
    const length = some ? some.length : base.count;
    const isHit = (row: number) => (labels ? base.values[at(row)] > 0 : base.classes[row] === which);
    const isFloat = of instanceof Float32Array || of instanceof Float64Array;
    if (single && !labels && !some && isFloat) return sort(some, of, isHit);
    const scores = of instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
    for (let i = 0; i < length; i++) scores[i] = of[at(some ? some[i] : i)];
    return sort(some, scores, isHit);
  });
}

/** What scores come to with the weights of these rows, and the weight of those that are of the class. */
function weighed(
  { weights }: EvaluatedRows,
  { rows, scores, hits, order }: Sorted,
): { of: Thresholds; weight: number } {
  const own = weights && (rows ? Float64Array.from(rows, (row) => weights[row]) : weights);
  let weight = 0;
  for (let i = 0; i < hits.length; i++) if (hits[i] === 1) weight += own ? own[i] : 1;
  return { of: new Thresholds(scores, (i) => hits[i] === 1, own, order), weight };
}

function averagedArea(rows: EvaluatedRows, spec: ScoredOutput, area: CurveArea, average: 'macro' | 'weighted'): number {
  let [sum, whole] = [0, 0];
  for (let which = 0; which < spec.outputs; which++) {
    const found = column(rows, spec, which);
    if (!found) return Number.NaN;
    const { of, weight: hits } = weighed(rows, found);
    const weight = average === 'macro' ? 1 : hits;
    // A class that is nowhere the truth weighs nothing, whatever its area.
    if (weight === 0) continue;
    sum += weight * area(of);
    whole += weight;
  }
  return sum / whole;
}

/** Of each pair of classes that are there, in both directions (Hand and Till 2001). */
function pairwiseArea(rows: EvaluatedRows, spec: ScoredOutput, average: 'macro' | 'weighted'): number {
  const { classes, probabilities, count } = rows;
  const members = Array.from({ length: spec.outputs }, (): number[] => []);
  const there = new Float64Array(spec.outputs);
  for (const row of counted(rows) ?? Array(count).keys()) {
    members[classes[row]]?.push(row);
    there[classes[row]] += rows.weights?.[row] ?? 1;
  }
  let [sum, whole] = [0, 0];
  for (let a = 0; a < spec.outputs; a++) {
    for (let b = a + 1; b < spec.outputs; b++) {
      if (there[a] === 0 || there[b] === 0) continue;
      const areaFor = (which: number) => {
        const found = sortedScores(rows, `${which} of ${a} and ${b}`, () => {
          const pair = Uint32Array.from([...members[a], ...members[b]]);
          const scores = Float64Array.from(pair, (row) => probabilities[row * spec.outputs + which]);
          return sort(pair, scores, (row) => classes[row] === which);
        });
        return found ? weighed(rows, found).of.area() : Number.NaN;
      };
      const weight = average === 'macro' ? 1 : there[a] + there[b];
      sum += (weight * (areaFor(a) + areaFor(b))) / 2;
      whole += weight;
    }
  }
  return sum / whole;
}

/** Undefined where some score is not a number. */
function thresholdsOf(rows: EvaluatedRows, spec: ScoredOutput): Thresholds | undefined {
  const found = column(rows, spec, 1);
  return found && weighed(rows, found).of;
}

const single = (rows: EvaluatedRows, spec: ScoredOutput, of: CurveArea): number => {
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

const scores = { bare: {}, better: 'higher', range: shares, comparesClasses: true, needsProbabilities: true } as const;

export const auc = {
  ...scores,
  name: 'auc',
  undefinedWhere: 'it needs examples of every class',
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
      const shares = all ? points.map(([alarms, hits]) => [alarms / all.alarms, hits / all.hits] as const) : [];
      return curve(['false positive rate', 'true positive rate'], shares);
    }),
} as const satisfies MetricFamily;

export const precisionRecallCurve = {
  ...curves,
  name: 'precisionRecallCurve',
  create: (_, spec) =>
    ofAllRows((rows) => {
      const points: [number, number][] = [];
      const all = thresholdsOf(rows, spec)?.each((hits, alarms) => points.push([hits, hits / (hits + alarms)]));
      const shares = all ? points.map(([hits, precision]) => [hits / all.hits, precision] as const) : undefined;
      return curve(['recall', 'precision'], shares ? [[0, 1], ...shares] : []);
    }),
} as const satisfies MetricFamily;
