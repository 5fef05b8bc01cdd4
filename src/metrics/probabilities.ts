/**
 * How good the probabilities are that a model gives: computed in 64 bits from its outputs, whatever they are. scikit-learn cuts
 * off probabilities at the precision of the array that it is given, so that the same predictions cost 18 or 8; here it is
 * always that of 64 bits.
 */
import type { z } from 'zod';
import { isNumeral } from '../ground/numeral.js';
import { classesOf, isMultiLabel } from './class-counts.js';
import { classMisfit, oneClassMisfit } from './class-targets.js';
import type { EvaluatedRows, ScoredOutput } from './evaluated-rows.js';
import {
  addSums,
  fromZero,
  type Metric,
  type MetricFamily,
  type MetricSums,
  meanOverRows,
  shares,
  type Zod,
} from './metric.js';

const least = Number.EPSILON;

const surprise = (probability: number): number => -Math.log(Math.min(1 - least, Math.max(least, probability)));

/** What the truth of a row cost in nats. */
const logLossOf = (spec: ScoredOutput) => (rows: EvaluatedRows) => {
  const { outputs: width } = spec;
  if (!isMultiLabel(spec)) {
    const { probability, classes } = rows;
    return (row: number) => surprise(probability(row, classes[row]));
  }
  const { probabilities, values } = rows;
  // The mean over labels of what each costs by itself.
  return (row: number) => {
    let sum = 0;
    for (let at = row * width; at < (row + 1) * width; at++) {
      sum += surprise(values[at] > 0 ? probabilities[at] : 1 - probabilities[at]);
    }
    return sum / width;
  };
};

/** Distances from a border are no probabilities. */
const unlessMargin =
  (misfit: typeof classMisfit): typeof classMisfit =>
  (spec, loss, facts) =>
    loss === 'hinge'
      ? {
          problem: 'is of probabilities, and outputs under hinge are distances from a border',
          remedy: 'use binaryCrossentropy',
        }
      : misfit(spec, loss, facts);

/** Why outputs are no probabilities of classes of which one is true; undefined where they are. */
export const probabilityMisfit = unlessMargin(oneClassMisfit);

const ofProbabilities = { bare: {}, better: 'lower', range: fromZero, needsProbabilities: true } as const;

export const logLoss = {
  ...ofProbabilities,
  name: 'logLoss',
  misfit: unlessMargin(classMisfit),
  create: (_, spec) => meanOverRows(logLossOf(spec)),
} as const satisfies MetricFamily;

/** The exponential of the log loss: between how many tokens, of equal chance, the model would as much be in doubt. */
export const perplexity = {
  ...ofProbabilities,
  name: 'perplexity',
  range: [1, Number.POSITIVE_INFINITY],
  misfit: probabilityMisfit,
  create: (_, spec) => meanOverRows(logLossOf(spec), Math.exp),
} as const satisfies MetricFamily;

/** Bits that the truth of a place takes: of a model of bytes, or of characters, what it compresses them to. */
export const bitsPerPlace = {
  ...ofProbabilities,
  name: 'bitsPerPlace',
  misfit: probabilityMisfit,
  create: (_, spec) => meanOverRows(logLossOf(spec), (nats) => nats / Math.LN2),
} as const satisfies MetricFamily;

/** Needs to know which text a class stands for: numbers number tokens, and have a length of their own. */
const unlessUnnamed =
  (misfit: typeof classMisfit): typeof classMisfit =>
  (spec, loss, facts) =>
    misfit(spec, loss, facts) ??
    (spec.bytes?.length === 0
      ? {
          problem: 'is of bytes, and the tokenizer does not keep those of the text',
          remedy: 'use perplexity or bitsPerPlace, or a byte-level tokenizer: data.tokens: { bpe: {} }',
        }
      : undefined) ??
    (spec.names?.some((name) => !isNumeral(name))
      ? undefined
      : {
          problem: 'is of texts, and the data do not say which text a class stands for',
          remedy: 'use bitsPerPlace, or data whose classes are named by their texts, such as source text',
        });

/**
 * Bits that the truths take, over the bytes that they are in UTF-8: unlike those of a place it can be compared between models that cut
 * texts up in other ways.
 */
export const bitsPerByte = {
  ...ofProbabilities,
  name: 'bitsPerByte',
  misfit: unlessUnnamed(unlessMargin(oneClassMisfit)),
  create(_, spec) {
    const bytes = Float64Array.from(spec.bytes ?? (spec.names ?? []).map((name) => Buffer.byteLength(name)));
    return {
      width: 2,
      counts: 0,
      add(rows, sums) {
        const { count, weights, classes } = rows;
        const cost = logLossOf(spec)(rows);
        for (let row = 0; row < count; row++) {
          const weight = weights ? weights[row] : 1;
          if (weight === 0) continue;
          sums[0] += weight * cost(row);
          sums[1] += weight * bytes[classes[row]];
        }
      },
      merge: addSums,
      result: ({ sums: [nats, length] }) => nats / Math.LN2 / length,
    };
  },
} as const satisfies MetricFamily;

