/** `source: csv`, `source: parquet` and `source: jsonl`: tables become examples in two passes, so that no more than the rows is held. */
import type { TableConfig } from '../../config/table.js';
import { DataError } from '../../errors.js';
import { realPath } from '../../ground/real-path.js';
import type { CsvFormat, Encoding, TableEncoding } from '../encoding.js';
import { ColumnsCollector, presentColumns } from '../example-columns.js';
import { plainColumn, type SourceColumn } from '../examples.js';
import type { Reading } from '../reading.js';
import { RowOrigins } from '../row-origins.js';
import { budgetBytes, type RowWriter } from '../row-writer.js';
import type { Source } from '../source.js';
import { type KeyOrigin, keysOf } from '../splits/split-key.js';
import { deciderOf, givenOf, planOf } from '../splits/split-plan.js';
import { fitColumns, isNumeric, scaleRow } from './column-scaling.js';
import { assignRoles, type FileColumn, type Roles } from './columns.js';
import { readableColumns, withDates } from './dates.js';
import { inputColumns, tableTargetColumn, textMasks, writersOf } from './fields.js';
import { TableRows } from './rows.js';
import { columnRoles, type InputSchema, requireRows, surveyTable, type TableSchema } from './survey.js';
import { requireColumns, type Table } from './table.js';

/** One file and how many of its rows are used. */
interface TablePart {
  readonly table: Table;
  readonly count: number;
}

/** A table whose rows are read. */
interface Filled {
  readonly schema: TableSchema;
  readonly roles: Roles;
  readonly writers: readonly RowWriter[];
  readonly training: Int32Array;
  /** How inputs of the trained model are written that come as text. */
  readonly csv: CsvFormat;
  /** For each input, tokens of each row. */
  readonly lengths: readonly (readonly number[])[];
}

/** A source whose rows name files. */
export interface TableSource extends Source {
  /** The names of files of each example, in the order of their columns. */
  readonly files: readonly (readonly string[])[];
}

/**
 * @param open of a path; the table is closed here
 * @param csv how inputs of the trained model are written that come as text
 * @param named columns of names of files, beside which there need be neither inputs nor targets
 * @throws DataError naming file, line or row, and column of what is wrong
 */
export async function tableSource(
  config: TableConfig,
  open: (file: string) => Promise<Table>,
  csv: CsvFormat,
  reading: Reading,
  named: readonly FileColumn[] = [],
): Promise<TableSource> {
  const files = filesOf(config);
  const tables: Table[] = [];
  try {
    for (const file of files) tables.push(await open(file));
    const numbered = tables.map((table) => withDates(table, config.dates));
    return await examplesOf(config, files, numbered, csv, reading, named);
  } finally {
    for (const table of tables) await table.close();
  }
}

async function examplesOf(
  config: TableConfig,
  files: readonly string[],
  [first, ...others]: readonly Table[],
  csv: CsvFormat,
  reading: Reading,
  named: readonly FileColumn[],
): Promise<TableSource> {
  const roles = assignRoles(config, first, named);
  const used = columnRoles(roles).map(({ name }) => name);
  for (const table of others)
    requireColumns(
      table,
      used,
      `data.${named.length > 0 ? 'table' : 'file'} ${first.file} names a column that is used`,
    );
  const { schema, count, columns: found } = await surveyTable(first, roles, config, reading);
  const parts: TablePart[] = [{ table: first, count }];
  for (const table of others) parts.push({ table, count: await countRows(table, schema, reading) });

  const shown = shownColumns([first, ...others], config, reading);
  const decider = deciderOf(config);
  const total = parts.reduce((sum, part) => sum + part.count, 0);
  const keys = decider && keysOf({ ...decider, unit: 'column' }, total);
  const writers = writersOf(schema.inputs, budgetBytes(config.memory));
  const places = new RowOrigins();
  const names: string[][] = [];
  const lengths: number[][] = schema.inputs.map(() => []);
  const visit = (example: number, reader: TableRows, origin: KeyOrigin, row: number) => {
    keys?.add(example, reader.split, origin, row);
    if (named.length > 0) names.push([...reader.files]);
    shown.add(reader.shown, origin.numberIn!);
    reader.lengths.forEach((length, i) => {
      lengths[i][example] = length!;
    });
  };
  const filled = await fill(parts, { ...schema, shown: shown.names }, roles, writers, places, visit).catch((error) => {
    for (const writer of writers) writer.discard();
    throw error;
  });
  const [training, ...counts] = parts.map(({ count }) => count);
  return {
    examples: {
      count: total,
      columns: [...inputColumns(schema.inputs, writers), ...filled, ...textMasks(schema.inputs, lengths)],
    },
    split: planOf(config, { given: { first: training, counts }, by: keys?.finish() }),
    origin: files.join(', '),
    places: ({ training }) => longestOf(roles, lengths, training),
    encode: ({ training }) => encodingOf(config, { schema, roles, writers, training, csv, lengths }, reading),
    columns: found,
    shown: shown.finish(),
    ...(config.targets && {
      standardize: roles.targets.filter(({ standardize }) => standardize).map(({ name }) => name),
    }),
    where: (example) => places.of(example),
    files: names,
  };
}

