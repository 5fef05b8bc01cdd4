/** Metrics as sums of batches that merge to those of the whole split: no padding, no means of means. */
import type { MetricConfig } from '../config/model.js';

/** What the metrics need to know of outputs and targets. */
export interface MetricSpec {
  readonly metrics: readonly MetricConfig[];
  /** Numbers in the output of one place of an example. */
  readonly outputs: number;
  /** Places of one example: as many as a sequence has class indices, or rows of numbers that masks or weights tell apart. */
  readonly places: number;
  /** Targets are class indices. */
  readonly classes: boolean;
  /** Above this a single output means the second class: 0.5 for probabilities, 0 for logits. */
  readonly threshold: number;
  /** Each output tells two classes apart by itself, as under binary cross-entropy and hinge: accuracy counts outputs. */
  readonly binary: boolean;
  /** Deviations by which targets were divided, in turn: metrics of numbers are in the units of the targets. */
  readonly deviations?: readonly number[];
}

/** Places of the sums of a batch; lists follow. */
const field = { divisor: 0, loss: 1, weight: 2, correct: 3, inTopK: 4, absolute: 5, lists: 6 };

/**
 * Where the lists begin: sums of the targets of each output; squared errors, and squared deviations of the targets from
 * their mean, of all outputs together or, for a mean of R², of each (these are merged, not added); metrics of users, each with
 * its weight.
 */
function lists(spec: MetricSpec) {
  const groups = isUniform(spec) ? spec.outputs : 1;
  const squares = field.lists + spec.outputs;
  const spreads = squares + groups;
  const customs = spreads + groups;
  return { targets: field.lists, squares, spreads, customs, groups, width: customs + 2 * customNames(spec).length };
}

/** How many numbers hold the sums of one batch. */
export const sumsWidth = (spec: MetricSpec): number => lists(spec).width;

const isUniform = ({ metrics }: MetricSpec): boolean =>
  metrics.some((metric) => typeof metric === 'object' && 'r2' in metric && metric.r2.average === 'uniform');

const customNames = ({ metrics }: MetricSpec): string[] =>
  metrics.flatMap((metric) => (typeof metric === 'object' && 'custom' in metric ? metric.custom.name : []));
const nameOf = (metric: MetricConfig): string => {
  if (typeof metric === 'string') return metric;
  if ('custom' in metric) return metric.custom.name;
  return 'r2' in metric ? 'r2' : 'topKAccuracy';
};
/** What the metrics of a run are called, in their order. */
export const metricNames = (metrics: readonly MetricConfig[]): string[] => ['loss', ...metrics.map(nameOf)];

const kOf = (metrics: readonly MetricConfig[]): number => {
  const found = metrics.find((metric) => typeof metric !== 'string' && 'topKAccuracy' in metric);
  return typeof found === 'object' && 'topKAccuracy' in found ? found.topKAccuracy.k : 5;
};

function highest(values: ArrayLike<number>, start: number, length: number): number {
  let best = 0;
  for (let i = 1; i < length; i++) if (values[start + i] > values[start + best]) best = i;
  return best;
}

/** How many outputs beat that of the target; ties go to the lower index, as in `highest`. All do when it is NaN. */
function rankOf(values: ArrayLike<number>, start: number, length: number, target: number): number {
  const wanted = values[start + target];
  if (Number.isNaN(wanted)) return Number.POSITIVE_INFINITY;
  let rank = 0;
  for (let i = 0; i < length; i++) {
    const value = values[start + i];
    if (value > wanted || (value === wanted && i < target)) rank++;
  }
  return rank;
}

/** Whether an output tells two classes apart rightly; targets are 0 and 1, or -1 and 1. */
const tellsApart = (output: number, target: number, threshold: number): boolean =>
  !Number.isNaN(output) && output > threshold === target > 0;

/** What output `i` of a place should be: class indices stand for one-hot rows, or for 0 and 1 where there is one output. */
function targetAt({ outputs, classes }: MetricSpec, targets: ArrayLike<number>, row: number, i: number): number {
  if (!classes) return targets[row * outputs + i];
  return outputs === 1 ? targets[row] : Number(targets[row] === i);
}

/** What one of output `i` is in the units of its target. */
const unitOf = ({ deviations }: MetricSpec, i: number): number => deviations?.[i % deviations.length] ?? 1;

/** An evaluated batch. */
export interface EvaluatedBatch {
  /** Model outputs, [count, places, outputs]. */
  readonly outputs: Float32Array;
  /** Class indices, [count, places], or values, [count, places, outputs]. */
  readonly targets: ArrayLike<number>;
  /** Loss of each example, [count], and what their sum is divided by. */
  readonly losses: Float32Array;
  readonly divisor: number;
  /** Values by the metrics of users, [count] each, or [count, places]. */
  readonly metrics: readonly Float32Array[];
  /** 1 for places that count, 0 for others, [count, places]; all do where there is none. */
  readonly valid?: Float32Array;
  /** Weights of places, [count, places]. */
  readonly weights?: Float32Array;
}

