/** What decides about the splits of a module's examples: a key of theirs that is no input. */
import type { ModuleConfig } from '../../config/data.js';
import { oneOf } from '../../ground/suggest.js';
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

function cellOf(name: string, value: unknown, fail: Fail): Cell {
  if (value === undefined || value === null || value === '') return null;
  if (typeof value === 'boolean') return Number(value);
  if (value instanceof Date && Number.isNaN(value.getTime())) return null;
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' || value instanceof Date) {
    return value;
  }
  throw fail(`has ${name} that is ${described(value)}`, 'give a number, a text or a date');
}
