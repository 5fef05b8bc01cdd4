/** `source: npy`: arrays of NumPy as examples. */
import type { NpyConfig } from '../../config/data.js';
import { requireMemory } from '../../config/memory.js';
import { plainNames } from '../../config/plain-names.js';
import { DataError } from '../../errors.js';
import { type Column, isPlain, plainColumn, type SourceColumn } from '../examples.js';
import { elements, type Field, isCode } from '../field.js';
import { numbersEncoding } from '../numbers-encoding.js';
import { weightShapeOf } from '../place-weights.js';
import type { Reading } from '../reading.js';
import { budgetBytes, closeExamples, RowWriter, sharesOf } from '../rows.js';
import type { Source } from '../source.js';
import { type Npy, openNpy, readNpyRows } from './npy.js';

/** Labels beyond this are hardly classes that count from 0. */
const mostClasses = 1_000_000;

/** An input, as the config says it. */
interface InputFile {
  readonly name: string;
  readonly file: string;
  readonly scale: number;
  readonly categories?: number;
}

/** A target, as the config says it. */
interface TargetFile {
  readonly name: string;
  readonly file: string;
  readonly type?: 'class' | 'number';
  readonly standardize?: boolean;
  readonly weights?: string;
}

function inputFiles({ features, inputs, scale }: NpyConfig): InputFile[] {
  if (!inputs) return [{ name: plainNames.input, file: features!, scale }];
  return Object.entries(inputs).map(([name, input]) =>
    typeof input === 'string' ? { name, file: input, scale: 1 } : { name, scale: 1, ...input },
  );
}

/** Those that are inputs are not read. */
function targetFiles(config: NpyConfig): TargetFile[] {
  const { targets, targetType: type, standardizeTargets: standardize, weights } = config;
  if (typeof targets === 'string') return [{ name: plainNames.target, file: targets, type, standardize, weights }];
  return Object.entries(targets).flatMap(([name, target]) => {
    if (typeof target === 'string') return { name, file: target };
    return 'of' in target ? [] : { name, ...target };
  });
}

/** @throws DataError naming the file that cannot be read, or does not fit the others, and the row of a wrong number */
export async function npySource(config: NpyConfig, reading: Reading): Promise<Source> {
  const inputs = inputFiles(config);
  const targets = targetFiles(config);
  const opened: Npy[] = [];
  const columns: SourceColumn[] = [];
  try {
    for (const { file } of inputs) opened.push(await openNpy(file, reading));
    const [first] = opened;
    for (const npy of opened) requireCount(npy, first, 'inputs');
    // Before inputs, which may take a while.
    const compared: SourceColumn[] = [];
    for (const target of targets) compared.push(...(await readTarget(target, first, reading)));
    const bytes = opened.map((npy) => elements(npy.shape) * (npy.bytes ? 1 : 4));
    const budgets = sharesOf(budgetBytes(config.memory), bytes);
    for (const [i, input] of inputs.entries()) {
      columns.push(await readInput(input, opened[i], budgets[i], reading));
    }
    columns.push(
      ...compared.filter(({ role }) => role === 'target'),
      ...compared.filter(({ role }) => role === 'weight'),
    );
    return {
      examples: { count: first.shape[0], columns },
      split: config,
      origin: [...inputs, ...targets].map(({ file }) => file).join(', '),
      encode: () => numbersEncoding(columns, Object.fromEntries(inputs.map(({ name, scale }) => [name, scale]))),
      where: (row, field) => `${[...inputs, ...targets].find(({ name }) => name === field)?.file}: row ${row}`,
      standardize: targets.filter(({ standardize }) => standardize).map(({ name }) => name),
    };
  } catch (error) {
    closeExamples({ columns });
    throw error;
  } finally {
    for (const { data } of opened) await data.close();
  }
}

async function readInput(input: InputFile, npy: Npy, budget: number, reading: Reading): Promise<SourceColumn> {
  const { name, scale, categories } = input;
  const shape = npy.shape.length === 1 ? [1] : npy.shape.slice(1);
  const type = categories !== undefined ? 'int32' : npy.bytes ? 'uint8' : 'float32';
  const rows = new RowWriter(elements(shape), type, budget);
  try {
    // Bytes stay bytes, and engines apply the factor; float32 is stored with it.
    const stored = type !== 'float32' || scale === 1 ? undefined : new Float64Array(elements(shape));
    await readNpyRows(npy, reading, (row, index) => {
      if (categories !== undefined) checkCategories(npy.file, index, row, categories);
      stored?.forEach((_, i) => {
        stored[i] = finite(npy.file, index, row[i] * scale, name);
      });
      rows.append(stored ?? row);
    });
  } catch (error) {
    rows.discard();
    throw error;
  }
  const own = type === 'float32' ? 1 : scale;
  return { name, role: 'input', type, shape, scale: own, categories, ...rows.finish() };
}

function finite(file: string, row: number, value: number, input: string): number {
  if (Number.isFinite(Math.fround(value))) return value;
  const key = input === plainNames.input ? 'data.scale' : `the scale of data.inputs.${input}`;
  throw new DataError(`${file}: row ${row} times ${key} is ${value}, too large`, `make ${key} smaller`);
}

