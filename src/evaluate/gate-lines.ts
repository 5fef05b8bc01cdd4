/** Whether a model passes a gate: a line for each limit. What is not a number passes none. */
import type { BaselineLimit, MetricLimit, SliceLimit } from '../config/gate.js';
import { numberText } from '../ground/units.js';
import type { Verdict } from './differences.js';
import type { Slices } from './slices.js';

/** A limit, and whether it is kept. */
export interface GateLine {
  /** `metric`: of the run itself; `slice`: of some of its examples; `gap`: between slices; `baseline`: of the difference from another run. */
  readonly about: 'metric' | 'slice' | 'gap' | 'baseline';
  /** The slice, or the column that makes the slices. */
  readonly slice?: string;
  /** Its name. */
  readonly metric: string;
  /** Of the metric, or of the gap or difference. */
  readonly value: number;
  /** Of the value; absent where there is none. */
  readonly interval?: { readonly low: number; readonly high: number };
  /** What is asked for, in words: `at least 0.95`. */
  readonly rule: string;
  /** The number in it; absent where chance decides. */
  readonly limit?: number;
  /** Whether the limit is kept. */
  readonly passed: boolean;
  /** Why the value is no number, or has no interval. */
  readonly note?: string;
}

interface MeasuredValue {
  readonly value: number;
  readonly interval?: { readonly low: number; readonly high: number };
  readonly note?: string;
}

/** @returns a line for `min` and one for `max` */
export function limitLines(metric: string, { min, max, bound }: MetricLimit, measured: MeasuredValue): GateLine[] {
  const { value, interval, note } = measured;
  const shown = {
    about: 'metric' as const,
    metric,
    value,
    ...(interval && { interval: ends(interval) }),
    ...(note !== undefined && { note }),
  };
  const line = (limit: number, end: 'low' | 'high', rule: string, keeps: (held: number) => boolean): GateLine => {
    if (bound !== end) return { ...shown, rule, limit, passed: keeps(value) };
    // A value without an interval is not known to keep it.
    return {
      ...shown,
      rule: `${rule}, the ${end} end of the interval too`,
      limit,
      passed: keeps(value) && keeps(interval?.[end] ?? Number.NaN),
    };
  };
  return [
    ...(min === undefined ? [] : [line(min, 'low', `at least ${numberText(min)}`, (held) => held >= min)]),
    ...(max === undefined ? [] : [line(max, 'high', `at most ${numberText(max)}`, (held) => held <= max)]),
  ];
}

/** A line for each slice and one for the gap. Slices that are too small to say are listed, and keep every limit. */
export function sliceLines(
  metric: string,
  { gap, ...limits }: SliceLimit,
  { column, groups, gaps }: Slices,
): GateLine[] {
  const lines = groups.flatMap(({ value, metrics, intervals, note, notes = {}, isSmall = false }) => {
    const measured = { value: metrics[metric], interval: intervals[metric], note: notes[metric] ?? note };
    return limitLines(metric, limits, measured).map((line): GateLine => {
      return { ...line, about: 'slice', slice: `${column} ${value}`, passed: line.passed || isSmall };
    });
  });
  if (gap === undefined) return lines;
  const found = gaps.find((each) => each.metric === metric);
  const shown = {
    about: 'gap' as const,
    slice: column,
    metric,
    rule: `slices at most ${numberText(gap)} apart`,
    limit: gap,
  };
  if (!found)
    return [...lines, { ...shown, value: Number.NaN, passed: false, note: 'fewer than two slices are large enough' }];
  const interval = Number.isNaN(found.low) ? {} : { interval: ends(found) };
  return [...lines, { ...shown, value: found.gap, ...interval, passed: found.gap <= gap }];
}

/** @param verdict of the run, compared with the baseline */
export function baselineLine({ worse }: BaselineLimit, verdict: Verdict): GateLine {
  const { metric, difference: value, better, interval } = verdict;
  const shown = { about: 'baseline' as const, metric, value, ...(interval && { interval }) };
  if (worse === 'significantly') {
    return {
      ...shown,
      rule: 'not worse by more than chance',
      passed: !Number.isNaN(verdict.p) && verdict.verdict !== 'worse',
    };
  }
  const loss = better === 'higher' ? -value : value;
  return { ...shown, rule: `worse by at most ${numberText(worse)}`, limit: worse, passed: loss <= worse };
}

const ends = ({ low, high }: { readonly low: number; readonly high: number }) => ({ low, high });
