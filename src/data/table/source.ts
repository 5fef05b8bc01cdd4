/** `source: csv` and `source: parquet`: tables become examples in two passes, so that no more than the rows is held. */
import { resolve } from 'node:path';
import { DataError } from '../../errors.js';
import type { CsvFormat, Encoding } from '../encoding.js';
import { plainColumn, type SourceColumn, type Splits } from '../examples.js';
import type { RowRange } from '../geometry.js';
import { Places } from '../places.js';
import type { Reading } from '../reading.js';
import { realPath } from '../real-path.js';
import { budgetBytes, RowWriter } from '../rows.js';
import type { Source } from '../source.js';
import type { SplitPlan } from '../split.js';
import { assignRoles, requireColumns, type TableConfig } from './columns.js';
import { withDates } from './dates.js';
import { TableRows, tableWidth } from './rows.js';
import { fitColumns, scaleRow } from './scale.js';
import { keysOf, type SplitKeys } from './split-key.js';
import { columnRoles, requireRows, surveyTable, type TableSchema } from './survey.js';
import type { Table } from './table.js';

/** One file and how many of its rows are used. */
interface Part {
  readonly table: Table;
  readonly count: number;
}

/**
 * @param open of a path; the table is closed here
 * @param csv how inputs of the trained model are written that come as text
 * @throws DataError naming file, line or row, and column of what is wrong
 */
export async function tableSource(
  config: TableConfig,
  open: (file: string) => Promise<Table>,
  csv: CsvFormat,
  reading: Reading,
): Promise<Source> {
  const files = filesOf(config);
  const tables: Table[] = [];
  try {
    for (const file of files) tables.push(await open(file));
    const numbered = tables.map((table) => withDates(table, config.dates));
    return await examplesOf(config, files, numbered, csv, reading);
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
): Promise<Source> {
  const roles = assignRoles(config, first);
  const names = columnRoles(roles).map(({ name }) => name);
  for (const table of others) requireColumns(table, names, `data.file ${first.file} names a column that is used`);
  const { schema, count, columns: found } = await surveyTable(first, roles, config, reading);
  const parts: Part[] = [{ table: first, count }];
  for (const table of others) parts.push({ table, count: await countRows(table, schema, reading) });

  const keys = keysOf(
    config,
    parts.reduce((sum, part) => sum + part.count, 0),
  );
  const rows = new RowWriter(tableWidth(schema.features), 'float32', budgetBytes(config.memory));
  const places = new Places();
  const filled = await fill(parts, schema, rows, places, keys, config.standardizeTargets).catch((error) => {
    rows.discard();
    throw error;
  });
  const encode = async ({ training }: Splits): Promise<Encoding> => {
    const columns = await fitColumns(schema.features, rows, training, config.standardize ?? true, reading);
    await rows.transform(reading, (row) => scaleRow(columns, row));
    const input = { kind: 'table' as const, columns, csv, missing: config.missing, dates: config.dates };
    return schema.classes ? { input, classes: schema.classes } : { input, targets: schema.targets };
  };
  const input = plainColumn('input', { shape: [tableWidth(schema.features)], ...rows.finish() });
  const examples = { count: rows.count, columns: [input, ...filled] };
  const split = planOf(config, parts, keys);
  const where = (example: number) => places.of(example);
  return { examples, split, origin: files.join(', '), encode, columns: found, where };
}

/** The file for training, then those of the other splits. */
function filesOf(config: TableConfig): string[] {
  const { file } = config;
  const { validation, test } = heldOut(config);
  const files = [file, validation, test].filter((part) => typeof part === 'string');
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

/** Writes the features of all parts to `rows`, and where they were to `places`. @returns targets and weights */
async function fill(
  parts: readonly Part[],
  schema: TableSchema,
  rows: RowWriter,
  places: Places,
  keys: SplitKeys | undefined,
  isExact = false,
): Promise<SourceColumn[]> {
  const count = parts.reduce((sum, part) => sum + part.count, 0);
  const width = schema.targets.length;
  const bytes = new SharedArrayBuffer((isExact ? 8 : 4) * count * width);
  const numbers = isExact ? new Float64Array(bytes) : new Float32Array(bytes);
  const targets = schema.classes ? new Int32Array(bytes, 0, count * width) : numbers;
  const weights = schema.weight === undefined ? undefined : new Float32Array(new SharedArrayBuffer(4 * count));
  for (const { table, count } of parts) {
    const start = rows.count;
    const reader = new TableRows(table, schema);
    await reader.read((row) => {
      if (rows.count - start === count) throw changed(table);
      targets.set(reader.targets, rows.count * width);
      if (weights) weights[rows.count] = reader.weight;
      keys?.add(rows.count, reader.split, table, row);
      rows.append(reader.features);
      places.add(table, row);
    });
    if (rows.count - start < count) throw changed(table);
  }
  const shape = schema.classes ? [] : [width];
  return [
    plainColumn('target', { shape, values: targets, categories: schema.classes?.length }),
    ...(weights ? [plainColumn('weight', { shape: [], values: weights })] : []),
  ];
}

function changed({ file }: Table): DataError {
  return new DataError(`${file} changed while it was read`, 'run again once nothing writes to it');
}

/** What is held out: in either form of the config. */
const heldOut = ({ split, validation = 0, test = 0 }: TableConfig) => split ?? { validation, test };

function planOf(config: TableConfig, parts: readonly Part[], keys: SplitKeys | undefined): SplitPlan {
  const { validation, test } = heldOut(config);
  return {
    validation: fractionOrRange(validation, parts),
    test: fractionOrRange(test, parts),
    stratify: (config.split ?? config).stratify === true,
    by: keys?.finish(),
    section: config.split ? 'data.split' : 'data',
  };
}

function fractionOrRange(part: number | string, parts: readonly Part[]): number | RowRange {
  if (typeof part === 'number') return part;
  const position = parts.findIndex(({ table }) => table.file === resolve(part));
  const start = parts.slice(0, position).reduce((sum, { count }) => sum + count, 0);
  return { start, count: parts[position].count };
}
