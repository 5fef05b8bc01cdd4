/** Characters as tokens: Unicode code points, numbered in their order. */
import type { TextConfig } from '../../config/text.js';
import { DataError } from '../../errors.js';
import type { Splits } from '../examples.js';
import type { TextFile } from './text-file.js';
import { type FilePiece, piecesOf, type TextPiece } from './text-pieces.js';
import type { TokenizedText } from './tokenized.js';

/** One more than the highest Unicode code point. */
const codePoints = 0x110000;

/** @throws DataError if the file is empty, not UTF-8 or of one character only */
export async function readCharacters(files: readonly TextFile[], config: TextConfig): Promise<TokenizedText> {
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
  const token = new Int32Array(codePoints);
  const vocabulary: string[] = [];
  seen.forEach((present, code) => {
    if (!present) return;
    token[code] = vocabulary.length;
    vocabulary.push(String.fromCodePoint(code));
  });
  if (count === 0) throw new DataError(`data.file: ${file} is empty`, 'use another file');
  if (vocabulary.length === 1) {
    throw new DataError(
      `data.file: ${file} repeats the single character ${JSON.stringify(vocabulary[0])}, which leaves nothing to predict`,
      'use another file',
    );
  }
  const shared = (bytes: number) => new SharedArrayBuffer(count * bytes);
  const features = vocabulary.length <= 256 ? new Uint8Array(shared(1)) : new Float32Array(shared(4));
  const classes = new Int32Array(shared(4));
  let place = 0;
  for (const each of files) {
    await eachCharacter(each, (code) => {
      features[place] = token[code];
      classes[place++] = token[code];
    });
  }
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
  return { vocabulary, features, classes, pieces };
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
