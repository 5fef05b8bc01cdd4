/** Characters as tokens: Unicode code points, numbered in their order. */
import type { TextConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import { type Splits, splitNames } from '../examples.js';
import { bytesPerElement } from '../field.js';
import type { Reading } from '../reading.js';
import { budgetBytes } from '../row-writer.js';
import { endOfText } from './documents.js';
import { storeFor } from './stored-tokens.js';
import { type FilePiece, type Pieces, piecesOf, type TextPiece } from './text-pieces.js';
import type { TextPlace } from './text-place.js';
import type { TokenizedText } from './tokenized.js';
import { charactersOf } from './tokens.js';

/** One more than the highest Unicode code point. */
const codePoints = 0x110000;

/**
 * The characters are those of a trained model, where there is one.
 * @throws DataError if the file is empty, not UTF-8, of one character only, or has one that a trained model does not know
 */
export async function readCharacters(
  places: readonly TextPlace[],
  config: TextConfig,
  reading: Reading,
): Promise<TokenizedText> {
  const { seen, documents } = await surveyed(places);
  const counts = await charactersOf(places);
  const vocabulary = vocabularyOf(seen, config, reading);
  const end = config.documents && vocabulary.length - 1;
  const token = new Int32Array(codePoints);
  for (const [i, name] of vocabulary.entries()) if (i !== end) token[name.codePointAt(0)!] = i;
  if (vocabulary.length === 1) {
    throw new DataError(
      `data.file: ${places[0].name} repeats the single character ${JSON.stringify(vocabulary[0])}, which leaves nothing to predict`,
      'use another file',
    );
  }
  const count = counts.reduce((a, b) => a + b, 0) + documents;
  const type = vocabulary.length <= 256 ? 'uint8' : 'float32';
  const isInMemory = count * (bytesPerElement({ type }) + 4) <= budgetBytes(config.memory);
  const stores = [storeFor(type, count, isInMemory), storeFor('int32', count, isInMemory)] as const;
  let length = 0;
  const append = (id: number) => {
    for (const store of stores) store.append(id);
    length++;
  };
  const texts = piecesOf(counts, config);
  const pieces: Partial<Record<keyof Splits, TextPiece>> = {};
  try {
    // As they lie in their files.
    const inOrder = (one: FilePiece, other: FilePiece) => one.place - other.place || one.start - other.start;
    for (const name of splitNames.toSorted((one, other) => inOrder(texts[one], texts[other]))) {
      const start = length;
      const { place, ...piece } = texts[name];
      for await (const item of places[place].between(piece.start, piece.end)) {
        if (item === null) append(end!);
        else eachCharacter(item, (code) => append(token[code]));
      }
      pieces[name] = { start, end: length };
    }
  } catch (error) {
    for (const store of stores) store.discard();
    throw error;
  }
  const [features, classes] = stores.map((store) => store.finish());
  return { vocabulary, names: vocabulary, count, features, classes, pieces: pieces as Pieces, end };
}

/** Which characters there are, and how many documents. */
async function surveyed(places: readonly TextPlace[]) {
  const seen = new Uint8Array(codePoints);
  let documents = 0;
  for (const place of places) {
    for await (const item of place.items()) {
      if (item === null) documents++;
      else
        eachCharacter(item, (code) => {
          seen[code] = 1;
        });
    }
  }
  return { seen, documents };
}

/**
 * The characters that a text has, and the end of one where it has documents; or those of a trained model.
 * @throws DataError where that does not know one of the text's
 */
function vocabularyOf(seen: Uint8Array, config: TextConfig, { trained }: Reading): readonly string[] {
  const found: string[] = [];
  seen.forEach((present, code) => {
    if (present) found.push(String.fromCodePoint(code));
  });
  if (trained?.input.kind !== 'text') return config.documents ? [...found, endOfText(config)] : found;
  const { vocabulary } = trained.input;
  const known = new Set(vocabulary);
  const unknown = found.find((character) => !known.has(character));
  if (unknown === undefined) return vocabulary;
  throw new DataError(
    `the text has the character ${JSON.stringify(unknown)}, which the model was not trained on`,
    'leave it out',
  );
}

/** Calls `visit` with the code point of every character, in order. */
function eachCharacter(text: string, visit: (code: number) => void): void {
  for (let i = 0; i < text.length; ) {
    const code = text.codePointAt(i)!;
    visit(code);
    i += code > 0xffff ? 2 : 1;
  }
}
