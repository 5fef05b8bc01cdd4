/**
 * `source: text`: the characters of a file as tokens, and windows of them as examples. Windows overlap in memory: example
 * `i` starts at character `i`, and nothing is copied until a batch is.
 */
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { TextDecoder } from 'node:util';
import type { TextConfig } from '../../config/data.js';
import { DataError } from '../../errors.js';
import { realPath } from '../../ground/real-path.js';
import { grouped } from '../../ground/units.js';
import { plainColumn, type Splits } from '../examples.js';
import type { Reading } from '../reading.js';
import type { Source } from '../source.js';
import { givenOf, partsOf, sectionOf } from '../splits/split-plan.js';

/** Bytes decoded at once: the whole of a large file would not fit into one string. */
const blockBytes = 1 << 20;
/** One more than the highest Unicode code point. */
const codePoints = 0x110000;

interface TextFile {
  readonly file: string;
  readonly bytes: Uint8Array;
}

interface Tokens {
  /** Characters of each file. */
  readonly counts: readonly number[];
  /** Distinct characters, by their code points. */
  readonly vocabulary: readonly string[];
  /** Index in the vocabulary of each character; in bytes where they suffice. */
  readonly features: Uint8Array | Float32Array;
  /** The indices of `features` as class indices. */
  readonly classes: Int32Array;
}

/** Characters from `start` to before `end`. */
interface Piece {
  readonly start: number;
  readonly end: number;
}

/**
 * Examples of window shape [window] and, as targets, the character after the window ([]) or after each character of it
 * ([window]). Characters are Unicode code points.
 *
 * @throws DataError if the file is missing, empty, not UTF-8 or of one character only, or a split too short for a window
 */
export async function textSource(config: TextConfig, reading: Reading): Promise<Source> {
  const files: TextFile[] = [];
  for (const [key, path] of [
    ['file', config.file],
    ...givenOf(config).map(({ split, own }) => [config.split ? `split.${split}` : split, own]),
  ]) {
    const file = resolve(path);
    if (files.some((other) => realPath(other.file) === realPath(file))) {
      throw new DataError(`data: the file ${file} is to serve two splits`, 'give each split a file of its own');
    }
    files.push({ file, bytes: await readBytes(file, `data.${key}`, reading) });
  }
  const { vocabulary, features, classes, counts } = await tokenize(files, reading);
  const { window, targets } = config;
  const splits = splitText(counts, config);
  const input = plainColumn('input', { shape: [window], stride: 1, values: features });
  const target = plainColumn('target', {
    shape: targets === 'last' ? [] : [window],
    stride: 1,
    values: classes.subarray(targets === 'last' ? window : 1),
    categories: vocabulary.length,
  });
  return {
    examples: { count: features.length - window, columns: [input, target] },
    split: splits,
    origin: `windows of the ${grouped(features.length)} characters of ${files.map(({ file }) => file).join(', ')}`,
    encode: () => ({ input: { kind: 'text', window, targets, vocabulary }, classes: vocabulary }),
  };
}

async function readBytes(file: string, key: string, { signal }: Reading): Promise<Uint8Array> {
  try {
    return await readFile(file, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = { ENOENT: 'does not exist', EISDIR: 'is a folder' };
    throw new DataError(
      `${key}: ${file} ${reasons[code ?? ''] ?? `cannot be read (${message})`}`,
      `set it to a text file, e.g. --set ${key}=...`,
    );
  }
}

async function tokenize(files: readonly TextFile[], reading: Reading): Promise<Tokens> {
  const seen = new Uint8Array(codePoints);
  const counts: number[] = [];
  for (const { file, bytes } of files) {
    let characters = 0;
    await eachCharacter(bytes, file, reading, (code) => {
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
    await eachCharacter(each.bytes, each.file, reading, (code) => {
      features[place] = token[code];
      classes[place++] = token[code];
    });
  }
  return { vocabulary, features, classes, counts };
}

/** Calls `visit` with the code point of every character, in order. */
async function eachCharacter(
  bytes: Uint8Array,
  file: string,
  reading: Reading,
  visit: (code: number) => void,
): Promise<void> {
  // The decoder leaves a byte-order mark out.
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let start = 0; start < bytes.length; start += blockBytes) {
    const end = start + blockBytes;
    const text = decode(decoder, bytes.subarray(start, end), end < bytes.length, file);
    for (let i = 0; i < text.length; ) {
      const code = text.codePointAt(i)!;
      visit(code);
      i += code > 0xffff ? 2 : 1;
    }
    if (reading.due) await reading.pause();
  }
}

function decode(decoder: TextDecoder, bytes: Uint8Array, stream: boolean, file: string): string {
  try {
    return decoder.decode(bytes, { stream });
  } catch {
    throw new DataError(`data.file: ${file} is not UTF-8 text`, 'save it as UTF-8, e.g. with iconv -t UTF-8');
  }
}

/**
 * Training first, then validation, then test, then those that have files of their own: no window sees or predicts a character of
 * another split.
 * @param counts characters of each file
 */
function splitText([length, ...counts]: readonly number[], config: TextConfig): Splits {
  const { window, stride, targets } = config;
  const parts = partsOf(config);
  const shareOf = (part: number | string) => (typeof part === 'string' ? 0 : Math.round(part * length));
  const [validation, test] = [shareOf(parts.validation), shareOf(parts.test)];
  const training = length - validation - test;
  const pieces = {
    training: { start: 0, end: training },
    validation: { start: training, end: training + validation },
    test: { start: training + validation, end: length },
  };
  let start = length;
  givenOf(config).forEach(({ split }, i) => {
    pieces[split] = { start, end: start + counts[i] };
    start += counts[i];
  });
  // Held-out characters are predicted once each, whatever the stride of training.
  const heldOutStride = targets === 'last' ? 1 : window;
  const part = (name: keyof Splits, step: number) => {
    if (name !== 'training' && parts[name] === 0) return new Int32Array(0);
    const { start, end } = pieces[name];
    if (end - start <= window) throw tooShort(name, Math.max(0, end - start), config);
    return windowsOf({ start, end }, window, step);
  };
  return {
    training: part('training', stride),
    validation: part('validation', heldOutStride),
    test: part('test', heldOutStride),
  };
}

/** Where the windows of a piece start that have a character after them. */
function windowsOf({ start, end }: Piece, window: number, step: number): Int32Array {
  const count = Math.floor((end - window - 1 - start) / step) + 1;
  return Int32Array.from({ length: count }, (_, i) => start + i * step);
}

function tooShort(name: keyof Splits, characters: number, config: TextConfig): DataError {
  const { window } = config;
  const section = sectionOf(config);
  const isOwn = givenOf(config).some(({ split }) => split === name);
  const share = isOwn
    ? 'a longer file'
    : name === 'training'
      ? `smaller ${section}.validation and ${section}.test`
      : `a larger ${section}.${name}`;
  return new DataError(
    `data.window: ${window} characters and the one after them do not fit into the ${characters} of the ${name} split`,
    `use ${characters > 1 ? `a window of at most ${characters - 1}` : 'more text'}, or ${share}`,
  );
}
