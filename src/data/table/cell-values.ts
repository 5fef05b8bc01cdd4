/** From the cells of a table to numbers, and what can be wrong with a cell. */

import type { TextInput } from '../../config/table-fields.js';
import { DataError } from '../../errors.js';
import type { CategoricalColumn, IndexColumn, NumericColumn, TextColumn } from '../encoding.js';
import { formatText, numberLook } from './numbers.js';
import { type Cell, type CellValue, type Table, textOf } from './table.js';

/** A feature column as the first pass finds it: a number, one of several categories, the place of one, or a text. */
export type FeatureColumn = Pick<NumericColumn, 'name' | 'offset'> | CategoricalColumn | IndexColumn | TextColumn;

/** A column and what it is for, as messages about its values need it. */
export interface ColumnRole {
  readonly name: string;
  readonly role: 'feature' | 'target' | 'weight' | 'split' | 'file';
  /** Name of its input or target, where the config gives one. */
  readonly field?: string;
  /** Whether its categories become whole numbers. */
  readonly coded?: boolean;
  /** What the config says that it holds. */
  readonly type?: 'class' | 'number';
  /** Whether its numbers are given mean 0 and deviation 1. */
  readonly standardize?: boolean;
  /** How its texts become tokens, where they do. */
  readonly text?: TextInput;
}

/** A column that becomes part of a field. */
export type FieldColumn = ColumnRole & { readonly role: Exclude<ColumnRole['role'], 'split' | 'file'> };

/** Remedies, as the config takes them. */
export const leaveOut = ({ field }: ColumnRole): string =>
  field === undefined ? 'list it under data.exclude' : `take it out of data.inputs.${field}`;
export const readAs = (type: 'class' | 'number', { name, field }: ColumnRole): string =>
  field === undefined
    ? `set data.targetType: ${type}`
    : `set data.targets.${field}: { column: ${JSON.stringify(name)}, type: ${type} }`;
export const chooseOther = ({ field }: ColumnRole): string =>
  field === undefined ? 'choose another data.target' : `choose another column for data.targets.${field}`;

/** Features that a column becomes. */
export function featuresOf(column: FeatureColumn): number {
  if ('tokenizer' in column) return column.length;
  return 'categories' in column ? column.categories.length + Number(column.missing) : 1;
}

/** The file and the row, for messages. */
export const placeIn = (table: Table, row: number): string => `${table.file}, ${table.unit} ${row}`;

/**
 * @returns the number of a value, which 32-bit numbers can hold
 * @throws DataError naming row, column and value if it is text, not finite or too large, or a weight below 0
 */
export function numberOf(table: Table, column: ColumnRole, value: CellValue, row: number): number {
  const { name, role } = column;
  const number = table.numberIn(value);
  if (number !== undefined && Number.isFinite(Math.fround(number)) && (role !== 'weight' || number >= 0)) return number;
  const holds = `${placeIn(table, row)}: column ${name} holds ${JSON.stringify(textOf(value))}`;
  if (number === undefined) {
    throw new DataError(`${holds}, not a number as the rows before`, remedies(table, column, value));
  }
  if (!Number.isFinite(number)) throw new DataError(`${holds}, which is not finite`, remedies(table, column, value));
  if (number < 0 && role === 'weight') {
    throw new DataError(`${holds}, but a weight is 0 or more`, 'correct it, or leave out data.weight');
  }
  throw new DataError(`${holds}, beyond the range of 32-bit numbers`, 'scale it to at most 3.4e38');
}

function remedies(table: Table, column: ColumnRole, value: CellValue): string {
  const { role } = column;
  if (value instanceof Date) return `name the column in data.dates, or ${leaveOut(column)}`;
  const ways = ['correct it'];
  const formats = table.isText ? (numberLook(String(value))?.formats ?? []) : [];
  const [format] = formats.map(formatText).filter((way, _, all) => !way.includes(' and ') || all.length === 1);
  if (format !== undefined) ways.push(`set ${format}`);
  if (role === 'feature') ways.push('list the column under data.categorical');
  if (role === 'target') ways.push(readAs('class', column));
  if (table.isText) ways.push(`list ${JSON.stringify(textOf(value))} under data.missingValues`);
  return ways.length < 3 ? ways.join(' or ') : `${ways.slice(0, -1).join(', ')}, or ${ways.at(-1)}`;
}

/**
 * Whether a row is to be used.
 *
 * @param columns of the cells, in their order
 * @throws DataError naming row and column if a value is missing that must not
 */
export function isComplete(
  table: Table,
  columns: readonly ColumnRole[],
  missing: 'error' | 'mean' | 'drop',
  cells: readonly Cell[],
  row: number,
): boolean {
  const gaps = (i: number) => cells[i] === null && (missing !== 'mean' || columns[i].role !== 'feature');
  const gap = cells.includes(null) ? columns.findIndex((_, i) => gaps(i)) : -1;
  if (gap < 0) return true;
  if (missing === 'drop') return false;
  const { name, role, text } = columns[gap];
  const kind = role === 'feature' ? text && 'text' : withoutMean[role];
  throw new DataError(
    `${placeIn(table, row)}: column ${name} has no value`,
    kind === undefined
      ? 'fill it in, or train with data.missing: mean (or drop, to leave out such rows)'
      : `fill it in, or set data.missing: drop (a ${kind} has no mean)`,
  );
}

const withoutMean = {
  target: 'target',
  weight: 'weight',
  split: 'column that decides the splits',
  file: "file's name",
} as const;

/** @throws DataError naming the row of a class that training did not see */
export function classOf(
  table: Table,
  name: string,
  indices: ReadonlyMap<string, number>,
  value: CellValue,
  row: number,
): number {
  const index = indices.get(textOf(value));
  if (index !== undefined) return index;
  throw new DataError(
    `${placeIn(table, row)}: column ${name} holds the class ${JSON.stringify(textOf(value))}, which no training row has`,
    'train on a file that holds every class',
  );
}
