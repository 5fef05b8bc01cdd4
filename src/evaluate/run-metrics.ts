/** The metrics of a run: those of each of its outputs, one behind the other, and the sum of their losses. */
import type { EvaluatedBatch } from '../metrics/evaluated-rows.js';
import { type MetricResults, type MetricSpec, type MetricTotals, OutputMetrics } from './output-metrics.js';

/** An output of a run. */
export interface HeadMetrics extends MetricSpec {
  /** The target that the output is compared with. */
  readonly target: string;
  /** Factor of its loss in the sum. */
  readonly factor: number;
}

interface Part {
  readonly head: HeadMetrics;
  readonly metrics: OutputMetrics;
  /** Where its sums and its counts begin. */
  readonly sums: number;
  readonly counts: number;
  /** Where what is kept of an example begins. */
  readonly kept: number;
}

/**
 * Numbers of an example that metrics may keep: those of a batch of 128 examples are half of the longest message between machines.
 */
export const mostKept = 8192;

/** As OutputMetrics, of all outputs. */
export class RunMetrics {
  readonly width: number;
  readonly counts: number;
  readonly kept: number;
  readonly #parts: readonly Part[];

  constructor(heads: readonly HeadMetrics[]) {
    let [sums, counts, kept] = [0, 0, 0];
    this.#parts = heads.map((head) => {
      const metrics = new OutputMetrics(head);
      const part = { head, metrics, sums, counts, kept };
      [sums, counts, kept] = [sums + metrics.width, counts + metrics.counts, kept + metrics.kept];
      return part;
    });
    [this.width, this.counts, this.kept] = [sums, counts, kept];
  }

  /**
   * Adds up a batch.
   * @param batches of each output
   * @param sums `width` zeros: the batch's own
   * @param counts `counts` integers of the batches before
   * @param kept `kept` numbers of each example of the batch, to be written
   */
  add(batches: readonly EvaluatedBatch[], sums: Float64Array, counts: Float64Array, kept: Float32Array): void {
    this.#parts.forEach((part, i) => {
      part.metrics.add(batches[i], sumsOf(part, sums), countsOf(part, counts));
      part.metrics.keep(batches[i], kept.subarray(part.kept), this.kept);
    });
  }

  /** Merges the sums of batches that are one behind the other, in order. */
  merged(table: Float64Array): Float64Array {
    if (this.#parts.length === 1) return this.#parts[0].metrics.merged(table);
    const total = new Float64Array(this.width);
    const rows = Array.from({ length: table.length / this.width }, (_, i) =>
      table.subarray(i * this.width, (i + 1) * this.width),
    );
    for (const part of this.#parts) {
      const own = new Float64Array(rows.length * part.metrics.width);
      rows.forEach((row, i) => {
        own.set(sumsOf(part, row), i * part.metrics.width);
      });
      total.set(part.metrics.merged(own), part.sums);
    }
    return total;
  }

  /** The loss and the metrics of a split; of several outputs each as `target_metric`. @param totals merged */
  results(totals: MetricTotals): MetricResults {
    const each = this.#parts.map((part) => ({
      head: part.head,
      results: part.metrics.results(
        { sums: sumsOf(part, totals.sums), counts: countsOf(part, totals.counts), kept: totals.kept },
        { offset: part.kept, stride: this.kept },
      ),
    }));
    const loss = each.reduce((sum, { head, results }) => sum + head.factor * results.scalars.loss, 0);
    if (each.length === 1) {
      const [{ results }] = each;
      return { ...results, scalars: { ...results.scalars, loss } };
    }
    const named = (pick: (results: MetricResults) => object) =>
      Object.fromEntries(
        each.flatMap(({ head, results }) =>
          Object.entries(pick(results)).map(([name, value]) => [resultName(head.target, name), value]),
        ),
      );
    return { scalars: { loss, ...named(({ scalars }) => scalars) }, figures: named(({ figures }) => figures) };
  }
}

/** What a metric of one of several outputs is called, as in Keras. */
export const resultName = (target: string, metric: string): string => `${target}_${metric}`;

const sumsOf = ({ sums: at, metrics }: Part, sums: Float64Array): Float64Array => sums.subarray(at, at + metrics.width);
const countsOf = ({ counts: at, metrics }: Part, counts: Float64Array): Float64Array =>
  counts.subarray(at, at + metrics.counts);
