/** Metrics of batches without a pool: one thread that evaluates them in order. */
import { type MetricSpec, type MetricTotals, OutputMetrics } from '../../src/evaluate/output-metrics.js';
import type { EvaluatedBatch } from '../../src/metrics/evaluated-rows.js';

/** The sums of each batch, one behind the other, and the counts of all. */
export function totalsOf(spec: MetricSpec, batches: readonly EvaluatedBatch[]): MetricTotals {
  const metrics = new OutputMetrics(spec);
  const sums = new Float64Array(batches.length * metrics.width);
  const counts = new Float64Array(metrics.counts);
  batches.forEach((batch, i) => {
    metrics.add(batch, sums.subarray(i * metrics.width, (i + 1) * metrics.width), counts);
  });
  return { sums, counts };
}

/** The loss and the metrics that are numbers. */
export function scored(spec: MetricSpec, batches: readonly EvaluatedBatch[]): Record<string, number> {
  const metrics = new OutputMetrics(spec);
  const { sums, counts } = totalsOf(spec, batches);
  return metrics.results({ sums: metrics.merged(sums), counts }).scalars;
}
