/** Tokens of a tokenizer: learned from the training split, read from a file, or those of a trained model. */
import type { TextConfig, TokensConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import { type Splits, splitNames } from '../examples.js';
import type { Reading } from '../reading.js';
import { budgetBytes } from '../row-writer.js';
import { heldOutParts } from '../splits/split-plan.js';
import { lastBorder } from './byte-alphabet.js';
import { learnedTokenizer, WordCounts } from './learned-tokenizer.js';
import { type StoredTokens, TokenList } from './stored-tokens.js';
import { charactersIn, partsBetween, type TextFile } from './text-file.js';
import { type FilePiece, type Pieces, piecesOf, type TextPiece } from './text-pieces.js';
import { keep, keyOf, readKept } from './token-cache.js';
import type { TokenizedText } from './tokenized.js';
import { openTokenizer, type Tokenizer } from './tokenizer.js';
import type { TokenizerJson } from './tokenizer-json.js';

/** What is kept of a text that has its tokens. */
interface KeptText {
  readonly pieces: Pieces;
}

/** Bytes of a text that is worth a cache. */
const worthKeeping = 1e6;

/** @throws DataError if a file is empty or not UTF-8, or the tokenizer is none */
export async function readTokens(
  files: readonly TextFile[],
  config: TextConfig,
  tokens: TokensConfig,
  reading: Reading,
): Promise<TokenizedText> {
  const keys = await keysOf(files, config, reading);
  const characters = new CharacterCounts(files);
  const json = trainedTokenizer(reading) ?? (await tokenizerOf(files, config, tokens, { characters, keys, reading }));
  const tokenizer = openTokenizer(json, 'file' in tokens ? tokens.file : 'encoding.json');
  const budget = budgetBytes(config.memory);
  const key = keys?.ofTokens(json);
  const kept = key === undefined ? undefined : await readKept(key, budget, reading);
  // What was replaced is told each time.
  if (kept?.tokens && config.invalid === 'replace') await characters.all();
  const found =
    kept?.tokens === undefined
      ? await encoded(files, config, tokenizer, { characters, budget, reading })
      : { tokens: kept.tokens, ...(kept.about as KeptText) };
  if (key && !kept?.tokens)
    await keep(key, { about: { pieces: found.pieces } satisfies KeptText, tokens: found.tokens }, reading);
  const { tokens: all, pieces } = found;
  const count = all.file ? (all.file.end! - all.file.start!) / 4 : all.values.length;
  return { vocabulary: tokenizer.tokens, count, features: all, classes: all, pieces, tokenizer: json };
}

/** By what a text's tokenizer and tokens are kept; undefined where it is not worth it, or the config does not want it. */
async function keysOf(files: readonly TextFile[], { cache, invalid, ...config }: TextConfig, reading: Reading) {
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  if (!cache || bytes < worthKeeping) return undefined;
  const hashes: string[] = [];
  for (const file of files) hashes.push(await file.hash());
  reading.signal?.throwIfAborted();
  const parts = Object.values(heldOutParts(config)).map((part) => (typeof part === 'number' ? part : 'own'));
  return {
    ofTokenizer: (tokens: TokensConfig) => keyOf('tokenizer', hashes, invalid, parts, tokens),
    ofTokens: (tokenizer: TokenizerJson) => keyOf('tokens', hashes, invalid, parts, tokenizer),
  };
}

/** Characters of each file, counted once. */
class CharacterCounts {
  readonly #files: readonly TextFile[];
  #counts: number[] | undefined;

  constructor(files: readonly TextFile[]) {
    this.#files = files;
  }

  /** @throws DataError if a file is not UTF-8, or the first is empty */
  async all(): Promise<readonly number[]> {
    if (this.#counts) return this.#counts;
    const counts: number[] = [];
    for (const file of this.#files) {
      let count = 0;
      for await (const part of file.parts()) count += charactersIn(part);
      counts.push(count);
    }
    if (counts[0] === 0) throw new DataError(`data.file: ${this.#files[0].file} is empty`, 'use another file');
    this.#counts = counts;
    return counts;
  }
}

interface TextPass {
  readonly characters: CharacterCounts;
  readonly reading: Reading;
}

/** The tokenizer that the config asks for. */
async function tokenizerOf(
  files: readonly TextFile[],
  config: TextConfig,
  tokens: TokensConfig,
  { characters, keys, reading }: TextPass & { readonly keys: Awaited<ReturnType<typeof keysOf>> },
): Promise<TokenizerJson> {
  const key = 'bpe' in tokens ? keys?.ofTokenizer(tokens) : undefined;
  const kept = key === undefined ? undefined : await readKept(key, 0, reading);
  if (kept) return kept.about as TokenizerJson;
  const learned = async () => {
    const { training } = piecesOf(await characters.all(), config);
    return wordsOf(textOf(files, training), reading);
  };
  const json = await learnedTokenizer(tokens, 'data.tokens.file', learned, reading.signal);
  if (key) await keep(key, { about: json }, reading);
  return json;
}

const textOf = (files: readonly TextFile[], { file, start, end }: FilePiece) => partsBetween(files[file], start, end);

async function encoded(
  files: readonly TextFile[],
  config: TextConfig,
  tokenizer: Tokenizer,
  { characters, budget, reading }: TextPass & { readonly budget: number },
): Promise<{ readonly tokens: StoredTokens; readonly pieces: Pieces }> {
  const texts = piecesOf(await characters.all(), config);
  const list = new TokenList(budget);
  const pieces: Partial<Record<keyof Splits, TextPiece>> = {};
  try {
    for (const name of splitNames) {
      const start = list.length;
      for await (const part of cut(textOf(files, texts[name]), (text) => tokenizer.lastBorder(text))) {
        list.append(tokenizer.encodeLines(part));
        if (reading.due) await reading.pause();
      }
      pieces[name] = { start, end: list.length };
    }
  } catch (error) {
    list.discard();
    throw error;
  }
  return { tokens: list.finish(), pieces: pieces as Pieces };
}

const trainedTokenizer = ({ trained }: Reading): TokenizerJson | undefined =>
  trained?.input.kind === 'text' ? trained.input.tokenizer : undefined;

async function wordsOf(text: AsyncIterable<string>, reading: Reading): Promise<WordCounts> {
  const words = new WordCounts();
  for await (const part of cut(text, lastBorder)) {
    words.add(part);
    if (reading.due) await reading.pause();
  }
  return words;
}

/** A text in other parts, each cut where that changes no token. */
async function* cut(parts: AsyncIterable<string>, border: (text: string) => number): AsyncGenerator<string> {
  let rest = '';
  for await (const part of parts) {
    rest += part;
    const end = border(rest);
    if (end === 0) continue;
    yield rest.slice(0, end);
    rest = rest.slice(end);
  }
  if (rest !== '') yield rest;
}
