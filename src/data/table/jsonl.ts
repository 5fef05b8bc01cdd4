/** Files of JSON lines, and `source: jsonl`: an object a line, whose keys are the columns. */
import { isUtf8 } from 'node:buffer';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { type JsonlConfig, usualCsv } from '../../config/table.js';
import { DataError } from '../../errors.js';
import { type DataFile, openData } from '../data-file.js';
import type { Reading } from '../reading.js';
import type { Source } from '../source.js';
import { refuseNoText } from './magic.js';
import { longestRow, notUtf8, type PlainText, plainText, readingError } from './plain-text.js';
import { tableSource } from './source.js';
import { type Cell, type Table, typedNumber, type Visit } from './table.js';

type JsonRow = Readonly<Record<string, unknown>>;

const anObject = 'write an object a line, such as {"age": 31, "city": "Bonn"}';
const joined = `${anObject}; those that take several lines become so by jq -c . FILE`;
const listed = "write an object a line, e.g. by jq -c '.[]' FILE";

/** @throws DataError naming file, line and column of what is wrong */
export function jsonlSource(config: JsonlConfig, reading: Reading): Promise<Source> {
  return tableSource(config, jsonlOpener(reading), usualCsv, reading);
}

export const jsonlOpener =
  (reading: Reading) =>
  async (path: string): Promise<Table> =>
    openJsonl(await openData(path, reading), reading);

/**
 * The columns are the keys of all lines, in the order in which they first come. A key that a line lacks, and null, are missing values.
 * @param file plain or gzip; closed with the table, or where this throws
 * @throws DataError if the file cannot be read, or a line is no object
 */
export async function openJsonl(file: DataFile, reading: Reading): Promise<Table> {
  try {
    const text = await plainText(file);
    refuseNoText(file.name, text.start, 'JSON lines');
    const columns = new Set<string>();
    await eachObject(text, reading, (row) => {
      for (const name of Object.keys(row)) columns.add(name);
    });
    if (columns.size === 0) throw new DataError(`${file.name} is empty`, 'use a file with an object for each example');
    return {
      file: file.name,
      columns: [...columns],
      rowNames: new Map(),
      unit: 'line',
      isText: false,
      numberIn: typedNumber,
      read: (names, visit) => readRows(text, reading, names, visit),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

async function readRows(text: PlainText, reading: Reading, names: readonly string[], visit: Visit): Promise<void> {
  const { name: file } = text.file;
  const cells: Cell[] = names.map(() => null);
  await eachObject(text, reading, (row, place, line) => {
    let exact = row;
    for (const name of names) {
      if (Object.hasOwn(row, name) && isRounded(row[name])) exact = withWholeNumbers(line);
    }
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      cells[i] = Object.hasOwn(exact, name)
        ? cellOf(exact[name], () => `${file}, line ${place}: column ${name}`)
        : null;
    }
    visit(cells, place);
  });
}

/** Whole numbers that 64-bit floating point may not tell apart: ids, which are categories or keys. */
const isRounded = (value: unknown): boolean => Number.isInteger(value) && !Number.isSafeInteger(value);

const textsAndLongNumbers = /"(?:[^"\\]|\\.)*"|-?\d{16,}(?![\d.eE])/g;

/** The object of a line, long whole numbers of which have all their digits. */
function withWholeNumbers(line: string): JsonRow {
  const marked = line.replace(textsAndLongNumbers, (part) => (part.startsWith('"') ? part : `{"digits":"${part}"}`));
  return Object.fromEntries(
    Object.entries(JSON.parse(marked) as JsonRow).map(([key, value]) => {
      const digits = (value as { digits?: unknown } | null)?.digits;
      return [key, typeof digits === 'string' && /^-?\d{16,}$/.test(digits) ? BigInt(digits) : value];
    }),
  );
}

function cellOf(value: unknown, where: () => string): Cell {
  if (value === null) return null;
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'object') return value as string | number | bigint;
  throw new DataError(
    `${where()} holds ${Array.isArray(value) ? 'a list' : 'an object'}, not a number or text`,
    'list it under data.exclude, or write what it holds as columns of their own',
  );
}

/** @param visit gets the object of each line that is not blank, the line's number and its text */
async function eachObject(
  text: PlainText,
  reading: Reading,
  visit: (row: JsonRow, place: number, line: string) => void,
): Promise<void> {
  const { name: file } = text.file;
  let place = 0;
  await eachBlockOfLines(text, reading, (bytes) => {
    if (!isUtf8(bytes)) throw notUtf8(file, place + 1 + lineOfDamage(bytes));
    const lines = bytes.toString('utf8').split('\n');
    // What follows the last line break is another block's.
    for (const line of lines.at(-1) === '' ? lines.slice(0, -1) : lines) {
      place++;
      const own = place === 1 && line.startsWith('\ufeff') ? line.slice(1) : line;
      if (own.trim() !== '') visit(objectOf(own, `${file}, line ${place}`), place, own);
    }
  });
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

/** @param use gets whole lines, each time some more; only the last may lack its line break */
async function eachBlockOfLines(text: PlainText, reading: Reading, use: (bytes: Buffer) => void): Promise<void> {
  const { file } = text;
  let parts: Buffer[] = [];
  let held = 0;
  const take = async (blocks: AsyncIterable<Buffer>) => {
    for await (const block of blocks) {
      const end = block.lastIndexOf(0x0a) + 1;
      if (end > 0) {
        use(Buffer.concat([...parts, block.subarray(0, end)]));
        [parts, held] = [[], 0];
      }
      parts.push(block.subarray(end));
      held += block.length - end;
      if (held > longestRow) throw new DataError(`${file.name} has a line of more than 16 MB`, anObject);
      if (reading.due) await reading.pause();
    }
    if (held > 0) use(Buffer.concat(parts));
  };
  try {
    const bytes = file.stream();
    const options = { signal: reading.signal };
    await (text.gzip ? pipeline(bytes, createGunzip(), take, options) : pipeline(bytes, take, options));
  } catch (error) {
    reading.signal?.throwIfAborted();
    throw error instanceof DataError ? error : readingError(text, error);
  }
}
