/** CSV files, and `source: csv`: text of one row a line, as RFC 4180 describes it, read as a stream by csv-parse. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { CsvError, type Options, type Parser, parse } from 'csv-parse';
import type { CsvConfig } from '../../config/data.js';
import { DataError } from '../../errors.js';
import type { CsvFormat } from '../encoding.js';
import type { Source } from '../source.js';
import { unreadable } from '../unreadable.js';
import { tableSource } from './source.js';
import { type Cell, requireDistinct, type Table, type Value, type Visit } from './table.js';

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;
/** What programs write for a number that is none. */
const notFinite = /^[+-]?(?:inf|infinity|nan)$/i;
/** A quote that is never closed must not read the rest of the file into memory. */
const longestRow = 1 << 24;

/** @throws DataError naming file, line and column of what is wrong */
export function csvSource(config: CsvConfig): Promise<Source> {
  const { header, delimiter, missingValues } = config;
  const format = { header, delimiter, missingValues };
  return tableSource(config, (file) => openCsv(file, format), format);
}

/** @throws DataError if the file cannot be read, is empty, or names two columns alike */
export async function openCsv(file: string, format: CsvFormat): Promise<Table> {
  let first: string[] | undefined;
  await parseRows(file, format, { to: 1 }, (row) => {
    first = row;
  });
  if (!first) throw new DataError(`${file} is empty`, 'use a file with a row for each example');
  const columns = first.map((name, i) => (format.header && name !== '' ? name : `c${i + 1}`));
  requireDistinct(file, columns);
  const read = (names: readonly string[], visit: Visit) => readRows(file, format, columns, names, visit);
  return { file, columns, unit: 'line', numberIn, read };
}

function numberIn(value: Value): number | undefined {
  const text = String(value);
  if (decimal.test(text)) return Number(text);
  return notFinite.test(text) ? Number.NaN : undefined;
}

async function readRows(
  file: string,
  format: CsvFormat,
  columns: readonly string[],
  names: readonly string[],
  visit: Visit,
): Promise<void> {
  const positions = names.map((name) => columns.indexOf(name));
  const missing = new Set(format.missingValues);
  const cells: Cell[] = names.map(() => null);
  await parseRows(file, format, { from: format.header ? 2 : 1 }, (row, line) => {
    if (row.length !== columns.length) {
      throw new DataError(
        `${file}, line ${line} has ${row.length} values, the first row has ${columns.length}`,
        'correct the line, or set data.delimiter; a value that contains the delimiter needs quotes',
      );
    }
    for (let i = 0; i < positions.length; i++) {
      const text = row[positions[i]];
      cells[i] = missing.has(text) ? null : text;
    }
    visit(cells, line);
  });
}

/** @param visit gets every row and the line on which it starts; blank lines are no rows */
async function parseRows(
  file: string,
  { delimiter }: CsvFormat,
  range: Options,
  visit: (row: string[], line: number) => void,
): Promise<void> {
  const lineOf = lineCounter();
  const parser: Parser = parse({
    ...{ bom: true, delimiter, trim: true, skip_empty_lines: true, relax_column_count: true },
    // Named, because files may mix them; the parser would take the first it sees for the only one.
    ...{ record_delimiter: ['\r\n', '\n', '\r'], max_record_size: longestRow, ...range },
    // Rows end here, not in the stream: an object less for each.
    on_record: (row: string[], { lines }) => {
      const line = lineOf(row, lines);
      if (row.some((text) => text.includes('\uFFFD'))) throw notUtf8(file, line);
      visit(row, line);
      return null;
    },
  });
  parser.resume();
  try {
    await pipeline(createReadStream(file), parser);
  } catch (error) {
    if (error instanceof DataError) throw error;
    // The parser has what was asked for, and closes while the file still flows.
    if (range.to !== undefined && (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    throw error instanceof CsvError ? malformed(file, error) : unreadable(file, error);
  }
}

/** From the parser's count, which is that of a row's last line and takes \r\n inside of quotes for two, to a row's first line. */
function lineCounter(): (row: readonly string[], lines: number) => number {
  let previous = 0;
  let excess = 0;
  return (row, lines) => {
    let line = lines - excess;
    if (lines > previous + 1) {
      const quoted = row.join();
      line -= quoted.match(/[\r\n]/g)?.length ?? 0;
      excess += quoted.match(/\r\n/g)?.length ?? 0;
    }
    previous = lines;
    return line;
  };
}

function notUtf8(file: string, line: number): DataError {
  return new DataError(`${file}, line ${line} is not UTF-8`, 'save the file as UTF-8');
}

/** @param error with the line where the parser gave up */
function malformed(file: string, error: CsvError & { readonly lines?: number }): DataError {
  const { code, message, lines } = error;
  const problems: Partial<Record<string, string>> = {
    CSV_QUOTE_NOT_CLOSED: 'ends inside of a quoted value',
    CSV_INVALID_CLOSING_QUOTE: 'has text after a closing quote',
    INVALID_OPENING_QUOTE: 'has a quote inside of a value',
    CSV_MAX_RECORD_SIZE: 'belongs to a row of more than 16 MB',
  };
  return new DataError(
    `${file}, line ${lines} ${problems[code] ?? `is no CSV (${message})`}`,
    'put quotes around a value that contains one, and write "" for each quote in it',
  );
}
