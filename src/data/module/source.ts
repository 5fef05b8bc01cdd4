/** `source: module`: examples that a module of the user's makes, one by one. */

import type { ModuleConfig } from '../../config/data.js';
import { importModule, mistakeIn, type UserModule } from '../../config/module.js';
import { DataError } from '../../errors.js';
import { plainColumn, type SourceExamples } from '../examples.js';
import { weightShapeOf } from '../place-weights.js';
import type { Reading } from '../reading.js';
import { budgetBytes, RowWriter } from '../rows.js';
import type { Source } from '../source.js';
import { described, type Numbers, numbersOf } from './nested.js';

interface Example {
  readonly features: unknown;
  readonly target: unknown;
  readonly weight?: unknown;
}

type Iterable = AsyncIterable<unknown> | globalThis.Iterable<unknown>;

/** @throws DataError when the module cannot be loaded, throws, never ends to wait, or makes an example unlike the others */
export function moduleExamples(config: ModuleConfig, reading: Reading): Promise<Source> {
  return unlessStalled(`data.file: ${config.file}`, collect(config, reading));
}

async function collect(config: ModuleConfig, reading: Reading): Promise<Source> {
  const module = await importModule('data.file', config.file, DataError);
  const collector = new Collector(config, module.where, reading.ignoreClass);
  try {
    for await (const example of await iterable(module, config.options ?? {})) {
      collector.add(example);
      // Ctrl-C must end a module that never does.
      if (reading.due) await reading.pause();
    }
    const examples = collector.finish();
    // Bytes are numbers like others here: they are scaled by the module or not at all.
    const encode = () => ({ input: { kind: 'numbers', scale: 1 } as const });
    const where = (example: number) => `${module.where}: example ${example}`;
    return { examples, split: config, origin: config.file, encode, where };
  } catch (error) {
    collector.discard();
    reading.signal?.throwIfAborted();
    throw mistakeIn(module.where, error, DataError);
  }
}

/** A process that has nothing left to wait for ends without a word, even where a promise is still open. */
async function unlessStalled<T>(where: string, work: Promise<T>): Promise<T> {
  let tell = () => {};
  const stalled = new Promise<never>((_, reject) => {
    tell = () => reject(new DataError(`${where}: awaits a promise that nothing can settle`, 'correct the module'));
    process.once('beforeExit', tell);
  });
  try {
    return await Promise.race([work, stalled]);
  } finally {
    process.off('beforeExit', tell);
  }
}

async function iterable({ where, exports }: UserModule, options: object): Promise<Iterable> {
  const exported = exports.default;
  if (exported === undefined)
    throw new DataError(`${where}: has no default export`, 'write export default in front of it');
  const made: unknown = typeof exported === 'function' ? await exported(structuredClone(options)) : exported;
  // One that is rejected before its turn must not end the process.
  if (Array.isArray(made)) for (const item of made) if (item instanceof Promise) item.catch(() => {});
  if (typeof made === 'object' && made !== null && (Symbol.asyncIterator in made || Symbol.iterator in made)) {
    return made as Iterable;
  }
  throw new DataError(
    `${where}: its default export ${typeof exported === 'function' ? 'returned' : 'is'} ${made === null ? 'null' : typeof made}, not an iterable`,
    'export an array, or a function* that yields { features, target }',
  );
}

/** What the first example fixes for all. */
interface Form {
  readonly features: Numbers;
  readonly target: Numbers;
  readonly rows: RowWriter;
  /** Of an example's weights. */
  weight?: readonly number[];
}

/** Takes examples as they come. */
class Collector {
  readonly #config: ModuleConfig;
  readonly #where: string;
  readonly #ignoreClass: number | undefined;
  #form: Form | undefined;
  #count = 0;
  readonly #targets: number[] = [];
  readonly #weights: number[] = [];

  constructor(config: ModuleConfig, where: string, ignoreClass: number | undefined) {
    this.#config = config;
    this.#where = where;
    this.#ignoreClass = ignoreClass;
  }

  add(value: unknown): void {
    if (typeof value !== 'object' || value === null || !('features' in value) || !('target' in value)) {
      throw this.#mistake(`is ${described(value)}, not { features, target }`, 'yield objects with both');
    }
    const { features, target, weight = 1 } = value as Example;
    const row = this.#numbers('features', features);
    const wanted = this.#numbers('a target', target);
    this.#form ??= { features: row, target: wanted, rows: this.#rowsFor(row) };
    this.#compare('features', row, this.#form.features);
    this.#compare('a target', wanted, { ...this.#form.target, bytes: wanted.bytes });
    const weights = this.#checkedWeights(weight);
    this.#form.weight ??= weights.shape;
    if (weights.shape.join() !== this.#form.weight.join()) {
      const problem = `has weights of shape [${weights.shape.join(', ')}], example 0 of [${this.#form.weight.join(', ')}]`;
      throw this.#mistake(problem, 'give all examples one weight each, or one for each place');
    }
    for (let i = 0; i < wanted.values.length; i++) this.#targets.push(this.#checkedTarget(wanted.values[i]));
    for (let i = 0; i < weights.values.length; i++) this.#weights.push(weights.values[i]);
    this.#form.rows.append(row.values);
    this.#count++;
  }

