/** The column of a table that decides which rows are held out, as the splitting reads it. */
import { DataError } from '../../errors.js';
import type { SplitKey } from '../split.js';
import type { TableConfig } from './columns.js';
import { secondsOf } from './dates.js';
import { type Table, textOf, type Value } from './table.js';

/** The column that decides, and how. */
export type Decider = Pick<SplitKey, 'kind' | 'column'>;

export function deciderOf({ split }: Pick<TableConfig, 'split'>): Decider | undefined {
  const { order, group, stratify } = split ?? {};
  if (order !== undefined) return { kind: 'order', column: order };
  if (group !== undefined) return { kind: 'group', column: group };
  return typeof stratify === 'string' ? { kind: 'stratify', column: stratify } : undefined;
}

/** Gathers what decides, row by row. */
export interface SplitKeys {
  /** @throws DataError naming the row of a value that has no order */
  add(example: number, value: Value, table: Table, row: number): void;
  finish(): SplitKey;
}

/** @param count rows that will come */
export function keysOf(config: TableConfig, count: number): SplitKeys | undefined {
  const decider = deciderOf(config);
  if (!decider) return undefined;
  return decider.kind === 'order' ? new OrderKeys(decider, count) : new GroupKeys(decider, count);
}

class GroupKeys implements SplitKeys {
  readonly #decider: Decider;
  readonly #values: Int32Array;
  readonly #codes = new Map<string, number>();

  constructor(decider: Decider, count: number) {
    this.#decider = decider;
    this.#values = new Int32Array(count);
  }

  add(example: number, value: Value): void {
    const text = textOf(value);
    let code = this.#codes.get(text);
    if (code === undefined) {
      code = this.#codes.size;
      this.#codes.set(text, code);
    }
    this.#values[example] = code;
  }

  finish(): SplitKey {
    return { ...this.#decider, values: this.#values, names: [...this.#codes.keys()] };
  }
}

class OrderKeys implements SplitKeys {
  readonly #decider: Decider;
  readonly #values: Float64Array;
  /** Whether the first value was a date: all others must be as it was. */
  #isDate: boolean | undefined;

  constructor(decider: Decider, count: number) {
    this.#decider = decider;
    this.#values = new Float64Array(count);
  }

  add(example: number, value: Value, table: Table, row: number): void {
    // Dates that data.dates names come as numbers.
    const number = typeof value === 'number' ? value : table.numberIn(value);
    const place = number ?? secondsOf(value);
    this.#isDate ??= number === undefined;
    if (place === undefined || !Number.isFinite(place) || this.#isDate !== (number === undefined)) {
      const before =
        example === 0 ? 'neither a number nor a date' : `not a ${this.#isDate ? 'date' : 'number'} as the rows before`;
      throw new DataError(
        `${table.file}, ${table.unit} ${row}: column ${this.#decider.column} holds ${JSON.stringify(textOf(value))}, ${before}`,
        'correct it (dates are written as 2024-01-31 or 2024-01-31 12:30:00), or name another column in data.split.order',
      );
    }
    this.#values[example] = place;
  }

  finish(): SplitKey {
    return { ...this.#decider, values: this.#values };
  }
}
