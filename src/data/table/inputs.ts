/** Inputs of a trained model from a table: the columns that it was trained on, encoded as they were then. */
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { TableEncoding } from '../encoding.js';
import type { Examples } from '../examples.js';
import { budgetBytes, RowWriter } from '../rows.js';
import { unreadable } from '../unreadable.js';
import { requireColumns } from './columns.js';
import { openCsv } from './csv.js';
import { openParquet } from './parquet.js';
import { TableRows, tableWidth } from './rows.js';
import { scaleRow } from './scale.js';
import { requireRows } from './survey.js';
import type { Table } from './table.js';

export interface TableInputs {
  readonly count: number;
  /** Features of a row. */
  readonly width: number;
  /** [count, width] */
  readonly features: Float32Array;
}

/**
 * Every row of the file, in its order: a category that training did not see is 0 in all of its features, and a missing
 * value is refused unless the model was trained with `missing: mean`.
 *
 * @param file CSV or Parquet, told apart by its first bytes, with at least the columns of the features
 * @throws DataError naming file, line or row, and column of what is wrong
 */
export async function tableInputs(file: string, encoding: TableEncoding): Promise<TableInputs> {
  const { columns } = encoding;
  const table = await openTable(resolve(file), encoding);
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
  return { count, width, features: features.slice(0, count * width) };
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
): Promise<Examples> {
  const { columns, missing } = encoding;
  const table = await openTable(resolve(file), encoding);
  requireColumns(table, columnNames(encoding), 'the model reads a column that is not there');
  requireColumns(table, targets, 'data.target');
  const reader = new TableRows(table, { features: columns, missing, targets, classes });
  const width = tableWidth(columns);
  const rows = new RowWriter(width, 'float32', budgetBytes(undefined));
  const values: number[] = [];
  try {
    await reader.read(() => {
      scaleRow(columns, reader.features);
      rows.append(reader.features);
      values.push(...reader.targets);
    });
    requireRows(table, rows.count, missing);
  } catch (error) {
    rows.discard();
    throw error;
  }
  const bytes = new SharedArrayBuffer(4 * values.length);
  const held = classes ? new Int32Array(bytes) : new Float32Array(bytes);
  held.set(values);
  const shapes = { featureShape: [width], targetShape: classes ? [] : [targets.length] };
  return { count: rows.count, featureScale: 1, ...shapes, targets: held, classes: classes?.length, ...rows.finish() };
}

const columnNames = ({ columns }: TableEncoding): string[] => columns.map(({ name }) => name);

async function openTable(file: string, { csv }: TableEncoding): Promise<Table> {
  const start = Buffer.alloc(4);
  try {
    const handle = await open(file);
    await handle.read(start).finally(() => handle.close());
  } catch (error) {
    throw unreadable(file, error);
  }
  return start.toString('latin1') === 'PAR1' ? openParquet(file) : openCsv(file, csv);
}
