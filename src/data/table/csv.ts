/** CSV files, and `source: csv`: text of one row a line, as RFC 4180 describes it, read as a stream by csv-parse. */

import { pipeline } from 'node:stream/promises';
import { CsvError, type Options, type Parser, parse } from 'csv-parse';
import type { CsvConfig } from '../../config/table.js';
import { DataError } from '../../errors.js';
import { plural } from '../../ground/units.js';
import { type DataFile, openData } from '../data-file.js';
import type { CsvFormat } from '../encoding.js';
import { checkUtf8, longestRow, type PlainText, plainStreams, plainText, readingError } from '../plain-text.js';
import type { Reading } from '../reading.js';
import type { Source } from '../source.js';
import { refuseOtherFormats } from './magic.js';
import { numberReader } from './numbers.js';
import { tableSource } from './source.js';
import { type Cell, requireDistinct, type Table, textOf, type Visit } from './table.js';

/** One file, as all passes over it read it. */
interface CsvFile extends PlainText {
  readonly format: CsvFormat;
  readonly reading: Reading;
}

/** @throws DataError naming file, line and column of what is wrong */
export async function csvSource(config: CsvConfig, reading: Reading): Promise<Source> {
  const format = csvFormat(config);
  return tableSource(config, csvOpener(config, reading), format, reading);
}

/** @returns what opens a file that is written as the config says */
export function csvOpener(config: CsvConfig, reading: Reading): (path: string) => Promise<Table> {
  const format = csvFormat(config);
  return async (path) => openCsv(await openData(path, reading), format, reading);
}

export function csvFormat(config: CsvConfig): CsvFormat {
  const { header, delimiter, decimal, thousands, missingValues } = config;
  if (decimal === thousands) {
    throw new DataError(`data.decimal and data.thousands are both ${JSON.stringify(decimal)}`, 'leave out one of them');
  }
  const numbers = { ...(decimal !== '.' && { decimal }), ...(thousands !== undefined && { thousands }) };
  return { header, delimiter, ...numbers, missingValues };
}

/**
 * @param file plain or gzip; closed with the table, or where this throws
 * @throws DataError if the file cannot be read, is empty, or names two columns alike
 */
export async function openCsv(file: DataFile, format: CsvFormat, reading: Reading): Promise<Table> {
  try {
    const text = await plainText(file);
    refuseOtherFormats(file.name, text.start);
    const csv = { ...text, format, reading };
    const { columns, rowNames } = columnsOf(csv, await firstRows(csv));
    requireDistinct(file.name, columns);
    const read = (names: readonly string[], visit: Visit) => readRows(csv, columns, names, visit);
    const numberOf = numberReader(format);
    const numberIn: Table['numberIn'] = (value) => numberOf(textOf(value));
    const close = () => file.close();
    return { file: file.name, columns, rowNames, unit: 'line', isText: true, numberIn, read, close };
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** At most two. */
async function firstRows(csv: CsvFile): Promise<string[][]> {
  const rows: string[][] = [];
  await parseRows(csv, { to: 2 }, (row) => {
    rows.push(row);
  });
  return rows;
}

/** pandas calls a column without a name so when it reads it; written again, that is the name. */
const unnamedByPandas = /^Unnamed: 0(?:\.\d+)?$/;

/**
 * The names of the columns. pandas and R write the names of rows as a first column without a name of its own: the header has an
 * empty one, or (R's write.table) one less than the rows have values.
 */
function columnsOf({ file, format, reading }: CsvFile, rows: readonly string[][]): Pick<Table, 'columns' | 'rowNames'> {
  const [first, second] = rows;
  if (!first) throw new DataError(`${file.name} is empty`, 'use a file with a row for each example');
  if (!format.header) return { columns: first.map((_, i) => `c${i + 1}`), rowNames: new Map() };
  if (first.length > 1 && first.every((name) => numberReader(format)(name) !== undefined)) {
    reading.warn(
      `${file.name}: the first line, which names the columns, holds numbers only; if it is an example, set data.header: false`,
    );
  }
  // A last value that is empty is a delimiter at the end of the line, not a missing header.
  const isShort = second !== undefined && second.length === first.length + 1 && second.at(-1) !== '';
  const names = isShort ? ['', ...first] : first;
  const taken = new Set(names);
  const columns = names.map((name, i) => (name === '' ? freeName(`c${i + 1}`, taken) : name));
  const rowNames = new Map<string, string>();
  if (isShort) rowNames.set(columns[0], 'row names: the header has one name less than the rows have values');
  else if (names[0] === '' && names.length > 1) rowNames.set(columns[0], 'row names: the first column has no name');
  for (const name of columns) if (unnamedByPandas.test(name)) rowNames.set(name, 'row names, as pandas reads them');
  return { columns, rowNames };
}

function freeName(name: string, taken: ReadonlySet<string>): string {
  return taken.has(name) ? freeName(`${name}_`, taken) : name;
}

async function readRows(
  csv: CsvFile,
  columns: readonly string[],
  names: readonly string[],
  visit: Visit,
): Promise<void> {
  const { file, format } = csv;
  const placeOf = new Map(columns.map((name, i) => [name, i]));
  const positions = names.map((name) => placeOf.get(name)!);
  const missing = new Set(format.missingValues);
  const cells: Cell[] = names.map(() => null);
  let isFirst = format.header;
  await parseRows(csv, {}, (row, line) => {
    if (isFirst) {
      isFirst = false;
      return;
    }
    if (row.length !== columns.length) {
      throw new DataError(
        `${file.name}, line ${line} has ${plural(row.length, 'value')}, the first row has ${columns.length}`,
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
async function parseRows(csv: CsvFile, range: Options, visit: (row: string[], line: number) => void): Promise<void> {
  const {
    file,
    format: { delimiter },
    reading: { signal },
  } = csv;
  const lineOf = lineCounter();
  // U+FFFD is what the parser makes of bytes that are not UTF-8, and may stand in the file itself.
  let isSuspect = false;
  const parser: Parser = parse({
    bom: true,
    delimiter,
    trim: true,
    skip_empty_lines: true,
    relax_column_count: true,
    // Named, because files may mix them; the parser would take the first it sees for the only one.
    record_delimiter: ['\r\n', '\n', '\r'],
    // A quote that is never closed would take it all.
    max_record_size: longestRow,
    ...range,
    // Rows end here, not in the stream: an object less for each.
    on_record: (row: string[], { lines }) => {
      isSuspect ||= row.some((text) => text.includes('\uFFFD'));
      visit(row, lineOf(row, lines));
      return null;
    },
  });
  parser.resume();
  try {
    await pipeline([...plainStreams(csv), parser], { signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DataError) {
      if (isSuspect) await checkUtf8(csv, signal);
      throw error;
    }
    // The parser has what was asked for, and closes while the file still flows.
    if (range.to !== undefined && (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    throw error instanceof CsvError ? malformed(file.name, error) : readingError(csv, error);
  }
  if (isSuspect) await checkUtf8(csv, signal);
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
