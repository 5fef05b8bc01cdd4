/** The first pass over a table: which columns are numbers, which categories there are, and every mistake in it. */
import { DataError } from '../../errors.js';
import type { Roles, TableConfig } from './columns.js';
import type { Cell, Table } from './table.js';
import { type ColumnRole, type FeatureColumn, isComplete, numberOf } from './values.js';

/** What the training file says about all files. */
export interface TableSchema {
  readonly features: readonly FeatureColumn[];
  readonly targets: readonly string[];
  /** Names of the classes, where the target is one. */
  readonly classes?: readonly string[];
  readonly weight?: string;
  readonly missing: 'error' | 'mean' | 'drop';
}

/** More are hardly categories, but identifiers or free text. */
const mostCategories = 10_000;
/** Numbers that are this many times as large as the range in which they lie, as times of day in seconds since 1970 are,
 * leave less than 14 of a 32-bit number's 24 bits to tell them apart. */
const mostMagnitude = 1024;

/** The columns that are read, in the order in which cells come. */
export function columnRoles({ features, targets, weight }: Roles): ColumnRole[] {
  return [
    ...features.map((name) => ({ name, role: 'feature' as const })),
    ...targets.map((name) => ({ name, role: 'target' as const })),
    ...(weight === undefined ? [] : [{ name: weight, role: 'weight' as const }]),
  ];
}

/** @throws DataError if there is no row, or naming the line or row of a value that does not fit its column */
export async function surveyTable(
  table: Table,
  roles: Roles,
  config: TableConfig,
): Promise<{ schema: TableSchema; count: number }> {
  const columns = columnRoles(roles);
  const findings = columns.map((column) => new Finding(table, column, config));
  let count = 0;
  await table.read(
    columns.map(({ name }) => name),
    (cells, row) => {
      if (!isComplete(table, columns, config.missing, cells, row)) return;
      count++;
      for (let i = 0; i < findings.length; i++) findings[i].see(cells[i], row);
    },
  );
  requireRows(table, count, config.missing);
  const features = findings.slice(0, roles.features.length).map((finding) => finding.feature());
  const targets = findings.slice(roles.features.length, roles.features.length + roles.targets.length);
  return { schema: { ...roles, features, classes: classesOf(table, targets), missing: config.missing }, count };
}

/** @throws DataError if a table has no row to use */
export function requireRows({ file }: Table, count: number, missing: TableSchema['missing']): void {
  if (count > 0) return;
  throw missing === 'drop'
    ? new DataError(`${file} has no complete row`, 'set data.missing: mean, or leave columns out by data.exclude')
    : new DataError(`${file} has no rows`, 'use a file with a row for each example');
}

function classesOf({ file }: Table, targets: readonly Finding[]): readonly string[] | undefined {
  const text = targets.find(({ categories }) => categories);
  if (!text?.categories) return undefined;
  if (targets.length > 1) {
    throw new DataError(
      `data.target: column ${text.name} is text, and several targets must be numbers`,
      'name one column to predict classes',
    );
  }
  const classes = sorted(text.categories);
  if (classes.length > 1) return classes;
  throw new DataError(
    `${file}: all rows have one class in column ${text.name}, ${JSON.stringify(classes[0])}`,
    'use a file with two classes or more, or another data.target',
  );
}

/** What has been found out about a column so far. */
class Finding {
  readonly name: string;
  readonly #table: Table;
  readonly #column: ColumnRole;
  /** Whether it is known to be numbers or categories. */
  #decided: boolean;
  #missing = false;
  readonly #standardize: boolean;
  #lowest = Number.POSITIVE_INFINITY;
  #highest = Number.NEGATIVE_INFINITY;
  categories: Set<string> | undefined;

  constructor(table: Table, column: ColumnRole, { categorical, targetType, standardize }: TableConfig) {
    this.name = column.name;
    this.#standardize = standardize;
    this.#table = table;
    this.#column = column;
    const isClass = column.role === 'target' && targetType === 'class';
    if (isClass || categorical?.includes(column.name)) this.categories = new Set();
    const isNumber = column.role === 'weight' || (column.role === 'target' && targetType === 'number');
    this.#decided = isNumber || this.categories !== undefined;
  }

  see(cell: Cell, row: number): void {
    if (cell === null) {
      this.#missing = true;
      return;
    }
    if (!this.#decided) {
      if (this.#table.numberIn(cell) === undefined) this.categories = new Set();
      this.#decided = true;
    }
    if (!this.categories) {
      const number = numberOf(this.#table, this.#column, cell, row);
      this.#lowest = Math.min(this.#lowest, number);
      this.#highest = Math.max(this.#highest, number);
      return;
    }
    this.categories.add(String(cell));
    if (this.categories.size > mostCategories) throw this.#tooMany();
  }

  /** @throws DataError if the column has no value */
  feature(): FeatureColumn {
    const { name, categories } = this;
    if (!this.#decided || categories?.size === 0) {
      throw new DataError(`${this.#table.file}: column ${name} has no value in any row`, 'list it under data.exclude');
    }
    if (categories) return { name, categories: sorted(categories), missing: this.#missing };
    return this.#isCoarse() ? { name, offset: this.#lowest } : { name };
  }

  /** Whether 32-bit numbers would blur what standardization brings out. */
  #isCoarse(): boolean {
    const range = this.#highest - this.#lowest;
    const magnitude = Math.max(Math.abs(this.#lowest), Math.abs(this.#highest));
    return this.#standardize && range > 0 && magnitude > mostMagnitude * range;
  }

  #tooMany(): DataError {
    const { name, role } = this.#column;
    return new DataError(
      `${this.#table.file}: column ${name} has more than ${mostCategories.toLocaleString('en-US')} categories`,
      role === 'feature' ? 'list it under data.exclude' : 'choose another data.target, or set data.targetType: number',
    );
  }
}

/** In the order of numbers where all are numbers, else of their characters' codes. */
function sorted(names: ReadonlySet<string>): string[] {
  const list = [...names].sort();
  const numeric = list.every((name) => name.trim() !== '' && Number.isFinite(Number(name)));
  return numeric ? list.sort((a, b) => Number(a) - Number(b)) : list;
}
