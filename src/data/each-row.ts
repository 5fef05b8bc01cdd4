/** One look at every row of a column, those on disk too. */
import { setImmediate } from 'node:timers/promises';
import type { Column } from './examples.js';
import { bytesPerElement, rowBytes, strideOf, type Values, valuesOf } from './field.js';
import { readFully } from './row-reader.js';

/** Bytes that are looked at before signals get their turn. */
const turn = 1 << 24;

/** @param visit gets an array, where in it the row starts, and which example it is */
export async function eachRow(
  column: Column,
  count: number,
  visit: (values: Values, start: number, example: number) => void,
): Promise<void> {
  const { values: inputs, file, type } = column;
  const [stride, bytes] = [strideOf(column), rowBytes(column)];
  const strideBytes = stride * bytesPerElement(column);
  const atOnce = Math.max(1, Math.floor(turn / bytes));
  const inMemory = file?.first ?? count;
  for (let first = 0; first < inMemory; first += atOnce) {
    const end = Math.min(inMemory, first + atOnce);
    for (let example = first; example < end; example++) visit(inputs, example * stride, example);
    if (end < count) await setImmediate();
  }
  if (!file) return;
  // From the first of some rows to the end of the last.
  const spanOf = (rows: number) => (rows - 1) * strideBytes + bytes;
  const block = new Uint8Array(spanOf(Math.min(atOnce, count - inMemory)));
  const values = valuesOf(type, block.buffer);
  for (let first = inMemory; first < count; first += atOnce) {
    const end = Math.min(count, first + atOnce);
    await readFully(
      file.fd,
      block.subarray(0, spanOf(end - first)),
      (file.start ?? 0) + (first - inMemory) * strideBytes,
    );
    for (let example = first; example < end; example++) visit(values, (example - first) * stride, example);
  }
}

/**
 * One look at all values of a column whose rows overlap, each value once.
 * @param visit gets some after the other, and the place of the first among all
 */
export async function eachOverlapping(
  { values, file, type }: Pick<Column, 'values' | 'file' | 'type'>,
  visit: (some: Values, place: number) => void,
): Promise<void> {
  const each = turn / bytesPerElement({ type });
  if (!file) {
    for (let start = 0; start < values.length; start += each) {
      visit(values.subarray(start, start + each), start);
      if (start + each < values.length) await setImmediate();
    }
    return;
  }
  const { start = 0, end = start } = file;
  const block = new Uint8Array(Math.min(turn, end - start));
  for (let place = start; place < end; place += turn) {
    const part = block.subarray(0, Math.min(turn, end - place));
    await readFully(file.fd, part, place);
    visit(
      valuesOf(type, block.buffer, 0, part.length / bytesPerElement({ type })),
      (place - start) / bytesPerElement({ type }),
    );
  }
}
