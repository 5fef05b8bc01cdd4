/** Metrics as sums that add up exactly, whoever computed which batch: no padding, no means of means. */
import type { MetricConfig } from '../config/model.js';

/** What the metrics need to know of outputs and targets. */
export interface MetricSpec {
  readonly metrics: readonly MetricConfig[];
  /** Numbers in one example's output. */
  readonly outputs: number;
  /** Targets are class indices. */
  readonly classes: boolean;
  /** The last activation: decides from which output on a single unit means the second class. */
  readonly activation: string;
}

/** Places of the sums of a batch; the sums of the targets of each output follow. */
const field = { examples: 0, loss: 1, correct: 2, inTopK: 3, absolute: 4, squared: 5, targetSquares: 6, targetSums: 7 };

/** How many numbers hold the sums of one batch. */
export const sumsWidth = ({ outputs }: MetricSpec): number => field.targetSums + outputs;

const nameOf = (metric: MetricConfig): string => (typeof metric === 'string' ? metric : 'topKAccuracy');
const kOf = (metrics: readonly MetricConfig[]): number => {
  const found = metrics.find((metric) => typeof metric !== 'string');
  return found && typeof found !== 'string' ? found.topKAccuracy.k : 5;
};

function highest(values: ArrayLike<number>, start: number, length: number): number {
  let best = 0;
  for (let i = 1; i < length; i++) if (values[start + i] > values[start + best]) best = i;
  return best;
}

/** How many outputs beat that of the target; ties go to the lower index, as in `highest`. */
function rankOf(values: ArrayLike<number>, start: number, length: number, target: number): number {
  let rank = 0;
  for (let i = 0; i < length; i++) {
    const [value, wanted] = [values[start + i], values[start + target]];
    if (value > wanted || (value === wanted && i < target)) rank++;
  }
  return rank;
}

/**
 * Sums of one batch, in float64 and in the order of the examples.
 *
 * @param outputs model outputs, [count, outputs]
 * @param targets class indices, [count], or values, [count, outputs]
 * @param losses loss of each example, [count]
 */
export function batchSums(
  spec: MetricSpec,
  outputs: Float32Array,
  targets: ArrayLike<number>,
  losses: Float32Array,
): Float64Array {
  const { outputs: width, classes, metrics, activation } = spec;
  const sums = new Float64Array(sumsWidth(spec));
  const k = kOf(metrics);
  const threshold = activation === 'sigmoid' ? 0.5 : 0;
  sums[field.examples] = losses.length;
  for (let row = 0; row < losses.length; row++) {
    const start = row * width;
    sums[field.loss] += losses[row];
    if (width === 1) {
      const predicted = outputs[row] > threshold ? 1 : 0;
      const wanted = targets[row] > 0 ? 1 : 0;
      if (predicted === wanted) sums[field.correct]++;
    } else {
      const target = classes ? targets[row] : highest(targets, start, width);
      const rank = rankOf(outputs, start, width, target);
      // A NaN beats nothing and would look like the best.
      const valid = !Number.isNaN(outputs[start + target]);
      if (rank === 0 && valid) sums[field.correct]++;
      if (rank < k && valid) sums[field.inTopK]++;
    }
    for (let i = 0; i < width; i++) {
      const target = classes ? (width === 1 ? targets[row] : Number(targets[row] === i)) : targets[start + i];
      const error = outputs[start + i] - target;
      sums[field.absolute] += Math.abs(error);
      sums[field.squared] += error * error;
      sums[field.targetSquares] += target * target;
      sums[field.targetSums + i] += target;
    }
  }
  return sums;
}

/** R² over all outputs: 1 - (squared errors) / (squared deviations of the targets from their mean, output by output). */
function rSquared(sums: Float64Array, width: number): number {
  let explained = 0;
  for (let i = 0; i < width; i++) explained += sums[field.targetSums + i] ** 2 / sums[field.examples];
  return 1 - sums[field.squared] / (sums[field.targetSquares] - explained);
}

/** The loss and the asked metrics from the sums of all batches of a split. */
export function metricsOf(spec: MetricSpec, sums: Float64Array): Record<string, number> {
  const examples = sums[field.examples];
  const elements = examples * spec.outputs;
  const compute: Record<string, () => number> = {
    accuracy: () => sums[field.correct] / examples,
    topKAccuracy: () => sums[field.inTopK] / examples,
    mae: () => sums[field.absolute] / elements,
    mse: () => sums[field.squared] / elements,
    r2: () => rSquared(sums, spec.outputs),
  };
  const named = spec.metrics.map(nameOf).map((name) => [name, compute[name]()]);
  return { loss: sums[field.loss] / examples, ...Object.fromEntries(named) };
}

/** Adds the rows of a table of batch sums, in order. */
export function totalSums(spec: MetricSpec, table: Float64Array): Float64Array {
  const width = sumsWidth(spec);
  const total = new Float64Array(width);
  for (let i = 0; i < table.length; i++) total[i % width] += table[i];
  return total;
}
