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
  /** The last activation: decides from which output on a unit means the second class. */
  readonly activation: string;
  /** Each output tells two classes apart by itself, as under binary cross-entropy and hinge: accuracy counts outputs. */
  readonly binary: boolean;
}

/**
 * Places of the sums of a batch; the sums of the targets of each output follow, then those of the metrics of users. `targetSpread` is the squared deviations
 * of the targets from their mean, all outputs together: merged, not added.
 */
const field = { examples: 0, loss: 1, correct: 2, inTopK: 3, absolute: 4, squared: 5, targetSpread: 6, targetSums: 7 };

/** How many numbers hold the sums of one batch. */
export const sumsWidth = (spec: MetricSpec): number => field.targetSums + spec.outputs + customNames(spec).length;

const customNames = ({ metrics }: MetricSpec): string[] =>
  metrics.flatMap((metric) => (typeof metric === 'object' && 'custom' in metric ? metric.custom.name : []));
const nameOf = (metric: MetricConfig): string => {
  if (typeof metric === 'string') return metric;
  return 'custom' in metric ? metric.custom.name : 'topKAccuracy';
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
  const { outputs: width, classes, metrics, activation, binary } = spec;
  const sums = new Float64Array(sumsWidth(spec));
  const k = kOf(metrics);
  const threshold = activation === 'sigmoid' ? 0.5 : 0;
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
      sums[field.squared] += error * error;
      sums[field.targetSums + i] += target;
    }
  }
  sums[field.targetSpread] = targetSpread(spec, targets, sums);
  customs.forEach((values, i) => {
    for (let row = 0; row < losses.length; row++) sums[field.targetSums + width + i] += values[row];
  });
  return sums;
}

/** Two passes, because the difference of a sum of squares and a squared sum leaves nothing of a small spread. */
function targetSpread(spec: MetricSpec, targets: ArrayLike<number>, sums: Float64Array): number {
  const count = sums[field.examples] * spec.places;
  let spread = 0;
  for (let i = 0; i < spec.outputs; i++) {
    const mean = sums[field.targetSums + i] / count;
    for (let row = 0; row < count; row++) spread += (targetAt(spec, targets, row, i) - mean) ** 2;
  }
  return spread;
}

/**
 * R² over all outputs: 1 - (squared errors) / (squared deviations of the targets from their mean, output by output).
 * NaN where the targets do not vary: there is nothing to explain, whatever the errors.
 */
function rSquared(sums: Float64Array): number {
  const spread = sums[field.targetSpread];
  return spread === 0 ? Number.NaN : 1 - sums[field.squared] / spread;
}

/** The loss and the asked metrics from the sums of all batches of a split. */
export function metricsOf(spec: MetricSpec, sums: Float64Array): Record<string, number> {
  const examples = sums[field.examples];
  const places = examples * spec.places;
  const elements = places * spec.outputs;
  const compute: Record<string, () => number> = {
    accuracy: () => sums[field.correct] / (spec.binary ? elements : places),
    topKAccuracy: () => sums[field.inTopK] / places,
    mae: () => sums[field.absolute] / elements,
    mse: () => sums[field.squared] / elements,
    r2: () => rSquared(sums),
  };
  customNames(spec).forEach((name, i) => {
    compute[name] = () => sums[field.targetSums + spec.outputs + i] / examples;
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
    total[field.targetSpread] += spreadBetween(spec, total, batch);
    for (let i = 0; i < width; i++) total[i] += batch[i];
  }
  return total;
}

/** What two groups of targets spread more together than each by itself: Chan, Golub and LeVeque (1979), updating formula. */
function spreadBetween({ places, outputs }: MetricSpec, a: Float64Array, b: Float64Array): number {
  const [countA, countB] = [a, b].map((sums) => sums[field.examples] * places);
  if (countA === 0 || countB === 0) return 0;
  let squares = 0;
  for (let i = field.targetSums; i < field.targetSums + outputs; i++) squares += (b[i] / countB - a[i] / countA) ** 2;
  return (squares * countA * countB) / (countA + countB);
}
