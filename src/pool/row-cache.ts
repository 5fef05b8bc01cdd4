/** Examples that arrive while they are needed: shared arrays of a fixed number of rows, the least recently used replaced. */
import type { Column, Examples } from '../data/examples.js';
import { isCopy, rowBytes, valuesOf } from '../data/field.js';
import type { ExamplesMeta } from '../data/packed.js';
import { WireError } from '../errors.js';

/** Rows of one field, as bytes. */
interface CachedArray {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly rowBytes: number;
}

/**
 * Examples of which `capacity` rows at a time are in memory.
 * @param count all examples of the data set
 */
export function cachedExamples({ count, fields }: ExamplesMeta, capacity: number): Examples {
  const columns: Column[] = [];
  for (const { stride, ...field } of fields) {
    const input = isCopy(field) ? columns.find(({ name }) => name === field.of) : undefined;
    const values = input?.values ?? valuesOf(field.type, new SharedArrayBuffer(capacity * rowBytes(field)));
    columns.push({ ...field, values });
  }
  return { count, columns };
}

/** Knows which row of the arrays holds which example. Belongs to the main thread; engine threads read the arrays. */
export class RowCache {
  readonly #capacity: number;
  readonly #parts: readonly CachedArray[];
  /** Place of each example that is there, the least recently used first. */
  readonly #places = new Map<number, number>();
  /** Examples that a task under way reads. */
  readonly #pinned = new Set<number>();

  /** @param examples arrays of `capacity` rows each, without strides */
  constructor(examples: Examples, capacity: number) {
    this.#capacity = capacity;
    this.#parts = examples.columns.map((column) => {
      const { buffer, byteOffset, byteLength } = column.values;
      return {
        name: column.name,
        bytes: new Uint8Array(buffer, byteOffset, byteLength),
        rowBytes: rowBytes(column),
      };
    });
  }

  /**
   * The examples among `rows` that are not there. The others become the most recently used, so that those that are then
   * put do not replace them.
   */
  missing(rows: Int32Array): Int32Array {
    for (const row of rows) this.#touch(row);
    return rows.filter((row) => !this.#places.has(row));
  }

  /**
   * Stores the examples `rows` that are not there yet, in the place of the least recently used ones.
   *
   * @param sources of each field the bytes of the rows, one behind the other
   * @throws WireError when the bytes are not those of so many rows, or when there is no place for all
   */
  put(rows: Int32Array, sources: readonly Uint8Array[]): void {
    const wanted = new Set(rows);
    this.#check(rows.length, wanted, sources);
    for (const row of wanted) this.#touch(row);
    const oldest = this.#places.keys();
    rows.forEach((row, i) => {
      if (this.#places.has(row)) return;
      const place = this.#places.size < this.#capacity ? this.#places.size : this.#evict(oldest, wanted);
      this.#places.set(row, place);
      this.#parts.forEach(({ bytes, rowBytes }, part) => {
        bytes.set(sources[part].subarray(i * rowBytes, (i + 1) * rowBytes), place * rowBytes);
      });
    });
  }

  /**
   * Places of examples in the arrays, where they stay until `release`.
   * @throws WireError when one is not there
   */
  locate(rows: Int32Array): Int32Array {
    return rows.map((row) => {
      const place = this.#places.get(row);
      if (place === undefined) {
        throw new WireError(`example ${row} is to be read and was not sent`, 'send the rows of a task before the task');
      }
      this.#touch(row);
      this.#pinned.add(row);
      return place;
    });
  }

  /** What was located may be replaced. */
  release(): void {
    this.#pinned.clear();
  }

  #check(count: number, wanted: ReadonlySet<number>, sources: readonly Uint8Array[]): void {
    this.#parts.forEach(({ name, rowBytes }, i) => {
      const length = sources[i]?.length ?? 0;
      if (length === count * rowBytes) return;
      throw new WireError(
        `${name} of ${count} rows of ${rowBytes} bytes came as ${length} bytes`,
        'send whole rows of the examples that the job describes',
      );
    });
    let needed = this.#pinned.size;
    for (const row of wanted) if (!this.#pinned.has(row)) needed++;
    if (needed <= this.#capacity) return;
    throw new WireError(
      `${wanted.size} rows came while ${this.#pinned.size} are being read, more than the ${this.#capacity} that are kept`,
      'send the rows of fewer steps ahead',
    );
  }

  /** An example that is there becomes the most recently used. */
  #touch(row: number): void {
    const place = this.#places.get(row);
    if (place === undefined) return;
    this.#places.delete(row);
    this.#places.set(row, place);
  }

  /** @param oldest where the search has come to @returns the place that has become free */
  #evict(oldest: Iterator<number>, wanted: ReadonlySet<number>): number {
    let row = oldest.next().value as number;
    while (wanted.has(row) || this.#pinned.has(row)) row = oldest.next().value as number;
    const place = this.#places.get(row)!;
    this.#places.delete(row);
    return place;
  }
}
