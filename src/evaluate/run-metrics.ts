/** The metrics of a run: those of each of its outputs, one behind the other, and the sum of their losses. */
import type { EvaluatedBatch } from '../metrics/evaluated-rows.js';
import type { KeptOutput } from './kept-rows.js';
import type { MetricSpec } from './metric-spec.js';
import { type MetricResults, type MetricTotals, type NumberOf, OutputMetrics } from './output-metrics.js';

/** An output of a run. */
export interface HeadMetrics extends MetricSpec {
  /** The target that the output is compared with. */
  readonly target: string;
  /** Factor of its loss in the sum. */
  readonly factor: number;
}

/** A number, and which of the outputs it is of; the sum of their losses is of none. */
export interface HeadNumber extends NumberOf {
  readonly head?: number;
}

interface HeadPart {
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
  readonly #parts: readonly HeadPart[];

  constructor(heads: readonly HeadMetrics[]) {
    let [sums, counts, kept] = [0, 0, 0];
    this.#parts = heads.map((head) => {
      const metrics = new OutputMetrics(head);
      const part = { head, metrics, sums, counts, kept };
      [sums, counts, kept] = [sums + metrics.width, counts + metrics.counts, kept + metrics.keeper.width];
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
      part.metrics.keeper.keep(batches[i], kept.subarray(part.kept), this.kept);
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
    return this.#together(
      this.#parts.map(({ metrics, ...at }) => {
        const { keeper } = metrics;
        const rows = keeper.width > 0 ? keeper.rows(keeper.collect(totals.kept, at.kept, this.kept)) : undefined;
        const own = {
          sums: sumsOf({ metrics, ...at }, totals.sums),
          counts: countsOf({ metrics, ...at }, totals.counts),
        };
        return metrics.results(own, rows);
      }),
    );
  }

  /** What was kept of each output. @param kept `kept` numbers of each example */
  collect(kept: Float32Array): KeptOutput[] {
    return this.#parts.map(({ metrics, kept: at }) => metrics.keeper.collect(kept, at, this.kept));
  }

  /** The loss and the metrics of examples that were kept. @param kept of each output */
  ofKept(kept: readonly KeptOutput[]): MetricResults {
    return this.#together(this.#parts.map(({ metrics }, i) => metrics.ofKept(kept[i])));
  }

  /** The loss, and the losses of several outputs, and the metrics that are numbers, in the order of `estimator`. */
  get numbers(): readonly HeadNumber[] {
    const each = this.#parts.map(({ metrics }) => metrics.numbers);
    if (each.length === 1) return each[0].map((number) => ({ ...number, head: 0 }));
    const named = each.flatMap((numbers, head) =>
      numbers.map((number) => ({ ...number, name: resultName(this.#parts[head].head.target, number.name), head })),
    );
    return [{ name: 'loss' }, ...named];
  }

  /** Names of the metrics that are tables and curves. */
  get figures(): readonly string[] {
    const isOne = this.#parts.length === 1;
    return this.#parts.flatMap(({ head, metrics }) =>
      metrics.figures.map((name) => (isOne ? name : resultName(head.target, name))),
    );
  }

  /** @returns what gives `numbers` with each example counted as often as is said */
  estimator(kept: readonly KeptOutput[]): (multiplicities: Float64Array) => Float64Array {
    const rows = this.#parts.map(({ metrics }, i) => metrics.keeper.rows(kept[i]));
    return (multiplicities) => {
      const each = this.#parts.map(({ metrics }, i) => metrics.estimate(kept[i], rows[i], multiplicities));
      const loss = this.#parts.reduce((sum, { head }, i) => sum + head.factor * each[i][0], 0);
      if (each.length > 1) return Float64Array.of(loss, ...each.flatMap((own) => [...own]));
      each[0][0] = loss;
      return each[0];
    };
  }

  #together(each: readonly MetricResults[]): MetricResults {
    const loss = this.#parts.reduce((sum, { head }, i) => sum + head.factor * each[i].scalars.loss, 0);
    if (each.length === 1) {
      const [results] = each;
      return { ...results, scalars: { ...results.scalars, loss } };
    }
    const named = (pick: (results: MetricResults) => object) =>
      Object.fromEntries(
        each.flatMap((results, i) =>
          Object.entries(pick(results)).map(([name, value]) => [resultName(this.#parts[i].head.target, name), value]),
        ),
      );
    return { scalars: { loss, ...named(({ scalars }) => scalars) }, figures: named(({ figures }) => figures) };
  }
}

/** What a metric of one of several outputs is called, as in Keras. */
export const resultName = (target: string, metric: string): string => `${target}_${metric}`;

const sumsOf = ({ sums: at, metrics }: HeadPart, sums: Float64Array): Float64Array =>
  sums.subarray(at, at + metrics.width);
const countsOf = ({ counts: at, metrics }: HeadPart, counts: Float64Array): Float64Array =>
  counts.subarray(at, at + metrics.counts);
