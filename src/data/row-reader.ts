/** Brings the feature rows of batches that are not in memory from their file, the next batch's while the last one is being computed. */
import { read } from 'node:fs';
import type { RowFile } from './examples.js';
import { bytesPerElement, type Field, rowBytes, strideOf, typeOf, type Values, valuesOf } from './field.js';

interface RowFetch {
  readonly rows: Int32Array;
  readonly values: Values;
  readonly done: Promise<void>;
}

/** One reader serves one thread. */
export class RowReader {
  readonly #file: RowFile;
  readonly #rowBytes: number;
  /** From one row to the next. */
  readonly #strideBytes: number;
  #ahead: RowFetch | undefined;
  /** Buffers that nothing is read into, and the one whose rows the caller has. */
  readonly #spare: Values[] = [];
  #lent: Values | undefined;

  constructor(file: RowFile, field: Pick<Field, 'shape' | 'type' | 'stride'>) {
    this.#file = file;
    this.#rowBytes = rowBytes(field);
    this.#strideBytes = strideOf(field) * bytesPerElement(field);
  }

  /** Starts to read the rows that will be asked for next. */
  prefetch(rows: Int32Array, like: Values): void {
    if (!this.#ahead) this.#ahead = this.#start(rows, like);
  }

  /** @returns the rows, one behind the other; good until the next call */
  async load(rows: Int32Array, like: Values): Promise<Values> {
    if (this.#lent) this.#spare.push(this.#lent);
    const ahead = this.#ahead;
    this.#ahead = undefined;
    const known = ahead && ahead.rows.length === rows.length && ahead.rows.every((row, i) => row === rows[i]);
    // What was read for nothing has to end all the same before its buffer serves again.
    if (ahead && !known) await this.#end(ahead);
    const fetch = known ? ahead : this.#start(rows, like);
    await fetch.done;
    this.#lent = fetch.values;
    return fetch.values;
  }

  async #end(fetch: RowFetch): Promise<void> {
    await fetch.done;
    this.#spare.push(fetch.values);
  }

  #start(rows: Int32Array, like: Values): RowFetch {
    const length = (rows.length * this.#rowBytes) / like.BYTES_PER_ELEMENT;
    const spare = this.#spare.pop();
    const type = typeOf(like);
    const values =
      spare && spare.length >= length ? spare : valuesOf(type, new ArrayBuffer(length * like.BYTES_PER_ELEMENT));
    const bytes = new Uint8Array(values.buffer);
    const runs: Promise<void>[] = [];
    for (let first = 0; first < rows.length; ) {
      let end = first + 1;
      const isApart = this.#strideBytes === this.#rowBytes;
      while (isApart && end < rows.length && rows[end] === rows[end - 1] + 1) end++;
      const part = bytes.subarray(first * this.#rowBytes, end * this.#rowBytes);
      const place = (this.#file.start ?? 0) + (rows[first] - this.#file.first) * this.#strideBytes;
      runs.push(readFully(this.#file.fd, part, place));
      first = end;
    }
    const done = Promise.all(runs).then(() => {});
    // A failure is reported to whoever loads the rows, not to the process.
    done.catch(() => {});
    return { rows: rows.slice(), values, done };
  }
}

/** Fills `bytes` from a place of a file. */
export function readFully(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  return new Promise((resolve, reject) => {
    read(fd, bytes, 0, bytes.length, position, (error, count) => {
      if (error) reject(error);
      else if (count === bytes.length) resolve();
      else if (count === 0) reject(new Error('the file of rows is shorter than what was written to it'));
      else resolve(readFully(fd, bytes.subarray(count), position + count));
    });
  });
}
