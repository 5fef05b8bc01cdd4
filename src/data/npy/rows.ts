/** An array as a row for each example: as it is, or as sequences of unequal length, filled up with zeros at their ends. */

import { DataError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { requireMemory } from '../../ground/memory.js';
import { plural } from '../../ground/units.js';
import type { Reading } from '../reading.js';
import type { SequenceLengths } from '../sequences.js';
import { type Npy, type NpyRow, readNpyRows } from './npy.js';

export interface ArrayRows {
  readonly npy: Npy;
  readonly count: number;
  /** Shape of a row. */
  readonly shape: readonly number[];
  /** Lengths of sequences, whose places are the first axis of a row. */
  readonly lengths?: SequenceLengths;
  /**
   * @param visit gets a view that it must not keep; `used` of its numbers, from its start, are no filling
   * @throws DataError as `readNpyRows` does
   */
  read(reading: Reading, visit: (row: NpyRow, index: number, used: number) => void): Promise<void>;
}

export function plainRows(npy: Npy): ArrayRows {
  const [count, ...shape] = npy.shape;
  return {
    npy,
    count,
    shape,
    read: (reading, visit) => readNpyRows(npy, reading, (row, index) => visit(row, index, row.length)),
  };
}

/** How an array holds sequences: one behind the other, or each in a row of its own. */
export type SequenceForm = 'joined' | 'padded';

/** @throws DataError unless the array holds so many places in one of the ways */
export function formOf({ file, shape }: Npy, { given }: SequenceLengths, isJoined: boolean): SequenceForm {
  const [total, longest] = [given.reduce((a, b) => a + b, 0), given.reduce((a, b) => Math.max(a, b), 0)];
  if (shape[0] === total) return 'joined';
  if (!isJoined && shape[0] === given.length && shape.length > 1 && shape[1] >= longest) return 'padded';
  const padded = isJoined ? '' : `, or a row each: [${given.length}, ${longest} or more, ...]`;
  throw new DataError(
    `${file} has the shape [${shape.join(', ')}], and its ${given.length} sequences have ${plural(total, 'place')}, the longest ${longest}`,
    `give it the shape [${total}, ...], one sequence behind the other${padded}`,
  );
}

export function sequenceRows(npy: Npy, lengths: SequenceLengths, form: SequenceForm): ArrayRows {
  const { given, kept, length } = lengths;
  const rest = npy.shape.slice(form === 'joined' ? 1 : 2);
  const width = elements(rest);
  const count = given.length;
  const read: ArrayRows['read'] = async (reading, visit) => {
    const what = `${npy.file}: a sequence of ${plural(length, 'place')}`;
    requireMemory(what, 8 * length * width, DataError, 'cut sequences by length and truncate: true');
    const row = npy.bytes ? new Uint8Array(length * width) : new Float64Array(length * width);
    if (form === 'padded') {
      const used = (index: number) => kept[index] * width;
      const each = (values: NpyRow, index: number) => {
        row.fill(0, values.length);
        row.set(values);
        visit(row, index, values.length);
      };
      return readNpyRows(npy, reading, each, used);
    }
    let [example, place] = [0, 0];
    return readNpyRows(npy, reading, (values) => {
      if (place < kept[example]) row.set(values, place * width);
      if (++place < given[example]) return;
      row.fill(0, kept[example] * width);
      visit(row, example, kept[example] * width);
      [example, place] = [example + 1, 0];
    });
  };
  return { npy, count, shape: [length, ...rest], lengths, read };
}
