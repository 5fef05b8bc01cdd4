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
  /** `kept` numbers of each example, in the order of the batches. */
  readonly kept: Float32Array;
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
  /** Whether no metric before it adds up the same. */
  readonly isFirst: boolean;
}

/** Made from one output's spec, and has no state: several outputs are several of these, one behind the other. */
export class OutputMetrics {
  /** Float64 sums of a batch. */
  readonly width: number;
  /** Integers that a thread adds up over its batches. */
  readonly counts: number;
  /** Numbers of an example that are kept: outputs, targets and weights of its places, where some metric needs all rows at once. */
  readonly kept: number;
  readonly #spec: ScoredOutput;
  readonly #parts: readonly Part[];
  /** Those that add up something of their own. */
  readonly #summed: readonly Part[];
  readonly #customs: readonly string[];

  constructor(spec: MetricSpec) {
    this.#spec = spec;
    let [sums, counts] = [shared.width, 0];
    const places = new Map<string, { readonly sums: number; readonly counts: number }>();
    const asked = spec.metrics.map((config) => new AskedMetric(config));
    this.#parts = asked.map((each) => {
      const metric = each.create(spec);
      const before = metric.shared === undefined ? undefined : places.get(metric.shared);
      const place = before ?? { sums, counts };
      if (metric.shared !== undefined) places.set(metric.shared, place);
      if (!before) [sums, counts] = [sums + metric.width, counts + metric.counts];
      return { label: each.label, metric, ...place, isFirst: !before };
    });
    this.#summed = this.#parts.filter(({ isFirst }) => isFirst);
    [this.width, this.counts] = [sums, counts];
    const needsAll = this.#parts.some(({ metric }) => metric.all);
    this.kept = needsAll ? spec.places * (spec.outputs + targetsOf(spec) + 1) : 0;
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
    for (const part of this.#summed) part.metric.add(rows, sumsOf(part, sums).sums, countsOf(part, counts));
  }

  /**
   * Keeps what metrics need of all rows at once.
   * @param kept begins at the batch's first example; `stride` numbers further is the next one
   */
  keep(batch: EvaluatedBatch, kept: Float32Array, stride: number): void {
    if (this.kept === 0) return;
    const { outputs: width, places: most } = this.#spec;
    const wide = targetsOf(this.#spec);
    const examples = batch.losses.length;
    // Sequences that are cut have fewer places; the others count nothing.
    const places = batch.outputs.length / width / examples;
    for (let example = 0; example < examples; example++) {
      const from = example * places;
      const own = kept.subarray(example * stride, example * stride + this.kept);
      own.fill(0, (places * this.kept) / most);
      own.set(batch.outputs.subarray(from * width, (from + places) * width));
      for (let i = 0; i < places * wide; i++) own[most * width + i] = batch.targets[from * wide + i];
      for (let i = 0; i < most; i++) {
        const row = from + i;
        own[most * (width + wide) + i] = i < places ? (batch.valid?.[row] ?? 1) * (batch.weights?.[row] ?? 1) : 0;
      }
    }
  }

  /** All rows that were kept. */
  #rows(kept: Float32Array, offset: number, stride: number): EvaluatedRows {
    const { outputs: width, places } = this.#spec;
    const wide = targetsOf(this.#spec);
    const examples = kept.length / stride;
    const part = (start: number, length: number) => {
      const values = new Float32Array(examples * length);
      for (let i = 0; i < examples; i++) {
        const at = i * stride + offset + start;
        for (let j = 0; j < length; j++) values[i * length + j] = kept[at + j];
      }
      return values;
    };
    const weights = part(places * (width + wide), places);
    const batch = {
      outputs: part(0, places * width),
      targets: part(places * width, places * wide),
      losses: new Float32Array(examples),
      divisor: examples,
      metrics: [],
      ...(weights.some((weight) => weight !== 1) && { weights }),
    };
    return new EvaluatedRows(this.#spec, batch, this.#customs);
  }

  /** Merges the sums of batches that are one behind the other, in order. */
  merged(table: Float64Array): Float64Array {
    const total = new Float64Array(this.width);
    for (let start = 0; start < table.length; start += this.width) {
      const batch = table.subarray(start, start + this.width);
      for (const part of this.#summed) part.metric.merge(sumsOf(part, total), sumsOf(part, batch));
      for (let i = 0; i < shared.width; i++) total[i] += batch[i];
    }
    return total;
  }

  /**
   * The loss and the metrics of a split.
   * @param totals merged
   * @param place of what was kept: where it begins in that of each example, and how much that is
   */
  results({ sums, counts, kept }: MetricTotals, place = { offset: 0, stride: this.kept }): MetricResults {
    const rows = this.kept > 0 ? this.#rows(kept, place.offset, place.stride) : undefined;
    const scalars: Record<string, number> = { loss: sums[shared.loss] / sums[shared.divisor] };
    const figures: Record<string, MetricFigure> = {};
    for (const part of this.#parts) {
      const { metric } = part;
      const result = metric.all ? metric.all(rows!) : metric.result(sumsOf(part, sums), countsOf(part, counts));
      if (typeof result === 'number') scalars[part.label] = result;
      else figures[part.label] = result;
    }
    return { scalars, figures };
  }
}

/** Numbers of the target of one place. */
const targetsOf = ({ classes, outputs }: ScoredOutput): number => (classes ? 1 : outputs);

const sumsOf = ({ sums: at, metric }: Part, sums: Float64Array): MetricSums => ({
  sums: sums.subarray(at, at + metric.width),
  weight: sums[shared.weight],
});

const countsOf = ({ counts: at, metric }: Part, counts: Float64Array): Float64Array =>
  counts.subarray(at, at + metric.counts);
