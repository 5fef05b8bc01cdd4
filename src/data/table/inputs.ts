/** Inputs of a trained model from a table: the columns that it was trained on, encoded as they were then. */

import { DataError } from '../../errors.js';
import { openData } from '../data-file.js';
import { type CsvFormat, fieldsOfTable, type TableEncoding } from '../encoding.js';
import { ColumnsCollector, type ExampleColumns, presentColumns } from '../example-columns.js';
import type { SourceExamples } from '../examples.js';
import { isJsonObject, plainText } from '../plain-text.js';
import { Reading } from '../reading.js';
import { RowOrigins } from '../row-origins.js';
import { budgetBytes } from '../row-writer.js';
import { scaleRow } from './column-scaling.js';
import type { FileColumn } from './columns.js';
import { openCsv } from './csv.js';
import { dateColumns, readableColumns, withDates } from './dates.js';
import { inputColumns, tableTargetColumn, textMasks, writersOf } from './fields.js';
import { openJsonl } from './jsonl.js';
import { openObjects } from './objects.js';
import { openParquet } from './parquet.js';
import { TableRows, tableWidth } from './rows.js';
import { requireRows, type TargetSchema } from './survey.js';
import { requireColumns, type Table, textOf } from './table.js';

/** The rows of one input. */
export interface NamedInput {
  readonly name: string;
  /** Numbers of a row. */
  readonly width: number;
  /** [count, width] */
  readonly values: Float32Array;
  /** Of texts: tokens of each row. */
  readonly lengths?: readonly number[];
}

export interface TableInputs {
  readonly count: number;
  /** Features of a row, of the first input. */
  readonly width: number;
  /** [count, width]: the first input, which is the only one of a model whose config names none. */
  readonly features: Float32Array;
  /** Every input, in the order of the encoding. */
  readonly inputs: readonly NamedInput[];
  /** Of each row, what the columns to keep hold; empty where one holds nothing. */
  readonly kept?: readonly (readonly string[])[];
  /** Of each row, the names of its images, in the order of the encoding; empty where there are none. */
  readonly files: readonly (readonly string[])[];
  /** Where a row is, for messages. */
  where(row: number): string;
}

/**
 * Every row of the input, in its order: a category that training did not see is 0 in all of its features, and a missing
 * value is refused unless the model was trained with `missing: mean`.
 *
 * @param input a CSV, Parquet or JSON lines file, told apart by its first bytes, or rows as objects, with at least the columns of the features
 * @param name what errors call rows that are no file
 * @throws DataError naming file, line or row, and column of what is wrong
 */
export async function tableInputs(
  input: string | readonly unknown[],
  encoding: TableEncoding,
  reading: Reading = new Reading(),
  keep?: readonly string[],
  name = 'input',
): Promise<TableInputs> {
  const table = typeof input === 'string' ? await openTable(input, encoding.csv, reading) : openObjects(name, input);
  return readInputs(table, encoding, reading, keep).finally(() => table.close());
}

async function readInputs(
  opened: Table,
  encoding: TableEncoding,
  reading: Reading,
  keep: readonly string[] | undefined,
): Promise<TableInputs> {
  const table = numbered(opened, encoding);
  requireColumns(table, columnNames(encoding), 'the model reads a column that is not there');
  const missing = encoding.missing === 'mean' ? 'mean' : 'error';
  const inputs = fieldsOfTable(encoding);
  const named = fileColumns(encoding);
  const reader = new TableRows(table, { inputs, missing, files: named });
  const files: (readonly string[])[] = [];
  const places = new RowOrigins();
  const lengths: number[][] = inputs.map(() => []);
  const grown = inputs.map(({ columns }) => new Grown(tableWidth(columns)));
  let count = 0;
  await reader.read((row) => {
    count++;
    places.add(table, row);
    if (named.length > 0) files.push(reader.files);
    inputs.forEach(({ columns }, i) => {
      scaleRow(columns, reader.inputs[i]);
      grown[i].append(reader.inputs[i]);
      if (reader.lengths[i] !== undefined) lengths[i].push(reader.lengths[i]);
    });
  });
  requireRows(table, count, missing);
  reader.refuseUnseen(reading);
  const read = inputs.map(({ name }, i) => ({
    name,
    width: grown[i].width,
    values: grown[i].values,
    ...(lengths[i].length > 0 && { lengths: lengths[i] }),
  }));
  const [{ width, values: features } = { width: 0, values: new Float32Array() }] = read;
  const kept = keep && (await textsOf(opened, keep));
  return { count, width, features, inputs: read, kept, files, where: (row) => places.of(row) };
}

/** Rows of whose number nothing is known. */
class Grown {
  readonly width: number;
  #values: Float32Array;
  #length = 0;

  constructor(width: number) {
    this.width = width;
    this.#values = new Float32Array(1024 * width);
  }

