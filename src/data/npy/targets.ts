/** One target from its array, and its weights. */

import { DataError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { requireMemory } from '../../ground/memory.js';
import { oneOf } from '../../ground/suggest.js';
import { type Column, plainColumn, type SourceColumn } from '../examples.js';
import { type Field, isPlain } from '../field.js';
import { weightShapeOf } from '../place-weights.js';
import type { Reading } from '../reading.js';
import { maskOf, type SequenceLengths } from '../sequences.js';
import type { TargetArray } from './fields.js';
import type { ArrayFiles } from './files.js';
import type { Npy } from './npy.js';
import { type ArrayRows, formOf, plainRows, sequenceRows } from './rows.js';

/** Labels beyond this are hardly classes that count from 0. */
const mostClasses = 1_000_000;

/** The arrays beside which targets are read. */
export interface Beside {
  readonly files: ArrayFiles;
  /** The inputs by their names; the first says how many examples there are. */
  readonly inputs: ReadonlyMap<string, ArrayRows>;
}

export interface ReadTarget {
  /** The target, its weights, and its mask. */
  readonly columns: readonly SourceColumn[];
  /** What messages call its array. */
  readonly file: string;
}

/** @throws DataError naming the row of what does not fit */
export async function readTarget(target: TargetArray, beside: Beside, reading: Reading): Promise<ReadTarget> {
  const { name, place, weights } = target;
  const { files } = beside;
  const lengths = lengthsOf(target, beside.inputs);
  const npy = await files.open(place, [name]);
  const { column, wide } = await closing(npy, async () => {
    const array = lengths ? sequenceRows(npy, lengths, formOf(npy, lengths, false)) : plainRows(npy);
    requireCount(array, beside.inputs, 'targets');
    return { column: { ...(await readValues(array, target, reading)), name }, wide: npy.shape };
  });
  const columns: SourceColumn[] = [column];
  if (weights !== undefined) {
    const header = await files.open(weights, [isPlain(column) ? 'weights' : `${name}_weights`]);
    const own = await closing(header, () => {
      // As many as the target has rows, where that is not one an example: a weight for each place.
      const isOfPlaces =
        lengths !== undefined &&
        header.shape[0] === wide[0] &&
        (header.shape[0] !== lengths.given.length || header.shape.length > 1);
      const array = isOfPlaces ? sequenceRows(header, lengths, formOf(header, lengths, false)) : plainRows(header);
      requireCount(array, beside.inputs, 'weights');
      return readWeights(array, column, reading);
    });
    columns.push(isPlain(column) ? own : { ...own, name: `${name}_weight`, of: name });
  }
  if (lengths) columns.push(maskOf(name, lengths));
  return { columns, file: npy.file };
}

async function closing<T>({ data }: Npy, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } finally {
    await data.close();
  }
}

/** The sequences that a target goes with. */
function lengthsOf(
  { name, placesOf }: TargetArray,
  inputs: ReadonlyMap<string, ArrayRows>,
): SequenceLengths | undefined {
  if (placesOf === undefined) return undefined;
  const input = inputs.get(placesOf);
  const key = isPlain({ name, role: 'target' }) ? 'data.placesOf' : `data.targets.${name}.placesOf`;
  if (input?.lengths) return input.lengths;
  const names = [...inputs].flatMap(([other, { lengths }]) => (lengths ? [other] : []));
  throw new DataError(
    input ? `${key}: the input ${placesOf} has no lengths` : `${key}: there is no input ${placesOf}`,
    oneOf(
      placesOf,
      names,
      names.length > 0 ? `use ${names.join(', ')}` : 'say how long its sequences are, by lengths or offsets',
    ),
  );
}

