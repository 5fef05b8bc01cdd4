/** Sequences of unequal length, filled up with zeros at their ends. */
import type { SourceColumn } from './examples.js';
import type { Reading } from './reading.js';
import type { RowWriter } from './row-writer.js';

/** How long the sequences of an input are. */
export class SequenceLengths {
  /** Places of each example, as it came. */
  readonly given: number[] = [];
  readonly #asked: number | 'longest';

  constructor(asked: number | 'longest') {
    this.#asked = asked;
  }

  /** Places of all when they are filled up. */
  get length(): number {
    if (this.#asked !== 'longest') return this.#asked;
    return this.given.reduce((a, b) => Math.max(a, b), 0);
  }

  /** Places of each that are left when longer ones are cut. */
  get kept(): number[] {
    const { length } = this;
    return this.given.map((places) => Math.min(places, length));
  }
}

/**
 * Fills sequences up.
 * @param places of all sequences, one behind the other, without those that are cut
 * @param rows receives a row for each sequence
 */
export async function padRows(
  places: RowWriter,
  { length, kept }: SequenceLengths,
  rows: RowWriter,
  reading: Reading,
): Promise<void> {
  let row: Float64Array | undefined;
  let [example, filled] = [0, 0];
  await places.transform(reading, (place) => {
    row ??= new Float64Array(length * place.length);
    row.set(place, filled * place.length);
    if (++filled < kept[example]) return;
    rows.append(row);
    row.fill(0);
    [example, filled] = [example + 1, 0];
  });
}

/** Numbers of sequences one behind the other, cut and filled up. @param width numbers of a place */
export function paddedNumbers(
  numbers: readonly number[],
  { given, kept, length }: SequenceLengths,
  width: number,
): number[] {
  const all = new Array<number>(given.length * length * width).fill(0);
  let from = 0;
  given.forEach((places, row) => {
    for (let i = 0; i < kept[row] * width; i++) all[row * length * width + i] = numbers[from + i];
    from += places * width;
  });
  return all;
}

/** 1 for each place that is there. @param of an input or a target */
export function maskOf(
  of: string,
  { kept, length }: { readonly kept: readonly number[]; readonly length: number },
): SourceColumn {
  const values = new Float32Array(new SharedArrayBuffer(4 * kept.length * length));
  kept.forEach((places, row) => {
    values.fill(1, row * length, row * length + places);
  });
  return { name: `${of}_mask`, role: 'mask', type: 'float32', shape: [length], of, values };
}
