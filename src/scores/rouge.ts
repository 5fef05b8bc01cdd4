/**
 * ROUGE (Lin 2004) by the rules of rouge-score 0.1.2, without its stemmer. Its tokens are not: it keeps a to z and digits alone, so that
 * accents break words in two and other scripts score 0. Here letters of all scripts count, unless its own way is asked for.
 */
import { commonLength, commonPlaces } from './common-subsequence.js';
import { commonOf, harmonicMean, Runs, type TextMetric } from './text-metric.js';
import { asciiTokens, letterTokens } from './tokenizers.js';

/** What decides a ROUGE. */
export interface RougeOptions {
  /** Keep a to z and digits alone, as rouge-score does. */
  readonly ascii: boolean;
  /** What stands between the sentences of a text, for rougeLsum. */
  readonly sentenceBreak: string;
}

const names = ['rouge1', 'rouge2', 'rougeL', 'rougeLsum'] as const;

interface Tokens {
  readonly all: readonly string[];
  readonly runs: readonly ReadonlyMap<string, number>[];
  readonly sentences: readonly (readonly string[])[];
}

/** Tokens that match, of those that the hypothesis and the reference have. */
interface Match {
  readonly hits: number;
  readonly hypothesis: number;
  readonly reference: number;
}

/** Sums: F1 of each, then precision and recall of each. */
export function rouge({ ascii, sentenceBreak }: RougeOptions): TextMetric {
  const tokensOf = ascii ? asciiTokens : letterTokens;
  const read = (text: string): Tokens => {
    const sentences = text.split(sentenceBreak).map(tokensOf);
    const all = sentences.flat();
    const runs = new Runs(all, ' ');
    return { all, sentences, runs: [1, 2].map((order) => runs.counts(order)) };
  };
  const parts = names.map((_, i) => names.length + 2 * i);
  return {
    names,
    signature: `case:lc|tok:${ascii ? 'rouge-score' : 'letters'}|stem:no|avg:texts`,
    width: names.length,
    extra: 2 * names.length,
    against(references) {
      const each = references.map(read);
      return (hypothesis, into) => {
        const own = read(hypothesis);
        into.fill(0);
        for (const reference of each) {
          for (const [i, match] of matchesOf(own, reference).entries()) keepBest(match, into, i);
        }
      };
    },
    scores: (sums, texts) => names.map((_, i) => sums[i] / texts),
    parts: (sums, texts) => parts.map((at) => ({ precision: sums[at] / texts, recall: sums[at + 1] / texts })),
  };
}

/** Of several references each score takes the one that it is best with, the first of equal ones. */
function keepBest({ hits, hypothesis, reference }: Match, into: Float64Array, i: number): void {
  const precision = hits / Math.max(1, hypothesis);
  const recall = hits / Math.max(1, reference);
  const f1 = harmonicMean(precision, recall);
  if (f1 <= into[i]) return;
  into[i] = f1;
  into[names.length + 2 * i] = precision;
  into[names.length + 2 * i + 1] = recall;
}

function matchesOf(hypothesis: Tokens, reference: Tokens): Match[] {
  const ngrams = [1, 2].map((order) => ({
    hits: commonOf(reference.runs[order - 1], hypothesis.runs[order - 1]),
    hypothesis: Math.max(0, hypothesis.all.length - order + 1),
    reference: Math.max(0, reference.all.length - order + 1),
  }));
  const common = commonLength(reference.all, hypothesis.all);
  const isOne = reference.sentences.length === 1 && hypothesis.sentences.length === 1;
  const lengths = { hypothesis: hypothesis.all.length, reference: reference.all.length };
  return [
    ...ngrams,
    { ...lengths, hits: common },
    { ...lengths, hits: isOne ? common : unionHits(reference, hypothesis) },
  ];
}

/** Tokens of each sentence that some sentence of the hypothesis has in the same order, no token more often than both have it. */
function unionHits(reference: Tokens, hypothesis: Tokens): number {
  const left = [new Map(reference.runs[0]), new Map(hypothesis.runs[0])];
  let hits = 0;
  for (const sentence of reference.sentences) {
    const places = new Set(hypothesis.sentences.flatMap((other) => commonPlaces(sentence, other)));
    for (const place of [...places].sort((a, b) => a - b)) {
      const token = sentence[place];
      if (left.some((counts) => !counts.get(token))) continue;
      for (const counts of left) counts.set(token, counts.get(token)! - 1);
      hits++;
    }
  }
  return hits;
}
