/**
 * Reads .npy files, NumPy's format of one array (NEP 1, "A Simple File Format for NumPy Arrays"): a magic string, a
 * version, a header that is a Python dictionary, then the elements. Versions 1 to 3, either byte order, C or Fortran order.
 */

import { DataError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { requireMemory } from '../../ground/memory.js';
import type { DataFile } from '../data-file.js';
import type { Reading } from '../reading.js';
import { halfFloats } from './half.js';

type Elements =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

interface NpyElement {
  readonly bytes: 1 | 2 | 4 | 8;
  /** Whole numbers; truth values are 0 and 1. */
  readonly integer: boolean;
  /** An array over elements in this machine's byte order. */
  view(buffer: ArrayBuffer): Elements;
}

/** Types of elements by NumPy's names, without the sign of the byte order. */
const types: Readonly<Record<string, NpyElement>> = {
  f2: { bytes: 2, integer: false, view: (buffer) => halfFloats(new Uint16Array(buffer)) },
  f4: { bytes: 4, integer: false, view: (buffer) => new Float32Array(buffer) },
  f8: { bytes: 8, integer: false, view: (buffer) => new Float64Array(buffer) },
  i1: { bytes: 1, integer: true, view: (buffer) => new Int8Array(buffer) },
  i2: { bytes: 2, integer: true, view: (buffer) => new Int16Array(buffer) },
  i4: { bytes: 4, integer: true, view: (buffer) => new Int32Array(buffer) },
  i8: { bytes: 8, integer: true, view: (buffer) => new BigInt64Array(buffer) },
  u1: { bytes: 1, integer: true, view: (buffer) => new Uint8Array(buffer) },
  u2: { bytes: 2, integer: true, view: (buffer) => new Uint16Array(buffer) },
  u4: { bytes: 4, integer: true, view: (buffer) => new Uint32Array(buffer) },
  u8: { bytes: 8, integer: true, view: (buffer) => new BigUint64Array(buffer) },
  b1: { bytes: 1, integer: true, view: (buffer) => new Uint8Array(buffer) },
};

/** Bytes read at once. */
const blockBytes = 1 << 20;
/** The same where rows are spread over the file, and each column of a block is a read of its own. */
const spreadBytes = 1 << 25;
const MAGIC = '\x93NUMPY';

export type NpyRow = Float64Array | Uint8Array;

/** An open file and what its header says. */
export interface Npy {
  readonly file: string;
  /** To be closed by whoever opened the file. */
  readonly data: DataFile;
  readonly shape: readonly number[];
  /** Whether elements are whole numbers. */
  readonly integer: boolean;
  /** Whether elements are unsigned bytes or truth values. */
  readonly bytes: boolean;
  readonly type: NpyElement;
  /** Whether bytes are the other way round than in this machine (little-endian, as all that Node runs on). */
  readonly swapped: boolean;
  /** Whether the first axis, not the last, is the one whose neighbours lie side by side. */
  readonly fortran: boolean;
  /** Where elements start in the file. */
  readonly offset: number;
}

/** @throws DataError if a file is no .npy file, or holds what this reader does not take */
export async function readHeader(data: DataFile): Promise<Npy> {
  const { name: file, size } = data;
  const start = await data.read(12, 0);
  if (start.length < 10 || start.toString('latin1', 0, 6) !== MAGIC) {
    throw new DataError(`${file} is no .npy file`, 'write it by numpy.save, or several by numpy.savez');
  }
  const [version] = start.subarray(6);
  if (version < 1 || version > 3) {
    throw new DataError(`${file} is of version ${version} of .npy`, 'write it by numpy.save, which uses 1 to 3');
  }
  const prefix = version === 1 ? 10 : 12;
  const length = version === 1 || start.length < 12 ? start.readUInt16LE(8) : start.readUInt32LE(8);
  const offset = prefix + length;
  if (size < offset) throw truncated(file, size, offset);
  const text = (await data.read(length, prefix)).toString(version === 3 ? 'utf8' : 'latin1');
  const npy = { file, data, offset, ...parseHeader(file, text) };
  checkSize(npy, size);
  return npy;
}

/**
 * Shows the elements one row after the other; a row is everything that shares an index of the first axis, row-major.
 *
 * @param visit gets a view that it must not keep
 * @param counted numbers of a row, from its start, that matter; others may be whatever they are. Default: all
 * @throws DataError if the file cannot be read, naming the row of a number that is not finite or beyond 32 bits, and
 *   whatever `visit` throws
 */
export async function readNpyRows(
  npy: Npy,
  reading: Reading,
  visit: (row: NpyRow, index: number) => void,
  counted?: (index: number) => number,
): Promise<void> {
  const { type, shape, fortran, bytes } = npy;
  const width = elements(shape.slice(1));
  const isSpread = fortran && width > 1;
  const rowsAtOnce = Math.max(1, Math.floor((isSpread ? spreadBytes : blockBytes) / (width * type.bytes)));
  const block = (isSpread ? spreadBlocks : plainBlocks)(npy, width, Math.min(rowsAtOnce, shape[0]));
  const values = bytes ? undefined : new Float64Array(width);
  for (let first = 0; first < shape[0]; first += rowsAtOnce) {
    const count = Math.min(rowsAtOnce, shape[0] - first);
    const stored = await block(first, count);
    for (let row = 0; row < count; row++) {
      const part = stored.subarray(row * width, row * width + (counted?.(first + row) ?? width));
      visit(values ? toNumbers(npy, part, values, first + row) : (part as Uint8Array), first + row);
      if (reading.due) await reading.pause();
    }
  }
}

type Blocks = (first: number, count: number) => Promise<Elements>;

/** Rows that lie one behind the other. @param most rows of a block */
function plainBlocks(npy: Npy, width: number, most: number): Blocks {
  // One buffer for all blocks: buffers of their own would pile up until they are collected.
  const buffer = Buffer.from(new ArrayBuffer(most * width * npy.type.bytes));
  return async (first, count) => {
    await readElements(npy, first * width, count * width, buffer);
    return npy.type.view(buffer.buffer);
  };
}

/** Rows in Fortran order: each column lies in one piece, and the axes after the first run the other way round too. */
function spreadBlocks(npy: Npy, width: number, most: number): Blocks {
  const buffer = Buffer.from(new ArrayBuffer(most * npy.type.bytes));
  const place = rowMajorPlaces(npy.shape.slice(1));
  let rows: Elements | undefined;
  return async (first, count) => {
    for (let column = 0; column < width; column++) {
      await readElements(npy, column * npy.shape[0] + first, count, buffer);
      const stored = npy.type.view(buffer.buffer);
      rows ??= new (stored.constructor as new (length: number) => Elements)(most * width);
      for (let row = 0; row < count; row++) rows[row * width + place[column]] = stored[row];
    }
    return rows!;
  };
}

/** The place in row-major order of each element in Fortran order. */
function rowMajorPlaces(shape: readonly number[]): Int32Array {
  const places = new Int32Array(elements(shape));
  const index = shape.map(() => 0);
  for (let i = 0; i < places.length; i++) {
    places[i] = index.reduce((place, at, axis) => place * shape[axis] + at, 0);
    for (let axis = 0; axis < shape.length && ++index[axis] === shape[axis]; axis++) index[axis] = 0;
  }
  return places;
}

/** Elements from one on, in this machine's byte order, into the start of `buffer`. */
async function readElements(
  { file, data, type, offset, swapped }: Npy,
  first: number,
  count: number,
  buffer: Buffer<ArrayBuffer>,
) {
  const position = offset + first * type.bytes;
  const length = count * type.bytes;
  const block = await data.read(length, position, buffer);
  if (block.length < length) throw truncated(file, position + block.length, position + length);
  if (!swapped) return;
  if (type.bytes === 2) block.swap16();
  if (type.bytes === 4) block.swap32();
  if (type.bytes === 8) block.swap64();
}

/** A whole array: bytes as they are, everything else as float32, row-major. */
export interface NpyArray {
  readonly features: Float32Array | Uint8Array;
  readonly shape: readonly number[];
}

/** @throws DataError as `readHeader` and `readArray` do */
export const readNpy = async (data: DataFile, reading: Reading): Promise<NpyArray> =>
  readArray(await readHeader(data), reading);

/**
 * Reads an array as a whole, for prediction.
 * @throws DataError as `readNpyRows` does, or if there is no memory for it
 */
export async function readArray(npy: Npy, reading: Reading): Promise<NpyArray> {
  const { shape } = npy;
  const what = `${npy.file}: its header announces ${shape.join(' x ')} numbers`;
  requireMemory(what, 4 * elements(shape), DataError, 'give it fewer rows at a time');
  const features = npy.bytes ? new Uint8Array(elements(shape)) : new Float32Array(elements(shape));
  await readNpyRows(npy, reading, (row, index) => features.set(row, index * row.length));
  return { features, shape };
}

function parseHeader(file: string, text: string): Omit<Npy, 'file' | 'data' | 'offset'> {
  const descr = /'descr':\s*(?:'([^']*)'|(\[))/.exec(text);
  const order = /'fortran_order':\s*(True|False)/.exec(text);
  const dimensions = /'shape':\s*\(([\d,\s]*)\)/.exec(text);
  if (!descr || !order || !dimensions) {
    throw new DataError(`${file} has a damaged .npy header`, 'write it again by numpy.save');
  }
  const name = descr[1] ?? 'records';
  const [, sign, code = ''] = /^([<>|=])(\w+)$/.exec(name) ?? [];
  const type = Object.hasOwn(types, code) ? types[code] : undefined;
  if (!type) {
    throw new DataError(
      `${file} has elements of type ${name}, not one of ${Object.keys(types).join(', ')}`,
      remedyFor(name),
    );
  }
  const shape = (dimensions[1].match(/\d+/g) ?? []).map(Number);
  if (shape.length === 0)
    throw new DataError(`${file} holds a single number`, 'save an array of a row for each example');
  if (shape.includes(0)) {
    throw new DataError(`${file} is empty: its shape is [${shape.join(', ')}]`, 'use an array with examples');
  }
  const bytes = code === 'u1' || code === 'b1';
  return { shape, integer: type.integer, bytes, type, swapped: sign === '>', fortran: order[1] === 'True' };
}

