/** Tokens of a tokenizer: learned from the training split, read from a file, or those of a trained model. */
import type { TextConfig, TokensConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import { type Splits, splitNames } from '../examples.js';
import type { Reading } from '../reading.js';
import { budgetBytes } from '../row-writer.js';
import { heldOutParts } from '../splits/split-plan.js';
import { lastBorder } from './byte-alphabet.js';
import { endOfText, type TextItem } from './documents.js';
import { learnedTokenizer, noteFewer, WordCounts } from './learned-tokenizer.js';
import { type StoredTokens, TokenList } from './stored-tokens.js';
import { type FilePiece, type Pieces, piecesOf, type TextPiece } from './text-pieces.js';
import type { TextPlace } from './text-place.js';
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
  places: readonly TextPlace[],
  config: TextConfig,
  tokens: TokensConfig,
  reading: Reading,
): Promise<TokenizedText> {
  const keys = await keysOf(places, config, reading);
  const trained = reading.trained?.input.kind === 'text' ? reading.trained.input.tokenizer : undefined;
  const json = trained ?? (await tokenizerOf(places, config, tokens, { keys, reading }));
  const where = 'file' in tokens ? tokens.file : 'encoding.json';
  const tokenizer = openTokenizer(json, where);
  if (!trained) noteFewer(tokens, tokenizer.tokens.length, 'data.tokens', reading.warn);
  const end = config.documents && endIn(tokenizer, config, where);
  const budget = budgetBytes(config.memory);
  const key = keys?.ofTokens(json);
  const kept = key === undefined ? undefined : await readKept(key, budget, reading);
  // What was replaced is told each time.
  if (kept?.tokens && config.invalid === 'replace') await charactersOf(places);
  const found =
    kept?.tokens === undefined
      ? await encoded(places, config, tokenizer, { end, budget, reading })
      : { tokens: kept.tokens, ...(kept.about as KeptText) };
  if (key && !kept?.tokens) {
    await keep(key, { about: { pieces: found.pieces } satisfies KeptText, tokens: found.tokens }, reading);
  }
  const { tokens: all, pieces } = found;
  const count = all.file ? (all.file.end! - all.file.start!) / 4 : all.values.length;
  return {
    vocabulary: tokenizer.tokens,
    names: tokenizer.names,
    count,
    features: all,
    classes: all,
    pieces,
    end,
    tokenizer: json,
  };
}

/** @throws DataError where the tokenizer has no such token */
function endIn(
  { tokens, added, endOfText: known }: Tokenizer,
  { endOfText: named }: TextConfig,
  where: string,
): number {
  const id = named === undefined ? known : tokens.indexOf(named);
  if (id !== undefined && id >= 0) return id;
  const what = named === undefined ? 'that is known to end a text' : JSON.stringify(named);
  const choice = added.length > 0 ? `, e.g. one of ${added.slice(0, 10).join(', ')}` : '';
  throw new DataError(
    `data.documents: ${where} has no token ${what}`,
    `name the one that ends a text there by data.endOfText${choice}`,
  );
}

/** By what a text's tokenizer and tokens are kept; undefined where it is not worth it, or the config does not want it. */
async function keysOf(places: readonly TextPlace[], config: TextConfig, reading: Reading) {
  const { cache, invalid, documents } = config;
  const bytes = places.reduce((sum, { size }) => sum + size, 0);
  if (!cache || bytes < worthKeeping) return undefined;
  const hashes: string[][] = [];
  for (const place of places) hashes.push(await place.hashes());
  reading.signal?.throwIfAborted();
  const parts = Object.values(heldOutParts(config)).map((part) => (typeof part === 'number' ? part : 'own'));
  const text = [hashes, invalid, parts, documents ?? null, config.endOfText ?? null];
  return {
    ofTokenizer: (tokens: TokensConfig) => keyOf('tokenizer', text, tokens),
    ofTokens: (tokenizer: TokenizerJson) => keyOf('tokens', text, tokenizer),
  };
}

/** Characters of each place. @throws DataError if a file is not UTF-8, or the first place is empty */
export async function charactersOf(places: readonly TextPlace[]): Promise<readonly number[]> {
  const counts: number[] = [];
  for (const place of places) counts.push(await place.characters());
  if (counts[0] === 0) throw new DataError(`data.file: ${places[0].name} is empty`, 'use another file');
  return counts;
}

/** The tokenizer that the config asks for. */
async function tokenizerOf(
  places: readonly TextPlace[],
  config: TextConfig,
  tokens: TokensConfig,
  { keys, reading }: { readonly keys: Awaited<ReturnType<typeof keysOf>>; readonly reading: Reading },
): Promise<TokenizerJson> {
  const key = 'bpe' in tokens ? keys?.ofTokenizer(tokens) : undefined;
  const kept = key === undefined ? undefined : await readKept(key, 0, reading);
  if (kept) return kept.about as TokenizerJson;
  const learned = async () => {
    const { training } = piecesOf(await charactersOf(places), config);
    return wordsOf(textOf(places, training), reading);
  };
  const special = config.documents ? [endOfText(config)] : [];
  const json = await learnedTokenizer(tokens, { key: 'data.tokens.file', words: learned, special }, reading.signal);
  if (key) await keep(key, { about: json }, reading);
  return json;
}

const textOf = (places: readonly TextPlace[], { place, start, end }: FilePiece) => places[place].between(start, end);

async function encoded(
  places: readonly TextPlace[],
  config: TextConfig,
  tokenizer: Tokenizer,
  { end, budget, reading }: { readonly end: number | undefined; readonly budget: number; readonly reading: Reading },
): Promise<{ readonly tokens: StoredTokens; readonly pieces: Pieces }> {
  const texts = piecesOf(await charactersOf(places), config);
  const list = new TokenList(budget);
  const pieces: Partial<Record<keyof Splits, TextPiece>> = {};
  try {
    for (const name of splitNames) {
      const start = list.length;
      for await (const part of cut(textOf(places, texts[name]), (text) => tokenizer.lastBorder(text))) {
        list.append(part === null ? [end!] : tokenizer.encodeLines(part));
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

async function wordsOf(text: AsyncIterable<TextItem>, reading: Reading): Promise<WordCounts> {
  const words = new WordCounts();
  for await (const part of cut(text, lastBorder)) {
    if (part !== null) words.add(part);
    if (reading.due) await reading.pause();
  }
  return words;
}

/** A text in other parts, each cut where that changes no token. */
async function* cut(items: AsyncIterable<TextItem>, border: (text: string) => number): AsyncGenerator<TextItem> {
  let rest = '';
  for await (const item of items) {
    if (item === null) {
      if (rest !== '') yield rest;
      yield null;
      rest = '';
      continue;
    }
    rest += item;
    const end = border(rest);
    if (end === 0) continue;
    yield rest.slice(0, end);
    rest = rest.slice(end);
  }
  if (rest !== '') yield rest;
}