function checkCategories(file: string, index: number, row: ArrayLike<number>, categories: number): void {
  for (let i = 0; i < row.length; i++) {
    if (isCode(row[i], categories)) continue;
    throw new DataError(
      `${file}: row ${index} holds ${row[i]}, not one of ${categories} categories`,
      `use whole numbers from 0 to ${categories - 1}, or say how many there are under categories`,
    );
  }
}

/** The column of a target, and its weights. */
async function readTarget(target: TargetFile, first: Npy, reading: Reading): Promise<SourceColumn[]> {
  const { name, file, weights } = target;
  const read = (npy: Npy) => readTargets(npy, target, reading.ignoredClass(name), reading);
  const column = { ...(await readOneForEach(file, first, 'targets', reading, read)), name };
  if (weights === undefined) return [column];
  const own = await readOneForEach(weights, first, 'weights', reading, (npy) => readWeights(npy, column, reading));
  return [column, isPlain(column) ? own : { ...own, name: `${name}_weight`, of: name }];
}

async function readTargets(
  header: Npy,
  target: TargetFile,
  ignored: number | undefined,
  reading: Reading,
): Promise<SourceColumn> {
  const [count, width = 1] = header.shape;
  const key = isPlain({ name: target.name, role: 'target' })
    ? 'data.targetType'
    : `type of data.targets.${target.name}`;
  if (header.shape.length > 2) {
    throw new DataError(
      `${header.file} has the shape [${header.shape.join(', ')}]`,
      'use targets of shape [n] or [n, k] for n examples',
    );
  }
  const what = `${header.file}: its header announces ${header.shape.join(' x ')} numbers`;
  const isExact = target.standardize === true;
  requireMemory(what, (isExact ? 12 : 4) * count * width, DataError, 'use fewer rows');
  const bytes = new SharedArrayBuffer((isExact ? 8 : 4) * count * width);
  const numbers = isExact ? new Float64Array(bytes) : new Float32Array(bytes);
  let isClass = target.type === undefined ? header.integer && width === 1 : target.type === 'class';
  let [lowest, highest] = [Number.POSITIVE_INFINITY, 0];
  await readNpyRows(header, reading, (row, index) => {
    if (isClass) {
      // What is ignored need be no class, and makes none.
      const counts = (value: number) => value !== ignored;
      const isOdd = (value: number) => !Number.isInteger(value) || value < 0 || value >= mostClasses;
      const odd = row.find((value) => counts(value) && isOdd(value));
      if (odd !== undefined && target.type === 'class') throw noClass(header.file, index, odd, key);
      isClass = odd === undefined;
      for (const value of row) {
        if (!counts(value)) continue;
        lowest = Math.min(lowest, value);
        highest = Math.max(highest, value);
      }
    }
    numbers.set(row, index * width);
  });
  if (!isClass) return plainColumn('target', { shape: [width], values: numbers });
  // In place: 32-bit floats hold every index that there may be.
  const targets = new Int32Array(bytes, 0, numbers.length);
  numbers.forEach((value, i) => {
    targets[i] = value;
  });
  if (highest === 0 || highest === lowest) {
    throw new DataError(`${header.file} has one class only, ${highest}`, `use two classes or more, or ${key}: number`);
  }
  return plainColumn('target', { shape: width === 1 ? [] : [width], values: targets, categories: highest + 1 });
}

function noClass(file: string, row: number, value: number, key: string): DataError {
  return new DataError(
    `${file}: row ${row} holds ${value}, not a class index from 0 to ${mostClasses - 1}`,
    `number the classes from 0, e.g. by numpy.unique(y, return_inverse=True)[1], or set ${key}: number`,
  );
}

async function readWeights(
  header: Npy,
  target: Pick<Field, 'shape' | 'categories'>,
  reading: Reading,
): Promise<Column> {
  const [count, ...shape] = header.shape;
  const width = elements(shape);
  const weightShape = weightShapeOf(width === 1 ? [] : shape, target, header.file);
  const what = `${header.file}: its header announces ${header.shape.join(' x ')} numbers`;
  requireMemory(what, 4 * count * width, DataError, 'use fewer rows');
  const weights = new Float32Array(new SharedArrayBuffer(4 * count * width));
  await readNpyRows(header, reading, (row, index) => {
    for (const weight of row) {
      if (weight >= 0) continue;
      throw new DataError(`${header.file}: row ${index} holds ${weight}, but a weight is 0 or more`, 'correct it');
    }
    weights.set(row, index * width);
  });
  return plainColumn('weight', { shape: weightShape, values: weights });
}

async function readOneForEach<T>(
  file: string,
  features: Npy,
  what: string,
  reading: Reading,
  read: (npy: Npy) => Promise<T>,
): Promise<T> {
  const header = await openNpy(file, reading);
  try {
    requireCount(header, features, what);
    return await read(header);
  } finally {
    await header.data.close();
  }
}

function requireCount({ file, shape: [count] }: Npy, { file: other, shape: [examples] }: Npy, what: string): void {
  if (count === examples) return;
  throw new DataError(
    `${file} has ${count} ${what} for the ${examples} examples of ${other}`,
    'use files that belong together',
  );
}
