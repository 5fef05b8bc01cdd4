/** Writes an IDX file of unsigned bytes, rows in any order. The format is described in src/data/idx/idx.ts, which reads it. */

import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { elements } from '../ground/elements.js';

const UNSIGNED_BYTE = 0x08;

/** Bytes of an IDX file of this shape. */
export function idxSize(shape: readonly number[]): number {
  return headerSize(shape) + elements(shape);
}

export class IdxWriter {
  readonly #descriptor: number;
  readonly #start: number;
  /** Bytes of a row: of all dimensions but the first. */
  readonly #width: number;

  constructor(path: string, shape: readonly number[]) {
    this.#descriptor = openSync(path, 'w');
    this.#start = headerSize(shape);
    this.#width = elements(shape.slice(1));
    const header = Buffer.alloc(this.#start);
    header.set([0, 0, UNSIGNED_BYTE, shape.length]);
    for (const [i, size] of shape.entries()) header.writeUInt32BE(size, 4 + 4 * i);
    this.#put(header, 0);
  }

  /** Writes whole rows, the first of which is number `index`. */
  write(index: number, rows: Uint8Array): void {
    this.#put(rows, this.#start + index * this.#width);
  }

  /** Closes the file. @param synced whether what was written is to be on disk before this returns */
  close(synced: boolean): void {
    try {
      if (synced) fsyncSync(this.#descriptor);
    } finally {
      closeSync(this.#descriptor);
    }
  }

  #put(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(this.#descriptor, bytes, done, bytes.length - done, position + done);
    }
  }
}

function headerSize(shape: readonly number[]): number {
  return 4 + 4 * shape.length;
}
