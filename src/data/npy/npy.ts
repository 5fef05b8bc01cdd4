/**
 * Reads .npy files, NumPy's format of one array (NEP 1, "A Simple File Format for NumPy Arrays"): a magic string, a
 * version, a header that is a Python dictionary, then the elements. Versions 1 to 3, little-endian, C order.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { DataError } from '../../errors.js';
import { elements } from '../examples.js';
import { unreadable } from '../unreadable.js';

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

interface ElementType {
  readonly bytes: number;
  /** Whole numbers; truth values are 0 and 1. */
  readonly integer: boolean;
  view(buffer: ArrayBuffer): Elements;
}

const types: Readonly<Record<string, ElementType>> = {
  '<f4': { bytes: 4, integer: false, view: (buffer) => new Float32Array(buffer) },
  '<f8': { bytes: 8, integer: false, view: (buffer) => new Float64Array(buffer) },
  '|i1': { bytes: 1, integer: true, view: (buffer) => new Int8Array(buffer) },
  '<i2': { bytes: 2, integer: true, view: (buffer) => new Int16Array(buffer) },
  '<i4': { bytes: 4, integer: true, view: (buffer) => new Int32Array(buffer) },
  '<i8': { bytes: 8, integer: true, view: (buffer) => new BigInt64Array(buffer) },
  '|u1': { bytes: 1, integer: true, view: (buffer) => new Uint8Array(buffer) },
  '<u2': { bytes: 2, integer: true, view: (buffer) => new Uint16Array(buffer) },
  '<u4': { bytes: 4, integer: true, view: (buffer) => new Uint32Array(buffer) },
  '<u8': { bytes: 8, integer: true, view: (buffer) => new BigUint64Array(buffer) },
  '|b1': { bytes: 1, integer: true, view: (buffer) => new Uint8Array(buffer) },
};

/** Bytes read at once. */
const blockBytes = 1 << 20;
const MAGIC = '\x93NUMPY';

/** What the header says. */
export interface NpyHeader {
  readonly file: string;
  readonly shape: readonly number[];
  /** Whether elements are whole numbers. */
  readonly integer: boolean;
  /** Whether elements are unsigned bytes or truth values. */
  readonly bytes: boolean;
  readonly type: ElementType;
  /** Where elements start in the file. */
  readonly offset: number;
}

/** @throws DataError if the file cannot be read, is no .npy file, or holds what this reader does not take */
export async function readNpyHeader(file: string): Promise<NpyHeader> {
  const handle = await open(file).catch((error) => {
    throw unreadable(file, error);
  });
  try {
    const start = await readUpTo(handle, file, 12, 0);
    if (start.length < 10 || start.toString('latin1', 0, 6) !== MAGIC) {
      throw new DataError(`${file} is no .npy file`, 'write it by numpy.save');
    }
    const [version] = start.subarray(6);
    if (version < 1 || version > 3) {
      throw new DataError(`${file} is of version ${version} of .npy`, 'write it by numpy.save, which uses 1 to 3');
    }
    const prefix = version === 1 ? 10 : 12;
    const length = version === 1 || start.length < 12 ? start.readUInt16LE(8) : start.readUInt32LE(8);
    const offset = prefix + length;
    const { size } = await handle.stat();
    if (size < offset) throw truncated(file, size, offset);
    const text = (await readUpTo(handle, file, length, prefix)).toString(version === 3 ? 'utf8' : 'latin1');
    const header = { file, offset, ...parseHeader(file, text) };
    checkSize(header, size);
    return header;
  } finally {
    await handle.close();
  }
}

/**
 * Shows the elements one row after the other; a row is everything that shares an index of the first axis.
 *
 * @param visit gets a view that it must not keep
 * @throws DataError if the file cannot be read, naming the row of a number that is not finite or beyond 32 bits, and
 *   whatever `visit` throws
 */