async function readValues(array: ArrayRows, target: TargetArray, reading: Reading): Promise<SourceColumn> {
  const { npy, count, shape, lengths } = array;
  const width = elements(shape);
  const key = isPlain({ name: target.name, role: 'target' })
    ? 'data.targetType'
    : `type of data.targets.${target.name}`;
  const ignored = reading.ignoredClass(target.name);
  const known = reading.classesOf(target.name);
  const most = known?.length ?? mostClasses;
  const type = target.type ?? reading.kindOf(target.name);
  const isExact = target.standardize === true;
  requireMemory(announced(array), (isExact ? 12 : 4) * count * width, DataError, 'use fewer rows');
  const bytes = new SharedArrayBuffer((isExact ? 8 : 4) * count * width);
  const numbers = isExact ? new Float64Array(bytes) : new Float32Array(bytes);
  // Of each place of a sequence, where it is one.
  const inner = lengths ? shape.slice(1) : shape;
  const isOne = elements(inner) === 1;
  let isClass = type === undefined ? npy.integer && isOne : type === 'class';
  let [lowest, highest] = [Number.POSITIVE_INFINITY, 0];
  await array.read(reading, (row, index, used) => {
    if (isClass) {
      // What is ignored need be no class, and makes none.
      const counts = (value: number) => value !== ignored;
      const isOdd = (value: number) => !Number.isInteger(value) || value < 0 || value >= most;
      const own = row.subarray(0, used);
      const odd = own.find((value) => counts(value) && isOdd(value));
      if (odd !== undefined && type === 'class') throw noClass(npy.file, index, odd, key, known);
      isClass = odd === undefined;
      for (const value of own) {
        if (!counts(value)) continue;
        lowest = Math.min(lowest, value);
        highest = Math.max(highest, value);
      }
    }
    numbers.set(row, index * width);
  });
  const outer = lengths ? [lengths.length] : [];
  if (!isClass) {
    return plainColumn('target', { shape: [...outer, ...(inner.length === 0 ? [1] : inner)], values: numbers });
  }
  // Converted in place: 32-bit floats hold every index that there may be.
  const targets = new Int32Array(bytes, 0, numbers.length);
  numbers.forEach((value, i) => {
    targets[i] = value;
  });
  if (!known && (highest === 0 || highest === lowest)) {
    throw new DataError(`${npy.file} has one class only, ${highest}`, `use two classes or more, or ${key}: number`);
  }
  return plainColumn('target', {
    shape: [...outer, ...(isOne ? [] : inner)],
    values: targets,
    categories: known?.length ?? highest + 1,
  });
}

const announced = ({ npy, count, shape, lengths }: ArrayRows): string =>
  lengths
    ? `${npy.file}: filled up it is ${[count, ...shape].join(' x ')} numbers`
    : `${npy.file}: its header announces ${npy.shape.join(' x ')} numbers`;

function noClass(
  file: string,
  row: number,
  value: number,
  key: string,
  known: readonly string[] | undefined,
): DataError {
  if (known) {
    return new DataError(
      `${file}: row ${row} holds ${value}, not one of the ${known.length} classes that the model was trained on`,
      `its classes are 0 to ${known.length - 1}`,
    );
  }
  return new DataError(
    `${file}: row ${row} holds ${value}, not a class index from 0 to ${mostClasses - 1}`,
    `number the classes from 0, e.g. by numpy.unique(y, return_inverse=True)[1], or set ${key}: number`,
  );
}

async function readWeights(
  array: ArrayRows,
  target: Pick<Field, 'shape' | 'categories'>,
  reading: Reading,
): Promise<Column> {
  const { npy, count, shape, lengths } = array;
  const width = elements(shape);
  const weightShape = weightShapeOf(width === 1 && !lengths ? [] : shape, target, npy.file);
  requireMemory(announced(array), 4 * count * width, DataError, 'use fewer rows');
  const weights = new Float32Array(new SharedArrayBuffer(4 * count * width));
  await array.read(reading, (row, index) => {
    for (const weight of row) {
      if (weight >= 0) continue;
      throw new DataError(`${npy.file}: row ${index} holds ${weight}, but a weight is 0 or more`, 'correct it');
    }
    weights.set(row, index * width);
  });
  return plainColumn('weight', { shape: weightShape, values: weights });
}

/** @throws DataError unless there is a row for each example */
export function requireCount(
  { npy, count, lengths }: ArrayRows,
  inputs: ReadonlyMap<string, ArrayRows>,
  what: 'inputs' | 'targets' | 'weights' | 'values',
): void {
  const [[, first]] = inputs;
  if (count === first.count) return;
  const follows = [...inputs].find(([, input]) => input.lengths && input.npy.shape[0] === npy.shape[0]);
  throw new DataError(
    `${npy.file} has ${count} ${what} for the ${first.count} examples of ${first.npy.file}`,
    follows && !lengths && what === 'targets'
      ? `where it has one for each place of ${follows[0]}, say so: placesOf: ${follows[0]}`
      : 'use files that belong together',
  );
}
