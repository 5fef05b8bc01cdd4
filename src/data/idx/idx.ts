/**
 * Reads IDX files, the format of MNIST (LeCun, Cortes and Burges, "The MNIST database"): a big-endian header of
 * two zero bytes, an element type, a rank and one 32-bit size for each dimension, then the elements. Plain or gzip.
 */

import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, gunzip, type ZlibOptions } from 'node:zlib';
import { DataError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { requireMemory } from '../../ground/memory.js';
import { plural } from '../../ground/units.js';
import type { Reading } from '../reading.js';

const UNSIGNED_BYTE = 0x08;
const GZIP_MAGIC = [0x1f, 0x8b];

/** A file's array of unsigned bytes. */
interface IdxArray {
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Images and their labels, one for one. */
export interface IdxPair {
  readonly count: number;
  /** Shape of one image: [rows, columns, channels]; a file of rank 3 has one channel. */
  readonly imageShape: readonly number[];
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/**
 * @throws DataError naming the file, if one is missing, is not what its name says, is damaged or empty, or if they
 *   differ in length
 */
export async function readIdxPair(imagesFile: string, labelsFile: string, reading: Reading): Promise<IdxPair> {
  const images = await readIdx(imagesFile, 'image', reading);
  const labels = await readIdx(labelsFile, 'label', reading);
  const [count, rows, columns, channels = 1] = images.shape;
  if (labels.shape[0] !== count) {
    throw new DataError(
      `${labelsFile} has ${labels.shape[0]} labels for the ${plural(count, 'image')} of ${imagesFile}`,
      'use two files that belong together',
    );
  }
  return { count, imageShape: [rows, columns, channels], images: images.bytes, labels: labels.bytes };
}

/** @throws DataError naming the file, if it is missing, damaged, empty or no file of `kind` */
async function readIdx(file: string, kind: 'image' | 'label', reading: Reading): Promise<IdxArray> {
  const { content: bytes, complete } = await unzip(await readBytes(file, reading), file, kind);
  const shape = readShape(bytes, file, kind);
  if (shape.includes(0)) {
    throw new DataError(`${file} is empty: its header announces ${shape.join(' x ')} elements`, 'use another file');
  }
  const headerLength = 4 + 4 * shape.length;
  const expected = headerLength + elements(shape);
  if (bytes.length < expected) throw truncated(file, bytes.length, `its header announces ${expected}`);
  if (bytes.length > expected) {
    throw new DataError(
      `${file} has ${bytes.length} bytes, its header announces ${expected}`,
      'get the file again: its header is damaged or something was appended',
    );
  }
  if (!complete) throw truncated(file, bytes.length, 'but its gzip checksum is missing');
  return { shape, bytes: bytes.subarray(headerLength) };
}

async function readBytes(file: string, { signal }: Reading): Promise<Uint8Array> {
  try {
    return await readFile(file, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw new DataError(`${file} cannot be read (${(error as Error).message})`, 'check the path and its permissions');
  }
}

const inflated = promisify<Uint8Array, ZlibOptions, Buffer>(gunzip);

/** Bytes of a gzip file that hold its header whatever was compressed, and bytes beyond the announced ones that are counted. */
const [headerPiece, excess] = [4096, 1 << 20];

/** The content of a file. A gzip stream that ends early gives what there is, for the length check to report. */
async function unzip(
  bytes: Uint8Array,
  file: string,
  kind: 'image' | 'label',
): Promise<{ content: Uint8Array; complete: boolean }> {
  if (bytes[0] !== GZIP_MAGIC[0] || bytes[1] !== GZIP_MAGIC[1]) return { content: bytes, complete: true };
  const cutOff = { finishFlush: constants.Z_SYNC_FLUSH };
  let maxOutputLength = 0;
  try {
    // No more is inflated than the header announces.
    const shape = readShape(await inflated(bytes.subarray(0, headerPiece), cutOff), file, kind);
    requireMemory(
      `${file}: its header announces ${shape.join(' x ')} elements`,
      elements(shape),
      DataError,
      'use another file',
    );
    maxOutputLength = elements(shape) + excess;
    return { content: await inflated(bytes, { maxOutputLength }), complete: true };
  } catch (error) {
    if (error instanceof DataError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'Z_BUF_ERROR')
      return { content: await inflated(bytes, { ...cutOff, maxOutputLength }), complete: false };
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      throw new DataError(
        `${file} holds more than the ${maxOutputLength - excess} elements that its header announces`,
        'get the file again: its header is damaged or something was appended',
      );
    }
    throw new DataError(`${file} is gzip-damaged (${(error as Error).message})`, 'get the file again');
  }
}

function truncated(file: string, length: number, expected: string): DataError {
  return new DataError(`${file} is truncated: it holds ${length} bytes, ${expected}`, 'get the file again');
}

/** The shape that the header announces, once magic number and rank are what `kind` needs. */
function readShape(bytes: Uint8Array, file: string, kind: 'image' | 'label'): number[] {
  if (bytes.length < 4) throw truncated(file, bytes.length, 'an IDX header alone has at least 8');
  const [zero, alsoZero, type, rank] = bytes;
  if (zero !== 0 || alsoZero !== 0) {
    const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new DataError(`${file} is not an IDX file (it starts with ${start})`, 'use IDX files, plain or gzip');
  }
  if (type !== UNSIGNED_BYTE) {
    throw new DataError(
      `${file} holds elements of IDX type 0x${type.toString(16).padStart(2, '0')}`,
      'convert it to unsigned bytes (type 0x08)',
    );
  }
  const found = rank === 1 ? 'label' : rank === 3 || rank === 4 ? 'image' : undefined;
  if (found !== kind) {
    const what = found ? `an IDX ${found} file` : `an IDX file of rank ${rank}`;
    throw new DataError(
      `${file} is ${what}, expected ${kind}s`,
      found ? 'swap the files, or rename them' : 'use rank 3 or 4 for images and rank 1 for labels',
    );
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < 4 + 4 * rank) throw truncated(file, bytes.length, `its header alone has ${4 + 4 * rank}`);
  return Array.from({ length: rank }, (_, dimension) => header.getUint32(4 + 4 * dimension));
}