export async function readNpyRows(
  header: NpyHeader,
  visit: (row: Float64Array | Uint8Array, index: number) => void,
): Promise<void> {
  const { file, type, offset, shape } = header;
  const width = elements(shape.slice(1));
  const rowBytes = width * type.bytes;
  const rowsAtOnce = Math.max(1, Math.floor(blockBytes / rowBytes));
  const values = header.bytes ? undefined : new Float64Array(width);
  const handle = await open(file).catch((error) => {
    throw unreadable(file, error);
  });
  try {
    // One buffer for all blocks: buffers of their own would pile up until they are collected.
    const buffer = Buffer.from(new ArrayBuffer(rowsAtOnce * rowBytes));
    for (let first = 0; first < shape[0]; first += rowsAtOnce) {
      const length = Math.min(rowsAtOnce, shape[0] - first) * rowBytes;
      const block = await readUpTo(handle, file, length, offset + first * rowBytes, buffer);
      if (block.length < length) throw truncated(file, offset + first * rowBytes + block.length, offset + length);
      const stored = type.view(block.buffer as ArrayBuffer);
      for (let start = 0; start < (length / rowBytes) * width; start += width) {
        const row = first + start / width;
        const part = stored.subarray(start, start + width);
        visit(values ? toNumbers(header, part, values, row) : (part as Uint8Array), row);
      }
    }
  } finally {
    await handle.close();
  }
}

/**
 * A whole array, for prediction.
 *
 * @returns bytes as they are, everything else as float32, row-major
 * @throws DataError as `readNpyHeader` and `readNpyRows` do, or if there is no row
 */
export async function readNpy(
  file: string,
): Promise<{ readonly features: Float32Array | Uint8Array; readonly shape: readonly number[] }> {
  const header = await readNpyHeader(file);
  const { shape } = header;
  const features = header.bytes ? new Uint8Array(elements(shape)) : new Float32Array(elements(shape));
  await readNpyRows(header, (row, index) => features.set(row, index * row.length));
  return { features, shape };
}

function parseHeader(file: string, text: string): Pick<NpyHeader, 'shape' | 'integer' | 'bytes' | 'type'> {
  const descr = /'descr':\s*(?:'([^']*)'|(\[))/.exec(text);
  const order = /'fortran_order':\s*(True|False)/.exec(text);
  const dimensions = /'shape':\s*\(([\d,\s]*)\)/.exec(text);
  if (!descr || !order || !dimensions) {
    throw new DataError(`${file} has a damaged .npy header`, 'write it again by numpy.save');
  }
  const name = descr[1] ?? 'records';
  const type = Object.hasOwn(types, name) ? types[name] : undefined;
  if (!type) {
    throw new DataError(
      `${file} has elements of type ${name}, not one of ${Object.keys(types).join(', ')}`,
      "convert the array, e.g. by .astype('<f4')",
    );
  }
  if (order[1] === 'True') {
    throw new DataError(`${file} is in Fortran order`, 'save numpy.ascontiguousarray(array)');
  }
  const shape = (dimensions[1].match(/\d+/g) ?? []).map(Number);
  if (shape.length === 0)
    throw new DataError(`${file} holds a single number`, 'save an array of a row for each example');
  if (shape.includes(0)) {
    throw new DataError(`${file} is empty: its shape is [${shape.join(', ')}]`, 'use an array with examples');
  }
  return { shape, integer: type.integer, bytes: name === '|u1' || name === '|b1', type };
}

function checkSize({ file, offset, shape, type }: NpyHeader, size: number): void {
  const expected = offset + elements(shape) * type.bytes;
  if (size < expected) throw truncated(file, size, expected);
  if (size > expected) {
    throw new DataError(
      `${file} has ${size} bytes, its header announces ${expected}`,
      'write it again: something was appended, or its header is damaged',
    );
  }
}

function toNumbers({ file }: NpyHeader, stored: Elements, values: Float64Array, row: number): Float64Array {
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
  return values;
}

/** `length` bytes into the start of `buffer`; fewer where the file ends. */
async function readUpTo(
  handle: FileHandle,
  file: string,
  length: number,
  position: number,
  buffer = Buffer.from(new ArrayBuffer(length)),
): Promise<Buffer> {
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done).catch((error) => {
      throw unreadable(file, error);
    });
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

function truncated(file: string, held: number, expected: number): DataError {
  return new DataError(`${file} is truncated: it holds ${held} bytes of ${expected}`, 'write or get the file again');
}