  append(row: ArrayLike<number>): void {
    if (this.#length + this.width > this.#values.length) {
      const larger = new Float32Array(2 * this.#values.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values.set(row, this.#length);
    this.#length += this.width;
  }

  get values(): Float32Array {
    return this.#values.slice(0, this.#length);
  }
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

/** Rows with their targets. */
export interface TableExamples {
  readonly examples: SourceExamples;
  /** The names of files of each example, in the order of their columns. */
  readonly files: readonly (readonly string[])[];
  /** What the columns hold that `reading` asks for. */
  readonly shown: ExampleColumns;
  where(example: number): string;
}

/**
 * Every row of the file with its targets, as examples; rows with missing values are used as in training.
 *
 * @param targets as the model was trained on them
 * @param files columns of names of files
 * @throws DataError naming file, line or row, and column of what is wrong
 */
export async function tableExamples(
  file: string,
  encoding: TableEncoding,
  targets: readonly TargetSchema[],
  reading: Reading,
  files: readonly FileColumn[] = [],
): Promise<TableExamples> {
  const table = await openTable(file, encoding.csv, reading);
  return readExamples(table, encoding, targets, reading, files).finally(() => table.close());
}

async function readExamples(
  opened: Table,
  encoding: TableEncoding,
  targets: readonly TargetSchema[],
  reading: Reading,
  named: readonly FileColumn[],
): Promise<TableExamples> {
  const { missing } = encoding;
  const names = targets.flatMap(({ columns }) => columns);
  const table = numbered(opened, encoding, names);
  requireColumns(table, columnNames(encoding), 'the model reads a column that is not there');
  requireColumns(table, names, 'data.target', columnNames(encoding));
  for (const { key, column } of named) requireColumns(table, [column], key, [...columnNames(encoding), ...names]);
  const inputs = fieldsOfTable(encoding);
  const shown = new ColumnsCollector(
    presentColumns(reading.columns, readableColumns(table, encoding.dates), table.file),
  );
  const columns = named.map(({ column }) => column);
  const reader = new TableRows(table, { inputs, missing, targets, files: columns, shown: shown.names });
  const files: (readonly string[])[] = [];
  const writers = writersOf(inputs, budgetBytes(undefined));
  const lengths: number[][] = inputs.map(() => []);
  const values: number[][] = targets.map(() => []);
  const places = new RowOrigins();
  let count = 0;
  try {
    await reader.read((row) => {
      inputs.forEach(({ columns }, i) => {
        scaleRow(columns, reader.inputs[i]);
        writers[i].append(reader.inputs[i]);
        if (reader.lengths[i] !== undefined) lengths[i].push(reader.lengths[i]);
      });
      reader.targets.forEach((target, i) => {
        values[i].push(...target);
      });
      files.push(reader.files);
      shown.add(reader.shown, (value) => table.numberIn(value));
      places.add(table, row);
      count++;
    });
    requireRows(table, count, missing);
    reader.warnOfUnseen(reading);
  } catch (error) {
    for (const writer of writers) writer.discard();
    throw error;
  }
  const read = targets.map((target, i) => {
    const column = tableTargetColumn(target, true, count);
    column.values.set(values[i]);
    return column;
  });
  return {
    examples: { count, columns: [...inputColumns(inputs, writers), ...read, ...textMasks(inputs, lengths)] },
    files,
    shown: shown.finish(),
    where: (row) => places.of(row),
  };
}

/** The columns that name the images of a row. */
const fileColumns = ({ images = {} }: TableEncoding): string[] => Object.values(images).map(({ column }) => column);

const columnNames = (encoding: TableEncoding): string[] => [
  ...encoding.columns.map(({ name }) => name),
  ...fileColumns(encoding),
];

/** A CSV, Parquet or JSON lines file, told apart by its first bytes. */
export async function openTable(path: string, csv: CsvFormat, reading: Reading): Promise<Table> {
  const file = await openData(path, reading);
  const { start } = await plainText(file);
  const magic = Buffer.from(start.subarray(0, 4)).toString('latin1');
  if (magic === '\x93NUM') {
    await file.close();
    throw new DataError(
      `${file.name} is an array of NumPy, and the model reads columns by their names`,
      'write the rows as CSV or Parquet, e.g. by pandas.DataFrame(x, columns=[...]).to_csv(path, index=False)',
    );
  }
  if (magic === 'PAR1') return openParquet(file, reading);
  return isJsonObject(start) ? openJsonl(file, reading) : openCsv(file, csv, reading);
}

/** The table with numbers in the place of those dates that are needed. */
function numbered(table: Table, { columns, dates = {} }: TableEncoding, targets: readonly string[] = []): Table {
  const needed = new Set([...columns.map(({ name }) => name), ...targets]);
  const used = Object.entries(dates).filter(([name, form]) => dateColumns(name, form).some((each) => needed.has(each)));
  return withDates(table, Object.fromEntries(used));
}
