/** The options of text scores, as the library and the command take them. */
import { z } from 'zod';
import { ConfigError } from '../errors.js';
import { ruleOf } from '../ground/json-file.js';
import { bleu } from './bleu.js';
import { chrf } from './chrf.js';
import { errorRate } from './error-rate.js';
import { rouge } from './rouge.js';
import { type TextMetric, textMetricNames } from './text-metric.js';
import { tokenizer, tokenizerNames } from './tokenizers.js';
import { trim } from './whitespace.js';

/** What bootstraps have in common. */
export const bootstrapOptions = {
  confidence: z.number().gt(0).lt(1).default(0.95),
  resamples: z.int().min(0).max(1_000_000).default(1000),
  seed: z.int().min(0).default(0),
};

const schema = z.strictObject({
  metrics: z.array(z.enum(textMetricNames)).min(1).default(['bleu', 'chrf', 'rouge']),
  tokenize: z.enum(tokenizerNames).default('13a'),
  lowercase: z.boolean().default(false),
  effectiveOrder: z.boolean().default(false),
  characterOrder: z.int().min(1).max(20).default(6),
  wordOrder: z.int().min(0).max(20).default(0),
  beta: z.int().min(1).max(100).default(2),
  rougeAscii: z.boolean().default(false),
  sentenceBreak: z.string().min(1).default('\n'),
  ...bootstrapOptions,
});

/** Which scores, and by which rules. */
export interface TextScoreOptions {
  /** Default: bleu, chrf and rouge. */
  readonly metrics?: readonly (typeof textMetricNames)[number][];
  /** How BLEU and the word error rate cut texts into tokens; default: 13a, which is for languages that put spaces between words. */
  readonly tokenize?: (typeof tokenizerNames)[number];
  /** Takes capitals for small letters; ROUGE always does. */
  readonly lowercase?: boolean;
  /** BLEU of the orders of n-grams that the hypotheses have, where they are shorter than 4 tokens. */
  readonly effectiveOrder?: boolean;
  /** Longest n-grams of characters in chrF; default: 6. */
  readonly characterOrder?: number;
  /** Longest n-grams of words in chrF; default: 0. With 2 it is chrF++. */
  readonly wordOrder?: number;
  /** How much more recall weighs than precision in chrF; default: 2. */
  readonly beta?: number;
  /** ROUGE of a to z and digits alone, as rouge-score has it, instead of letters of all scripts. */
  readonly rougeAscii?: boolean;
  /** What stands between the sentences of a text, for rougeLsum; default: a line break. */
  readonly sentenceBreak?: string;
  /** Of the intervals; default: 0.95. */
  readonly confidence?: number;
  /** Draws of the bootstrap; default: 1000. 0 gives no intervals. */
  readonly resamples?: number;
  /** Decides the draws; default: 0. */
  readonly seed?: number;
}

/** Options with every default. */
export type CheckedTextOptions = z.infer<typeof schema>;

/** @throws ConfigError naming the first option that breaks its rule */
export function checkTextOptions(options: TextScoreOptions): CheckedTextOptions {
  return checkOptions(schema, options);
}

/** @throws ConfigError naming the first option that breaks its rule */
export function checkOptions<T>(rules: z.ZodType<T>, options: object): T {
  const found = rules.safeParse(options);
  if (found.success) return found.data;
  throw new ConfigError(`options of the score: ${ruleOf(found.error)}`, 'correct it, or leave it out');
}

/** The metrics that are asked for, each once. */
export function textMetricsOf(options: CheckedTextOptions): TextMetric[] {
  const { tokenize, lowercase, effectiveOrder, characterOrder, wordOrder, beta } = options;
  const makers = {
    bleu: () => bleu({ tokenize, lowercase, effectiveOrder }),
    chrf: () => chrf({ characterOrder, wordOrder, beta, lowercase }),
    rouge: () => rouge({ ascii: options.rougeAscii, sentenceBreak: options.sentenceBreak }),
    wer: () => errorRate(`case:${lowercase ? 'lc' : 'mixed'}|tok:${tokenize}`, 'words', tokenizer(tokenize, lowercase)),
    cer: () =>
      errorRate(`case:${lowercase ? 'lc' : 'mixed'}|space:yes`, 'characters', (text) =>
        Array.from(trim(lowercase ? text.toLowerCase() : text)),
      ),
  };
  return [...new Set(options.metrics)].map((name) => makers[name]());
}
