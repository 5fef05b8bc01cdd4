/** One look at every row of a column, those on disk too. */
import { setImmediate } from 'node:timers/promises';
import type { Column } from './examples.js';
import { rowBytes, strideOf, type Values, valuesOf, widthOf } from './field.js';
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
  const [width, stride, bytes] = [widthOf(column), strideOf(column), rowBytes(column)];
  const atOnce = Math.max(1, Math.floor(turn / bytes));
  const inMemory = file?.first ?? count;
  for (let first = 0; first < inMemory; first += atOnce) {
    const end = Math.min(inMemory, first + atOnce);
    for (let example = first; example < end; example++) visit(inputs, example * stride, example);
    if (end < count) await setImmediate();
  }
  if (!file) return;
  const block = new Uint8Array(Math.min(atOnce, count - inMemory) * bytes);
  const values = valuesOf(type, block.buffer);
  for (let first = inMemory; first < count; first += atOnce) {
    const end = Math.min(count, first + atOnce);
    const part = block.subarray(0, (end - first) * bytes);
    await readFully(file.fd, part, (file.start ?? 0) + (first - inMemory) * bytes);
    for (let example = first; example < end; example++) visit(values, (example - first) * width, example);
  }
}
