/** The second pass over a table: rows of cells become rows of numbers, a field each. */

import { DataError } from '../../errors.js';
import type { FieldType } from '../field.js';
import type { Reading } from '../reading.js';
import { openTokenizer, type Tokenizer } from '../text/tokenizer.js';
import {
  type ColumnRole,
  classOf,
  type FeatureColumn,
  featuresOf,
  isComplete,
  numberOf,
  placeIn,
} from './cell-values.js';
import { columnRoles, type InputSchema, type TableSchema } from './survey.js';
import { type Cell, type CellValue, type Table, textOf } from './table.js';
import { tokensOf } from './text-column.js';

/** What a row needs to be read; inputs of a trained model stand alone. */
type RowSchema = Pick<TableSchema, 'inputs' | 'missing'> &
  Partial<TableSchema> & {
    /** Columns that are shown as they are; a gap in them leaves no row out. */
    readonly shown?: readonly string[];
  };

/** A column of an input, and where its numbers go. */
interface FeaturePlace {
  readonly column: FeatureColumn;
  readonly values: Float32Array | Int32Array;
  readonly start: number;
  readonly width: number;
  /** Places of categories, where it has such. */
  readonly places?: ReadonlyMap<string, number>;
  /** Of texts. */
  readonly tokenizer?: Tokenizer;
  /** Of the input. */
  readonly input: number;
  /** Rows with a category that training did not see, and the first of these. */
  unseen: number;
  example: string;
}

/** Reads one row after the other into the same arrays. */
export class TableRows {
  /**
   * An array each: numbers as they are, less their column's offset, NaN where one is missing; categories as 0 and 1, or as
   * their place.
   */
  readonly inputs: readonly (Float32Array | Int32Array)[];
  /** For each input that is texts, how many tokens the row has of it. */
  readonly lengths: (number | undefined)[] = [];
  /** For each target a class index, or a number for each of its columns. */
  readonly targets: readonly Float64Array[];
  weight = 1;
  /** What decides the row's split, where a column does. */
  split: CellValue = '';
  /** Names of the row's files. */
  files: readonly string[] = [];
  /** What the row holds in the columns that are shown. */
  shown: readonly Cell[] = [];
  readonly #table: Table;
  readonly #schema: RowSchema;
  readonly #columns: readonly ColumnRole[];
  readonly #places: readonly FeaturePlace[];
  readonly #classes: readonly (ReadonlyMap<string, number> | undefined)[];
  #rows = 0;

  constructor(table: Table, schema: RowSchema) {
    const { inputs, targets = [], weight, split, files } = schema;
    this.#table = table;
    this.#schema = schema;
    const names = inputs.map(({ name, columns }) => ({ name, columns: columns.map((column) => column.name) }));
    this.#columns = columnRoles({ inputs: names, targets, weight, split, files });
    this.inputs = inputs.map((input) =>
      typeOfInput(input) === 'int32'
        ? new Int32Array(tableWidth(input.columns))
        : new Float32Array(tableWidth(input.columns)),
    );
    this.#places = inputs.flatMap((input, i) => placesOf(input, i, this.inputs[i]));
    this.#classes = targets.map(({ classes }) => classes && indexOf(classes));
    this.targets = targets.map(({ columns }) => new Float64Array(columns.length));
  }

