/**
 * Examples as one sequence of bytes: a line that says what they are, then the values of each field, little-endian, one behind
 * the other. It is what workers are sent and keep in their caches; its SHA-256 is the fingerprint of the examples.
 */
import type { Column, Examples } from './examples.js';
import { bytesPerElement, type Field, isCopy, strideOf, widthOf } from './field.js';
import { readFully } from './row-reader.js';

/** What examples are, without their values. */
export interface ExamplesMeta {
  readonly count: number;
  readonly fields: readonly Field[];
}

/** A field as it is written: keys in this order, those that are absent left out. */
const plainField = ({ name, role, type, shape, scale, stride, categories, of }: Field): Field => ({
  name,
  role,
  type,
  shape: [...shape],
  ...(scale === undefined || scale === 1 ? {} : { scale }),
  ...(stride === undefined ? {} : { stride }),
  ...(categories === undefined ? {} : { categories }),
  ...(of === undefined ? {} : { of }),
});

export const metaOf = ({ count, columns }: Examples): ExamplesMeta => ({ count, fields: columns.map(plainField) });

/** Bytes of all rows of a field, whatever the distance between them; none of one that is an input. */
export function columnBytes(field: Field, count: number): number {
  if (isCopy(field)) return 0;
  const span = count === 0 ? 0 : (count - 1) * strideOf(field) + widthOf(field);
  return span * bytesPerElement(field);
}

/** How the line starts, with the number of the form. */
export const packedMagic = 'lockstep-examples 2 ';
/** The line, and the values of each field, are filled up to a multiple of this, so that each begins where numbers of four bytes may. */
const unit = 64;

export const paddedBytes = (bytes: number): number => Math.ceil(bytes / unit) * unit;

/** The line of the examples, the same bytes wherever it is written. */
export function packedHeader({ count, fields }: ExamplesMeta): Uint8Array {
  const line = packedMagic + JSON.stringify({ count, fields: fields.map(plainField) });
  const text = new TextEncoder().encode(line);
  const header = new Uint8Array(paddedBytes(text.length + 1)).fill(0x20);
  header.set(text);
  header[header.length - 1] = 0x0a;
  return header;
}

/** Bytes of the values of all fields. */
export const packedBytes = ({ count, fields }: ExamplesMeta): number =>
  fields.reduce((sum, field) => sum + paddedBytes(columnBytes(field, count)), 0);

interface PackedPart {
  readonly bytes: number;
  /** Fills `target` with the bytes from `offset` on. */
  fill(target: Uint8Array, offset: number): void | Promise<void>;
}

const inMemory = ({ buffer, byteOffset }: ArrayBufferView, bytes: number): PackedPart => ({
  bytes,
  fill: (target, offset) => target.set(new Uint8Array(buffer, byteOffset + offset, target.length)),
});

const inFile = (fd: number, start: number, bytes: number): PackedPart => ({
  bytes,
  fill: (target, offset) => readFully(fd, target, start + offset),
});

const zeros = (bytes: number): PackedPart => ({ bytes, fill: (target) => void target.fill(0) });

function columnParts(column: Column, count: number): PackedPart[] {
  if (isCopy(column)) return [];
  const { values, file } = column;
  const bytes = columnBytes(column, count);
  const rowsInMemory = file ? file.first * strideOf(column) * bytesPerElement(column) : bytes;
  return [
    inMemory(values, rowsInMemory),
    ...(file ? [inFile(file.fd, file.start ?? 0, bytes - rowsInMemory)] : []),
    zeros(paddedBytes(bytes) - bytes),
  ];
}

/** The bytes of examples, any piece of them; rows that are on disk are read when they are asked for. */
export function packExamples(examples: Examples): {
  readonly length: number;
  read(offset: number, length: number): Promise<Uint8Array>;
} {
  const header = packedHeader(metaOf(examples));
  const columns = examples.columns.flatMap((column) => columnParts(column, examples.count));
  const parts = [inMemory(header, header.length), ...columns];
  const length = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  const read = async (offset: number, wanted: number): Promise<Uint8Array> => {
    const block = new Uint8Array(wanted);
    let start = 0;
    for (const part of parts) {
      const from = Math.max(offset, start);
      const to = Math.min(offset + wanted, start + part.bytes);
      if (from < to) await part.fill(block.subarray(from - offset, to - offset), from - start);
      start += part.bytes;
    }
    return block;
  };
  return { length, read };
}
