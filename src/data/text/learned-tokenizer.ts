/** The tokenizer that a config asks for: learned from words, or read from a file. */
import type { TokensConfig } from '../../config/text.js';
import { grouped } from '../../ground/units.js';
import { trainBpe } from './bpe-trainer.js';
import { byteLevelWords } from './byte-alphabet.js';
import { byteLevelJson, readTokenizer, type TokenizerJson } from './tokenizer-json.js';

/** How often each word comes in texts. */
export class WordCounts {
  readonly #counts = new Map<string, number>();

  add(text: string): void {
    for (const word of byteLevelWords(text)) this.#counts.set(word, (this.#counts.get(word) ?? 0) + 1);
  }

  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}

/** Says so where a text gives fewer tokens than asked for. @param key of the tokens in the config */
export function noteFewer(tokens: TokensConfig, found: number, key: string, warn: (message: string) => void): void {
  if (!('bpe' in tokens) || found >= tokens.bpe.vocabulary) return;
  const { vocabulary, minFrequency } = tokens.bpe;
  const rest = minFrequency === 1 ? 'no pair of tokens is left' : `no other pair comes ${minFrequency} times`;
  warn(`${key}.bpe.vocabulary: the text gives ${grouped(found)} tokens, not ${grouped(vocabulary)}: ${rest}`);
}

export interface TokenizerNeeds {
  /** Where the config names the file. */
  readonly key: string;
  /** Of what it is learned from, where it is learned. */
  readonly words: () => WordCounts | Promise<WordCounts>;
  /** Tokens that a learned one has besides: the first ids. */
  readonly special: readonly string[];
}

/**
 * @throws DataError where the file is none, the signal's reason when it comes before the end
 */
export async function learnedTokenizer(
  tokens: TokensConfig,
  { key, words, special }: TokenizerNeeds,
  signal: AbortSignal | undefined,
): Promise<TokenizerJson> {
  if ('file' in tokens) return readTokenizer(tokens.file, key);
  const { counts } = await words();
  return byteLevelJson(await trainBpe(counts, { ...tokens.bpe, special }, signal), special);
}