/** What gives an array of another type numbers. Records, objects and text have none to be converted to. */
function remedyFor(type: string): string {
  if (/[US]\d+$/.test(type)) return 'number the classes, e.g. by numpy.unique(y, return_inverse=True)[1]';
  if (type === 'records')
    return 'make one array of its fields, e.g. by numpy.lib.recfunctions.structured_to_unstructured';
  if (type.startsWith('|O')) return "make an array of numbers, e.g. by numpy.stack(list(x)).astype('<f4')";
  if (type.includes('c')) return 'take parts of the numbers, e.g. by numpy.stack([x.real, x.imag], -1)';
  return "convert the array, e.g. by .astype('<f4')";
}

function checkSize({ file, offset, shape, type }: Npy, size: number): void {
  const expected = offset + elements(shape) * type.bytes;
  if (size < expected) throw truncated(file, size, expected);
  if (size > expected) {
    throw new DataError(
      `${file} has ${size} bytes, its header announces ${expected}`,
      'write it again: something was appended, or its header is damaged',
    );
  }
}

/** Into the start of `values`. */
function toNumbers({ file }: Npy, stored: Elements, values: Float64Array, row: number): Float64Array {
  for (let i = 0; i < stored.length; i++) {
    const value = Number(stored[i]);
    if (!Number.isFinite(Math.fround(value))) {
      const rule = Number.isFinite(value) ? 'beyond the range of 32-bit numbers' : 'which is not finite';
      throw new DataError(
        `${file}: row ${row} holds ${value}, ${rule}`,
        'correct or remove the row (rows count from 0)',
      );
    }
    values[i] = value;
  }
  return stored.length === values.length ? values : values.subarray(0, stored.length);
}

function truncated(file: string, held: number, expected: number): DataError {
  return new DataError(`${file} is truncated: it holds ${held} bytes of ${expected}`, 'write or get the file again');
}
