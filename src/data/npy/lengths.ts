/** How long the sequences of an input are: an array of their lengths, or of where each starts. */

import { plainNames } from '../../config/plain-names.js';
import { DataError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { requireMemory } from '../../ground/memory.js';
import type { Reading } from '../reading.js';
import { SequenceLengths } from '../sequences.js';
import type { InputArray } from './fields.js';
import type { ArrayFiles } from './files.js';
import { type Npy, readNpyRows } from './npy.js';
import { type ArrayRows, formOf, plainRows, sequenceRows } from './rows.js';

/** The rows of an input. @throws DataError when its lengths are no lengths, or not those of its values */
export async function inputRows(input: InputArray, npy: Npy, files: ArrayFiles, reading: Reading): Promise<ArrayRows> {
  const { name, lengths, offsets, length, truncate } = input;
  if (!lengths && !offsets) return plainRows(npy);
  const key = lengths ? 'lengths' : 'offsets';
  const array = await files.open(lengths ?? offsets!, name === plainNames.input ? [key] : [`${name}_${key}`]);
  try {
    const given = lengths
      ? await lengthsIn(array, reading)
      : differences(array, await wholeNumbers(array, reading), npy);
    const form = formOf(npy, sequences(given, 'longest'), offsets !== undefined);
    const asked = reading.lengthOf(name) ?? length ?? (form === 'padded' ? npy.shape[1] : 'longest');
    if (asked !== 'longest' && !truncate) requireRoom(array.file, name, given, asked, reading.trained !== undefined);
    const found = sequences(given, asked);
    const what = `${npy.file}: ${given.length} sequences of ${found.length} places`;
    requireMemory(what, 4 * given.length * found.length, DataError, 'cut sequences by length and truncate: true');
    return sequenceRows(npy, found, form);
  } finally {
    await array.data.close();
  }
}

function sequences(given: readonly number[], asked: number | 'longest'): SequenceLengths {
  const lengths = new SequenceLengths(asked);
  for (const places of given) lengths.given.push(places);
  return lengths;
}

async function lengthsIn(array: Npy, reading: Reading): Promise<number[]> {
  const given = await wholeNumbers(array, reading);
  const odd = given.findIndex((places) => places < 1);
  if (odd >= 0) throw empty(array.file, odd);
  return given;
}

const empty = (file: string, row: number) =>
  new DataError(`${file}: sequence ${row} has no places`, 'give it one at least, or leave the example out');

/** Lengths from where sequences start, with or without where the last one ends. */
function differences({ file }: Npy, offsets: readonly number[], values: Npy): number[] {
  const [total] = values.shape;
  if (offsets[0] !== 0) throw new DataError(`${file}: the first offset is ${offsets[0]}`, 'let offsets start at 0');
  const ends = offsets.at(-1) === total ? offsets.slice(1) : [...offsets.slice(1), total];
  return ends.map((end, i) => {
    if (end > offsets[i]) return end - offsets[i];
    if (end === offsets[i]) throw empty(file, i);
    throw new DataError(
      `${file}: sequence ${i} starts at ${offsets[i]} and ends at ${end}; ${values.file} has ${total} places`,
      'use offsets that rise, such as numpy.r_[0, numpy.cumsum(lengths)]',
    );
  });
}

/** @throws DataError naming the row of what is no count */
async function wholeNumbers(array: Npy, reading: Reading): Promise<number[]> {
  const { file, shape } = array;
  if (elements(shape) !== shape[0]) {
    throw new DataError(`${file} has the shape [${shape.join(', ')}]`, 'use one whole number for each sequence: [n]');
  }
  requireMemory(`${file}: its header announces ${shape[0]} numbers`, 8 * shape[0], DataError, 'use fewer sequences');
  const numbers = new Array<number>(shape[0]);
  await readNpyRows(array, reading, ([value], row) => {
    if (!Number.isInteger(value) || value < 0) {
      throw new DataError(`${file}: row ${row} holds ${value}, no number of places`, 'use whole numbers from 0');
    }
    numbers[row] = value;
  });
  return numbers;
}

function requireRoom(file: string, name: string, given: readonly number[], asked: number, isTrained: boolean): void {
  const long = given.findIndex((places) => places > asked);
  if (long < 0) return;
  const most = given.reduce((a, b) => Math.max(a, b));
  throw new DataError(
    `${file}: sequence ${long} of ${name} has ${given[long]} places, and ${isTrained ? 'the model takes' : 'its length is'} ${asked}`,
    isTrained
      ? `cut it there, or train with length: ${most}`
      : `make it ${most} or longest, or set truncate: true to cut off what is beyond it`,
  );
}
