/** The metrics of one output: sums of batches that merge to those of a whole split, without padding or means of means. */

import { type EvaluatedBatch, EvaluatedRows, type ScoredOutput } from '../metrics/evaluated-rows.js';
import { AskedMetric, type MetricConfig } from '../metrics/families.js';
import type { Metric, MetricFamily, MetricFigure, MetricSums } from '../metrics/metric.js';
import { type KeptOutput, RowKeeper } from './kept-rows.js';
import type { MetricSpec } from './metric-spec.js';

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

interface MetricPart {
  readonly label: string;
  readonly family: MetricFamily;
  readonly config: MetricConfig;
  readonly metric: Metric;
  /** Where its sums and its counts begin. */
  readonly sums: number;
  readonly counts: number;
  /** Whether no metric before it adds up the same. */
  readonly isFirst: boolean;
}

/** A loss or a metric that is a number. */
export interface NumberOf {
  readonly name: string;
  /** Of the metric; a loss has none. */
  readonly family?: MetricFamily;
  /** The metric as it was asked for. */
  readonly config?: MetricConfig;
}

/** Made from one output's spec, and has no state: several outputs are several of these, one behind the other. */
export class OutputMetrics {
  /** Float64 sums of a batch. */
  readonly width: number;
  /** Integers that a thread adds up over its batches. */
  readonly counts: number;
  /** What keeps examples, where some metric needs all rows at once. */
  readonly keeper: RowKeeper;
  /** The loss, which has no family, and the metrics that are numbers. */
  readonly numbers: readonly NumberOf[];
  /** Names of the metrics that are tables and curves. */
  readonly figures: readonly string[];
  readonly #spec: ScoredOutput;
  readonly #parts: readonly MetricPart[];
  /** Those that add up something of their own. */
  readonly #summed: readonly MetricPart[];
  readonly #customs: readonly string[];

  constructor(spec: MetricSpec) {
    this.#spec = spec;
    let [sums, counts] = [shared.width, 0];
    const places = new Map<string, { readonly sums: number; readonly counts: number }>();
    const asked = spec.metrics.map((config) => new AskedMetric(config));
    this.#parts = asked.map((each, i) => {
      const metric = each.create(spec);
      const before = metric.shared === undefined ? undefined : places.get(metric.shared);
      const place = before ?? { sums, counts };
      if (metric.shared !== undefined) places.set(metric.shared, place);
      if (!before) [sums, counts] = [sums + metric.width, counts + metric.counts];
      const { label, family } = each;
      return { label, family, config: spec.metrics[i], metric, ...place, isFirst: !before };
    });
    this.#summed = this.#parts.filter(({ isFirst }) => isFirst);
    [this.width, this.counts] = [sums, counts];
    const needsAll = this.#parts.some(({ metric }) => metric.all);
    this.keeper = new RowKeeper(spec, needsAll);
    const named = this.#numbers.map(({ label: name, family, config }) => ({ name, family, config }));
    this.numbers = [{ name: 'loss' }, ...named];
    this.figures = this.#parts.flatMap(({ label, family }) => (family.better === undefined ? label : []));
    this.#customs = asked.flatMap(({ family, label }) => (family.name === 'custom' ? label : []));
  }

  /**
   * Adds up a batch, in float64 and in the order of its rows.
   * @param sums `width` zeros: the batch's own
   * @param counts `counts` integers of the batches before
   */
  add(batch: EvaluatedBatch, sums: Float64Array, counts: Float64Array): void {
    const rows = new EvaluatedRows(this.#spec, { ...batch, examples: batch.losses.length }, this.#customs);
    let loss = 0;
    for (const each of batch.losses) loss += each;
    sums[shared.divisor] = batch.divisor;
    sums[shared.loss] = loss;
    sums[shared.weight] = rows.weight;
    for (const part of this.#summed) part.metric.add(rows, sumsOf(part, sums).sums, countsOf(part, counts));
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
   * @param rows all of them, where a metric needs them
   */
  results({ sums, counts }: Pick<MetricTotals, 'sums' | 'counts'>, rows: EvaluatedRows | undefined): MetricResults {
    const scalars: Record<string, number> = { loss: sums[shared.loss] / sums[shared.divisor] };
    const figures: Record<string, MetricFigure> = {};
    for (const part of this.#parts) {
      const result = resultOf(part, sums, counts, rows);
      if (typeof result === 'number') scalars[part.label] = result;
      else figures[part.label] = result;
    }
    return { scalars, figures };
  }

  /** The loss and the metrics of examples that were kept. */
  ofKept(kept: KeptOutput): MetricResults {
    const rows = this.keeper.rows(kept);
    const totals = this.#add(rows, kept, undefined);
    return this.results(totals, rows);
  }

  /**
   * The loss and the metrics that are numbers, each example counted as often as is said.
   * @param kept what `rows` are made of
   * @param multiplicities of each example
   * @returns in the order of `numbers`
   */
  estimate(kept: KeptOutput, rows: EvaluatedRows, multiplicities: Float64Array): Float64Array {
    const again = rows.reweighted(multiplicities);
    const { sums, counts } = this.#add(again, kept, multiplicities);
    const estimates = new Float64Array(this.numbers.length);
    estimates[0] = sums[shared.loss] / sums[shared.divisor];
    this.#numbers.forEach((part, i) => {
      estimates[i + 1] = resultOf(part, sums, counts, again) as number;
    });
    return estimates;
  }

  #add(rows: EvaluatedRows, { examples, losses, divisors }: KeptOutput, multiplicities: Float64Array | undefined) {
    const [sums, counts] = [new Float64Array(this.width), new Float64Array(this.counts)];
    for (let example = 0; losses && divisors && example < examples; example++) {
      const times = multiplicities ? multiplicities[example] : 1;
      if (times === 0) continue;
      sums[shared.loss] += times * losses[example];
      sums[shared.divisor] += times * divisors[example];
    }
    sums[shared.weight] = rows.weight;
    for (const part of this.#summed) part.metric.add(rows, sumsOf(part, sums).sums, countsOf(part, counts));
    return { sums, counts };
  }

  get #numbers(): readonly MetricPart[] {
    return this.#parts.filter(({ family }) => family.better !== undefined);
  }
}

const resultOf = (part: MetricPart, sums: Float64Array, counts: Float64Array, rows: EvaluatedRows | undefined) =>
  part.metric.all ? part.metric.all(rows!) : part.metric.result(sumsOf(part, sums), countsOf(part, counts));

const sumsOf = ({ sums: at, metric }: MetricPart, sums: Float64Array): MetricSums => ({
  sums: sums.subarray(at, at + metric.width),
  weight: sums[shared.weight],
});

const countsOf = ({ counts: at, metric }: MetricPart, counts: Float64Array): Float64Array =>
  counts.subarray(at, at + metric.counts);
