/** How far up the wanted ones stand: each example wants one class or item, or, of labels, as many as there are. */
import type { z } from 'zod';
import { isMultiLabel } from './class-counts.js';
import { classMisfit } from './class-targets.js';
import type { ScoredOutput } from './evaluated-rows.js';
import { type MetricFamily, type Misfit, shares, type TargetFacts, type Zod } from './metric.js';
import { type PlacesWorth, type PlaceWorth, rankingMetric, worthOfFirst } from './ranked-places.js';
import { sampledWorth } from './sampled-places.js';

const candidates = (z: Zod) =>
  z
    .int()
    .min(1)
    .optional()
    .describe(
      'Ranks the wanted item against so many others, drawn alike from the rest; the mean over all draws. Default: the full catalogue',
    );
const sampled = (z: Zod) => z.strictObject({ candidates: candidates(z) });
const cut = (z: Zod) =>
  z.strictObject({ k: z.int().min(1).describe('Places that count, from the top'), candidates: candidates(z) });
type SampledOptions = z.infer<ReturnType<typeof sampled>>;
type CutOptions = z.infer<ReturnType<typeof cut>>;

function misfit(spec: ScoredOutput, loss: string, facts?: TargetFacts, given?: SampledOptions): Misfit | undefined {
  if (spec.outputs === 1)
    return { problem: 'ranks several classes or items, and there is one output', remedy: 'use accuracy' };
  const found = classMisfit(spec, loss, facts);
  if (found || given?.candidates === undefined) return found;
  const remedy = 'leave candidates out: all are ranked then';
  if (isMultiLabel(spec)) {
    return { problem: 'ranks one wanted item among others that are drawn, and these are labels', remedy };
  }
  if (given.candidates < spec.outputs - 1) return undefined;
  return { problem: `draws ${given.candidates} others, and there are ${spec.outputs - 1}`, remedy };
}

const labelled = (name: string, { candidates }: SampledOptions): string =>
  candidates === undefined ? name : `${name} of ${candidates} sampled`;

const ranking = { better: 'higher', range: shares, misfit } as const;

function create(spec: ScoredOutput, { candidates }: SampledOptions, one: PlaceWorth, several: PlacesWorth) {
  const worth = candidates === undefined ? one : sampledWorth(one, spec.outputs - 1, candidates);
  return rankingMetric(spec, worth, several);
}

/** Part of the examples of which one that is wanted is among the first k. */
export const hitRate = {
  ...ranking,
  name: 'hitRate',
  isProportion: ({ candidates }: CutOptions) => candidates === undefined,
  schema: cut,
  label: (options) => labelled(`hitRate@${options.k}`, options),
  warning({ k, candidates }, { outputs }) {
    const ranked = candidates === undefined ? outputs : candidates + 1;
    return k < ranked ? undefined : `hitRate is always 1: k is ${k}, and ${ranked} are ranked`;
  },
  create: (options, spec) =>
    create(
      spec,
      options,
      (place) => Number(place <= options.k),
      (ties) => {
        // Only the last of those that equal each other across the cut is left to chance.
        let missed = 1;
        for (const { above, items, wanted } of ties) {
          for (let i = 0; i < Math.min(items, options.k - above); i++) missed *= (items - wanted - i) / (items - i);
        }
        return 1 - missed;
      },
    ),
} as const satisfies MetricFamily<CutOptions>;

/** Normalized discounted cumulative gain of Järvelin and Kekäläinen (2002): what is wanted gains 1. */
export const ndcg = {
  ...ranking,
  name: 'ndcg',
  schema: cut,
  label: (options) => labelled(`ndcg@${options.k}`, options),
  create(options, spec) {
    const worth = (place: number) => (place <= options.k ? 1 / Math.log2(place + 1) : 0);
    const first = worthOfFirst(spec.outputs, worth);
    return create(spec, options, worth, (ties, wanted) => {
      let gain = 0;
      for (const tie of ties) gain += (tie.wanted * (first[tie.above + tie.items] - first[tie.above])) / tie.items;
      return gain / first[wanted];
    });
  },
} as const satisfies MetricFamily<CutOptions>;

/** The mean of one over the place of the first that is wanted. */
export const mrr = {
  ...ranking,
  name: 'mrr',
  schema: sampled,
  bare: {},
  label: (options) => labelled('mrr', options),
  create: (options, spec) =>
    create(
      spec,
      options,
      (place) => 1 / place,
      ([first]) => {
        if (first === undefined) return 0;
        const { above, items, wanted } = first;
        let [sum, left] = [0, 1];
        for (let before = 0; before <= items - wanted; before++) {
          const share = (left * wanted) / (items - before);
          sum += share / (above + before + 1);
          left -= share;
        }
        return sum;
      },
    ),
} as const satisfies MetricFamily<SampledOptions>;

/**
 * The mean of average precision: of each wanted one within the first k the share of wanted ones down to its place, over how many of
 * them there could be: k, or all that are wanted where those are fewer.
 */
export const map = {
  ...ranking,
  name: 'map',
  schema: cut,
  label: (options) => labelled(`map@${options.k}`, options),
  create: (options, spec) =>
    create(
      spec,
      options,
      (place) => (place <= options.k ? 1 / place : 0),
      (ties, wanted) => {
        let sum = 0;
        for (const tie of ties) {
          const last = Math.min(tie.items, options.k - tie.above);
          // Of those before it among its equals, so many are wanted in the mean.
          const others = tie.items === 1 ? 0 : (tie.wanted - 1) / (tie.items - 1);
          for (let i = 0; i < last; i++) {
            sum += ((tie.wanted / tie.items) * (tie.wantedAbove + 1 + i * others)) / (tie.above + i + 1);
          }
        }
        return sum / Math.min(options.k, wanted);
      },
    ),
} as const satisfies MetricFamily<CutOptions>;