/** Sums of one batch, in float64 and in the order of the examples. */
export function batchSums(spec: MetricSpec, batch: EvaluatedBatch): Float64Array {
  const { outputs, targets, losses, divisor } = batch;
  const { outputs: width, classes, metrics, threshold, binary, places } = spec;
  const { groups, ...at } = lists(spec);
  const sums = new Float64Array(at.width);
  const k = kOf(metrics);
  const rank = (row: number): number => {
    if (width === 1) {
      if (Number.isNaN(outputs[row])) return Number.POSITIVE_INFINITY;
      return tellsApart(outputs[row], targets[row], threshold) ? 0 : 1;
    }
    const start = row * width;
    return rankOf(outputs, start, width, classes ? targets[row] : highest(targets, start, width));
  };
  sums[field.divisor] = divisor;
  for (const loss of losses) sums[field.loss] += loss;
  for (let row = 0; row < losses.length * places; row++) {
    const weight = weightAt(batch, row);
    // What is left out must not count even where it is not finite.
    if (weight === 0) continue;
    sums[field.weight] += weight;
    const beatenBy = rank(row);
    if (beatenBy === 0 && !binary) sums[field.correct] += weight;
    if (beatenBy < k) sums[field.inTopK] += weight;
    for (let i = 0; i < width; i++) {
      const target = targetAt(spec, targets, row, i);
      const output = outputs[row * width + i];
      const unit = unitOf(spec, i);
      const error = (output - target) * unit;
      if (binary && tellsApart(output, target, threshold)) sums[field.correct] += weight;
      sums[field.absolute] += weight * Math.abs(error);
      sums[at.squares + (groups === 1 ? 0 : i)] += weight * error * error;
      sums[at.targets + i] += weight * target * unit;
    }
  }
  addSpreads(spec, batch, sums);
  batch.metrics.forEach((values, i) => {
    addCustom(batch, values, places, sums.subarray(at.customs + 2 * i, at.customs + 2 * i + 2));
  });
  return sums;
}

const weightAt = ({ valid, weights }: EvaluatedBatch, row: number): number =>
  (valid?.[row] ?? 1) * (weights?.[row] ?? 1);

/** Sum and weight of a metric of the user's: examples count once each, places as the others' do. */
function addCustom(batch: EvaluatedBatch, values: Float32Array, places: number, sums: Float64Array): void {
  const byPlace = values.length === batch.losses.length * places;
  values.forEach((value, row) => {
    const weight = byPlace ? weightAt(batch, row) : 1;
    if (weight === 0) return;
    sums[0] += weight * value;
    sums[1] += weight;
  });
}

/** Two passes, because the difference of a sum of squares and a squared sum leaves nothing of a small spread. */
function addSpreads(spec: MetricSpec, batch: EvaluatedBatch, sums: Float64Array): void {
  const { groups, ...at } = lists(spec);
  const rows = batch.losses.length * spec.places;
  for (let i = 0; i < spec.outputs; i++) {
    const mean = sums[at.targets + i] / sums[field.weight];
    const to = at.spreads + (groups === 1 ? 0 : i);
    const unit = unitOf(spec, i);
    for (let row = 0; row < rows; row++) {
      const weight = weightAt(batch, row);
      if (weight !== 0) sums[to] += weight * (targetAt(spec, batch.targets, row, i) * unit - mean) ** 2;
    }
  }
}

/**
 * R² = 1 - (squared errors) / (squared deviations of the targets from their mean, output by output): of all outputs
 * together, or the mean of each output's own, where one that does not vary counts as 0, or as 1 if it is met exactly
 * (scikit-learn's r2_score, multioutput uniform_average). NaN where no target varies: there is nothing to explain.
 */
function rSquared(spec: MetricSpec, sums: Float64Array): number {
  const at = lists(spec);
  const spreads = sums.subarray(at.spreads, at.customs);
  if (spreads.every((spread) => spread === 0)) return Number.NaN;
  const each = spreads.map((spread, i) => {
    const errors = sums[at.squares + i];
    return spread === 0 ? Number(errors === 0) : 1 - errors / spread;
  });
  return each.reduce((a, b) => a + b) / each.length;
}

/** The loss and the asked metrics from the sums of all batches of a split. */
export function metricsOf(spec: MetricSpec, sums: Float64Array): Record<string, number> {
  const places = sums[field.weight];
  const elements = places * spec.outputs;
  const { squares, spreads, customs } = lists(spec);
  const squared = sums.subarray(squares, spreads).reduce((a, b) => a + b);
  const compute: Record<string, () => number> = {
    accuracy: () => sums[field.correct] / (spec.binary ? elements : places),
    topKAccuracy: () => sums[field.inTopK] / places,
    mae: () => sums[field.absolute] / elements,
    mse: () => squared / elements,
    r2: () => rSquared(spec, sums),
  };
  customNames(spec).forEach((name, i) => {
    compute[name] = () => sums[customs + 2 * i] / sums[customs + 2 * i + 1];
  });
  const named = spec.metrics.map(nameOf).map((name) => [name, compute[name]()]);
  return { loss: sums[field.loss] / sums[field.divisor], ...Object.fromEntries(named) };
}

/** Merges the rows of a table of batch sums, in order. */
export function totalSums(spec: MetricSpec, table: Float64Array): Float64Array {
  const width = sumsWidth(spec);
  const total = new Float64Array(width);
  for (let start = 0; start < table.length; start += width) {
    const batch = table.subarray(start, start + width);
    mergeSpreads(spec, total, batch);
    for (let i = 0; i < width; i++) total[i] += batch[i];
  }
  return total;
}

/** Adds to `a` what two groups spread more together than each by itself: Chan, Golub and LeVeque (1979), updating formula. */
function mergeSpreads(spec: MetricSpec, a: Float64Array, b: Float64Array): void {
  const [countA, countB] = [a, b].map((sums) => sums[field.weight]);
  if (countA === 0 || countB === 0) return;
  const { targets, spreads, groups } = lists(spec);
  const between = (i: number) => (b[targets + i] / countB - a[targets + i] / countA) ** 2;
  for (let group = 0; group < groups; group++) {
    let squares = 0;
    if (groups > 1) squares = between(group);
    else for (let i = 0; i < spec.outputs; i++) squares += between(i);
    a[spreads + group] += (squares * countA * countB) / (countA + countB);
  }
}
