/** Characters as tokens: Unicode code points, numbered in their order. */
import type { TextConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import type { Splits } from '../examples.js';
import { bytesPerElement } from '../field.js';
import type { Reading } from '../reading.js';
import { budgetBytes } from '../row-writer.js';
import { storeFor } from './stored-tokens.js';
import type { TextFile } from './text-file.js';
import { type FilePiece, piecesOf, type TextPiece } from './text-pieces.js';
import type { TokenizedText } from './tokenized.js';

/** One more than the highest Unicode code point. */
const codePoints = 0x110000;

/**
 * The characters are those of a trained model, where there is one.
 * @throws DataError if the file is empty, not UTF-8, of one character only, or has one that a trained model does not know
 */
export async function readCharacters(
  files: readonly TextFile[],
  config: TextConfig,
  reading: Reading,
): Promise<TokenizedText> {
  const seen = new Uint8Array(codePoints);
  const counts: number[] = [];
  for (const file of files) {
    let characters = 0;
    await eachCharacter(file, (code) => {
      seen[code] = 1;
      characters++;
    });
    counts.push(characters);
  }
  const count = counts.reduce((a, b) => a + b, 0);
  const [{ file }] = files;
  const vocabulary = vocabularyOf(seen, reading);
  const token = new Int32Array(codePoints);
  vocabulary.forEach((character, i) => {
    token[character.codePointAt(0)!] = i;
  });
  if (count === 0) throw new DataError(`data.file: ${file} is empty`, 'use another file');
  if (vocabulary.length === 1) {
    throw new DataError(
      `data.file: ${file} repeats the single character ${JSON.stringify(vocabulary[0])}, which leaves nothing to predict`,
      'use another file',
    );
  }
  const type = vocabulary.length <= 256 ? 'uint8' : 'float32';
  const isInMemory = count * (bytesPerElement({ type }) + 4) <= budgetBytes(config.memory);
  const stores = [storeFor(type, count, isInMemory), storeFor('int32', count, isInMemory)] as const;
  try {
    for (const each of files) {
      await eachCharacter(each, (code) => {
        for (const store of stores) store.append(token[code]);
      });
    }
  } catch (error) {
    for (const store of stores) store.discard();
    throw error;
  }
  const [features, classes] = stores.map((store) => store.finish());
  const starts = counts.map((_, i) => counts.slice(0, i).reduce((a, b) => a + b, 0));
  const placed = ({ file, start, end }: FilePiece): TextPiece => ({
    start: starts[file] + start,
    end: starts[file] + end,
  });
  const { training, validation, test } = piecesOf(counts, config);
  const pieces: Record<keyof Splits, TextPiece> = {
    training: placed(training),
    validation: placed(validation),
    test: placed(test),
  };
  return { vocabulary, count, features, classes, pieces };
}

/** The characters that a text has, or those of a trained model. @throws DataError where that does not know one of the text's */
function vocabularyOf(seen: Uint8Array, { trained }: Reading): readonly string[] {
  const found: string[] = [];
  seen.forEach((present, code) => {
    if (present) found.push(String.fromCodePoint(code));
  });
  if (trained?.input.kind !== 'text') return found;
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
async function eachCharacter(file: TextFile, visit: (code: number) => void): Promise<void> {
  for await (const text of file.parts()) {
    for (let i = 0; i < text.length; ) {
      const code = text.codePointAt(i)!;
      visit(code);
      i += code > 0xffff ? 2 : 1;
    }
  }
}
