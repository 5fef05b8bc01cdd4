/** What the first pass over a table finds out about one column. */
import type { TableConfig } from '../../config/table.js';
import { DataError } from '../../errors.js';
import { grouped } from '../../ground/units.js';
import type { ColumnInfo } from '../column-report.js';
import { inCodeOrder, inOrder } from '../splits/stratify.js';
import {
  chooseOther,
  type FeatureColumn,
  type FieldColumn,
  featuresOf,
  leaveOut,
  numberOf,
  readAs,
} from './cell-values.js';
import type { Notes } from './notes.js';
import { refuseSuspicious, tellSuspicious } from './suspicion.js';
import { type Cell, type Table, textOf } from './table.js';

/** More are hardly categories, but identifiers or free text. */
const mostCategories = 10_000;
/** Of codes: 32-bit numbers hold whole ones up to this. */
const mostCodes = 2 ** 24;
/** Numbers that are this many times as large as the range in which they lie, as times of day in seconds since 1970 are,
 * leave less than 14 of a 32-bit number's 24 bits to tell them apart. */
const mostMagnitude = 1024;
/** Categories that a report names. */
const named = 5;
/** Rows below which a coincidence is likely. */
const fewRows = 20;

export class ColumnFinding {
  readonly name: string;
  readonly #table: Table;
  readonly #column: FieldColumn;
  readonly #config: TableConfig;
  /** Whether the config says that the column holds categories. */
  readonly #asked: boolean;
  /** Whether it is known to be numbers or categories. */
  #decided: boolean;
  #missing = 0;
  #count = 0;
  #lowest = Number.POSITIVE_INFINITY;
  #highest = Number.NEGATIVE_INFINITY;
  /** Of whole numbers: the first, and sums of the differences from it and of their squares; NaN once one is not whole. */
  #first = 0;
  #sum = 0;
  #squares = 0;
  /** Rows of each category, where they are such. */
  categories: Map<string, number> | undefined;

