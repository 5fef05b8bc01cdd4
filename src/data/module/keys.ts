/** What decides about the splits of a module's examples: a key of theirs that is no input. */
import type { ModuleConfig } from '../../config/data.js';
import { oneOf } from '../../ground/suggest.js';
import {
  ColumnsCollector,
  type ExampleColumns,
  plainNumber,
  presentColumns,
  type WantedColumn,
} from '../example-columns.js';
import { keysOf, type SplitKeys } from '../splits/split-key.js';
import { deciderOf } from '../splits/split-plan.js';
import type { Cell } from '../table/table.js';
import type { Fail } from './example.js';
import { described } from './nested.js';

type Example = Readonly<Record<string, unknown>>;

/** What an example consists of besides. */
const fieldKeys = ['features', 'inputs', 'target', 'targets', 'weight', 'weights'];

/**
 * @param example the first
 * @param targets names of its targets: `stratify` may name one
 * @throws fail's error where examples have no such key
 */
export function moduleKeys(
  config: ModuleConfig,
  example: object,
  targets: readonly string[],
  fail: Fail,
): SplitKeys | undefined {
  const decider = deciderOf(config, targets);
  if (!decider) return undefined;
  const { kind, name } = decider;
  const own = Object.keys(example).filter((key) => !fieldKeys.includes(key));
  if (own.includes(name)) return keysOf({ ...decider, unit: 'field' });
  if (fieldKeys.includes(name)) {
    throw fail(
      `has ${name} for its fields, and data.split.${kind} names a key beside them`,
      `give it another name too, such as { features, target, key }, and name that: ${kind}: key`,
    );
  }
  throw fail(
    `has no ${name}, which data.split.${kind} names`,
    oneOf(name, own, `give every example one beside its fields: { features, target, ${name} }`),
  );
}

export function addKey(
  keys: SplitKeys,
  config: ModuleConfig,
  example: object,
  count: number,
  where: string,
  fail: Fail,
) {
  const { name } = deciderOf(config)!;
  const value = (example as Example)[name];
  const origin = { place: (row: number) => `${where}: example ${row}` };
  keys.add(count, cellOf(name, value, fail), origin, count);
}

/** Gathers what is asked for beside the fields. */
export class ShownKeys {
  readonly #wanted: readonly WantedColumn[];
  readonly #columns: ColumnsCollector;
  /** Keys that examples have. */
  readonly #seen = new Set<string>();

  constructor(wanted: readonly WantedColumn[]) {
    this.#wanted = wanted;
    this.#columns = new ColumnsCollector([...new Set(wanted.map(({ name }) => name))]);
  }

  add(example: object, fail: Fail): void {
    const { names } = this.#columns;
    if (names.length === 0) return;
    for (const key of Object.keys(example)) if (!fieldKeys.includes(key)) this.#seen.add(key);
    const cells = names.map((name) =>
      fieldKeys.includes(name) ? null : cellOf(name, (example as Example)[name], fail),
    );
    this.#columns.add(cells, plainNumber);
  }

  /** @throws DataError where no example has one of them */
  finish(where: string): ExampleColumns {
    const present = presentColumns(this.#wanted, [...this.#seen], where);
    return new Map([...this.#columns.finish()].filter(([name]) => present.includes(name)));
  }
}

function cellOf(name: string, value: unknown, fail: Fail): Cell {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'boolean') return Number(value);
  if (value instanceof Date && Number.isNaN(value.getTime())) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || value instanceof Date) {
    return value;
  }
  throw fail(`has ${name} that is ${described(value)}`, 'give a number, a text or a date');
}