/** Brier (1950): the squared distance of probabilities from the truth, over all classes; of two classes half of that. */
export const brier = {
  ...ofProbabilities,
  name: 'brier',
  range: [0, 2],
  misfit: unlessMargin(classMisfit),
  create: (_, spec) =>
    meanOverRows(({ probability, classes, values }) => {
      const width = isMultiLabel(spec) ? spec.outputs : classesOf(spec);
      const part = isMultiLabel(spec) ? 1 / width : width === 2 ? 1 / 2 : 1;
      return (row) => {
        let sum = 0;
        for (let i = 0; i < width; i++) {
          const truth = isMultiLabel(spec) ? Number(values[row * width + i] > 0) : Number(i === classes[row]);
          sum += (probability(row, i) - truth) ** 2;
        }
        return sum * part;
      };
    }),
} as const satisfies MetricFamily;

const binOptions = (z: Zod) =>
  z.strictObject({
    bins: z
      .int()
      .min(2)
      .max(1000)
      .describe('Equally wide bins of the probability; a probability between two belongs to the lower one'),
  });
type BinOptions = z.infer<ReturnType<typeof binOptions>>;

/** What fell into a bin. */
interface Bin {
  readonly weight: number;
  readonly confidence: number;
  readonly right: number;
}

const binParts = 3;

/**
 * Of two classes the probability of the second and how often it is the truth; of more that of the most probable class and how
 * often it is right (Guo et al. 2017).
 */
function binned(
  { bins }: BinOptions,
  spec: ScoredOutput,
  result: (bins: readonly Bin[], weight: number) => ReturnType<Metric['result']>,
): Metric {
  const classes = classesOf(spec);
  return {
    shared: `bins ${bins}`,
    width: binParts * bins,
    counts: 0,
    add(rows, sums) {
      const { count, weights, probability, classes: truths } = rows;
      const likeliest = classes === 2 ? undefined : rows.likeliest;
      for (let row = 0; row < count; row++) {
        const weight = weights ? weights[row] : 1;
        if (weight === 0) continue;
        const best = likeliest ? likeliest[row] : 1;
        const confidence = probability(row, best);
        if (Number.isNaN(confidence)) continue;
        const at = binParts * binOf(confidence, bins);
        sums[at] += weight;
        sums[at + 1] += weight * confidence;
        if (truths[row] === best) sums[at + 2] += weight;
      }
    },
    merge: addSums,
    result: ({ sums, weight }: MetricSums) => {
      const each = Array.from({ length: bins }, (_, i) => {
        const [inBin, confidence, right] = sums.subarray(binParts * i, binParts * (i + 1));
        return { weight: inBin, confidence, right };
      });
      return result(each, weight);
    },
  };
}

/** The borders are those of numpy's linspace, to the bit. */
function binOf(confidence: number, bins: number): number {
  const border = (i: number) => i * (1 / bins);
  let bin = Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));
  while (bin > 0 && confidence <= border(bin)) bin--;
  while (bin < bins - 1 && confidence > border(bin + 1)) bin++;
  return bin;
}

/**
 * The sum of the distances where each row is right as often as its probability says: of each bin about that of a normal number
 * from 0, whose mean is the root of 2 / pi of its deviation.
 */
function byChance(bins: readonly Bin[], deviations: number): number {
  let [mean, variance] = [0, 0];
  for (const { weight, confidence } of bins) {
    if (weight === 0) continue;
    const ofBin = confidence * (1 - confidence / weight);
    mean += Math.sqrt((2 / Math.PI) * ofBin);
    variance += (1 - 2 / Math.PI) * ofBin;
  }
  return mean + deviations * Math.sqrt(variance);
}

/** The mean distance of probability and truth, bin by bin, weighted by what is in each (Naeini et al. 2015). */
export const calibrationError = {
  name: 'calibrationError',
  schema: binOptions,
  bare: { bins: 15 },
  once: 'keep one number of bins',
  better: 'lower',
  range: shares,
  needsProbabilities: true,
  misfit: probabilityMisfit,
  create: (options, spec) =>
    binned(
      options,
      spec,
      (bins, weight) => bins.reduce((sum, { confidence, right }) => sum + Math.abs(confidence - right), 0) / weight,
    ),
  byChance: (options, spec, deviations) => binned(options, spec, (bins, weight) => byChance(bins, deviations) / weight),
} as const satisfies MetricFamily<BinOptions>;

/** How often each bin is right, over its mean probability; bins that hold nothing are left out. */
export const reliability = {
  name: 'reliability',
  schema: binOptions,
  bare: { bins: 10 },
  once: 'keep one number of bins',
  needsProbabilities: true,
  misfit: probabilityMisfit,
  create: (options, spec) =>
    binned(options, spec, (bins) => {
      const filled = bins.filter(({ weight }) => weight > 0);
      return {
        kind: 'curve',
        x: { name: 'mean probability', values: filled.map(({ confidence, weight }) => confidence / weight) },
        y: { name: 'share that is right', values: filled.map(({ right, weight }) => right / weight) },
      };
    }),
} as const satisfies MetricFamily<BinOptions>;
