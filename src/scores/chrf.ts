/** chrF and chrF++ (Popović 2015, 2017) by the rules of sacrebleu 2.6.0, without its smoothing by an epsilon. */
import { commonOf, Runs, type TextMetric } from './text-metric.js';
import { withoutSpaces, wordsOf } from './whitespace.js';

/** What decides a chrF. */
export interface ChrfOptions {
  /** Longest runs of characters. */
  readonly characterOrder: number;
  /** Longest runs of words: 0 for chrF, 2 for chrF++. */
  readonly wordOrder: number;
  /** How much more recall weighs than precision. */
  readonly beta: number;
  readonly lowercase: boolean;
}

/** Sums for each order: n-grams of the hypotheses, of the references, of both. */
export function chrf({ characterOrder, wordOrder, beta, lowercase }: ChrfOptions): TextMetric {
  const orders = characterOrder + wordOrder;
  const countsOfText = (text: string) => ngramCounts(lowercase ? text.toLowerCase() : text, characterOrder, wordOrder);
  const score = (sums: Float64Array) => scoreOf(sums, orders, beta);
  return {
    names: [`chrF${beta}${'+'.repeat(wordOrder)}`],
    signature: `case:${lowercase ? 'lc' : 'mixed'}|eff:yes|nc:${characterOrder}|nw:${wordOrder}|space:no`,
    width: 3 * orders,
    extra: 0,
    against(references) {
      const counts = references.map(countsOfText);
      const sums = references.map(() => new Float64Array(3 * orders));
      return (hypothesis, into) => {
        const own = countsOfText(hypothesis);
        for (const [i, each] of counts.entries()) compare(own, each, sums[i]);
        // The reference that it is most like, the first of equal ones.
        const values = sums.map((each) => score(each).value);
        into.set(sums[values.indexOf(Math.max(...values))]);
      };
    },
    scores: (sums) => [score(sums).value],
    parts(sums) {
      const { precision, recall } = score(sums);
      return [{ precision, recall }];
    },
  };
}

type GramCounts = readonly { readonly counts: ReadonlyMap<string, number>; readonly all: number }[];

function ngramCounts(text: string, characterOrder: number, wordOrder: number): GramCounts {
  const words = wordOrder > 0 ? wordsOf(text).flatMap(apart) : [];
  const of = (runs: Runs, longest: number) =>
    Array.from({ length: longest }, (_, i) => ({ counts: runs.counts(i + 1), all: runs.all(i + 1) }));
  return [...of(new Runs(Array.from(withoutSpaces(text)), ''), characterOrder), ...of(new Runs(words, ' '), wordOrder)];
}

const isPunctuation = (character: string) => /^[!-/:-@[-`{-~]$/.test(character);

/** A word and the punctuation at its end, or else at its start; of several only one: chrF++ is so. */
function apart(word: string): string[] {
  const characters = Array.from(word);
  if (characters.length === 1) return [word];
  if (isPunctuation(word.slice(-1))) return [word.slice(0, -1), word.slice(-1)];
  return isPunctuation(word[0]) ? [word[0], word.slice(1)] : [word];
}

function compare(hypothesis: GramCounts, reference: GramCounts, into: Float64Array): void {
  for (const [i, own] of hypothesis.entries()) {
    const other = reference[i];
    into[3 * i] = other.all > 0 ? own.all : 0;
    into[3 * i + 1] = other.all;
    into[3 * i + 2] = commonOf(own.counts, other.counts);
  }
}

/** Precision and recall are means over the orders that both sides have. */
function scoreOf(sums: Float64Array, orders: number, beta: number) {
  const factor = beta ** 2;
  let [precision, recall, both] = [0, 0, 0];
  for (let i = 0; i < orders; i++) {
    const [hypothesis, reference, common] = sums.subarray(3 * i, 3 * i + 3);
    if (hypothesis === 0 || reference === 0) continue;
    precision += common / hypothesis;
    recall += common / reference;
    both++;
  }
  if (precision + recall === 0) return { value: 0, precision: 0, recall: 0 };
  precision /= both;
  recall /= both;
  const value = (100 * (1 + factor) * precision * recall) / (factor * precision + recall);
  return { value, precision: 100 * precision, recall: 100 * recall };
}
