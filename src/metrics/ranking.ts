/**
 * How far up the wanted one stands among all outputs: each example wants one class, or item. Items of equal output share
 * their places, as in scikit-learn's ndcg_score: what a place is worth is the mean over those that they take.
 */
import type { z } from 'zod';
import { oneClassMisfit } from './class-targets.js';
import type { EvaluatedRows } from './evaluated-rows.js';
import { type Metric, type MetricFamily, meanOverRows, shares, type Zod } from './metric.js';

/** What a place is worth, counted from 1. */
type PlaceWorth = (place: number) => number;

/** The mean worth of the place of the wanted one. */
function meanWorth(outputs: number, worth: PlaceWorth): Metric {
  const before = new Float64Array(outputs + 1);
  for (let place = 1; place <= outputs; place++) before[place] = before[place - 1] + worth(place);
  return meanOverRows((rows) => (row) => {
    const { above, equal } = standing(rows, row, outputs);
    return equal === 0 ? 0 : (before[above + equal] - before[above]) / equal;
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

const cut = (z: Zod) => z.strictObject({ k: z.int().min(1).describe('Places that count, from the top') });
type CutOptions = z.infer<ReturnType<typeof cut>>;

const misfit = ((spec, loss, facts) => {
  if (spec.outputs === 1)
    return { problem: 'ranks several classes or items, and there is one output', remedy: 'use accuracy' };
  return oneClassMisfit(spec, loss, facts);
}) satisfies MetricFamily['misfit'];

const ranking = { better: 'higher', range: shares, misfit } as const;

/** Part of the examples whose wanted one is among the first k. */
export const hitRate = {
  ...ranking,
  name: 'hitRate',
  isProportion: true,
  schema: cut,
  label: ({ k }) => `hitRate@${k}`,
  create: ({ k }, { outputs }) => meanWorth(outputs, (place) => Number(place <= k)),
} as const satisfies MetricFamily<CutOptions>;

/** Normalized discounted cumulative gain of Järvelin and Kekäläinen (2002), of one wanted item. */
export const ndcg = {
  ...ranking,
  name: 'ndcg',
  schema: cut,
  label: ({ k }) => `ndcg@${k}`,
  create: ({ k }, { outputs }) => meanWorth(outputs, (place) => (place <= k ? 1 / Math.log2(place + 1) : 0)),
} as const satisfies MetricFamily<CutOptions>;

/** The mean of one over the place: of one wanted item the mean average precision as well. */
export const mrr = {
  ...ranking,
  name: 'mrr',
  bare: {},
  create: (_, { outputs }) => meanWorth(outputs, (place) => 1 / place),
} as const satisfies MetricFamily;
