/** Metrics of slices: parts of a split that a column tells apart, the worst first, and the gaps between them. */
import type { Interval } from './intervals.js';
import { percentileInterval, quantile } from './intervals.js';
import { type KeptExamples, subset } from './kept-examples.js';
import { partReplicates, type ReplicateOptions } from './replicates.js';
import { RunMetrics } from './run-metrics.js';
import { absentClasses, type ClassesOfSlice } from './slice-classes.js';
import type { Slicing } from './slicing.js';
import { uncertaintyOf } from './uncertainty.js';

export interface SliceGroup {
  /** What its examples have in common: a value, or a bin. */
  readonly value: string;
  readonly examples: number;
  readonly metrics: Readonly<Record<string, number>>;
  readonly intervals: Readonly<Record<string, Interval>>;
  /** Why it says little. */
  readonly note?: string;
  /** Whether it is too small to say. */
  readonly isSmall?: true;
  /** Why metrics are no numbers, by their names. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** How far the slices are apart by a metric. */
export interface SliceGap {
  readonly metric: string;
  /** The largest value less the smallest, of slices that are large enough. */
  readonly gap: number;
  /** Interval of the difference between these two; NaN where there is none. */
  readonly low: number;
  readonly high: number;
  /** The gap that slices without differences have at most in so many splits as `confidence` says. */
  readonly byChance: number;
  /** The slices. */
  readonly least: string;
  readonly most: string;
}

export interface Slices {
  readonly column: string;
  readonly confidence: number;
  /** By which slices are in order, the worst first. */
  readonly by: string;
  /** Of columns in bins. */
  readonly edges: Readonly<Record<string, readonly number[]>>;
  readonly groups: readonly SliceGroup[];
  readonly gaps: readonly SliceGap[];
}

export type SliceOptions = ReplicateOptions & { readonly confidence: number };

/** Below so many examples, or groups of examples, a slice is too small to say. */
const fewExamples = 30;
const fewGroups = 10;

interface SlicePart extends SliceGroup {
  readonly lacksClass: boolean;
  /** [resamples, numbers] */
  readonly drawn: Float64Array | undefined;
}

/** All slices from the same draws of the whole split, so that they move together. */
export async function slicesOf(
  kept: KeptExamples,
  slicings: readonly Slicing[],
  options: SliceOptions,
): Promise<Slices[]> {
  const places = slicings.map(placesOf);
  const parts = places.flat().map((own) => ({ places: own, kept: subset(kept, own) }));
  const { resamples, confidence } = options;
  const drawn = resamples > 0 && parts.length > 0 ? await partReplicates(kept.examples, parts, options) : undefined;
  const { numbers } = new RunMetrics(kept.heads);
  let next = 0;
  return slicings.map((slicing, i) => {
    const own = parts.slice(next, next + places[i].length).map((part, j) => {
      const replicates = drawn && partOf(drawn, next + j, parts.length, numbers.length);
      return { ...part, value: slicing.values[j], drawn: replicates };
    });
    next += own.length;
    const absent = absentClasses(
      kept,
      own.map((part) => part.kept),
    );
    const groups = own.map((part, j) => measured(part, absent[j], options));
    return sliced(slicing, groups, numbers, confidence);
  });
}

function placesOf({ values, codes }: Slicing): Int32Array[] {
  const places = values.map((): number[] => []);
  codes.forEach((code, place) => {
    places[code].push(place);
  });
  return places.map((own) => {
    const shared = new Int32Array(new SharedArrayBuffer(4 * own.length));
    shared.set(own);
    return shared;
  });
}

/** [resamples, numbers] of [resamples, parts, numbers]. */
function partOf(drawn: Float64Array, part: number, parts: number, width: number): Float64Array {
  const own = new Float64Array(drawn.length / parts);
  for (let i = 0; i < own.length / width; i++) {
    const at = (i * parts + part) * width;
    own.set(drawn.subarray(at, at + width), i * width);
  }
  return own;
}

function measured(
  part: { value: string; places: Int32Array; kept: KeptExamples; drawn: Float64Array | undefined },
  absent: ClassesOfSlice,
  { confidence, groups }: SliceOptions,
): SlicePart {
  const { value, places, kept, drawn } = part;
  const { scalars: metrics } = new RunMetrics(kept.heads).ofKept(kept.outputs);
  const { intervals, notes } = uncertaintyOf(kept, metrics, drawn, { confidence, groups });
  const clusters = groups && new Set(Array.from(places, (place) => groups[place])).size;
  const small =
    places.length < fewExamples
      ? `fewer than ${fewExamples} examples`
      : clusters !== undefined && clusters < fewGroups
        ? `fewer than ${fewGroups} groups`
        : undefined;
  const note = [small && `${small}: too small to say`, absent.note].filter((text) => text !== undefined).join('; ');
  return {
    ...{ value, examples: places.length, metrics, intervals, drawn },
    lacksClass: absent.isLacking,
    ...(small !== undefined && { isSmall: true as const }),
    ...(note !== '' && { note }),
    ...(undefinedOf(metrics, notes) && { notes: undefinedOf(metrics, notes) }),
  };
}

/** The notes of what is no number; of intervals that are not there nothing is said in slices. */
function undefinedOf(metrics: SliceGroup['metrics'], notes: Readonly<Record<string, string>>) {
  const entries = Object.entries(notes).filter(([name]) => !Number.isFinite(metrics[name]));
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

type Numbered = RunMetrics['numbers'][number];

function sliced(
  slicing: Slicing,
  parts: readonly SlicePart[],
  numbers: readonly Numbered[],
  confidence: number,
): Slices {
  const directed = numbers.filter(({ family }) => family?.better);
  const first = directed.find((number) => parts.some((part) => saysOf(part, number))) ?? directed[0] ?? numbers[0];
  const sign = first.family?.better === 'higher' ? 1 : -1;
  const ordered = parts.toSorted((a, b) => {
    const worst = sign * (a.metrics[first.name] - b.metrics[first.name]);
    // What is no number is neither better nor worse.
    return Number(saysOf(b, first)) - Number(saysOf(a, first)) || worst || 0;
  });
  return {
    ...{ column: slicing.column, confidence, by: first.name, edges: slicing.edges },
    groups: ordered.map(({ lacksClass, drawn, ...group }) => group),
    gaps: numbers.flatMap((number, i) => gapOf(number, i, numbers.length, parts, confidence) ?? []),
  };
}

/** Whether a slice says something of a metric. */
const saysOf = ({ metrics, isSmall, lacksClass }: SlicePart, { name, family }: Numbered): boolean =>
  !isSmall && !(lacksClass && family?.comparesClasses) && Number.isFinite(metrics[name]);

function gapOf(
  number: Numbered,
  at: number,
  width: number,
  all: readonly SlicePart[],
  confidence: number,
): SliceGap | undefined {
  const { name } = number;
  const parts = all.filter((part) => saysOf(part, number));
  if (parts.length < 2) return undefined;
  const least = parts.reduce((a, b) => (b.metrics[name] < a.metrics[name] ? b : a));
  const most = parts.reduce((a, b) => (b.metrics[name] > a.metrics[name] ? b : a));
  const none = { low: Number.NaN, high: Number.NaN, byChance: Number.NaN };
  const gap = most.metrics[name] - least.metrics[name];
  const found = { metric: name, gap, ...none, least: least.value, most: most.value };
  if (!parts.every(({ drawn }) => drawn)) return found;
  const each = parts.map(({ drawn }) =>
    Float64Array.from({ length: drawn!.length / width }, (_, i) => drawn![i * width + at]),
  );
  const [low, high] = [each[parts.indexOf(least)], each[parts.indexOf(most)]];
  const interval = percentileInterval(
    high.map((value, i) => value - low[i]),
    confidence,
  );
  if (!interval) return found;
  const means = parts.map(({ metrics }) => metrics[name]);
  return { ...found, low: interval.low, high: interval.high, byChance: byChance(each, means, confidence) };
}

/**
 * The gap that slices without differences have at most, as often as `confidence` says: the range of what chance adds to each, as
 * Tukey's test takes it, but from the draws. It counts that the two slices were chosen from all.
 */
function byChance(each: readonly Float64Array[], values: readonly number[], confidence: number): number {
  const ranges = each[0].map((_, draw) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    each.forEach((drawn, i) => {
      const added = drawn[draw] - values[i];
      // A slice that is not drawn adds nothing.
      if (Number.isNaN(added)) return;
      [low, high] = [Math.min(low, added), Math.max(high, added)];
    });
    return high - low;
  });
  return quantile(ranges.filter((range) => Number.isFinite(range)).sort(), confidence);
}