  finish(): SourceExamples {
    if (!this.#form) {
      throw new DataError(`${this.#where}: makes no examples`, 'yield at least one { features, target }');
    }
    const { classes, standardizeTargets } = this.#config;
    this.#checkClasses();
    const { features, target, rows, weight = [] } = this.#form;
    const targetShape = target.shape.length === 0 && classes === undefined ? [1] : target.shape;
    const values =
      classes !== undefined ? integers(this.#targets) : (standardizeTargets ? doubles : floats)(this.#targets);
    const wanted = plainColumn('target', { shape: targetShape, values, categories: classes });
    const weightShape = weightShapeOf(weight, wanted, this.#where);
    const weighted = weight.length > 0 || this.#weights.some((value) => value !== 1);
    const columns = [
      plainColumn('input', { shape: features.shape.length === 0 ? [1] : features.shape, ...rows.finish() }),
      wanted,
      ...(weighted ? [plainColumn('weight', { shape: weightShape, values: floats(this.#weights) })] : []),
    ];
    return { count: this.#count, columns };
  }

  /** Gives back what the rows hold when there is no use for them. */
  discard(): void {
    this.#form?.rows.discard();
  }

  #rowsFor({ values, bytes }: Numbers): RowWriter {
    return new RowWriter(values.length, bytes ? 'uint8' : 'float32', budgetBytes(this.#config.memory));
  }

  #numbers(name: string, value: unknown): Numbers {
    const fail = (problem: string) =>
      this.#mistake(`has ${name} with ${problem}`, 'give a number, or arrays of numbers');
    const numbers = numbersOf(value, fail);
    if (numbers.bytes) return numbers;
    for (let i = 0; i < numbers.values.length; i++) {
      if (Number.isFinite(Math.fround(numbers.values[i]))) continue;
      const problem = `has ${name} with ${numbers.values[i]} at place ${i}`;
      throw this.#mistake(problem, 'use finite numbers of at most 3.4e38, or leave the example out');
    }
    return numbers;
  }

  /** A number, or an array of them with one for each place. */
  #checkedWeights(weight: unknown): Numbers {
    const fail = (problem: string) => this.#mistake(`has the weight ${problem}`, 'use numbers of at least 0');
    const numbers = numbersOf(weight, fail);
    for (let i = 0; i < numbers.values.length; i++) {
      const value = numbers.values[i];
      if (!(value >= 0 && Number.isFinite(Math.fround(value)))) throw fail(described(value));
    }
    return numbers;
  }

  #compare(name: string, { shape, bytes }: Numbers, first: Numbers): void {
    if (shape.join() !== first.shape.join()) {
      const problem = `has ${name} of shape [${shape.join(', ')}], example 0 of [${first.shape.join(', ')}]`;
      throw this.#mistake(problem, 'give all examples one shape');
    }
    if (bytes !== first.bytes) {
      throw this.#mistake(
        `has ${name} in ${bytes ? '' : 'no '}bytes, unlike example 0`,
        'use one kind of array for all',
      );
    }
  }

  #checkedTarget(target: number): number {
    const { classes } = this.#config;
    if (classes === undefined || (Number.isInteger(target) && target >= 0 && target < classes)) return target;
    if (target === this.#ignoreClass) return target;
    throw this.#mistake(
      `has the target ${target}, not a class of data.classes ${classes}`,
      `use integers from 0 to ${classes - 1}, or leave classes out to predict numbers`,
    );
  }

  #checkClasses(): void {
    const [first] = this.#targets;
    if (this.#config.classes === undefined || this.#targets.some((target) => target !== first)) return;
    throw new DataError(
      `${this.#where}: every target is class ${first}`,
      'make examples of other classes too, or leave data.classes out to predict numbers',
    );
  }

  #mistake(problem: string, remedy: string): DataError {
    return new DataError(`${this.#where}: example ${this.#count} ${problem}`, remedy);
  }
}

const floats = (numbers: readonly number[]): Float32Array => {
  const values = new Float32Array(new SharedArrayBuffer(numbers.length * Float32Array.BYTES_PER_ELEMENT));
  values.set(numbers);
  return values;
};
const doubles = (numbers: readonly number[]): Float64Array => Float64Array.from(numbers);
const integers = (numbers: readonly number[]): Int32Array => {
  const values = new Int32Array(new SharedArrayBuffer(numbers.length * Int32Array.BYTES_PER_ELEMENT));
  values.set(numbers);
  return values;
};
