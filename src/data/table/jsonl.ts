/** Files of JSON lines as tables, and `source: jsonl`: an object a line, whose keys are the columns. */
import { type JsonlConfig, usualCsv } from '../../config/table.js';
import { DataError } from '../../errors.js';
import { type DataFile, openData } from '../data-file.js';
import { type JsonRow, jsonLines } from '../json-lines.js';
import { type PlainText, plainText } from '../plain-text.js';
import type { Reading } from '../reading.js';
import type { Source } from '../source.js';
import { refuseNoText } from './magic.js';
import { tableSource } from './source.js';
import { type Cell, type Table, typedNumber, type Visit } from './table.js';

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
    for await (const lines of jsonLines(text, reading)) {
      for (const { row } of lines) for (const name of Object.keys(row)) columns.add(name);
    }
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
  for await (const lines of jsonLines(text, reading)) {
    for (const { row, line, text } of lines) {
      const isRounded = names.some((name) => Object.hasOwn(row, name) && mayBeRounded(row[name]));
      const exact = isRounded ? withWholeNumbers(text) : row;
      names.forEach((name, i) => {
        cells[i] = Object.hasOwn(exact, name)
          ? cellOf(exact[name], () => `${file}, line ${line}: column ${name}`)
          : null;
      });
      visit(cells, line);
    }
  }
}

/** Whole numbers that 64-bit floating point may not tell apart: ids, which are categories or keys. */
const mayBeRounded = (value: unknown): boolean => Number.isInteger(value) && !Number.isSafeInteger(value);

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
