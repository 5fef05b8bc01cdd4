/** The metrics of one output: sums of batches that merge to those of a whole split, without padding or means of means. */

import { type EvaluatedBatch, EvaluatedRows, type ScoredOutput } from '../metrics/evaluated-rows.js';
import { AskedMetric, type MetricConfig } from '../metrics/families.js';
import type { Metric, MetricFigure, MetricSums } from '../metrics/metric.js';

/** An output, and what is asked of it. */
export interface MetricSpec extends ScoredOutput {
  readonly metrics: readonly MetricConfig[];
}

/** What batches came to. */
export interface MetricTotals {
  /** `width` numbers of all batches merged, or of each batch, one behind the other. */
  readonly sums: Float64Array;
  /** `counts` integers, of all batches together. */
  readonly counts: Float64Array;
}

export interface MetricResults {
  /** The loss and the metrics that are numbers, in the order in which they were asked for. */
  readonly scalars: Record<string, number>;
  /** Those that are tables and curves. */
  readonly figures: Record<string, MetricFigure>;
}

/** Places of the sums that every output has; those of its metrics follow. */
const shared = { divisor: 0, loss: 1, weight: 2, width: 3 };

interface Part {
  readonly label: string;
  readonly metric: Metric;
  /** Where its sums and its counts begin. */
  readonly sums: number;
  readonly counts: number;
}

/** Made from one output's spec, and has no state: several outputs are several of these, one behind the other. */
export class OutputMetrics {
  /** Float64 sums of a batch. */
  readonly width: number;
  /** Integers that a thread adds up over its batches. */
  readonly counts: number;
  readonly #spec: ScoredOutput;
  readonly #parts: readonly Part[];
  readonly #customs: readonly string[];

  constructor(spec: MetricSpec) {
    this.#spec = spec;
    let [sums, counts] = [shared.width, 0];
    const asked = spec.metrics.map((config) => new AskedMetric(config));
    this.#parts = asked.map((each) => {
      const metric = each.create(spec);
      const part = { label: each.label, metric, sums, counts };
      [sums, counts] = [sums + metric.width, counts + metric.counts];
      return part;
    });
    [this.width, this.counts] = [sums, counts];
    this.#customs = asked.flatMap(({ family, label }) => (family.name === 'custom' ? label : []));
  }

  /**
   * Adds up a batch, in float64 and in the order of its rows.
   * @param sums `width` zeros: the batch's own
   * @param counts `counts` integers of the batches before
   */
  add(batch: EvaluatedBatch, sums: Float64Array, counts: Float64Array): void {
    const rows = new EvaluatedRows(this.#spec, batch, this.#customs);
    let loss = 0;
    for (const each of batch.losses) loss += each;
    sums[shared.divisor] = batch.divisor;
    sums[shared.loss] = loss;
    sums[shared.weight] = rows.weight;
    for (const part of this.#parts) part.metric.add(rows, sumsOf(part, sums).sums, countsOf(part, counts));
  }

  /** Merges the sums of batches that are one behind the other, in order. */
  merged(table: Float64Array): Float64Array {
    const total = new Float64Array(this.width);
    for (let start = 0; start < table.length; start += this.width) {
      const batch = table.subarray(start, start + this.width);
      for (const part of this.#parts) part.metric.merge(sumsOf(part, total), sumsOf(part, batch));
      for (let i = 0; i < shared.width; i++) total[i] += batch[i];
    }
    return total;
  }

  /** The loss and the metrics of a split. @param totals merged */
  results({ sums, counts }: MetricTotals): MetricResults {
    const scalars: Record<string, number> = { loss: sums[shared.loss] / sums[shared.divisor] };
    const figures: Record<string, MetricFigure> = {};
    for (const part of this.#parts) {
      const result = part.metric.result(sumsOf(part, sums), countsOf(part, counts));
      if (typeof result === 'number') scalars[part.label] = result;
      else figures[part.label] = result;
    }
    return { scalars, figures };
  }
}

const sumsOf = ({ sums: at, metric }: Part, sums: Float64Array): MetricSums => ({
  sums: sums.subarray(at, at + metric.width),
  weight: sums[shared.weight],
});

const countsOf = ({ counts: at, metric }: Part, counts: Float64Array): Float64Array =>
  counts.subarray(at, at + metric.counts);
