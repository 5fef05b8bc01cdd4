/** What columns hold for each example, whether the model reads them or not: what slices and groups of an evaluation are made of. */
import { DataError } from '../errors.js';
import { firstFew } from '../ground/first-few.js';
import { oneOf } from '../ground/suggest.js';
import { type Cell, type CellValue, textOf } from './table/table.js';

/** A column that somebody asks for beside what the config uses. */
export interface WantedColumn {
  /** Of a table's column, a key of a module's examples, an array of NumPy; `folder` of image files. */
  readonly name: string;
  /** Who asks, for messages: `--by sex`. */
  readonly asked: string;
  /** Whether data without it will do. */
  readonly optional?: boolean;
}

export interface ExampleColumn {
  /** Of each example its place in `values`; -1 where it holds nothing. */
  readonly codes: Int32Array;
  /** What there is, each once, in the order in which it comes. */
  readonly values: readonly string[];
  /** The same as numbers; NaN for what is none. */
  readonly numbers: Float64Array;
}

/** By name. */
export type ExampleColumns = ReadonlyMap<string, ExampleColumn>;

/** Takes the cells of a column as they come. */
export class ColumnCollector {
  #codes = new Int32Array(1024);
  #count = 0;
  readonly #places = new Map<string, number>();
  readonly #numbers: number[] = [];

  /** @param numberIn the number that a value is in its source; undefined where it is none */
  add(value: Cell, numberIn: (value: CellValue) => number | undefined): void {
    if (this.#count === this.#codes.length) {
      const longer = new Int32Array(2 * this.#count);
      longer.set(this.#codes);
      this.#codes = longer;
    }
    this.#codes[this.#count++] = value === null || Number.isNaN(value) ? -1 : this.#placeOf(value, numberIn);
  }

  #placeOf(value: CellValue, numberIn: (value: CellValue) => number | undefined): number {
    const text = textOf(value);
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.#places.size;
    this.#places.set(text, place);
    const number = numberIn(value) ?? Number.NaN;
    this.#numbers.push(Number.isFinite(number) ? number : Number.NaN);
    return place;
  }

  finish(): ExampleColumn {
    return {
      codes: this.#codes.slice(0, this.#count),
      values: [...this.#places.keys()],
      numbers: Float64Array.from(this.#numbers),
    };
  }
}

/** Takes what several columns hold of each example. */
export class ColumnsCollector {
  readonly names: readonly string[];
  readonly #columns: readonly ColumnCollector[];

  constructor(names: readonly string[]) {
    this.names = names;
    this.#columns = names.map(() => new ColumnCollector());
  }

  /** @param cells one of each column */
  add(cells: readonly Cell[], numberIn: (value: CellValue) => number | undefined): void {
    for (let i = 0; i < cells.length; i++) this.#columns[i].add(cells[i], numberIn);
  }

  finish(): ExampleColumns {
    return new Map(this.names.map((name, i) => [name, this.#columns[i].finish()]));
  }
}

/** The number that a value of a program is. */
export const plainNumber = (value: CellValue): number | undefined =>
  typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;

/** A column of texts, one an example. */
export function textColumn(texts: Iterable<string>): ExampleColumn {
  const collector = new ColumnCollector();
  for (const text of texts) collector.add(text, () => undefined);
  return collector.finish();
}

/** The columns of examples of which some follow the others. */
export function joinedColumns(parts: readonly (ExampleColumns | undefined)[]): ExampleColumns | undefined {
  const [first, ...others] = parts;
  if (!first) return undefined;
  const joined = [...first].flatMap(([name, column]) => {
    const rest = others.flatMap((part) => part?.get(name) ?? []);
    return rest.length < others.length ? [] : [[name, joinedColumn([column, ...rest])] as const];
  });
  return new Map(joined);
}

function joinedColumn(parts: readonly ExampleColumn[]): ExampleColumn {
  const collector = new ColumnCollector();
  for (const { codes, values, numbers } of parts) {
    for (const code of codes) collector.add(code < 0 ? null : values[code], () => numbers[code]);
  }
  return collector.finish();
}

/**
 * @param names of the columns that there are
 * @param what has them: `flowers.csv`
 * @returns those wanted that are there
 * @throws DataError naming a column that is not, unless it is optional
 */
export function presentColumns(wanted: readonly WantedColumn[], names: readonly string[], what: string): string[] {
  const known = new Set(names);
  const absent = wanted.find(({ name, optional }) => !optional && !known.has(name));
  if (absent) {
    const taken = new Set(wanted.map(({ name }) => name));
    throw absentColumn(
      absent,
      names,
      names.filter((name) => !taken.has(name)),
      what,
    );
  }
  return [...new Set(wanted.map(({ name }) => name))].filter((name) => known.has(name));
}

/** Names that a message lists before it breaks off. */
const listed = 20;

function absentColumn(
  { name, asked }: WantedColumn,
  names: readonly string[],
  free: readonly string[],
  what: string,
): DataError {
  return new DataError(
    `${asked}: ${what} has no column ${JSON.stringify(name)}`,
    names.length === 0
      ? 'leave it out, or use class, the true class'
      : oneOf(name, free, `it has ${firstFew(names, listed)}`),
  );
}
