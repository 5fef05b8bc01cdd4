/** Tables for tests: files of text, arrays of NumPy, and what a data set holds. */
import { readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { expect } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import type { TableEncoding } from '../../src/data/encoding.js';
import type { Dataset, Examples } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { DataError } from '../../src/errors.js';
import { elements } from '../../src/ground/elements.js';
import { partsOf } from './parts.js';

/** All rows for training where `data` asks for no split. */
export const load = (data: object): Promise<Dataset> =>
  loadDataset(dataSchema.parse({ validation: 0, test: 0, ...data }), 0);

/** Writes CSV files into a folder, each under a name of its own. */
export function csvFiles(folder: string) {
  let files = 0;
  const raw = (content: string | Buffer): string => {
    const file = join(folder, `${files++}.csv`);
    writeFileSync(file, content);
    return file;
  };
  return { raw, csv: (...lines: string[]): string => raw(`${lines.join('\n')}\n`) };
}

/** The `data` section of a CSV file whose target is `y`, and the same with numbers as they are. */
export const csvSource = (file: string, options: object = {}) => ({ source: 'csv', file, target: 'y', ...options });
export const plainCsv = (file: string, options: object = {}) => csvSource(file, { standardize: false, ...options });

/** The error that loading ends with. */
export async function failure(data: object): Promise<DataError> {
  const error = await load(data).catch((reason) => reason);
  expect(error).toBeInstanceOf(DataError);
  return error;
}

/** All feature rows, those in memory and those on disk. */
export function storedFeatures(examples: Examples): Float32Array | Uint8Array {
  const { features, file, count, featureShape } = partsOf(examples);
  if (!file) return features;
  const length = count * elements(featureShape);
  const all = features instanceof Uint8Array ? new Uint8Array(length) : new Float32Array(length);
  all.set(features);
  const rest = all.subarray(features.length);
  expect(readSync(file.fd, rest, 0, rest.byteLength, 0)).toBe(rest.byteLength);
  return all;
}

export function rowsOf(examples: Examples): number[][] {
  const width = elements(partsOf(examples).featureShape);
  const values = storedFeatures(examples);
  return Array.from({ length: examples.count }, (_, i) => [...values.subarray(i * width, (i + 1) * width)]);
}

export function tableEncoding({ encoding: { input } }: Dataset): TableEncoding {
  if (input.kind !== 'table') throw new Error(`inputs are ${input.kind}`);
  return input;
}

/** What 32-bit numbers hold of these. */
export const rounded = (rows: readonly (readonly number[])[]): number[][] => rows.map((row) => row.map(Math.fround));

/**
 * A .npy file.
 *
 * @param body the elements' bytes
 * @param version of the format, 1 to 3
 */
export function npyFile(
  descr: string,
  shape: readonly number[],
  body: Uint8Array,
  version = 1,
  fortran = false,
): Buffer {
  const order = fortran ? 'True' : 'False';
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const prefix = version === 1 ? 10 : 12;
  const text = `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${tuple}), }`;
  const padding = ' '.repeat(63 - ((prefix + text.length) % 64));
  const header = Buffer.from(`${text}${padding}\n`, 'latin1');
  const start = Buffer.alloc(prefix);
  start.write('\x93NUMPY', 'latin1');
  start.set([version, 0], 6);
  if (version === 1) start.writeUInt16LE(header.length, 8);
  else start.writeUInt32LE(header.length, 8);
  return Buffer.concat([start, header, body]);
}

/** A zip archive of such members, as they are or deflated. */
export function zipFile(members: readonly (readonly [name: string, content: Uint8Array])[], deflate = false): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let place = 0;
  for (const [name, content] of members) {
    const body = deflate ? deflateRawSync(content) : Buffer.from(content);
    // From the version that is needed to the length of the name: the same in both headers.
    const about = Buffer.alloc(26);
    about.writeUInt16LE(20, 0);
    about.writeUInt16LE(deflate ? 8 : 0, 4);
    about.writeUInt32LE(crc32(content), 10);
    about.writeUInt32LE(body.length, 14);
    about.writeUInt32LE(content.length, 18);
    about.writeUInt16LE(Buffer.byteLength(name), 22);
    const header = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), about, Buffer.from(name)]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(place, 10);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00', 'latin1'), about, rest, Buffer.from(name)]));
    parts.push(header, body);
    place += header.length + body.length;
  }
  const all = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(members.length, 8);
  end.writeUInt16LE(members.length, 10);
  end.writeUInt32LE(all.length, 12);
  end.writeUInt32LE(place, 16);
  return Buffer.concat([...parts, all, end]);
}
