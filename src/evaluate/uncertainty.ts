/** What is said beside the numbers of a split: how sure each is, and why one is none. */
import { AskedMetric } from '../metrics/families.js';
import { detectable, distanceInterval, type Interval, percentileInterval, wilsonInterval } from './intervals.js';
import type { KeptExamples } from './kept-examples.js';
import type { KeptOutput } from './kept-rows.js';
import { normalQuantile } from './normal.js';
import { OutputMetrics } from './output-metrics.js';
import { type ReplicateOptions, replicates } from './replicates.js';
import { type HeadNumber, RunMetrics } from './run-metrics.js';

export interface Uncertainty {
  /** By the name of the loss or metric; absent where there is none. */
  readonly intervals: Readonly<Record<string, Interval>>;
  /** How large a difference of two models each can show (intervals.ts). */
  readonly detectable: Readonly<Record<string, number>>;
  /** Why a metric is no number, or has no interval. */
  readonly notes: Readonly<Record<string, string>>;
}

/**
 * Intervals of the numbers of a split.
 * @param values of the loss and the metrics by their names
 * @param drawn replicates of them, [resamples, numbers]; undefined where nothing is resampled
 */
export function uncertaintyOf(
  kept: KeptExamples,
  values: Readonly<Record<string, number>>,
  drawn: Float64Array | undefined,
  { confidence, groups }: { readonly confidence: number; readonly groups?: Int32Array },
): Uncertainty {
  const { numbers } = new RunMetrics(kept.heads);
  const intervals: Record<string, Interval> = {};
  const notes: Record<string, string> = {};
  for (const [at, number] of numbers.entries()) {
    const value = values[number.name];
    // Arrays come without losses.
    if (value === undefined) continue;
    const note = Number.isFinite(value) ? undefined : noteOf(number, kept, value);
    if (note !== undefined) notes[number.name] = note;
    const trials = groups === undefined ? trialsOf(number, kept) : undefined;
    if (!Number.isFinite(value) || !drawn || kept.examples < 2) continue;
    const own = Float64Array.from({ length: drawn.length / numbers.length }, (_, i) => drawn[i * numbers.length + at]);
    const chance = chanceOf(number, kept, normalQuantile((1 + confidence) / 2));
    const found =
      trials !== undefined
        ? wilsonInterval(value, trials, confidence)
        : chance !== undefined
          ? distanceInterval(value, own, chance, confidence)
          : percentileInterval(own, confidence);
    if (found) intervals[number.name] = found;
    else
      notes[number.name] =
        own.length < 2
          ? 'no interval: it takes at least 2 resamples'
          : 'no interval: more than a twentieth of the resamples has no such number';
  }
  const entries = Object.entries(intervals);
  const smallest = entries.map(([name, { standardError }]) => [name, detectable(standardError)] as const);
  return { intervals, detectable: Object.fromEntries(smallest), notes };
}

/** As `uncertaintyOf`, after resampling. */
export async function resampled(
  kept: KeptExamples,
  values: Readonly<Record<string, number>>,
  options: ReplicateOptions & { readonly confidence: number },
): Promise<Uncertainty> {
  const drawn = options.resamples > 0 ? await replicates(kept, options) : undefined;
  return uncertaintyOf(kept, values, drawn, options);
}

/** Examples that are right or wrong as a whole, and count alike; undefined where a number is no share of such. */
export function trialsOf({ config, head }: HeadNumber, { heads, outputs, examples }: KeptExamples): number | undefined {
  if (config === undefined || head === undefined || !new AskedMetric(config).isProportion) return undefined;
  const { places, weighted, binary, outputs: width } = heads[head];
  const isWhole = places === 1 && !weighted && !outputs[head].weights && !(binary && width > 1);
  return isWhole ? examples : undefined;
}

/** What chance alone makes of a distance; undefined of what is none. */
function chanceOf({ config, head }: HeadNumber, { heads, outputs }: KeptExamples, deviations: number) {
  if (config === undefined || head === undefined) return undefined;
  const metric = new AskedMetric(config).byChance(heads[head], deviations);
  if (!metric) return undefined;
  const rows = new OutputMetrics(heads[head]).keeper.rows(outputs[head]);
  const [sums, counts] = [new Float64Array(metric.width), new Float64Array(metric.counts)];
  metric.add(rows, sums, counts);
  const result = metric.result({ sums, weight: rows.weight }, counts);
  return typeof result === 'number' ? result : undefined;
}

function noteOf({ family, head }: HeadNumber, { outputs, examples }: KeptExamples, value: number): string {
  if (examples === 0) return 'there are no examples';
  const some = head === undefined ? outputs : [outputs[head]];
  if (some.some(({ weights }) => weights?.every((weight) => weight === 0))) return 'all examples weigh 0';
  if (some.some(hasUnreal)) return 'the model gives outputs that are not finite';
  if (Number.isNaN(value) && family?.undefinedWhere) return family.undefinedWhere;
  return Number.isNaN(value) ? 'it is not defined for these targets' : 'it is larger than any number';
}

const hasUnreal = ({ outputs }: KeptOutput): boolean => outputs.some((value) => !Number.isFinite(value));