  /** @param asked the columns of `data.categorical` */
  constructor(table: Table, column: FieldColumn, config: TableConfig, asked: ReadonlySet<string>) {
    this.name = column.name;
    this.#config = config;
    this.#table = table;
    this.#column = column;
    this.#asked = asked.has(column.name) || column.coded === true || column.type === 'class';
    if (this.#asked) this.categories = new Map();
    const isNumber = column.role === 'weight' || column.type === 'number';
    this.#decided = isNumber || this.#asked;
  }

  see(cell: Cell, row: number): void {
    if (cell === null) {
      this.#missing++;
      return;
    }
    this.#count++;
    if (!this.#decided) {
      if (this.#table.numberIn(cell) === undefined) this.categories = new Map();
      this.#decided = true;
    }
    if (!this.categories) {
      this.#seeNumber(numberOf(this.#table, this.#column, cell, row));
      return;
    }
    const text = textOf(cell);
    const before = this.categories.get(text);
    if (before === undefined && this.categories.size >= this.#most) throw this.#tooMany(text);
    this.categories.set(text, (before ?? 0) + 1);
  }

  #seeNumber(number: number): void {
    if (number < this.#lowest) this.#lowest = number;
    if (number > this.#highest) this.#highest = number;
    if (this.#count === 1) this.#first = number;
    const difference = Number.isInteger(number) ? number - this.#first : Number.NaN;
    this.#sum += difference;
    this.#squares += difference * difference;
  }

  /**
   * What is wrong or odd about the column, once all rows are seen.
   * @param notes gets what is odd
   * @throws DataError if the column has no value, or holds text that is hardly categories
   */
  judge(notes: Notes): void {
    const { name, categories } = this;
    const isFeature = this.#column.role === 'feature';
    if (this.#count === 0) {
      if (isFeature) {
        throw new DataError(`${this.#table.file}: column ${name} has no value in any row`, leaveOut(this.#column));
      }
      return;
    }
    if (categories && !this.#asked) {
      const found = { ...this.#column, table: this.#table, categories, count: this.#count };
      refuseSuspicious(found, this.#config);
      tellSuspicious(found, notes);
    }
    if (isFeature) this.#judgeFeature(notes);
  }

  #judgeFeature(notes: Notes): void {
    const { name, categories } = this;
    const isConstant = categories ? categories.size === 1 : this.#lowest === this.#highest;
    if (isConstant && this.#count > 1 && this.#missing === 0) notes.add('constant', name);
    if (categories || this.#count < fewRows || Object.hasOwn(this.#config.dates ?? {}, name)) return;
    // Whole numbers as they are may be ids on purpose, as embeddings read them.
    if (Number.isNaN(this.#sum) || this.#column.standardize === false) return;
    if (this.#isCounter()) notes.add('counter', name);
    else if (isIdentifier(name)) notes.add('identifier', name);
    else if (isDay(this.#lowest) && isDay(this.#highest) && !isConstant) notes.add('day', name);
  }

  /** Whether the values are n whole numbers in a row, in whatever order: what their range, sum and squares say. */
  #isCounter(): boolean {
    const n = this.#count;
    if (this.#highest - this.#lowest !== n - 1) return false;
    const start = this.#lowest - this.#first;
    const sum = n * start + (n * (n - 1)) / 2;
    const squares = n * start * start + start * n * (n - 1) + ((n - 1) * n * (2 * n - 1)) / 6;
    return this.#sum === sum && Math.abs(this.#squares - squares) <= 1e-9 * squares;
  }

  get #most(): number {
    return this.#column.coded ? mostCodes : mostCategories;
  }

  feature(): FeatureColumn {
    const { name, categories } = this;
    const { coded, standardize } = this.#column;
    if (categories && coded) return { name, codes: inCodeOrder(categories.keys()) };
    if (categories) return { name, categories: inOrder(categories.keys()), missing: this.#missing > 0 };
    return standardize && this.#isCoarse() ? { name, offset: this.#lowest } : { name };
  }

  info(): ColumnInfo {
    const { name, categories } = this;
    const { role, field, coded } = this.#column;
    const missing = this.#missing;
    if (!categories) {
      const isDate = this.#config.dates !== undefined && Object.hasOwn(this.#config.dates, name);
      const type = isDate ? 'date' : 'number';
      return {
        name,
        ...(field !== undefined && { field }),
        role,
        type,
        lowest: this.#lowest,
        highest: this.#highest,
        missing,
        ...(role === 'feature' && { features: 1 }),
      };
    }
    const names = coded ? inCodeOrder(categories.keys()) : inOrder(categories.keys());
    const features = coded
      ? 1
      : role === 'feature'
        ? featuresOf({ name, categories: names, missing: missing > 0 })
        : undefined;
    return {
      name,
      ...(field !== undefined && { field }),
      role,
      type: 'category',
      categories: names.length,
      examples: names.slice(0, named),
      missing,
      ...(features !== undefined && { features }),
      ...(coded && { coded }),
    };
  }

  /** Whether 32-bit numbers would blur what standardization brings out. */
  #isCoarse(): boolean {
    const range = this.#highest - this.#lowest;
    const magnitude = Math.max(Math.abs(this.#lowest), Math.abs(this.#highest));
    return range > 0 && magnitude > mostMagnitude * range;
  }

  #tooMany(text: string): DataError {
    const { name, role } = this.#column;
    if (!this.#asked) {
      this.categories!.set(text, 1);
      refuseSuspicious(
        { ...this.#column, table: this.#table, categories: this.categories!, count: this.#count },
        this.#config,
      );
    }
    return new DataError(
      `${this.#table.file}: column ${name} has more than ${grouped(this.#most)} categories`,
      role === 'feature'
        ? leaveOut(this.#column)
        : `${chooseOther(this.#column)}, or ${readAs('number', this.#column)}`,
    );
  }
}

/** Whether a column is an identifier by its name. */
export const isIdentifier = (name: string): boolean =>
  /(?:^|[_\W])(?:id|uuid|guid)$/i.test(name) || /[a-z]I[dD]$/.test(name);

/** Whether a number may be a day written as 20240131. */
function isDay(number: number): boolean {
  const [year, month, day] = [Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100];
  return year >= 1900 && year <= 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}
