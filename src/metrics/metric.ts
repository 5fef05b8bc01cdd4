/**
 * A metric as an object: what it adds up over a batch, how batches merge, and what it makes of the total. A family is a file of
 * this folder, with the schema of its options; families.ts lists them all.
 */
import type { z } from 'zod';
import type { EvaluatedRows, ScoredOutput } from './evaluated-rows.js';

/** The library of schemas, given to whoever describes options: threads compute metrics, and should not load it. */
export type Zod = typeof z;

/** Numbers by row and column, such as a confusion matrix. */
export interface MetricTable {
  readonly kind: 'table';
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  /** A list a row. */
  readonly values: readonly (readonly number[])[];
}

/** Points in the order in which to draw them, such as those of a ROC curve. */
export interface MetricCurve {
  readonly kind: 'curve';
  readonly x: { readonly name: string; readonly values: readonly number[] };
  readonly y: { readonly name: string; readonly values: readonly number[] };
}

export type MetricFigure = MetricTable | MetricCurve;

/** What a metric has added up. */
export interface MetricSums {
  /** `width` numbers, from one batch or from several that were merged in order. */
  readonly sums: Float64Array;
  /** Weight of the places that went into them. */
  readonly weight: number;
}

export interface Metric {
  /** Metrics of an output that have the same name here add up the same: it is done once for all of them. */
  readonly shared?: string;
  /** Float64 sums of a batch: merged in the order of the batches, so that their bits do not depend on who computed which. */
  readonly width: number;
  /** Integers over all batches that a thread evaluates: exact in any order, below 2^53. */
  readonly counts: number;
  /**
   * Adds up a batch.
   * @param sums `width` zeros
   * @param counts `counts` integers of the batches before
   */
  add(rows: EvaluatedRows, sums: Float64Array, counts: Float64Array): void;
  /** Merges the sums of the batch that follows into those before it; `addSums` where they are plain sums. */
  merge(total: MetricSums, batch: MetricSums): void;
  /** A number, a table or a curve. */
  result(total: MetricSums, counts: Float64Array): number | MetricFigure;
  /** The same of what needs all rows at once, such as what sorts them: outputs and targets are then kept until the end. */
  all?(rows: EvaluatedRows): number | MetricFigure;
}

/** Why a metric does not fit, and what to do. */
export interface Misfit {
  /** What the metric needs and the targets are not. */
  readonly problem: string;
  readonly remedy: string;
}

/** What is known of targets that are numbers (data/target-survey.ts). */
export interface TargetFacts {
  /** Numbers along the last axis. */
  readonly width: number;
  /** Defined where some target breaks the rule: is neither 0 nor 1; neither -1 nor 1; in no row that adds up to 1. */
  readonly broken: { readonly binary?: number; readonly signs?: number; readonly rows?: number };
}

/** Written with `satisfies`, so that the types of its name and options are known to the config. */
export interface MetricFamily<Options = unknown> {
  /** The family's name in a config. */
  readonly name: string;
  /** Schema of the options; undefined where there are none. */
  schema?(zod: Zod): z.ZodType<Options>;
  /** What the bare name stands for; undefined where options are needed. */
  readonly bare?: Options;
  /** What the metric is called in reports; default: the family's name. */
  label?(options: Options): string;
  /** May be asked for once; with this remedy where it is twice. */
  readonly once?: string;
  /** Which values are better, for whoever watches them; undefined where it gives none, but a table or a curve. */
  readonly better?: 'higher' | 'lower';
  /** The least and the largest value that it can have, whatever the examples; absent where nobody knows, or it gives no number. */
  readonly range?: readonly [number, number];
  /** Whether it is the share of examples that are right, where each example is one row that counts 1. */
  isProportion?(options: Options): boolean;
  /** Sets classes against each other: of examples that lack one it is another number. */
  readonly comparesClasses?: boolean;
  /** Why it may be no number though all outputs are some. */
  readonly undefinedWhere?: string;
  /** No number where all targets are the same. */
  readonly needsSpread?: boolean;
  /** Reads a single output by `threshold`, so that it must be known whether it is a probability. */
  readonly needsThreshold?: boolean;
  /** Reads outputs as probabilities, so that it must be known what they are. */
  readonly needsProbabilities?: boolean;
  /**
   * Why it says nothing about such targets: it would give numbers too, and they would be believed.
   * @param loss its name
   * @param facts of targets that are numbers
   */
  misfit?(spec: ScoredOutput, loss: string, facts?: TargetFacts, options?: Options): Misfit | undefined;
  /**
   * Of a distance, which noise alone makes larger: what it is where the true distance is 0, so many standard deviations above the mean
   * of that.
   */
  byChance?(options: Options, spec: ScoredOutput, deviations: number): Metric;
  /** What a run warns of: options that are legitimate but suspicious. */
  warning?(options: Options, spec: ScoredOutput): string | undefined;
  create(options: Options, spec: ScoredOutput): Metric;
}

/** Ranges of values: of shares, of what is also below chance, of what has no end. */
export const shares = [0, 1] as const;
export const signedShares = [-1, 1] as const;
export const fromZero = [0, Number.POSITIVE_INFINITY] as const;
export const upToOne = [Number.NEGATIVE_INFINITY, 1] as const;

/** Merges plain sums. */
export function addSums({ sums: total }: MetricSums, { sums: batch }: MetricSums): void {
  for (let i = 0; i < total.length; i++) total[i] += batch[i];
}

/**
 * Squared deviations from a mean, summed; 0 where they are no more than what rounding the mean leaves: merged means of equal
 * numbers differ in their last bits. Targets are of 24 bits, so what really varies does so by far more.
 */
export const realSpread = (spread: number, sum: number, weight: number): number =>
  spread <= weight * (2 ** -48 * (sum / weight)) ** 2 ? 0 : spread;

/** The mean over rows of what each comes to. @param finish what is made of the mean */
export function meanOverRows(
  cost: (rows: EvaluatedRows) => (row: number) => number,
  finish = (mean: number) => mean,
): Metric {
  const known = new WeakMap<EvaluatedRows, Float64Array>();
  /** Of rows that are weighed again and again. */
  const knownOf = ({ base }: EvaluatedRows): ((row: number) => number) => {
    let costs = known.get(base);
    if (!costs) {
      const of = cost(base);
      costs = Float64Array.from({ length: base.count }, (_, row) => (base.weights?.[row] === 0 ? 0 : of(row)));
      known.set(base, costs);
    }
    const each = costs;
    return (row) => each[row];
  };
  return {
    width: 1,
    counts: 0,
    add(rows, sums) {
      const { count, weights } = rows;
      const of = rows.base === rows ? cost(rows) : knownOf(rows);
      for (let row = 0; row < count; row++) {
        const weight = weights ? weights[row] : 1;
        if (weight !== 0) sums[0] += weight * of(row);
      }
    },
    merge: addSums,
    result: ({ sums, weight }) => finish(sums[0] / weight),
  };
}

/** A metric that adds up nothing, as it needs all rows at once. */
export const ofAllRows = (all: NonNullable<Metric['all']>): Metric => ({
  width: 0,
  counts: 0,
  add() {},
  merge() {},
  result: () => Number.NaN,
  all,
});
