/** `source: module`: examples that a module of the user's makes, one by one. */

import type { ModuleConfig } from '../../config/data.js';
import { DataError } from '../../errors.js';
import { importModule, mistakeIn, type UserModule } from '../../ground/user-module.js';
import { numbersEncoding } from '../numbers-encoding.js';
import type { Reading } from '../reading.js';
import type { Source } from '../source.js';
import { Collector } from './collector.js';

type ExampleIterable = AsyncIterable<unknown> | Iterable<unknown>;

/**
 * @param key of the config that names the file
 * @throws DataError when the module cannot be loaded, throws, never ends to wait, or makes an example unlike the others
 */
export function moduleExamples(config: ModuleConfig, reading: Reading, key = 'data.file'): Promise<Source> {
  return unlessStalled(`${key}: ${config.file}`, collect(config, reading, key));
}

/**
 * The inputs of examples that a module makes, for a trained model; they need no targets.
 * @param options for the module's function
 * @returns of each example its `features`, or its `inputs` by their names
 * @throws DataError as moduleExamples does
 */
export function moduleInputs(file: string, options: object, reading: Reading): Promise<unknown[]> {
  return unlessStalled(file, collectInputs(file, options, reading));
}

async function collectInputs(file: string, options: object, reading: Reading): Promise<unknown[]> {
  const module = await importModule('input', file, DataError);
  const found: unknown[] = [];
  try {
    for await (const example of await iterable(module, options)) {
      const { features, inputs = features } = (example ?? {}) as { features?: unknown; inputs?: unknown };
      if (inputs === undefined) {
        const problem = `${module.where}: example ${found.length} has neither features nor inputs`;
        throw new DataError(problem, 'yield objects with features, or with inputs by their names');
      }
      found.push(inputs);
      if (reading.due) await reading.pause();
    }
  } catch (error) {
    reading.signal?.throwIfAborted();
    throw mistakeIn(module.where, error, DataError);
  }
  if (found.length === 0) throw new DataError(`${module.where}: makes no examples`, 'yield at least one { features }');
  return found;
}

/** Apart, so that what messages need keeps no examples. */
const examplesIn = (where: string) => (example: number) => `${where}: example ${example}`;

async function collect(config: ModuleConfig, reading: Reading, key: string): Promise<Source> {
  const module = await importModule(key, config.file, DataError);
  const collector = new Collector(config, module.where, reading);
  try {
    for await (const example of await iterable(module, config.options ?? {})) {
      collector.add(example);
      // Ctrl-C must end a module that never does.
      if (reading.due) await reading.pause();
    }
    const examples = await collector.finish();
    // Bytes are numbers like others here: they are scaled by the module or not at all.
    const encode = () => numbersEncoding(examples.columns);
    const { shown } = collector;
    const where = examplesIn(module.where);
    return {
      examples,
      split: collector.split,
      origin: config.file,
      encode,
      where,
      shown,
      standardize: collector.standardized,
    };
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

async function iterable({ where, exports }: UserModule, options: object): Promise<ExampleIterable> {
  const exported = exports.default;
  if (exported === undefined)
    throw new DataError(`${where}: has no default export`, 'write export default in front of it');
  const made: unknown = typeof exported === 'function' ? await exported(structuredClone(options)) : exported;
  // One that is rejected before its turn must not end the process.
  if (Array.isArray(made)) for (const item of made) if (item instanceof Promise) item.catch(() => {});
  if (typeof made === 'object' && made !== null && (Symbol.asyncIterator in made || Symbol.iterator in made)) {
    return made as ExampleIterable;
  }
  throw new DataError(
    `${where}: its default export ${typeof exported === 'function' ? 'returned' : 'is'} ${made === null ? 'null' : typeof made}, not an iterable`,
    'export an array, or a function* that yields { features, target }',
  );
}
