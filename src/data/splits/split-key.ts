/** The values by which examples are divided, gathered as a source reads them: of a column, a file, a key of its examples. */
import { DataError } from '../../errors.js';
import { secondsOf } from '../table/dates.js';
import { type Cell, type CellValue, textOf } from '../table/table.js';

/** What decides, by a value for each example. */
export interface SplitKey {
  /**
   * `order`: the highest values are for test, those before them for validation. `group`: no value is in two splits.
   * `stratify`: each split has its share of each value.
   */
  readonly kind: 'order' | 'group' | 'stratify';
  /** What has the values: a column of a table, a key of a module's examples, a NumPy file or an array in one. */
  readonly unit: 'column' | 'field' | 'file' | 'array';
  readonly name: string;
  /** Finite numbers to order by, or places in `names`. */
  readonly values: Int32Array | Float64Array;
  readonly names?: readonly string[];
}

/** What decides by a value of each example, and what has the values. */
export type Decider = Pick<SplitKey, 'kind' | 'name'>;

/** Where values come from. */
export interface KeyOrigin {
  /** `t.csv, line 3` */
  place(row: number): string;
  /** The number that a text is in this source, finite or not; undefined where it is none. */
  numberIn?(value: CellValue): number | undefined;
}

/** Gathers what decides, example by example. */
export interface SplitKeys {
  /** @throws DataError naming the row of a value that is missing or has no order */
  add(example: number, value: Cell, origin: KeyOrigin, row: number): void;
  finish(): SplitKey;
}

/** Which values they are: what decides, and what has them. */
type KeyKind = Decider & Pick<SplitKey, 'unit'>;

/** @param count examples that will come, where that is known */
export const keysOf = (kind: KeyKind, count = 0): SplitKeys =>
  kind.kind === 'order' ? new OrderKeys(kind, count) : new GroupKeys(kind, count);

/** What has the values, for messages: `column when`. */
export const labelOf = ({ unit, name }: Pick<SplitKey, 'unit' | 'name'>): string => `${unit} ${name}`;

function present(value: Cell, kind: KeyKind, { place }: KeyOrigin, row: number): CellValue {
  if (value !== null && !Number.isNaN(value)) return value;
  throw new DataError(
    `${place(row)}: ${labelOf(kind)} has no value`,
    `fill it in, or leave the ${kind.unit === 'column' ? 'row' : 'example'} out`,
  );
}

class GroupKeys implements SplitKeys {
  readonly #kind: KeyKind;
  #values: Int32Array;
  #count = 0;
  readonly #codes = new Map<string, number>();

  constructor(kind: KeyKind, count: number) {
    this.#kind = kind;
    this.#values = new Int32Array(count);
  }

  add(example: number, value: Cell, origin: KeyOrigin, row: number): void {
    const text = textOf(present(value, this.#kind, origin, row));
    let code = this.#codes.get(text);
    if (code === undefined) {
      code = this.#codes.size;
      this.#codes.set(text, code);
    }
    if (example >= this.#values.length) this.#values = longer(this.#values, new Int32Array(2 * example + 16));
    this.#values[example] = code;
    this.#count = example + 1;
  }

  finish(): SplitKey {
    return { ...this.#kind, values: this.#values.subarray(0, this.#count), names: [...this.#codes.keys()] };
  }
}

class OrderKeys implements SplitKeys {
  readonly #kind: KeyKind;
  #values: Float64Array;
  #count = 0;
  /** Whether the first value was a date: all others must be as it was. */
  #isDate: boolean | undefined;

  constructor(kind: KeyKind, count: number) {
    this.#kind = kind;
    this.#values = new Float64Array(count);
  }

  add(example: number, cell: Cell, origin: KeyOrigin, row: number): void {
    const value = present(cell, this.#kind, origin, row);
    // Dates that data.dates names come as numbers.
    const number =
      typeof value === 'number' ? value : typeof value === 'bigint' ? Number(value) : origin.numberIn?.(value);
    const place = number ?? secondsOf(value);
    this.#isDate ??= number === undefined;
    if (place === undefined || !Number.isFinite(place) || this.#isDate !== (number === undefined)) {
      const before =
        example === 0 ? 'neither a number nor a date' : `not a ${this.#isDate ? 'date' : 'number'} as the rows before`;
      throw new DataError(
        `${origin.place(row)}: ${labelOf(this.#kind)} holds ${JSON.stringify(textOf(value))}, ${before}`,
        `correct it (dates are written as 2024-01-31 or 2024-01-31 12:30:00), or name another ${this.#kind.unit} in data.split.order`,
      );
    }
    if (example >= this.#values.length) this.#values = longer(this.#values, new Float64Array(2 * example + 16));
    this.#values[example] = place;
    this.#count = example + 1;
  }

  finish(): SplitKey {
    return { ...this.#kind, values: this.#values.subarray(0, this.#count) };
  }
}

function longer<A extends Int32Array | Float64Array>(values: A, room: A): A {
  room.set(values);
  return room;
}
