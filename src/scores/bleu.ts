/** BLEU (Papineni et al. 2002) by the rules of sacrebleu 2.6.0, smoothed as mteval does ("exp"). */
import { plural } from '../ground/units.js';
import { commonOf, Runs, type TextMetric } from './text-metric.js';
import { type TokenizerName, tokenizer } from './tokenizers.js';

const orders = 4;

/** What decides a BLEU. */
export interface BleuOptions {
  readonly tokenize: TokenizerName;
  readonly lowercase: boolean;
  /** Only the orders of n-grams that the hypotheses have. */
  readonly effectiveOrder: boolean;
}

/** Sums: tokens of the hypotheses, of the references, n-grams found for each order, n-grams for each order. */
export function bleu({ tokenize, lowercase, effectiveOrder }: BleuOptions): TextMetric {
  const tokensOf = tokenizer(tokenize, lowercase);
  const score = (sums: Float64Array) => scoreOf(sums, effectiveOrder);
  return {
    names: ['bleu'],
    signature: `case:${lowercase ? 'lc' : 'mixed'}|eff:${effectiveOrder ? 'yes' : 'no'}|tok:${tokenize}|smooth:exp`,
    width: 2 + 2 * orders,
    extra: 0,
    against: (references) => summandsOf(tokensOf, references),
    scores: (sums) => [score(sums).value],
    // A single text is often short: it is scored by the orders that it has.
    alone: (sums) => [scoreOf(sums, true).value],
    parts(sums) {
      const { precisions, brevityPenalty } = score(sums);
      return [{ precisions, brevityPenalty, hypothesisTokens: sums[0], referenceTokens: sums[1] }];
    },
    note(sums) {
      if (!Number.isNaN(score(sums).value)) return undefined;
      return `no hypothesis has ${plural(orders, 'token')}, and BLEU is of runs of up to ${orders}: give --effective-order to count those that there are`;
    },
  };
}

function summandsOf(tokensOf: (text: string) => string[], references: readonly string[]) {
  const most = Array.from({ length: orders }, () => new Map<string, number>());
  const lengths = references.map((reference) => {
    const tokens = tokensOf(reference);
    const runs = new Runs(tokens, ' ');
    for (let order = 1; order <= orders; order++) {
      for (const [run, count] of runs.counts(order)) {
        if (count > (most[order - 1].get(run) ?? 0)) most[order - 1].set(run, count);
      }
    }
    return tokens.length;
  });
  return (hypothesis: string, into: Float64Array) => {
    const tokens = tokensOf(hypothesis);
    const distance = (length: number) => Math.abs(length - tokens.length);
    into[0] = tokens.length;
    into[1] = lengths.toSorted((a, b) => distance(a) - distance(b) || a - b)[0];
    const runs = new Runs(tokens, ' ');
    for (let order = 1; order <= orders; order++) {
      into[1 + order] = commonOf(runs.counts(order), most[order - 1]);
      into[1 + orders + order] = runs.all(order);
    }
  };
}

/** Not a number where there are matches, but no n-grams of the highest order: sacrebleu says 0 there, for equal texts too. */
function scoreOf(sums: Float64Array, effectiveOrder: boolean) {
  const [hypothesis, reference] = sums;
  const found = sums.subarray(2, 2 + orders);
  const all = sums.subarray(2 + orders, 2 + 2 * orders);
  const brevityPenalty = hypothesis >= reference ? 1 : hypothesis > 0 ? Math.exp(1 - reference / hypothesis) : 0;
  const precisions = Array<number>(orders).fill(0);
  if (found.every((count) => count === 0)) return { value: 0, precisions, brevityPenalty };
  let order = 0;
  let sum = 0;
  for (let smoothing = 1; order < orders && all[order] > 0; order++) {
    if (found[order] === 0) smoothing *= 2;
    precisions[order] = (100 * (found[order] || 1 / smoothing)) / all[order];
    sum += Math.log(precisions[order]);
  }
  const value = order < orders && !effectiveOrder ? Number.NaN : brevityPenalty * Math.exp(sum / order);
  return { value, precisions, brevityPenalty };
}
