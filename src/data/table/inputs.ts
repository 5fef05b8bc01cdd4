/** Inputs of a trained model from a table: the columns that it was trained on, encoded as they were then. */

import { DataError } from '../../errors.js';
import { openData } from '../data-file.js';
import type { TableEncoding } from '../encoding.js';
import { plainColumn, type SourceExamples } from '../examples.js';
import { Places } from '../places.js';
import { Reading } from '../reading.js';
import { budgetBytes, RowWriter } from '../rows.js';
import { requireColumns } from './columns.js';
import { openCsv } from './csv.js';
import { dateColumns, withDates } from './dates.js';
import { openObjects } from './objects.js';
import { openParquet } from './parquet.js';
import { TableRows, tableWidth } from './rows.js';
import { scaleRow } from './scale.js';
import { requireRows } from './survey.js';
import { type Table, textOf } from './table.js';

export interface TableInputs {
  readonly count: number;
  /** Features of a row. */
  readonly width: number;
  /** [count, width] */
  readonly features: Float32Array;
  /** Of each row, what the columns to keep hold; empty where one holds nothing. */
  readonly kept?: readonly (readonly string[])[];
}

/**
 * Every row of the input, in its order: a category that training did not see is 0 in all of its features, and a missing
 * value is refused unless the model was trained with `missing: mean`.
 *
 * @param input a CSV or Parquet file, told apart by its first bytes, or rows as objects, with at least the columns of the features
 * @throws DataError naming file, line or row, and column of what is wrong
 */
export async function tableInputs(
  input: string | readonly unknown[],
  encoding: TableEncoding,
  reading: Reading = new Reading(),
  keep?: readonly string[],
): Promise<TableInputs> {
  const table = typeof input === 'string' ? await openTable(input, encoding, reading) : openObjects('input', input);
  return readInputs(table, encoding, reading, keep).finally(() => table.close());
}

async function readInputs(
  opened: Table,
  encoding: TableEncoding,
  reading: Reading,
  keep: readonly string[] | undefined,
): Promise<TableInputs> {
  const { columns } = encoding;
  const table = numbered(opened, encoding);
  requireColumns(table, columnNames(encoding), 'the model reads a column that is not there');
  const missing = encoding.missing === 'mean' ? 'mean' : 'error';
  const reader = new TableRows(table, { features: columns, missing });
  const width = tableWidth(columns);
  let count = 0;
  let features = new Float32Array(1024 * width);
  await reader.read(() => {
    if ((count + 1) * width > features.length) {
      const larger = new Float32Array(2 * features.length);
      larger.set(features);
      features = larger;
    }
    scaleRow(columns, reader.features);
    features.set(reader.features, count++ * width);
  });
  requireRows(table, count, missing);
  reader.refuseUnseen(reading);
  return { count, width, features: features.slice(0, count * width), kept: keep && (await textsOf(opened, keep)) };
}

/** What columns hold, row by row, as they are written. */
async function textsOf(table: Table, names: readonly string[]): Promise<string[][]> {
  requireColumns(table, names, '--keep');
  const rows: string[][] = [];
  await table.read(names, (cells) => {
    rows.push(cells.map((cell) => (cell === null ? '' : textOf(cell))));
  });
  return rows;
}

/**
 * Every row of the file with its targets, as examples; rows with missing values are used as in training.
 *
 * @param targets columns of the targets; one where `classes` are given
 * @throws DataError naming file, line or row, and column of what is wrong
 */
export async function tableExamples(
  file: string,
  encoding: TableEncoding,
  targets: readonly string[],
  classes: readonly string[] | undefined,
  reading: Reading,
): Promise<{ readonly examples: SourceExamples; readonly places: Places }> {
  const table = await openTable(file, encoding, reading);
  return readExamples(table, encoding, targets, classes, reading).finally(() => table.close());
}

async function readExamples(
  opened: Table,
  encoding: TableEncoding,
  targets: readonly string[],
  classes: readonly string[] | undefined,
  reading: Reading,
): Promise<{ readonly examples: SourceExamples; readonly places: Places }> {
  const { columns, missing } = encoding;
  const table = numbered(opened, encoding, targets);
  requireColumns(table, columnNames(encoding), 'the model reads a column that is not there');
  requireColumns(table, targets, 'data.target');
  const reader = new TableRows(table, { features: columns, missing, targets, classes });
  const width = tableWidth(columns);
  const rows = new RowWriter(width, 'float32', budgetBytes(undefined));
  const values: number[] = [];
  const places = new Places();
  try {
    await reader.read((row) => {
      scaleRow(columns, reader.features);
      rows.append(reader.features);
      values.push(...reader.targets);
      places.add(table, row);
    });
    requireRows(table, rows.count, missing);
    reader.warnOfUnseen(reading);
  } catch (error) {
    rows.discard();
    throw error;
  }
  const held = classes ? new Int32Array(new SharedArrayBuffer(4 * values.length)) : new Float64Array(values.length);
  held.set(values);
  const target = { shape: classes ? [] : [targets.length], values: held, categories: classes?.length };
  const read = [plainColumn('input', { shape: [width], ...rows.finish() }), plainColumn('target', target)];
  return { examples: { count: rows.count, columns: read }, places };
}

const columnNames = ({ columns }: TableEncoding): string[] => columns.map(({ name }) => name);

async function openTable(path: string, { csv }: TableEncoding, reading: Reading): Promise<Table> {
  const file = await openData(path, reading);
  const start = await file.read(4, 0);
  if (start[0] === 0x93 && start.toString('latin1', 1) === 'NUM') {
    await file.close();
    throw new DataError(
      `${file.name} is an array of NumPy, and the model reads columns by their names`,
      'write the rows as CSV or Parquet, e.g. by pandas.DataFrame(x, columns=[...]).to_csv(path, index=False)',
    );
  }
  return start.toString('latin1') === 'PAR1' ? openParquet(file, reading) : openCsv(file, csv, reading);
}

/** The table with numbers in the place of those dates that are needed. */
function numbered(table: Table, { columns, dates = {} }: TableEncoding, targets: readonly string[] = []): Table {
  const needed = new Set([...columns.map(({ name }) => name), ...targets]);
  const used = Object.entries(dates).filter(([name, form]) => dateColumns(name, form).some((each) => needed.has(each)));
  return withDates(table, Object.fromEntries(used));
}
