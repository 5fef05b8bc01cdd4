/** The second pass over a table: rows of cells become rows of numbers. */

import { columnRoles, type TableSchema } from './survey.js';
import type { Cell, Table } from './table.js';
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
  readonly #table: Table;
  readonly #schema: RowSchema;
  readonly #columns: readonly ColumnRole[];
  readonly #categories: readonly (ReadonlyMap<string, number> | undefined)[];
  readonly #classes: ReadonlyMap<string, number> | undefined;

  constructor(table: Table, schema: RowSchema) {
    const { features, targets = [], weight, classes } = schema;
    this.#table = table;
    this.#schema = schema;
    this.#columns = columnRoles({ features: features.map(({ name }) => name), targets, weight });
    this.#categories = features.map((column) => ('categories' in column ? indexOf(column.categories) : undefined));
    this.#classes = classes && indexOf(classes);
    this.features = new Float32Array(tableWidth(features));
    this.targets = new Float64Array(targets.length);
  }

  /**
   * Calls `visit` whenever the arrays hold another row that is to be used.
   * @throws DataError naming the line or row of a value that does not fit its column
   */
  read(visit: () => void): Promise<void> {
    const { missing, features, weight } = this.#schema;
    const names = this.#columns.map(({ name }) => name);
    return this.#table.read(names, (cells, row) => {
      if (!isComplete(this.#table, this.#columns, missing, cells, row)) return;
      this.#setFeatures(cells, row);
      for (let i = 0; i < this.targets.length; i++) this.targets[i] = this.#target(features.length + i, cells, row);
      if (weight !== undefined) this.weight = this.#number(names.length - 1, cells, row);
      visit();
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
        const index = cells[i] === null ? width - 1 : this.#categories[i]!.get(String(cells[i]));
        if (index !== undefined && (cells[i] !== null || column.missing)) this.features[start + index] = 1;
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

/** Features of a row. */
export function tableWidth(columns: readonly FeatureColumn[]): number {
  return columns.reduce((sum, column) => sum + featuresOf(column), 0);
}

function indexOf(names: readonly string[]): Map<string, number> {
  return new Map(names.map((name, index) => [name, index]));
}
