/** A metric of texts as an object: what it adds up of each text, and what it makes of the sums. */

/** Metrics by the names that they are asked for with. */
export const textMetricNames = ['bleu', 'chrf', 'rouge', 'wer', 'cer'] as const;

/** Sums over texts, from which all scores follow: so a resample is a sum again. */
export interface TextMetric {
  /** Names of its scores. */
  readonly names: readonly string[];
  /** The options that decide its values, in sacrebleu's form. */
  readonly signature: string;
  /** Sums that the scores need, and those behind them that only their parts do. */
  readonly width: number;
  readonly extra: number;
  /** @returns what writes the summands of a hypothesis against these references into `width + extra` numbers */
  against(references: readonly string[]): (hypothesis: string, into: Float64Array) => void;
  /** @param texts that went into the sums */
  scores(sums: Float64Array, texts: number): number[];
  /** Of a text by itself, where that is not the same. */
  alone?(sums: Float64Array): number[];
  /** What the scores are made of, for each of them. */
  parts(sums: Float64Array, texts: number): Readonly<Record<string, number | readonly number[]>>[];
  /** Why a score of these sums is no number. */
  note?(sums: Float64Array): string | undefined;
}

/** Runs of tokens by their texts; pieces of one text are cut faster than tokens are joined. */
export class Runs {
  readonly #text: string;
  /** Where each token starts, and one after the last would. */
  readonly #starts: Uint32Array;
  readonly #between: number;

  constructor(tokens: readonly string[], between: string) {
    this.#text = tokens.join(between);
    this.#between = between.length;
    this.#starts = new Uint32Array(tokens.length + 1);
    for (const [i, token] of tokens.entries()) this.#starts[i + 1] = this.#starts[i] + token.length + between.length;
  }

  /** Runs of `order` tokens. */
  all(order: number): number {
    return Math.max(0, this.#starts.length - order);
  }

  /** How often each of them is there. */
  counts(order: number): Map<string, number> {
    const counts = new Map<string, number>();
    for (let i = 0; i < this.all(order); i++) {
      const run = this.#text.slice(this.#starts[i], this.#starts[i + order] - this.#between);
      counts.set(run, (counts.get(run) ?? 0) + 1);
    }
    return counts;
  }
}

/** Items that both have, each as often as in the one that has it less often. */
export function commonOf(some: ReadonlyMap<string, number>, others: ReadonlyMap<string, number>): number {
  let common = 0;
  for (const [item, count] of some) common += Math.min(count, others.get(item) ?? 0);
  return common;
}

/** The harmonic mean; 0 where both are. */
export const harmonicMean = (precision: number, recall: number): number =>
  precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0;
