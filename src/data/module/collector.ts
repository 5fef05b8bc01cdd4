/** Takes the examples of a module as they come, and makes them columns. */

import type { ModuleConfig } from '../../config/data.js';
import { plainNames } from '../../config/plain-names.js';
import { DataError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';
import type { ExampleColumns } from '../example-columns.js';
import type { SourceColumn, SourceExamples } from '../examples.js';
import { inRoleOrder } from '../field.js';
import type { Reading } from '../reading.js';
import { budgetBytes, sharesOf } from '../row-writer.js';
import type { SplitKeys } from '../splits/split-key.js';
import { planOf, type SplitPlan } from '../splits/split-plan.js';
import { checkFieldNames, checkFields, type ExampleFields, type Fail, fieldsOfExample, ofAll } from './example.js';
import { ModuleInputRows } from './inputs.js';
import { addKey, moduleKeys, ShownKeys } from './keys.js';
import { type NestedNumbers, numbersOf } from './nested.js';
import { TargetValues, WeightValues } from './targets.js';

/** What the first example fixes for all. */
interface ExampleForm {
  readonly first: ExampleFields;
  readonly inputs: readonly ModuleInputRows[];
  readonly targets: readonly TargetValues[];
  readonly weights: readonly WeightValues[];
  /** What decides about splits. */
  readonly splitKeys: SplitKeys | undefined;
}

export class Collector {
  readonly #config: ModuleConfig;
  readonly #where: string;
  readonly #reading: Reading;
  readonly #fail: Fail = (problem, remedy) =>
    new DataError(`${this.#where}: example ${this.#count} ${problem}`, remedy);
  /** Names of targets that are inputs. */
  readonly #copies: readonly string[];
  readonly #shown: ShownKeys;
  #form: ExampleForm | undefined;
  #count = 0;

  constructor(config: ModuleConfig, where: string, reading: Reading) {
    this.#config = config;
    this.#copies = Object.keys(config.targets ?? {});
    this.#where = where;
    this.#reading = reading;
    this.#shown = new ShownKeys(reading.columns);
  }

  /** @throws DataError when it is no example, or unlike the first */
  add(value: unknown): void {
    const fields = fieldsOfExample(value, this.#copies, this.#fail);
    this.#form ??= this.#formOf(fields, value as object);
    const { first, inputs, targets, weights, splitKeys } = this.#form;
    checkFields(fields, first, this.#fail);
    for (const input of inputs) input.add(this.#numbers(input.label, fields.inputs.get(input.name)), this.#fail);
    for (const target of targets) target.add(this.#numbers(target.label, fields.targets.get(target.name)), this.#fail);
    const stray = [...fields.weights.keys()].find((name) => !weights.some((each) => each.key === name));
    if (stray !== undefined) checkFieldNames(fields, this.#copies, this.#fail);
    for (const each of weights) each.add(fields.weights.get(each.key), this.#fail);
    this.#shown.add(value as object, this.#fail);
    if (splitKeys) addKey(splitKeys, this.#config, value as object, this.#count, this.#where, this.#fail);
    this.#count++;
  }

  /** The columns: inputs, targets, weights, masks. */
  async finish(): Promise<SourceExamples> {
    const reading = this.#reading;
    if (!this.#form) {
      throw new DataError(`${this.#where}: makes no examples`, 'yield at least one { features, target }');
    }
    const { inputs, targets, weights } = this.#form;
    // Data for a trained model may have one of its classes only.
    for (const target of targets) if (!reading.trained) target.check(this.#where);
    const columns: SourceColumn[] = [];
    for (const input of inputs) columns.push(...(await input.finish(reading)));
    for (const target of targets) {
      const sequences = target.follows(inputs);
      const made = target.finish(sequences, this.#where);
      const own = weights.filter(({ key }) => key === target.name || (key === ofAll && target === targets[0]));
      columns.push(...made, ...own.flatMap((each) => each.finish(made[0], sequences, this.#where)));
    }
    for (const each of weights) {
      // Targets that are copies of inputs have weights of whole examples only.
      const isOfCopy = this.#copies.includes(each.key) || (each.key === ofAll && targets.length === 0);
      if (isOfCopy) columns.push(...each.finish({ shape: [1] }, undefined, this.#where));
    }
    const [all, named] = [true, false].map((isAll) =>
      columns.find(({ role, of }) => role === 'weight' && !of === isAll),
    );
    if (all && named) {
      throw new DataError(
        `${this.#where}: some examples have a weight, others weights by target`,
        'give every example weights: { TARGET: ... }, or every one a weight',
      );
    }
    return { count: this.#count, columns: inRoleOrder(columns) };
  }

  /** How the examples are to be divided. */
  get split(): SplitPlan {
    return planOf(this.#config, { by: this.#form?.splitKeys?.finish() });
  }

  /** What examples hold beside their fields, as far as it is asked for. */
  get shown(): ExampleColumns {
    return this.#shown.finish(this.#where);
  }

  /** Targets that are to be standardized, by name: of several those that are numbers. */
  get standardized(): string[] | undefined {
    const { targets = [] } = this.#form ?? {};
    if (targets.length < 2 || this.#config.standardizeTargets !== true) return undefined;
    return targets.filter(({ isExact }) => isExact).map(({ name }) => name);
  }

  /** Gives back what the rows hold when there is no use for them. */
  discard(): void {
    for (const input of this.#form?.inputs ?? []) input.discard();
  }

  #formOf(first: ExampleFields, example: object): ExampleForm {
    checkFieldNames(first, this.#copies, this.#fail);
    const { classes, categories, length, standardizeTargets } = this.#config;
    const [inputNames, targetNames] = [[...first.inputs.keys()], [...first.targets.keys()]];
    const classesOf = byName<number>('classes', classes, targetNames, 'target');
    const categoriesOf = byName<number>('categories', categories, inputNames, 'input');
    const lengthOf = byName<number | 'longest'>('length', length, inputNames, 'input');
    const rows = inputNames.map((name) => ({
      name,
      numbers: this.#numbers(labelOf('input', name), first.inputs.get(name)),
    }));
    const bytes = rows.map(({ numbers }) => numbers.values.length * (numbers.bytes ? 1 : 4));
    const budgets = sharesOf(budgetBytes(this.#config.memory), bytes);
    const inputs = rows.map(({ name, numbers }, i) => {
      const asked = lengthOf(name);
      const trained = this.#reading.lengthOf(name);
      const options = {
        categories: categoriesOf(name),
        length: asked && (trained ?? asked),
        truncate: this.#config.truncate,
        isTrained: trained !== undefined,
      };
      return new ModuleInputRows(name, labelOf('input', name), numbers, options, budgets[i], this.#fail);
    });
    const isSequence = length !== undefined;
    const targets = targetNames.map((name) => {
      const ignored = this.#reading.ignoredClass(name);
      const own = classesOf(name);
      const key = typeof classes === 'object' ? `data.classes.${name}` : 'data.classes';
      const isExact = standardizeTargets === true && own === undefined;
      return new TargetValues(name, labelOf('target', name), { classes: own, key, ignored, isExact, isSequence });
    });
    if (first.weights.has(ofAll) && targetNames.length > 1 && typeof first.weights.get(ofAll) !== 'number') {
      throw this.#fail('has one weight of places for several targets', 'give weights: { TARGET: ... }');
    }
    const keys = [ofAll, ...targetNames.filter((name) => name !== plainNames.target), ...this.#copies];
    const splitKeys = moduleKeys(this.#config, example, targetNames, this.#fail);
    return { first, inputs, targets, weights: keys.map((key) => new WeightValues(key, isSequence)), splitKeys };
  }

  #numbers(name: string, value: unknown): NestedNumbers {
    const fail = (problem: string) => this.#fail(`has ${name} with ${problem}`, 'give a number, or arrays of numbers');
    const numbers = numbersOf(value, fail);
    if (numbers.bytes) return numbers;
    for (let i = 0; i < numbers.values.length; i++) {
      if (Number.isFinite(Math.fround(numbers.values[i]))) continue;
      const problem = `has ${name} with ${numbers.values[i]} at place ${i}`;
      throw this.#fail(problem, 'use finite numbers of at most 3.4e38, or leave the example out');
    }
    return numbers;
  }
}

/** What messages call a field. */
function labelOf(role: 'input' | 'target', name: string): string {
  if (name !== plainNames[role]) return `${role} ${name}`;
  return role === 'input' ? 'features' : 'a target';
}

/**
 * What a key of the config says of each field.
 * @throws DataError where it says one thing of several fields, or names one that is not there
 */
function byName<T extends number | string>(
  key: string,
  given: T | Readonly<Record<string, T>> | undefined,
  names: readonly string[],
  what: string,
): (name: string) => T | undefined {
  if (given === undefined) return () => undefined;
  if (typeof given !== 'object') {
    if (names.length === 1) return () => given;
    throw new DataError(
      `data.${key}: ${given}: the examples have the ${what}s ${names.join(', ')}, and it does not say of which it is`,
      `write data.${key}: { ${names[0]}: ${given} }`,
    );
  }
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown === undefined) return (name) => given[name];
  throw new DataError(
    `data.${key}.${unknown}: the examples have no ${what} ${unknown}`,
    oneOf(unknown, names, `use their names: ${names.join(', ')}`),
  );
}
