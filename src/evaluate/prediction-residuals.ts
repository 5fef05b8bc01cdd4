/** What is left of targets that are numbers once the predictions are taken off: by prediction, and how often each size is. */
import type { EvaluatedRows } from '../metrics/evaluated-rows.js';
import { descending } from '../metrics/sorted.js';
import { quantile } from './intervals.js';
import type { KeptOutput } from './kept-rows.js';
import { OutputMetrics } from './output-metrics.js';
import type { HeadMetrics } from './run-metrics.js';
import { quantileEdges } from './slicing.js';

/** Residuals of one output: truth less prediction, in the units of the target. */
export interface PredictionResiduals {
  readonly target: string;
  /** Its name, or its number from 1, where the target has several. */
  readonly output?: string;
  /** How many numbers are looked at: those that have a weight, each once. */
  readonly count: number;
  /** Left out beside, as prediction or truth is no finite number. */
  readonly notFinite: number;
  readonly mean: number;
  readonly standardDeviation: number;
  /** From the lowest predictions to the highest, bins of about as many. */
  readonly byPrediction: readonly ResidualBin[];
  readonly histogram: Histogram;
  /** At most 300, evenly spread over the predictions in their order. */
  readonly points: readonly { readonly predicted: number; readonly residual: number }[];
}

export interface ResidualBin {
  /** Lowest, middle and highest prediction. */
  readonly low: number;
  readonly middle: number;
  readonly high: number;
  readonly count: number;
  /** Of the residuals, at `residualShares`. */
  readonly quantiles: readonly number[];
}

export const residualShares = [0.05, 0.25, 0.5, 0.75, 0.95];

/** Bins of one width, each from its edge to below the next, the last with its end. */
export interface Histogram {
  readonly edges: readonly number[];
  readonly counts: readonly number[];
  /** Numbers outside of the edges. */
  readonly below: number;
  readonly above: number;
}

/** Outputs of a target that are looked at. */
const mostOutputs = 6;
const mostPoints = 300;
const mostBins = 10;
/** Residuals in a bin at least, where there are so many. */
const fewest = 10;

/** Of each output of a head whose targets are numbers, up to the sixth; none where nothing counts. */
export function residualsOf(head: HeadMetrics, kept: KeptOutput): PredictionResiduals[] {
  const rows = new OutputMetrics(head).keeper.rows(kept);
  const { outputs, target, names } = head;
  return Array.from({ length: Math.min(outputs, mostOutputs) }, (_, output) => {
    const name = outputs > 1 ? { output: names?.[output] ?? `${output + 1}` } : {};
    return { target, ...name, ...ofOutput(rows, output, outputs) };
  }).filter(({ count, notFinite }) => count + notFinite > 0);
}

function ofOutput({ errors, truths, weights, count }: EvaluatedRows, output: number, outputs: number) {
  const pairs = new Float64Array(2 * count);
  let [found, notFinite] = [0, 0];
  for (let row = 0, at = output; row < count; row++, at += outputs) {
    if (weights?.[row] === 0) continue;
    const predicted = truths[at] + errors[at];
    if (Number.isFinite(predicted)) {
      pairs[found] = predicted;
      pairs[count + found++] = -errors[at];
    } else notFinite++;
  }
  const predicted = pairs.slice(0, found);
  const order = descending(predicted).reverse();
  const ordered = { predicted: predicted.map((_, i) => predicted[order[i]]), residuals: new Float64Array(found) };
  for (let i = 0; i < found; i++) ordered.residuals[i] = pairs[count + order[i]];
  return { count: found, notFinite, ...moments(ordered.residuals), ...shapes(ordered) };
}

function moments(values: Float64Array): Pick<PredictionResiduals, 'mean' | 'standardDeviation'> {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, standardDeviation: Math.sqrt(squares / values.length) };
}

interface Ordered {
  /** Ascending. */
  readonly predicted: Float64Array;
  /** Of each prediction. */
  readonly residuals: Float64Array;
}

function shapes({ predicted, residuals }: Ordered): Pick<PredictionResiduals, 'byPrediction' | 'histogram' | 'points'> {
  const count = predicted.length;
  const drawn = Math.min(count, mostPoints);
  const points = Array.from({ length: drawn }, (_, i) => {
    const at = Math.floor(((i + 0.5) * count) / drawn);
    return { predicted: predicted[at], residual: residuals[at] };
  });
  return { byPrediction: binned({ predicted, residuals }), histogram: histogramOf(residuals.slice().sort()), points };
}

/** Equal predictions are in one bin. */
function binned({ predicted, residuals }: Ordered): ResidualBin[] {
  const bins = Math.max(1, Math.min(mostBins, Math.floor(predicted.length / fewest)));
  const starts = [0, ...quantileEdges(predicted, bins).map((edge) => predicted.findIndex((value) => value >= edge))];
  return starts.flatMap((start, i) => {
    const own = predicted.subarray(start, starts[i + 1]);
    if (own.length === 0) return [];
    const sorted = residuals.slice(start, start + own.length).sort();
    return {
      ...{ low: own[0], middle: quantile(own, 0.5), high: own[own.length - 1], count: own.length },
      quantiles: residualShares.map((share) => quantile(sorted, share)),
    };
  });
}

/** Bins from the lowest to the highest, at most. */
const widths = 20;
/** Beyond so many times the width of the middle half, values are far out (Tukey 1977): they would leave the others one bin. */
const fence = 3;

/** @param ascending numbers */
export function histogramOf(ascending: Float64Array): Histogram {
  if (ascending.length === 0) return { edges: [], counts: [], below: 0, above: 0 };
  const [first, last] = [ascending[0], ascending[ascending.length - 1]];
  const [lower, upper] = [quantile(ascending, 0.25), quantile(ascending, 0.75)];
  const far = upper > lower ? fence * (upper - lower) : Number.POSITIVE_INFINITY;
  const edges = edgesOf(Math.max(first, lower - far), Math.min(last, upper + far));
  const counts = Array(edges.length - 1).fill(0);
  let [below, above] = [0, 0];
  let bin = 0;
  for (const value of ascending) {
    if (value < edges[0]) below++;
    else if (value > edges[edges.length - 1]) above++;
    else {
      while (bin < counts.length - 1 && value >= edges[bin + 1]) bin++;
      counts[bin]++;
    }
  }
  return { edges, counts, below, above };
}

/** Round numbers, 0 among them where it lies between. */
function edgesOf(low: number, high: number): number[] {
  const whole = high - low;
  // What is all the same, or too close to be told apart, is one bin.
  if (!(whole > 1e-12 * Math.max(Math.abs(low), Math.abs(high))) || whole < 1e-290) {
    const beside = Math.abs(low) * 0.05 || 0.5;
    return [low - beside, high + beside];
  }
  const power = Math.floor(Math.log10(whole / widths));
  const factor = [1, 2, 5, 10].find((each) => each * 10 ** power * widths >= whole) ?? 10;
  // Divided by a power of ten, tenths are the numbers that one writes.
  const edge = (i: number) => (power < 0 ? (i * factor) / 10 ** -power : i * factor * 10 ** power);
  const [from, to] = [Math.floor(low / edge(1)), Math.ceil(high / edge(1))];
  return Array.from({ length: to - from + 1 }, (_, i) => edge(from + i));
}
