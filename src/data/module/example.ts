/** What an example of a module says, by the names of its fields. */
import { FIELD_NAME } from '../../config/data-parts.js';
import { plainNames } from '../../config/plain-names.js';
import type { DataError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';
import { described } from './nested.js';

/** An example's values by the names of their fields; those without names are called as `plainNames` has it. */
export interface ExampleFields {
  readonly inputs: ReadonlyMap<string, unknown>;
  readonly targets: ReadonlyMap<string, unknown>;
  /** Of examples or places, by the names of their targets; of all where it has none. */
  readonly weights: ReadonlyMap<string, unknown>;
}

/** The weight of an example that has no name. */
export const ofAll = '';

/** Makes an error of the example at hand. */
export type Fail = (problem: string, remedy: string) => DataError;
type Keys = readonly [one: string, several: string];

/**
 * Takes an example apart: `{ features, target, weight? }`, or `inputs`, `targets` and `weights` by names in their places.
 * @param copies names of targets that are inputs, which examples need not have
 * @param fail makes an error of this example
 */
export function fieldsOfExample(value: unknown, copies: readonly string[], fail: Fail): ExampleFields {
  const example = value as Readonly<Record<string, unknown>>;
  const has = ([one, several]: Keys) => one in example || several in example;
  const [inputs, targets]: Keys[] = [
    ['features', 'inputs'],
    ['target', 'targets'],
  ];
  const isExample = typeof value === 'object' && value !== null && has(inputs) && (has(targets) || copies.length > 0);
  if (!isExample) {
    const wanted = copies.length > 0 ? '{ features }' : '{ features, target }';
    throw fail(
      `is ${described(value)}, not ${wanted}`,
      `yield objects with ${copies.length > 0 ? 'it' : 'both'}, or with inputs${copies.length > 0 ? '' : ' and targets'} by their names`,
    );
  }
  const fields = {
    inputs: named(example, inputs, plainNames.input, fail),
    targets: named(example, targets, plainNames.target, fail),
    weights: named(example, ['weight', 'weights'], ofAll, fail),
  };
  if (copies.length > 0 && 'target' in example) {
    throw fail('has a target without a name beside data.targets', 'name it: yield { targets: { NAME: ... } }');
  }
  return fields;
}

function named(
  example: Readonly<Record<string, unknown>>,
  [one, several]: Keys,
  plain: string,
  fail: Fail,
): Map<string, unknown> {
  const given = example[several];
  if (given === undefined) return new Map(one in example ? [[plain, example[one]]] : []);
  if (one in example) throw fail(`has both ${one} and ${several}`, `give ${several} by their names, or ${one}`);
  const isTable = typeof given === 'object' && given !== null && !Array.isArray(given) && !ArrayBuffer.isView(given);
  if (!isTable) throw fail(`has ${several} that are ${described(given)}`, `write ${several}: { NAME: ... }`);
  const entries = Object.entries(given);
  if (entries.length === 0 && several === 'inputs') throw fail('has no inputs', 'give one or more by their names');
  return new Map(entries);
}

/** @throws fail's error unless names are names of fields, each of one field */
export function checkFieldNames(
  { inputs, targets, weights }: ExampleFields,
  copies: readonly string[],
  fail: Fail,
): void {
  const plain: readonly string[] = Object.values(plainNames);
  const names = [...inputs.keys(), ...targets.keys(), ...copies];
  for (const [place, name] of names.entries()) {
    const own = place < inputs.size ? plainNames.input : plainNames.target;
    if (name !== own && (plain.includes(name) || !FIELD_NAME.test(name))) {
      throw fail(
        `calls a field ${JSON.stringify(name)}`,
        `use other names than ${plain.join(', ')}, of letters, digits and _, 48 at most, the first no digit`,
      );
    }
    if (names.indexOf(name) < place)
      throw fail(`calls two fields ${name}`, 'give each input and target a name of its own');
  }
  for (const name of weights.keys()) {
    if (name === ofAll || targets.has(name) || copies.includes(name)) continue;
    throw fail(
      `has weights for ${name}, which is no target`,
      oneOf(name, [...targets.keys(), ...copies], 'name them as targets are'),
    );
  }
}

/** @throws fail's error unless an example has the fields of example 0 */
export function checkFields(fields: ExampleFields, first: ExampleFields, fail: Fail): void {
  for (const [what, key] of [
    ['input', 'inputs'],
    ['target', 'targets'],
  ] as const) {
    const [own, wanted] = [fields[key], first[key]];
    const missing = [...wanted.keys()].find((name) => !own.has(name));
    const extra = [...own.keys()].find((name) => !wanted.has(name));
    if (missing !== undefined) {
      throw fail(`has no ${what} ${missing}, unlike example 0`, `give all examples the same ${key}`);
    }
    if (extra !== undefined) {
      throw fail(`has the ${what} ${extra}, which example 0 has not`, `give all examples the same ${key}`);
    }
  }
}
