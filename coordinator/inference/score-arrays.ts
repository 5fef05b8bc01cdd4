/** Metrics of predictions that were made elsewhere, in arrays. */
import { keptArrays, type PredictedArrays } from '../../src/evaluate/kept-arrays.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { resampled, type Uncertainty } from '../../src/evaluate/uncertainty.js';
import type { MetricConfig } from '../../src/metrics/families.js';
import type { MetricFigure } from '../../src/metrics/metric.js';
import { threadsOf } from '../../src/pool/thread-count.js';

/** How predictions are scored. */
export interface ArrayScoreOptions {
  /** As a config's `metrics`. */
  readonly metrics: readonly MetricConfig[];
  /** How often an interval holds the value of all examples of the kind; default 0.95. */
  readonly confidence?: number;
  /** Draws of the bootstrap; default 2000, and 0 for none: then there are no intervals. */
  readonly resamples?: number;
  /** Decides the draws; default 0. */
  readonly seed?: number;
  /** A number from 0 of the group of each example: groups are drawn whole. */
  readonly groups?: Int32Array;
  /** Default: one a core. The result does not depend on it. */
  readonly threads?: number;
  /** Ends the resampling; its reason is thrown then. */
  readonly signal?: AbortSignal;
}

/** What predictions come to. */
export interface ArrayScores extends Uncertainty {
  /** How many there are. */
  readonly examples: number;
  /** Those that are numbers, by their names. */
  readonly metrics: Readonly<Record<string, number>>;
  /** Metrics that are tables or curves. */
  readonly figures: Readonly<Record<string, MetricFigure>>;
}

/**
 * The metrics of predictions, as `evaluate` computes them of a model's: exact, and with intervals.
 * @throws DataError naming the first number that cannot be
 * @throws ConfigError naming a metric that such predictions do not have
 */
export async function scoreArrays(
  predictions: PredictedArrays,
  { metrics, confidence = 0.95, resamples = 2000, seed = 0, groups, threads, signal }: ArrayScoreOptions,
): Promise<ArrayScores> {
  const kept = keptArrays(predictions, metrics);
  const { scalars, figures } = new RunMetrics(kept.heads).ofKept(kept.outputs);
  // Arrays come without losses.
  const { loss: _, ...numbers } = scalars;
  const options = { confidence, resamples, seed, groups, threads: threadsOf(threads), signal };
  return { examples: kept.examples, metrics: numbers, figures, ...(await resampled(kept, numbers, options)) };
}