/** Fits what depends on the training split, and applies it. */
async function encodingOf(
  config: TableConfig,
  { schema, roles, writers, training, csv, lengths }: Filled,
  reading: Reading,
): Promise<Encoding> {
  const columns: TableEncoding['columns'][number][] = [];
  const places = longestOf(roles, lengths, training);
  for (const [i, input] of schema.inputs.entries()) {
    const fitted = await scaled(input, writers[i], training, roles.inputs[i].standardize, reading);
    const length = places.get(input.name);
    columns.push(...fitted.map((column) => ('tokenizer' in column && length ? { ...column, length } : column)));
  }
  const inputs = config.inputs && schema.inputs.map(({ name, columns }) => ({ name, columns: columns.length }));
  const input = { kind: 'table' as const, columns, inputs, csv, missing: config.missing, dates: config.dates };
  return { input, ...targetsEncoding(config, schema) };
}

/** Tokens of the longest text of the training split, for each input that is as long as that. */
function longestOf(
  { inputs }: Roles,
  lengths: readonly (readonly number[])[],
  training: Int32Array,
): ReadonlyMap<string, number> {
  const found = new Map<string, number>();
  inputs.forEach(({ name, text }, i) => {
    if (text?.length === 'longest')
      found.set(
        name,
        training.reduce((most, row) => Math.max(most, lengths[i][row]), 1),
      );
  });
  return found;
}

/** What is asked for beside the examples. @throws DataError where a file lacks it */
function shownColumns(tables: readonly Table[], { dates }: TableConfig, { columns }: Reading): ColumnsCollector {
  const each = tables.map((table) => presentColumns(columns, readableColumns(table, dates), table.file));
  return new ColumnsCollector(each[0].filter((name) => each.every((names) => names.includes(name))));
}

async function scaled(
  { columns }: InputSchema,
  rows: RowWriter,
  training: Int32Array,
  standardize: boolean,
  reading: Reading,
): Promise<TableEncoding['columns']> {
  const fitted = await fitColumns(columns, rows, training, standardize, reading);
  if (fitted.some(isNumeric)) await rows.transform(reading, (row) => scaleRow(fitted, row));
  return fitted;
}

/** Names of classes and of numbers. */
function targetsEncoding({ targets: named }: TableConfig, { targets }: TableSchema): Omit<Encoding, 'input'> {
  const encodings = targets.map(({ classes, columns }) => (classes ? { classes } : { targets: columns }));
  if (!named) return encodings[0];
  return { named: Object.fromEntries(targets.map(({ name }, i) => [name, encodings[i]])) };
}

/** The file for training, then those of the other splits. */
export function filesOf(config: TableConfig): string[] {
  const files = [config.file, ...givenOf(config).map(({ own }) => own)];
  const paths = files.map(realPath);
  const twice = files.find((_, i) => paths.indexOf(paths[i]) < i);
  if (twice === undefined) return files;
  throw new DataError(
    `data: the file ${twice} is to serve two splits`,
    'give each split a file of its own, or a fraction of data.file',
  );
}

/** Checks a file that is not for training, and counts the rows that are to be used. */
async function countRows(table: Table, schema: TableSchema, reading: Reading): Promise<number> {
  let count = 0;
  const rows = new TableRows(table, schema);
  await rows.read(() => count++);
  requireRows(table, count, schema.missing);
  rows.warnOfUnseen(reading);
  return count;
}

/** Writes the inputs of all parts, and where they were to `places`. @param visit gets each row @returns targets and weights */
async function fill(
  parts: readonly TablePart[],
  schema: TableSchema & { readonly shown: readonly string[] },
  roles: Roles,
  writers: readonly RowWriter[],
  places: RowOrigins,
  visit: (example: number, reader: TableRows, origin: KeyOrigin, row: number) => void,
): Promise<SourceColumn[]> {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const targets = schema.targets.map((target, i) => tableTargetColumn(target, roles.targets[i].standardize, count));
  const weights = schema.weight === undefined ? undefined : new Float32Array(new SharedArrayBuffer(4 * count));
  let next = 0;
  for (const { table, count } of parts) {
    const start = next;
    const reader = new TableRows(table, schema);
    const origin: KeyOrigin = {
      place: (row) => `${table.file}, ${table.unit} ${row}`,
      numberIn: (value) => table.numberIn(value),
    };
    await reader.read((row) => {
      if (next - start === count) throw changed(table);
      targets.forEach(({ values }, i) => {
        values.set(reader.targets[i], next * reader.targets[i].length);
      });
      if (weights) weights[next] = reader.weight;
      visit(next, reader, origin, row);
      for (let i = 0; i < writers.length; i++) writers[i].append(reader.inputs[i]);
      places.add(table, row);
      next++;
    });
    if (next - start < count) throw changed(table);
  }
  return [...targets, ...(weights ? [plainColumn('weight', { shape: [], values: weights })] : [])];
}

function changed({ file }: Table): DataError {
  return new DataError(`${file} changed while it was read`, 'run again once nothing writes to it');
}
