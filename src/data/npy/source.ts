/** `source: npy`: arrays of NumPy as examples. */
import type { NpyConfig } from '../../config/data.js';
import { requireMemory } from '../../config/memory.js';
import { DataError } from '../../errors.js';
import { type Column, plainColumn, type SourceColumn } from '../examples.js';
import { elements, type Field } from '../field.js';
import { weightShapeOf } from '../place-weights.js';
import type { Reading } from '../reading.js';
import { budgetBytes, RowWriter } from '../rows.js';
import type { Source } from '../source.js';
import { type Npy, openNpy, readNpyRows } from './npy.js';

/** Labels beyond this are hardly classes that count from 0. */
const mostClasses = 1_000_000;

/** @throws DataError naming the file that cannot be read, or does not fit the features, and the row of a wrong number */
export async function npySource(config: NpyConfig, reading: Reading): Promise<Source> {
  const features = await openNpy(config.features, reading);
  return readSource(config, features, reading).finally(() => features.data.close());
}

async function readSource(config: NpyConfig, features: Npy, reading: Reading): Promise<Source> {
  const [count] = features.shape;
  const target = await readOneForEach(config.targets, features, 'targets', reading, (npy) =>
    readTargets(npy, config, reading),
  );
  const readOwn = (npy: Npy) => readWeights(npy, target, reading);
  const { weights: file } = config;
  const weights = file === undefined ? [] : [await readOneForEach(file, features, 'weights', reading, readOwn)];
  const shape = features.shape.length === 1 ? [1] : features.shape.slice(1);
  const type = features.bytes ? 'uint8' : 'float32';
  const rows = new RowWriter(elements(shape), type, budgetBytes(config.memory));
  try {
    // Bytes stay bytes, and engines apply the factor; float32 is stored with it.
    const { scale } = config;
    const stored = features.bytes || scale === 1 ? undefined : new Float64Array(elements(shape));
    await readNpyRows(features, reading, (row, index) => {
      stored?.forEach((_, i) => {
        stored[i] = finite(features.file, index, row[i] * scale);
      });
      rows.append(stored ?? row);
    });
  } catch (error) {
    rows.discard();
    throw error;
  }
  const input = plainColumn('input', { shape, scale: features.bytes ? config.scale : 1, ...rows.finish() });
  const examples = { count, columns: [input, target, ...weights] };
  const encode = () => ({ input: { kind: 'numbers' as const, scale: config.scale } });
  const where = (row: number, field: string) => `${config[field as 'features' | 'targets']}: row ${row}`;
  return { examples, split: config, origin: `${config.features}, ${config.targets}`, encode, where };
}

function finite(file: string, row: number, value: number): number {
  if (Number.isFinite(Math.fround(value))) return value;
  throw new DataError(`${file}: row ${row} times data.scale is ${value}, too large`, 'make data.scale smaller');
}

async function readTargets(header: Npy, config: NpyConfig, reading: Reading): Promise<SourceColumn> {
  const [count, width = 1] = header.shape;
  if (header.shape.length > 2) {
    throw new DataError(
      `${header.file} has the shape [${header.shape.join(', ')}]`,
      'use targets of shape [n] or [n, k] for n examples',
    );
  }
  const what = `${header.file}: its header announces ${header.shape.join(' x ')} numbers`;
  const isExact = config.standardizeTargets === true;
  requireMemory(what, (isExact ? 12 : 4) * count * width, DataError, 'use fewer rows');
  const bytes = new SharedArrayBuffer((isExact ? 8 : 4) * count * width);
  const numbers = isExact ? new Float64Array(bytes) : new Float32Array(bytes);
  let isClass = config.targetType === undefined ? header.integer && width === 1 : config.targetType === 'class';
  let [lowest, highest] = [Number.POSITIVE_INFINITY, 0];
  await readNpyRows(header, reading, (row, index) => {
    if (isClass) {
      // What is ignored need be no class, and makes none.
      const counts = (value: number) => value !== reading.ignoreClass;
      const isOdd = (value: number) => !Number.isInteger(value) || value < 0 || value >= mostClasses;
      const odd = row.find((value) => counts(value) && isOdd(value));
      if (odd !== undefined && config.targetType === 'class') throw noClass(header.file, index, odd);
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
    throw new DataError(
      `${header.file} has one class only, ${highest}`,
      'use two classes or more, or data.targetType: number',
    );
  }
  return plainColumn('target', { shape: width === 1 ? [] : [width], values: targets, categories: highest + 1 });
}

function noClass(file: string, row: number, value: number): DataError {
  return new DataError(
    `${file}: row ${row} holds ${value}, not a class index from 0 to ${mostClasses - 1}`,
    'number the classes from 0, e.g. by numpy.unique(y, return_inverse=True)[1], or set data.targetType: number',
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
    const [count] = header.shape;
    if (count === features.shape[0]) return await read(header);
    throw new DataError(
      `${header.file} has ${count} ${what} for the ${features.shape[0]} examples of ${features.file}`,
      'use files that belong together',
    );
  } finally {
    await header.data.close();
  }
}
