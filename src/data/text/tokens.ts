/** Tokens of a tokenizer: learned from the training split, read from a file, or those of a trained model. */
import type { TextConfig, TokensConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import { type Splits, splitNames } from '../examples.js';
import type { Reading } from '../reading.js';
import { lastBorder } from './byte-alphabet.js';
import { learnedTokenizer, WordCounts } from './learned-tokenizer.js';
import { charactersIn, partsBetween, type TextFile } from './text-file.js';
import { type FilePiece, piecesOf, type TextPiece } from './text-pieces.js';
import { TokenList } from './token-list.js';
import type { TokenizedText } from './tokenized.js';
import { openTokenizer } from './tokenizer.js';
import type { TokenizerJson } from './tokenizer-json.js';

/** @throws DataError if a file is empty or not UTF-8, or the tokenizer is none */
export async function readTokens(
  files: readonly TextFile[],
  config: TextConfig,
  tokens: TokensConfig,
  reading: Reading,
): Promise<TokenizedText> {
  const counts: number[] = [];
  for (const file of files) {
    let count = 0;
    for await (const part of file.parts()) count += charactersIn(part);
    counts.push(count);
  }
  if (counts[0] === 0) throw new DataError(`data.file: ${files[0].file} is empty`, 'use another file');
  const texts = piecesOf(counts, config);
  const textOf = ({ file, start, end }: FilePiece) => partsBetween(files[file], start, end);
  const learned = () => wordsOf(textOf(texts.training), reading);
  const json =
    trainedTokenizer(reading) ?? (await learnedTokenizer(tokens, 'data.tokens.file', learned, reading.signal));
  const tokenizer = openTokenizer(json, 'file' in tokens ? tokens.file : 'encoding.json');
  const list = new TokenList();
  const pieces: Partial<Record<keyof Splits, TextPiece>> = {};
  for (const name of splitNames) {
    const start = list.length;
    for await (const part of cut(textOf(texts[name]), (text) => tokenizer.lastBorder(text))) {
      list.append(tokenizer.encodeLines(part));
      if (reading.due) await reading.pause();
    }
    pieces[name] = { start, end: list.length };
  }
  const all = list.finish();
  const { tokens: vocabulary } = tokenizer;
  return {
    vocabulary,
    features: all,
    classes: all,
    pieces: pieces as Record<keyof Splits, TextPiece>,
    tokenizer: json,
  };
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
