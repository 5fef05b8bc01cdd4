/** Scores of texts that a program has. */
import { ConfigError } from '../errors.js';
import type { TextScoreOptions } from './text-options.js';
import { scoreNamedTexts, type TextScoreListeners, type TextScores } from './text-scores.js';

/** Texts in their order: a list, or whatever gives them one by one. */
export type Texts = Iterable<string> | AsyncIterable<string>;

/** Which scores by which rules, and what is told besides. */
export interface ScoreTextsOptions extends TextScoreOptions, TextScoreListeners {
  /** Hypotheses of a second system, to be compared with the first on the same texts. */
  readonly other?: Texts;
}

/**
 * Scores texts that were made anywhere against references: BLEU and chrF by the rules of sacrebleu 2.6.0, ROUGE by those of
 * rouge-score 0.1.2 but with letters of all scripts, word and character error rates. Texts are read once and not kept.
 * @param references one or more lists of texts, each with a text for each hypothesis, in the same order
 * @param hypotheses what a system made
 * @throws ConfigError for options, DataError where there are not as many texts on all sides
 */
export async function scoreTexts(
  references: readonly Texts[],
  hypotheses: Texts,
  { other, warn, each, ...options }: ScoreTextsOptions = {},
): Promise<TextScores> {
  if (typeof references === 'string' || references.length === 0) {
    throw new ConfigError(
      'references: is no list of lists of texts',
      'give [[text, text, ...]], a list for each reference',
    );
  }
  const named = (name: string, texts: Texts) => {
    // A text is a list of characters too.
    if (typeof texts === 'object' && texts !== null) return { name, texts };
    throw new ConfigError(`${name}: is a ${typeof texts}, not a list of texts`, 'give a list of strings');
  };
  const systems = [named('hypotheses', hypotheses), ...(other === undefined ? [] : [named('other', other)])];
  return scoreNamedTexts(
    references.map((texts, i) => named(`references[${i}]`, texts)),
    systems,
    options,
    { warn, each },
  );
}
