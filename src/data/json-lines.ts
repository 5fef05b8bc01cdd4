/** Objects of JSON, one a line, in a file that is plain or gzip: read as a stream. */
import { isUtf8 } from 'node:buffer';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { DataError } from '../errors.js';
import { longestRow, notUtf8, type PlainText, readingError } from './plain-text.js';
import type { Reading } from './reading.js';

export type JsonRow = Readonly<Record<string, unknown>>;

export interface JsonLine {
  readonly row: JsonRow;
  /** Of the file, from 1. */
  readonly line: number;
  readonly text: string;
}

const anObject = 'write an object a line, such as {"age": 31, "city": "Bonn"}';
const joined = `${anObject}; those that take several lines become so by jq -c . FILE`;
const listed = "write an object a line, e.g. by jq -c '.[]' FILE";

/**
 * Lines that are not blank, some at a time.
 * @throws DataError naming the line that is no object, or not UTF-8
 */
export async function* jsonLines(text: PlainText, reading: Reading): AsyncGenerator<readonly JsonLine[]> {
  const { name: file } = text.file;
  let line = 0;
  for await (const bytes of blocksOfLines(text, reading)) {
    if (!isUtf8(bytes)) throw notUtf8(file, line + 1 + lineOfDamage(bytes));
    const lines = bytes.toString('utf8').split('\n');
    // What follows the last line break is another block's.
    if (lines.at(-1) === '') lines.pop();
    const found: JsonLine[] = [];
    for (const each of lines) {
      line++;
      const own = line === 1 && each.startsWith('\ufeff') ? each.slice(1) : each;
      if (own.trim() !== '') found.push({ row: objectOf(own, `${file}, line ${line}`), line, text: own });
    }
    yield found;
  }
}

/** Of the lines of a block, from 0, the first that is not UTF-8. */
function lineOfDamage(bytes: Buffer): number {
  for (let start = 0, line = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end < 0 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}

function objectOf(line: string, where: string): JsonRow {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    const isOdd = /(?:^|[:,[\s])-?(?:NaN|Infinity)\b/.test(line);
    throw new DataError(
      `${where} is no JSON (${(error as Error).message})`,
      isOdd ? 'write null in the place of NaN and Infinity, which JSON does not have' : joined,
    );
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonRow;
  if (!Array.isArray(value)) throw new DataError(`${where} holds no object but ${JSON.stringify(value)}`, anObject);
  throw new DataError(`${where} holds a list, no object`, listed);
}

/** Whole lines, some at a time; only the last may lack its line break. */
async function* blocksOfLines(text: PlainText, reading: Reading): AsyncGenerator<Buffer> {
  const { file } = text;
  let parts: Buffer[] = [];
  let held = 0;
  try {
    // What fails in the file ends the reading of what is inflated.
    const blocks = text.gzip ? pipeline(file.stream(), createGunzip(), () => {}) : file.blocks();
    for await (const block of blocks as AsyncIterable<Buffer>) {
      const end = block.lastIndexOf(0x0a) + 1;
      if (end > 0) {
        yield Buffer.concat([...parts, block.subarray(0, end)]);
        [parts, held] = [[], 0];
      }
      parts.push(block.subarray(end));
      held += block.length - end;
      if (held > longestRow) throw new DataError(`${file.name} has a line of more than 16 MB`, anObject);
      if (reading.due) await reading.pause();
    }
  } catch (error) {
    reading.signal?.throwIfAborted();
    throw error instanceof DataError ? error : readingError(text, error);
  }
  if (held > 0) yield Buffer.concat(parts);
}
