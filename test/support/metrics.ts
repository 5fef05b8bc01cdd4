/** Metrics of batches without a pool: one thread that evaluates them in order. */

import type { MetricSpec } from '../../src/evaluate/metric-spec.js';
import { type MetricResults, type MetricTotals, OutputMetrics } from '../../src/evaluate/output-metrics.js';
import type { EvaluatedBatch } from '../../src/metrics/evaluated-rows.js';

/** The sums of each batch, one behind the other, the counts of all, and what is kept. */
export function totalsOf(spec: MetricSpec, batches: readonly EvaluatedBatch[]): MetricTotals {
  const metrics = new OutputMetrics(spec);
  const sums = new Float64Array(batches.length * metrics.width);
  const counts = new Float64Array(metrics.counts);
  const examples = batches.reduce((sum, { losses }) => sum + losses.length, 0);
  const kept = new Float32Array(examples * metrics.keeper.width);
  let start = 0;
  batches.forEach((batch, i) => {
    metrics.add(batch, sums.subarray(i * metrics.width, (i + 1) * metrics.width), counts);
    metrics.keeper.keep(batch, kept.subarray(start * metrics.keeper.width), metrics.keeper.width);
    start += batch.losses.length;
  });
  return { sums, counts, kept };
}

/** What batches come to. */
export function resultsOf(spec: MetricSpec, batches: readonly EvaluatedBatch[]): MetricResults {
  const metrics = new OutputMetrics(spec);
  const { sums, ...totals } = totalsOf(spec, batches);
  return finished(metrics, { ...totals, sums: metrics.merged(sums) });
}

/** @param totals merged */
export function finished(metrics: OutputMetrics, totals: MetricTotals): MetricResults {
  const { keeper } = metrics;
  return metrics.results(totals, keeper.rows(keeper.collect(totals.kept, 0, keeper.width)));
}

/** The loss and the metrics that are numbers. */
export const scored = (spec: MetricSpec, batches: readonly EvaluatedBatch[]): Record<string, number> =>
  resultsOf(spec, batches).scalars;
