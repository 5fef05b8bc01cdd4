/** The second pass over a table: rows of cells become rows of numbers. */

import { DataError } from '../../errors.js';
import type { CategoricalColumn } from '../encoding.js';
import type { Reading } from '../reading.js';
import { columnRoles, type TableSchema } from './survey.js';
import { type Cell, type Table, textOf, type Value } from './table.js';
import { type ColumnRole, classOf, type FeatureColumn, featuresOf, isComplete, numberOf } from './values.js';

/** What a row needs to be read; inputs of a trained model have features alone. */
type RowSchema = Pick<TableSchema, 'features' | 'missing'> & Partial<TableSchema>;

/** Reads one row after the other into the same arrays. */
export class TableRows {
  /** Numbers as they are, less their column's offset, NaN where one is missing; categories as 0 and 1. */
  readonly features: Float32Array;
  /** A class index, or a number each. */
  readonly targets: Float64Array;
  weight = 1;
  /** What decides the row's split, where a column does. */
  split: Value = '';
  readonly #table: Table;
  readonly #schema: RowSchema;
  readonly #columns: readonly ColumnRole[];
  readonly #categories: readonly (ReadonlyMap<string, number> | undefined)[];
  readonly #classes: ReadonlyMap<string, number> | undefined;
  #rows = 0;
  /** Of each column: rows with a category that training did not see, and the first of these. */
  readonly #unseen: { count: number; example: string }[];

  constructor(table: Table, schema: RowSchema) {
    const { features, targets = [], weight, split, classes } = schema;
    this.#table = table;
    this.#schema = schema;
    this.#columns = columnRoles({ features: features.map(({ name }) => name), targets, weight, split });
    this.#categories = features.map((column) => ('categories' in column ? indexOf(column.categories) : undefined));
    this.#classes = classes && indexOf(classes);
    this.#unseen = features.map(() => ({ count: 0, example: '' }));
    this.features = new Float32Array(tableWidth(features));
    this.targets = new Float64Array(targets.length);
  }

  /**
   * Calls `visit` with the row's place whenever the arrays hold another row that is to be used.
   * @throws DataError naming the line or row of a value that does not fit its column
   */
  read(visit: (row: number) => void): Promise<void> {
    const { missing, features, weight, split } = this.#schema;
    const targets = this.targets.length;
    const names = this.#columns.map(({ name }) => name);
    return this.#table.read(names, (cells, row) => {
      if (!isComplete(this.#table, this.#columns, missing, cells, row)) return;
      this.#rows++;
      this.#setFeatures(cells, row);
      for (let i = 0; i < targets; i++) this.targets[i] = this.#target(features.length + i, cells, row);
      if (weight !== undefined) this.weight = this.#number(features.length + targets, cells, row);
      if (split !== undefined) this.split = cells[names.length - 1]!;
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

  #mostlyUnseen(part: number): { column: CategoricalColumn; problem: string }[] {
    return this.#schema.features.flatMap((column, i) => {
      const { count, example } = this.#unseen[i];
      if (!('categories' in column) || count <= part * this.#rows) return [];
      const rows = count === this.#rows ? `every row` : `${count} of ${this.#rows} rows`;
      const problem = `${this.#table.file}: column ${column.name} holds in ${rows} a category that training did not see, such as ${JSON.stringify(example)}`;
      return [{ column, problem }];
    });
  }

  #setFeatures(cells: readonly Cell[], row: number): void {
    const { features } = this.#schema;
    let start = 0;
    for (let i = 0; i < features.length; i++) {
      const column = features[i];
      const width = featuresOf(column);
      if ('categories' in column) {
        this.features.fill(0, start, start + width);
        // A category that training did not see stays without a 1.
        const cell = cells[i];
        const index = cell === null ? width - 1 : this.#categories[i]!.get(textOf(cell));
        if (index !== undefined && (cell !== null || column.missing)) this.features[start + index] = 1;
        if (index === undefined && this.#unseen[i].count++ === 0) this.#unseen[i].example = textOf(cell!);
      } else {
        this.features[start] = cells[i] === null ? Number.NaN : this.#number(i, cells, row) - (column.offset ?? 0);
      }
      start += width;
    }
  }

  #number(column: number, cells: readonly Cell[], row: number): number {
    return numberOf(this.#table, this.#columns[column], cells[column]!, row);
  }

  #target(column: number, cells: readonly Cell[], row: number): number {
    if (!this.#classes) return this.#number(column, cells, row);
    return classOf(this.#table, this.#columns[column].name, this.#classes, cells[column]!, row);
  }
}

/** What training saw. */
function known({ categories }: CategoricalColumn): string {
  const shown = categories.slice(0, 5).map((name) => JSON.stringify(name));
  return `training saw ${shown.join(', ')}${categories.length > 5 ? ', ...' : ''}`;
}

/** Features of a row. */
export function tableWidth(columns: readonly FeatureColumn[]): number {
  return columns.reduce((sum, column) => sum + featuresOf(column), 0);
}

function indexOf(names: readonly string[]): Map<string, number> {
  return new Map(names.map((name, index) => [name, index]));
}
