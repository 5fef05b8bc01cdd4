/** How two models differ on the same examples, and whether that is more than chance. */
import { holm } from './holm.js';
import { percentileInterval } from './intervals.js';
import type { KeptExamples } from './kept-examples.js';
import { exactMcNemar } from './mcnemar.js';
import { normalQuantile } from './normal.js';
import { rightExamples } from './right-examples.js';
import { type HeadNumber, RunMetrics } from './run-metrics.js';

/** A model's outputs, the loss and metrics that they come to, and replicates of those on draws that all models share. */
export interface ResampledModel {
  readonly kept: KeptExamples;
  readonly values: Readonly<Record<string, number>>;
  /** [resamples, numbers] */
  readonly drawn: Float64Array;
}

/** What two models differ by in a metric. */
export interface Difference {
  readonly metric: string;
  readonly better: 'higher' | 'lower';
  readonly baseline: number;
  readonly value: number;
  /** `value` less `baseline`. */
  readonly difference: number;
  /** Where the difference lies that the models would have on all examples of the kind; absent where resamples have none. */
  readonly interval?: { readonly low: number; readonly high: number };
  readonly standardError?: number;
  /** How likely models that are equally good are to differ at least so much. NaN where a model has no such number. */
  readonly p: number;
  readonly test: 'mcnemar' | 'bootstrap';
  /** Of McNemar's test: examples that only the baseline gets right, and that only the other does. */
  readonly onlyBaseline?: number;
  readonly onlyOther?: number;
}

/**
 * @param isCommon of numbers that both have: whether they mean the same
 * @param groups whether examples were drawn in groups, so that they do not count one by one
 */
export function differencesOf(
  baseline: ResampledModel,
  other: ResampledModel,
  isCommon: (one: HeadNumber, other: HeadNumber) => boolean,
  { confidence, groups }: { readonly confidence: number; readonly groups?: Int32Array },
): Difference[] {
  const [numbers, others] = [baseline, other].map(({ kept }) => new RunMetrics(kept.heads).numbers);
  const columns = [columnsOf(baseline, numbers), columnsOf(other, others)];
  return numbers.flatMap((number) => {
    const same = others.find(({ name }) => name === number.name);
    if (!same || !isCommon(number, same)) return [];
    const [before, after] = [baseline.values[number.name], other.values[number.name]];
    const [drawn, drawnOther] = columns.map((column) => column(number.name));
    const replicates = drawn.map((value, i) => drawnOther[i] - value);
    const shown = {
      metric: number.name,
      better: number.family?.better ?? ('lower' as const),
      ...{ baseline: before, value: after, difference: after - before },
    };
    if (!Number.isFinite(after - before)) return { ...shown, p: Number.NaN, test: 'bootstrap' as const };
    const found = percentileInterval(replicates, confidence);
    const exact = groups ? undefined : mcNemar(baseline.kept, other.kept, number, same);
    return {
      ...shown,
      ...(found && { interval: { low: found.low, high: found.high }, standardError: found.standardError }),
      ...(exact ?? { p: found ? shareBeyond(replicates) : Number.NaN, test: 'bootstrap' as const }),
    };
  });
}

/** Replicates of a number. */
const columnsOf =
  ({ drawn }: ResampledModel, numbers: readonly HeadNumber[]) =>
  (name: string): Float64Array => {
    const at = numbers.findIndex((number) => number.name === name);
    return Float64Array.from({ length: drawn.length / numbers.length }, (_, i) => drawn[i * numbers.length + at]);
  };

/**
 * The two-sided p-value of a bootstrap, as Davison and Hinkley (1997, 4.4) count: never 0, as no finite number of draws shows that.
 * @param replicates of a difference
 */
function shareBeyond(replicates: Float64Array): number {
  const [below, above] = [replicates.filter((value) => value <= 0), replicates.filter((value) => value >= 0)];
  const numbers = replicates.filter((value) => !Number.isNaN(value));
  return Math.min(1, (2 * (Math.min(below.length, above.length) + 1)) / (numbers.length + 1));
}

function mcNemar(one: KeptExamples, other: KeptExamples, number: HeadNumber, same: HeadNumber) {
  const [right, rightOther] = [rightExamples(one, number), rightExamples(other, same)];
  if (!right || !rightOther) return undefined;
  let [onlyBaseline, onlyOther] = [0, 0];
  right.forEach((value, i) => {
    if (value > rightOther[i]) onlyBaseline++;
    else if (value < rightOther[i]) onlyOther++;
  });
  return { p: exactMcNemar(onlyBaseline, onlyOther), test: 'mcnemar' as const, onlyBaseline, onlyOther };
}

/** What is to be said of a difference. */
export interface Verdict extends Difference {
  /** `p` corrected for all comparisons that were made beside it (Holm 1979). */
  readonly corrected: number;
  /** In words; by `corrected` and the confidence. */
  readonly verdict: 'better' | 'worse' | 'no difference shown' | 'no number';
  /** The smallest difference that so many examples show four times out of five. */
  readonly detectable?: number;
}

/** @param compared differences from the baseline, of each of the other models */
export function verdictsOf(compared: readonly (readonly Difference[])[], confidence: number): Verdict[][] {
  const level = 1 - confidence;
  const corrected = holm(compared.flat().map(({ p }) => p));
  const reach = normalQuantile(1 - level / 2) + normalQuantile(0.8);
  let next = 0;
  return compared.map((differences) =>
    differences.map((each): Verdict => {
      const p = corrected[next++];
      const isBetter = each.difference > 0 === (each.better === 'higher');
      const shown = p < level && each.difference !== 0;
      const verdict = shown ? (isBetter ? 'better' : 'worse') : Number.isNaN(p) ? 'no number' : 'no difference shown';
      const detectable = each.standardError === undefined ? {} : { detectable: reach * each.standardError };
      return { ...each, corrected: p, verdict, ...detectable };
    }),
  );
}
