/** The values of one target, and weights, as a module gives them. */

import { plainNames } from '../../config/plain-names.js';
import { DataError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import type { SourceColumn } from '../examples.js';
import { type Field, isPlain } from '../field.js';
import { weightShapeOf } from '../place-weights.js';
import { maskOf, paddedNumbers, type SequenceLengths } from '../sequences.js';
import { type Fail, ofAll } from './example.js';
import type { ModuleInputRows } from './inputs.js';
import { described, type NestedNumbers, numbersOf } from './nested.js';

interface ModuleTargetOptions {
  readonly classes: number | undefined;
  /** Where the config says how many classes there are. */
  readonly key: string;
  /** A class that the loss ignores. */
  readonly ignored: number | undefined;
  /** Whether they are kept in 64 bits. */
  readonly isExact: boolean;
  /** Whether an input is a sequence, so that places may differ. */
  readonly isSequence: boolean;
}

export class TargetValues {
  readonly #options: ModuleTargetOptions;
  readonly #values: number[] = [];
  #shape: readonly number[] | undefined;
  /** Size of the first axis, of each example. */
  readonly #lengths: number[] = [];

  /** @param label what messages call it */
  constructor(
    readonly name: string,
    readonly label: string,
    options: ModuleTargetOptions,
  ) {
    this.#options = options;
  }

  get isExact(): boolean {
    return this.#options.isExact;
  }

  add({ shape, values }: NestedNumbers, fail: Fail): void {
    this.#shape ??= shape;
    const from = this.#options.isSequence && shape.length > 0 ? 1 : 0;
    if (shape.slice(from).join() !== this.#shape.slice(from).join() || shape.length !== this.#shape.length) {
      throw fail(
        `has ${this.label} of shape [${shape.join(', ')}], example 0 of [${this.#shape.join(', ')}]`,
        'give all examples one shape',
      );
    }
    for (let i = 0; i < values.length; i++) this.#values.push(this.#checked(values[i], fail));
    if (from === 1) this.#lengths.push(shape[0]);
  }

  /** @throws DataError when all are of one class */
  check(where: string): void {
    const { classes, key } = this.#options;
    const [first] = this.#values;
    if (classes === undefined || this.#values.some((target) => target !== first)) return;
    const which = isPlain({ name: this.name, role: 'target' }) ? 'every target' : `every ${this.label}`;
    throw new DataError(
      `${where}: ${which} is class ${first}`,
      `make examples of other classes too, or leave ${key} out to predict numbers`,
    );
  }

  /** The sequences that it has as many places as, example by example. */
  follows(inputs: readonly ModuleInputRows[]): SequenceLengths | undefined {
    if (this.#lengths.length === 0) return undefined;
    const wanted = this.#lengths.join();
    return inputs.find(({ lengths }) => lengths?.given.join() === wanted)?.lengths;
  }

  /** The column, and the mask of a target that goes with sequences. */
  finish(sequences: SequenceLengths | undefined, where: string): SourceColumn[] {
    const { classes, isExact } = this.#options;
    const own = this.#shape!;
    if (!sequences && this.#lengths.some((length) => length !== own[0])) throw this.#unlike(where);
    const numbers = sequences ? paddedNumbers(this.#values, sequences, elements(own.slice(1))) : this.#values;
    // A single number is what a layer of one unit gives, for an example or for each place.
    const rest = sequences ? own.slice(1) : own;
    const inner = rest.length === 0 && classes === undefined ? [1] : rest;
    const shape = sequences ? [sequences.length, ...inner] : inner;
    const values = classes !== undefined ? integers(numbers) : isExact ? Float64Array.from(numbers) : floats(numbers);
    const type = classes === undefined ? ('float32' as const) : ('int32' as const);
    const column = { name: this.name, role: 'target' as const, type, shape, categories: classes, values };
    return sequences ? [column, maskOf(this.name, sequences)] : [column];
  }

  #unlike(where: string): DataError {
    const odd = this.#lengths.findIndex((length) => length !== this.#lengths[0]);
    return new DataError(
      `${where}: example ${odd} has ${this.label} of ${this.#lengths[odd]} places, example 0 of ${this.#lengths[0]}, and no input of data.length has as many`,
      'give it one place for each of an input, or all examples one shape',
    );
  }

  #checked(target: number, fail: Fail): number {
    const { classes, key, ignored } = this.#options;
    if (classes === undefined || (Number.isInteger(target) && target >= 0 && target < classes)) return target;
    if (target === ignored) return target;
    const of = isPlain({ name: this.name, role: 'target' }) ? 'the target' : this.label;
    throw fail(
      `has ${of}${of === 'the target' ? '' : ' with'} ${target}, not a class of ${key} ${classes}`,
      `use integers from 0 to ${classes - 1}, or leave classes out to predict numbers`,
    );
  }
}

/** Weights of a target's examples or places; 1 where an example says nothing. */
export class WeightValues {
  readonly #isSequence: boolean;
  readonly #values: number[] = [];
  #shape: readonly number[] | undefined;

  /** @param key name of the target, `ofAll` for weights without a name */
  constructor(
    readonly key: string,
    isSequence: boolean,
  ) {
    this.#isSequence = isSequence;
  }

  /** @param weight a number, or an array of them with one for each place */
  add(weight: unknown, fail: Fail): void {
    const refuse = (problem: string) =>
      fail(`has the weight ${problem}${this.key === ofAll ? '' : ` for ${this.key}`}`, 'use numbers of at least 0');
    const { shape, values } = numbersOf(weight === undefined ? 1 : weight, refuse);
    for (let i = 0; i < values.length; i++) {
      if (!(values[i] >= 0 && Number.isFinite(Math.fround(values[i])))) throw refuse(described(values[i]));
    }
    this.#shape ??= shape;
    const from = this.#isSequence && shape.length > 0 ? 1 : 0;
    if (shape.slice(from).join() !== this.#shape.slice(from).join() || shape.length !== this.#shape.length) {
      const problem = `has weights of shape [${shape.join(', ')}], example 0 of [${this.#shape.join(', ')}]`;
      throw fail(problem, 'give all examples one weight each, or one for each place');
    }
    for (let i = 0; i < values.length; i++) this.#values.push(values[i]);
  }

  /** The column; none where all weigh 1. */
  finish(
    target: Pick<Field, 'shape' | 'categories'>,
    sequences: SequenceLengths | undefined,
    where: string,
  ): SourceColumn[] {
    const own = this.#shape ?? [];
    if (own.length === 0 && this.#values.every((value) => value === 1)) return [];
    const isPadded = sequences !== undefined && own.length > 0;
    const given = isPadded ? [sequences.length, ...own.slice(1)] : own;
    const shape = weightShapeOf(given, target, where);
    const values = floats(isPadded ? paddedNumbers(this.#values, sequences, elements(own.slice(1))) : this.#values);
    const of = this.key === ofAll ? {} : { of: this.key };
    const name = this.key === ofAll ? plainNames.weight : `${this.key}_weight`;
    return [{ name, role: 'weight', type: 'float32', shape, values, ...of }];
  }
}

const floats = (numbers: readonly number[]): Float32Array => {
  const values = new Float32Array(new SharedArrayBuffer(numbers.length * Float32Array.BYTES_PER_ELEMENT));
  values.set(numbers);
  return values;
};
const integers = (numbers: readonly number[]): Int32Array => {
  const values = new Int32Array(new SharedArrayBuffer(numbers.length * Int32Array.BYTES_PER_ELEMENT));
  values.set(numbers);
  return values;
};