  /**
   * Calls `visit` with the row's place whenever the arrays hold another row that is to be used.
   * @throws DataError naming the line or row of a value that does not fit its column
   */
  read(visit: (row: number) => void): Promise<void> {
    const { missing, weight, split, files, shown = [] } = this.#schema;
    const names = [...this.#columns.map(({ name }) => name), ...shown];
    return this.#table.read(names, (cells, row) => {
      if (!isComplete(this.#table, this.#columns, missing, cells, row)) return;
      this.#rows++;
      let next = this.#setInputs(cells, row);
      for (let i = 0; i < this.targets.length; i++) next = this.#setTarget(i, next, cells, row);
      if (weight !== undefined) this.weight = this.#number(next++, cells, row);
      if (split !== undefined) this.split = cells[next++]!;
      const end = this.#columns.length;
      if (files) this.files = cells.slice(next, end).map((cell) => textOf(cell!));
      if (shown.length > 0) this.shown = cells.slice(end);
      visit(row);
    });
  }

  /** Warns of columns of categories where most rows hold one that training did not see. To be called when all rows are read. */
  warnOfUnseen({ warn }: Reading): void {
    for (const { problem, column } of this.#mostlyUnseen(0.5)) warn(`${problem}; ${known(column)}`);
  }

  /** As `warnOfUnseen`. @throws DataError where no row of a column holds a category that training saw */
  refuseUnseen(reading: Reading): void {
    const [worst] = this.#mostlyUnseen(1 - Number.EPSILON);
    if (worst)
      throw new DataError(worst.problem, `write it as in training, or correct the column: ${known(worst.column)}`);
    this.warnOfUnseen(reading);
  }

  #mostlyUnseen(part: number): { column: FeatureColumn; problem: string }[] {
    return this.#places.flatMap(({ column, places, unseen, example }) => {
      if (!places || unseen <= part * this.#rows) return [];
      const rows = unseen === this.#rows ? `every row` : `${unseen} of ${this.#rows} rows`;
      const problem = `${this.#table.file}: column ${column.name} holds in ${rows} a category that training did not see, such as ${JSON.stringify(example)}`;
      return [{ column, problem }];
    });
  }

  /** @returns the next cell */
  #setInputs(cells: readonly Cell[], row: number): number {
    for (let i = 0; i < this.#places.length; i++) {
      const place = this.#places[i];
      const { column, values, start, width, places } = place;
      const cell = cells[i];
      const index = cell === null ? undefined : places?.get(textOf(cell));
      if (places && cell !== null && index === undefined && place.unseen++ === 0) place.example = textOf(cell);
      if ('tokenizer' in column) {
        const tokens = tokensOf(cell, column, place.tokenizer!, () => placeIn(this.#table, row));
        values.fill(0);
        values.set(tokens);
        this.lengths[place.input] = tokens.length;
      } else if ('codes' in column) values[start] = index ?? column.codes.length;
      else if ('categories' in column) {
        values.fill(0, start, start + width);
        // A category that training did not see stays without a 1.
        if (index !== undefined) values[start + index] = 1;
        else if (cell === null && column.missing) values[start + width - 1] = 1;
      } else values[start] = cell === null ? Number.NaN : this.#number(i, cells, row) - (column.offset ?? 0);
    }
    return this.#places.length;
  }

  #setTarget(target: number, first: number, cells: readonly Cell[], row: number): number {
    const values = this.targets[target];
    const classes = this.#classes[target];
    for (let i = 0; i < values.length; i++) {
      const cell = first + i;
      values[i] = classes
        ? classOf(this.#table, this.#columns[cell].name, classes, cells[cell]!, row)
        : this.#number(cell, cells, row);
    }
    return first + values.length;
  }

  #number(column: number, cells: readonly Cell[], row: number): number {
    return numberOf(this.#table, this.#columns[column], cells[column]!, row);
  }
}

function placesOf({ columns }: InputSchema, input: number, values: Float32Array | Int32Array): FeaturePlace[] {
  let next = 0;
  return columns.map((column) => {
    const start = next;
    const width = featuresOf(column);
    next += width;
    const names = categoriesOf(column);
    const tokenizer = 'tokenizer' in column ? openTokenizer(column.tokenizer, column.name) : undefined;
    return { column, values, start, width, places: names && indexOf(names), tokenizer, input, unseen: 0, example: '' };
  });
}

function categoriesOf(column: FeatureColumn): readonly string[] | undefined {
  if ('categories' in column) return column.categories;
  return 'codes' in column ? column.codes : undefined;
}

/** The categories that training saw, for messages. */
function known(column: FeatureColumn): string {
  const names = categoriesOf(column) ?? [];
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name));
  return `training saw ${shown.join(', ')}${names.length > 5 ? ', ...' : ''}`;
}

/** Features of a row. */
export function tableWidth(columns: readonly FeatureColumn[]): number {
  return columns.reduce((sum, column) => sum + featuresOf(column), 0);
}

/** The only column of an input may be one of codes, or of texts. */
export const typeOfInput = ({ columns }: InputSchema): Extract<FieldType, 'int32' | 'float32'> =>
  columns.some((column) => 'codes' in column || 'tokenizer' in column) ? 'int32' : 'float32';

function indexOf(names: readonly string[]): Map<string, number> {
  return new Map(names.map((name, index) => [name, index]));
}
