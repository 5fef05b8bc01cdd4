/**
 * Where wanted ones stand among all outputs of a row. Items of equal output share their places: what comes of them is the mean over
 * all their orders (McSherry and Najork 2008), as in scikit-learn's ndcg_score.
 */
import { isMultiLabel } from './class-counts.js';
import type { EvaluatedRows, ScoredOutput } from './evaluated-rows.js';
import { type Metric, meanOverRows } from './metric.js';

/** What a place is worth to the only one that is wanted, counted from 1. */
export type PlaceWorth = (place: number) => number;

/** Outputs that are equal, some of which are wanted. */
export interface TiedItems {
  /** How many outputs are above them, and how many of those are wanted. */
  readonly above: number;
  readonly wantedAbove: number;
  readonly items: number;
  readonly wanted: number;
}

/** What the places of several that are wanted are worth. @param wanted all of them; those that are no number have no place */
export type PlacesWorth = (ties: readonly TiedItems[], wanted: number) => number;

/** A metric of rankings, by what the place of one wanted item is worth, and those of several labels. */
export const rankingMetric = (spec: ScoredOutput, one: PlaceWorth, several: PlacesWorth): Metric =>
  isMultiLabel(spec) ? ofSeveral(spec.outputs, several) : ofOne(spec.outputs, one);

/** @returns how much the first places are worth together, by how many there are, from 0 to `most` */
export function worthOfFirst(most: number, worth: PlaceWorth): Float64Array {
  const together = new Float64Array(most + 1);
  for (let place = 1; place <= most; place++) together[place] = together[place - 1] + worth(place);
  return together;
}

function ofOne(outputs: number, worth: PlaceWorth): Metric {
  const first = worthOfFirst(outputs, worth);
  return meanOverRows((rows) => (row) => {
    const { above, equal } = standing(rows, row, outputs);
    return equal === 0 ? 0 : (first[above + equal] - first[above]) / equal;
  });
}

/** How many outputs are above that of the wanted one, and how many are equal to it, itself among them; none where it is NaN. */
function standing({ outputs, classes }: EvaluatedRows, row: number, width: number): { above: number; equal: number } {
  const wanted = outputs[row * width + classes[row]];
  let [above, equal] = [0, 0];
  for (let at = row * width; at < (row + 1) * width; at++) {
    if (outputs[at] > wanted) above++;
    else if (outputs[at] === wanted) equal++;
  }
  return { above, equal };
}

/** A row that wants nothing is worth 0, as in ndcg_score and in torchmetrics. */
function ofSeveral(outputs: number, worth: PlacesWorth): Metric {
  return meanOverRows(({ outputs: all, values }) => (row) => {
    const [from, to] = [row * outputs, (row + 1) * outputs];
    const scores: number[] = [];
    for (let at = from; at < to; at++) if (values[at] > 0) scores.push(all[at]);
    return scores.length === 0 ? 0 : worth(tiesOf(all.subarray(from, to), scores), scores.length);
  });
}

/** From the highest output down. */
function tiesOf(outputs: ArrayLike<number>, wantedScores: readonly number[]): TiedItems[] {
  const wanted = Float64Array.from(wantedScores.filter((score) => !Number.isNaN(score))).sort();
  const levels = wanted.filter((score, i) => score !== wanted[i + 1]);
  const counts = levels.map(() => 0);
  // Above the highest level that is below, so many outputs lie.
  const higher = new Float64Array(levels.length + 1);
  for (let i = 0; i < outputs.length; i++) {
    const below = levelsBelow(levels, outputs[i]);
    if (levels[below] === outputs[i]) counts[below]++;
    // NaN is above nothing.
    if (below > 0) higher[below - 1]++;
  }
  const ties: TiedItems[] = [];
  let [above, wantedAbove] = [0, 0];
  for (let level = levels.length - 1; level >= 0; level--) {
    above += higher[level];
    const own = wanted.filter((score) => score === levels[level]).length;
    ties.push({ above, wantedAbove, items: counts[level], wanted: own });
    wantedAbove += own;
  }
  return ties;
}

/** How many ascending levels are below a score; none is below NaN. */
function levelsBelow(levels: Float64Array, score: number): number {
  let [from, to] = [0, levels.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (levels[middle] < score) from = middle + 1;
    else to = middle;
  }
  return from;
}
