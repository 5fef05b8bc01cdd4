/** Feature rows as they arrive from a source: in shared memory, and in a file what exceeds the memory budget. */
import { constants } from 'node:buffer';
import { closeSync, readSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { MEMORY_SIZE } from '../config/data-parts.js';
import { DataError } from '../errors.js';
import { memoryLimit, requireMemory } from '../ground/memory.js';
import { removeTemporary, type TemporaryFile, temporaryFile } from '../ground/temporary-file.js';
import type { Column, RowFile, SourceExamples } from './examples.js';
import { bytesPerElement, type FieldType, type Values, valuesOf } from './field.js';
import type { Reading } from './reading.js';

/** Bytes read or written at once. */
const blockBytes = 1 << 20;

const powers = 'KMGT';

/** Bytes of a size such as `512MB`; half of what this process may have where none is given. */
export function budgetBytes(memory: string | undefined): number {
  const parts = MEMORY_SIZE.exec(memory ?? '');
  if (!parts) return memoryLimit() / 2;
  return Math.floor(Number(parts[1]) * 1024 ** (powers.indexOf(parts[2].toUpperCase()) + 1));
}

/** The parts of a budget that columns get, by the bytes of a row of each. */
export function sharesOf(budget: number, bytes: readonly number[]): number[] {
  const all = bytes.reduce((a, b) => a + b, 0);
  return bytes.map((each) => Math.floor((budget / all) * each));
}

/** Collects rows one by one; sources need not know how many will come. The first fill the budget, the rest go to a file. */
export class RowWriter {
  readonly #width: number;
  readonly #type: FieldType;
  #count = 0;
  /** Over a buffer that can grow up to the budget. */
  readonly #memory: Values;
  /** Rows that wait to be written, once there is a file. */
  #block: Values | undefined;
  #file: RowFile | undefined;
  /** Rows that are in memory or in the file. */
  #stored = 0;

  /**
   * @param width elements of a row
   * @param budget bytes that may be held in memory
   * @throws DataError when a single row is more than there is memory for
   */
  constructor(width: number, type: FieldType, budget: number) {
    this.#width = width;
    this.#type = type;
    const rowBytes = width * bytesPerElement({ type });
    const remedy = 'make examples smaller, or use a machine with more memory';
    requireMemory(`an example of ${width} numbers`, rowBytes, DataError, remedy);
    this.#memory = this.#view(reserve(Math.min(budget, constants.MAX_LENGTH), rowBytes));
  }

  get count(): number {
    return this.#count;
  }

  /** @param row `width` numbers; copied */
  append(row: ArrayLike<number>): void {
    const width = this.#width;
    if (!this.#file && this.#makeRoom((this.#count + 1) * width)) {
      this.#memory.set(row, this.#count * width);
      this.#stored = ++this.#count;
      return;
    }
    if (!this.#file) this.#openFile();
    const held = this.#count - this.#stored;
    this.#block!.set(row, held * width);
    this.#count++;
    if ((held + 2) * width > this.#block!.length) this.#flush();
  }

  /**
   * Shows every row in order; `visit` may change it in place.
   * @param visit gets a view that it must not keep
   */
  async transform(reading: Reading, visit: (row: Values, index: number) => void): Promise<void> {
    const inMemory = this.#file?.first ?? this.#count;
    await this.#visit(reading, this.#memory, 0, inMemory, visit);
    if (!this.#file) return;
    this.#flush();
    const rows = Math.floor(this.#block!.length / this.#width);
    for (let first = inMemory; first < this.#count; first += rows) {
      const count = Math.min(rows, this.#count - first);
      const part = this.#block!.subarray(0, count * this.#width);
      readExactly(this.#file, part, this.#place(first));
      await this.#visit(reading, part, first, count, visit);
      writeExactly(this.#file, part, this.#place(first));
    }
  }

  /** The rows, as a column has them. None can follow, but `transform` still changes those there are. */
  finish(): Pick<Column, 'file'> & { readonly values: Values } {
    if (this.#file) this.#flush();
    const { buffer } = this.#memory;
    const length = (this.#file?.first ?? this.#count) * this.#width;
    return { values: valuesOf(this.#type, buffer, 0, length), file: this.#file };
  }

  /** Gives the file back when the source fails. */
  discard(): void {
    if (this.#file) closeRows(this.#file);
  }

  #view(buffer: ArrayBufferLike): Values {
    return valuesOf(this.#type, buffer);
  }

  /** @param first index of the first of the rows that `values` starts with */
  async #visit(
    reading: Reading,
    values: Values,
    first: number,
    count: number,
    visit: (row: Values, index: number) => void,
  ): Promise<void> {
    for (let i = 0; i < count; i++) {
      visit(values.subarray(i * this.#width, (i + 1) * this.#width), first + i);
      if (reading.due) await reading.pause();
    }
  }

  /** Whether `length` elements fit into memory. */
  #makeRoom(length: number): boolean {
    if (length <= this.#memory.length) return true;
    const buffer = this.#memory.buffer as SharedArrayBuffer;
    const needed = length * this.#memory.BYTES_PER_ELEMENT;
    if (needed > buffer.maxByteLength) return false;
    buffer.grow(Math.min(buffer.maxByteLength, Math.max(needed, 2 * buffer.byteLength)));
    return true;
  }

  #openFile(): void {
    this.#file = { ...openTemporary(), first: this.#count };
    const rows = Math.max(1, Math.floor(blockBytes / (this.#width * this.#memory.BYTES_PER_ELEMENT)));
    this.#block = this.#view(new ArrayBuffer(rows * this.#width * this.#memory.BYTES_PER_ELEMENT));
  }

  /** Byte of the file at which a row starts. */
  #place(row: number): number {
    return (row - this.#file!.first) * this.#width * this.#memory.BYTES_PER_ELEMENT;
  }

  #flush(): void {
    const held = this.#count - this.#stored;
    if (held === 0) return;
    writeExactly(this.#file!, this.#block!.subarray(0, held * this.#width), this.#place(this.#stored));
    this.#stored = this.#count;
  }
}

/**
 * A buffer that can grow up to whole rows within the budget. Growing needs addresses for all of it at once: where there are
 * not as many (`ulimit -v`), what exceeds a smaller buffer goes to the file.
 */
function reserve(budget: number, rowBytes: number): SharedArrayBuffer {
  const maxByteLength = Math.floor(budget / rowBytes) * rowBytes;
  const initial = Math.min(maxByteLength, Math.max(blockBytes, rowBytes));
  try {
    return new SharedArrayBuffer(initial, { maxByteLength });
  } catch (error) {
    if (!(error instanceof RangeError) || budget < 2 * blockBytes) throw error;
    return reserve(budget / 2, rowBytes);
  }
}

/** Closes the file of rows; where it could not lose its name while open (Windows), it does now. */
export function closeRows({ fd, path }: RowFile): void {
  closeSync(fd);
  if (path !== undefined) removeTemporary(path);
}

/** Closes the files of all columns, which may share one. */
export function closeExamples({ columns }: Pick<SourceExamples, 'columns'>): void {
  const files = columns.flatMap(({ file }) => file ?? []);
  for (const [, file] of new Map(files.map((file) => [file.fd, file]))) closeRows(file);
}

function openTemporary(): TemporaryFile {
  try {
    return temporaryFile();
  } catch (error) {
    throw new DataError(
      `the examples exceed data.memory, and ${tmpdir()} takes no file for them (${(error as Error).message})`,
      'raise data.memory, or name a folder with space in the environment variable TMPDIR',
    );
  }
}

function writeExactly({ fd }: RowFile, values: Values, position: number): void {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  try {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(fd, bytes, done, Math.min(blockBytes, bytes.length - done), position + done);
    }
  } catch (error) {
    throw new DataError(
      `the examples exceed data.memory and do not fit into ${tmpdir()} (${(error as Error).message})`,
      'raise data.memory, or name a folder with space in the environment variable TMPDIR',
    );
  }
}

function readExactly({ fd }: RowFile, values: Values, position: number): void {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  for (let done = 0; done < bytes.length; ) {
    const read = readSync(fd, bytes, done, bytes.length - done, position + done);
    if (read === 0) throw new Error('the file of rows is shorter than what was written to it');
    done += read;
  }
}
