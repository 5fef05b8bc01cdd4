/** Metrics as sums of batches that merge to those of the whole split: no padding, no means of means. */
import type { MetricConfig } from '../config/model.js';

/** What the metrics need to know of outputs and targets. */
export interface MetricSpec {
  readonly metrics: readonly MetricConfig[];
  /** Numbers in the output of one place of an example. */
  readonly outputs: number;
  /** Class indices of one example: one, or as many as a sequence has places. Metrics count places, the loss examples. */
  readonly places: number;
  /** Targets are class indices. */
  readonly classes: boolean;
  /** Above this a single output means the second class: 0.5 for probabilities, 0 for logits. */
  readonly threshold: number;
  /** Each output tells two classes apart by itself, as under binary cross-entropy and hinge: accuracy counts outputs. */
  readonly binary: boolean;
}

/** Places of the sums of a batch; lists follow. */
const field = { examples: 0, loss: 1, correct: 2, inTopK: 3, absolute: 4, lists: 5 };

/**
 * Where the lists begin: sums of the targets of each output; squared errors, and squared deviations of the targets from
 * their mean, of all outputs together or, for a mean of R², of each (these are merged, not added); metrics of users.
 */
function lists(spec: MetricSpec) {
  const groups = isUniform(spec) ? spec.outputs : 1;
  const squares = field.lists + spec.outputs;
  const spreads = squares + groups;
  const customs = spreads + groups;
  return { targets: field.lists, squares, spreads, customs, groups, width: customs + customNames(spec).length };
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

/**
 * Sums of one batch, in float64 and in the order of the examples.
 *
 * @param outputs model outputs, [count, places, outputs]
 * @param targets class indices, [count, places], or values, [count, places, outputs]
 * @param losses loss of each example, [count]
 * @param customs values of each example by the metrics of users, [count] each
 */
export function batchSums(
  spec: MetricSpec,
  outputs: Float32Array,
  targets: ArrayLike<number>,
  losses: Float32Array,
  customs: readonly Float32Array[] = [],
): Float64Array {
  const { outputs: width, classes, metrics, threshold, binary } = spec;
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
  sums[field.examples] = losses.length;
  for (const loss of losses) sums[field.loss] += loss;
  for (let row = 0; row < losses.length * spec.places; row++) {
    const beatenBy = rank(row);
    if (beatenBy === 0 && !binary) sums[field.correct]++;
    if (beatenBy < k) sums[field.inTopK]++;
    for (let i = 0; i < width; i++) {
      const target = targetAt(spec, targets, row, i);
      const output = outputs[row * width + i];
      const error = output - target;
      if (binary && tellsApart(output, target, threshold)) sums[field.correct]++;
      sums[field.absolute] += Math.abs(error);
      sums[at.squares + (groups === 1 ? 0 : i)] += error * error;
      sums[at.targets + i] += target;
    }
  }
  addSpreads(spec, targets, sums);
  customs.forEach((values, i) => {
    for (let row = 0; row < losses.length; row++) sums[at.customs + i] += values[row];
  });
  return sums;
}

/** Two passes, because the difference of a sum of squares and a squared sum leaves nothing of a small spread. */
function addSpreads(spec: MetricSpec, targets: ArrayLike<number>, sums: Float64Array): void {
  const { groups, ...at } = lists(spec);
  const count = sums[field.examples] * spec.places;
  for (let i = 0; i < spec.outputs; i++) {
    const mean = sums[at.targets + i] / count;
    const to = at.spreads + (groups === 1 ? 0 : i);
    for (let row = 0; row < count; row++) sums[to] += (targetAt(spec, targets, row, i) - mean) ** 2;
  }
}

/**
 * R² = 1 - (squared errors) / (squared deviations of the targets from their mean, output by output): of all outputs
 * together, NaN where the targets do not vary, because there is nothing to explain; or the mean of each output's own, where
 * one that does not vary counts as 0, or as 1 if it is met exactly (scikit-learn's r2_score, multioutput uniform_average).
 */
function rSquared(spec: MetricSpec, sums: Float64Array): number {
  const { groups, squares, spreads } = lists(spec);
  if (!isUniform(spec)) return sums[spreads] === 0 ? Number.NaN : 1 - sums[squares] / sums[spreads];
  if (sums[field.examples] * spec.places < 2) return Number.NaN;
  let sum = 0;
  for (let i = 0; i < groups; i++) {
    const [errors, spread] = [sums[squares + i], sums[spreads + i]];
    sum += spread === 0 ? Number(errors === 0) : 1 - errors / spread;
  }
  return sum / groups;
}

/** The loss and the asked metrics from the sums of all batches of a split. */
export function metricsOf(spec: MetricSpec, sums: Float64Array): Record<string, number> {
  const examples = sums[field.examples];
  const places = examples * spec.places;
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
    compute[name] = () => sums[customs + i] / examples;
  });
  const named = spec.metrics.map(nameOf).map((name) => [name, compute[name]()]);
  return { loss: sums[field.loss] / examples, ...Object.fromEntries(named) };
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
  const [countA, countB] = [a, b].map((sums) => sums[field.examples] * spec.places);
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
