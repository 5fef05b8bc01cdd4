/** Examples: what every data source produces and every engine thread reads. */
import { plainNames } from '../config/plain-names.js';
import type { ColumnReport } from './column-report.js';
import type { Encoding } from './encoding.js';
import type { ExampleColumns } from './example-columns.js';
import { type Field, fieldOf, ofRole, typeOf, type Values } from './field.js';
import type { SplitKey } from './splits/split-key.js';

/** The rows of a column that exceed the memory budget, on disk; the file has no name any more, or loses it at the end. */
export interface RowFile {
  /** The first row that is here and not in memory. */
  readonly first: number;
  /** Byte of the file where row `first` is; 0 by default. */
  readonly start?: number;
  /** Of rows that overlap: the byte behind the last of their values, of which the last few may be in no row. */
  readonly end?: number;
  /** Open for reading in every thread of the process. */
  readonly fd: number;
  /** To be removed with the rows; a file that is somebody else's has none here. */
  readonly path?: string;
}

/** A field of all examples, in a SharedArrayBuffer so that threads read it without a copy. */
export interface Column extends Field {
  /**
   * Row of example `i`: `values[i * stride .. i * stride + width)`, with width the product of `shape` and stride `stride ??
   * width`. Class indices (Int32Array, shape [], or one for each place: [places]), numbers or bytes.
   */
  readonly values: Values;
  /** Holds the rows from `file.first` on, where there are too many for memory: all, where they overlap. */
  readonly file?: RowFile;
}

/** All examples of a run as a table: a column for each field, one row for each example. */
export interface Examples {
  readonly count: number;
  readonly columns: readonly Column[];
}

/** A column as its source has it: targets that are to be standardized are kept in 64 bits until the splits are known. */
export type SourceColumn = Omit<Column, 'values'> & { readonly values: Values | Float64Array };

export interface SourceExamples {
  readonly count: number;
  readonly columns: readonly SourceColumn[];
}

/** A column that its config gives no name; its type is that of its values. */
export function plainColumn<V extends Values | Float64Array>(
  role: keyof typeof plainNames,
  column: Omit<Column, 'name' | 'role' | 'type' | 'values'> & { readonly values: V },
) {
  const { values } = column;
  const type = values instanceof Float64Array ? ('float32' as const) : typeOf(values);
  return { name: plainNames[role], role, type, ...column };
}

export const inputColumn = <C extends Column | SourceColumn>({ columns }: { readonly columns: readonly C[] }): C =>
  fieldOf(columns, 'input');
export const targetColumn = <C extends Column | SourceColumn>({ columns }: { readonly columns: readonly C[] }): C =>
  fieldOf(columns, 'target');
export const weightColumn = <C extends Column | SourceColumn>({
  columns,
}: {
  readonly columns: readonly C[];
}): C | undefined => ofRole(columns, 'weight')[0];

/** The examples with another column in the place of that of the same name, or behind all others. */
export function withColumn<C extends SourceColumn>(
  { count, columns }: { readonly count: number; readonly columns: readonly C[] },
  column: C,
): { readonly count: number; readonly columns: readonly C[] } {
  const place = columns.findIndex(({ name }) => name === column.name);
  return { count, columns: place < 0 ? [...columns, column] : columns.with(place, column) };
}

/** Example indices of each split, ascending, disjoint. */
export interface Splits {
  readonly training: Int32Array;
  readonly validation: Int32Array;
  readonly test: Int32Array;
}

export type SplitName = keyof Splits;
export const splitNames = ['training', 'validation', 'test'] as const satisfies readonly SplitName[];

export interface Dataset {
  readonly examples: Examples;
  readonly splits: Splits;
  /** What decided about the splits, besides chance and classes. */
  readonly by?: SplitKey;
  /** One line for people: what was loaded, and from where. */
  readonly description: string;
  /** How inputs of the trained model are read; saved with it. */
  readonly encoding: Encoding;
  /** What the columns of a table are for. */
  readonly columns?: ColumnReport;
  /** What the columns hold that were asked for beside the fields, those that there are. */
  readonly shown?: ExampleColumns;
  /** Where the value of a field of an example is, for messages: `flowers.csv, line 7`. */
  readonly where?: (example: number, field: string) => string;
}
