/** One input from its array. */
import { plainNames } from '../../config/plain-names.js';
import { DataError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import type { SourceColumn } from '../examples.js';
import { type FieldType, isCode } from '../field.js';
import type { Reading } from '../reading.js';
import { RowWriter } from '../row-writer.js';
import { maskOf } from '../sequences.js';
import type { InputArray } from './fields.js';
import type { ArrayRows } from './rows.js';

/**
 * The column, and the mask of sequences.
 * @param budget bytes that it may hold in memory
 * @throws DataError naming the row of what does not fit
 */
export async function readInput(
  { name, scale, categories }: InputArray,
  array: ArrayRows,
  budget: number,
  reading: Reading,
): Promise<SourceColumn[]> {
  const { npy, lengths } = array;
  const shape = array.shape.length === 0 ? [1] : array.shape;
  const type: FieldType = categories !== undefined ? 'int32' : npy.bytes ? 'uint8' : 'float32';
  const rows = new RowWriter(elements(shape), type, budget);
  try {
    // Bytes stay bytes, and engines apply the factor; float32 is stored with it.
    const stored = type !== 'float32' || scale === 1 ? undefined : new Float64Array(elements(shape));
    await array.read(reading, (row, index, used) => {
      if (categories !== undefined) checkCategories(npy.file, index, row, used, categories);
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
  const column = { name, role: 'input' as const, type, shape, scale: own, categories, ...rows.finish() };
  return lengths ? [column, maskOf(name, lengths)] : [column];
}

function finite(file: string, row: number, value: number, input: string): number {
  if (Number.isFinite(Math.fround(value))) return value;
  const key = input === plainNames.input ? 'data.scale' : `the scale of data.inputs.${input}`;
  throw new DataError(`${file}: row ${row} times ${key} is ${value}, too large`, `make ${key} smaller`);
}

function checkCategories(file: string, index: number, row: ArrayLike<number>, used: number, categories: number): void {
  for (let i = 0; i < used; i++) {
    if (isCode(row[i], categories)) continue;
    throw new DataError(
      `${file}: row ${index} holds ${row[i]}, not one of ${categories} categories`,
      `use whole numbers from 0 to ${categories - 1}, or say how many there are under categories`,
    );
  }
}
