/** Rows of a data set that a worker does not hold, for its next step: their numbers, then the values of each field, packed. */
import type { Examples } from '../data/examples.js';
import { bytesPerElement, isCopy, rowBytes, strideOf, type Values, valuesOf, widthOf } from '../data/field.js';
import { type ExamplesMeta, metaOf } from '../data/packed.js';
import { RowReader } from '../data/row-reader.js';
import { WireError } from '../errors.js';

/** Rows as an engine's batch has them: one behind the other, without overlap. */
export interface RowValues {
  /** Rows of the data set that these are. */
  readonly rows: Int32Array;
  /** Of each field, in their order. */
  readonly values: readonly Values[];
}

/** Bytes that a row takes on the wire. */
export const packedRowBytes = ({ fields }: ExamplesMeta): number =>
  fields.reduce((sum, field) => sum + (isCopy(field) ? 0 : rowBytes(field)), 4);

/** Views of the parts; `bytes` begins at a multiple of four bytes of its buffer. */
function partsOf({ fields }: ExamplesMeta, bytes: Uint8Array<ArrayBuffer>, count: number): RowValues {
  const { buffer, byteOffset } = bytes;
  let place = byteOffset + count * 4;
  const values = new Array<Values>(fields.length);
  // What has four bytes a value goes first, so that each is aligned.
  for (const size of [4, 1]) {
    fields.forEach((field, i) => {
      if (bytesPerElement(field) !== size || isCopy(field)) return;
      values[i] = valuesOf(field.type, buffer, place, count * widthOf(field));
      place += count * rowBytes(field);
    });
  }
  fields.forEach((field, i) => {
    if (isCopy(field)) values[i] = values[fields.findIndex(({ name }) => name === field.of)];
  });
  return { rows: new Int32Array(buffer, byteOffset, count), values };
}

/** Packs rows of the examples; those on disk are read. @param rows any of the examples, in any order */
export async function encodeRows(examples: Examples, rows: Int32Array): Promise<Uint8Array<ArrayBuffer>> {
  const meta = metaOf(examples);
  const bytes = new Uint8Array(rows.length * packedRowBytes(meta));
  const parts = partsOf(meta, bytes, rows.length);
  parts.rows.set(rows);
  for (let i = 0; i < examples.columns.length; i++) {
    const column = examples.columns[i];
    if (isCopy(column)) continue;
    const { values, file } = column;
    const [width, stride] = [widthOf(column), strideOf(column)];
    const inMemory = file?.first ?? meta.count;
    const onDisk = rows.filter((row) => row >= inMemory);
    const fromDisk = file && (await new RowReader(file, column).load(onDisk, values));
    let read = 0;
    rows.forEach((row, place) => {
      const isRead = row >= inMemory;
      const start = isRead ? read++ * width : row * stride;
      parts.values[i].set((isRead ? fromDisk! : values).subarray(start, start + width), place * width);
    });
  }
  return bytes;
}

/**
 * @param bytes what encodeRows made; the result may be views of it
 * @throws WireError when it is not whole rows, or one is none of the data set
 */
export function decodeRows(bytes: Uint8Array, meta: ExamplesMeta): RowValues {
  const remedy = 'the rows have to be sent again';
  const each = packedRowBytes(meta);
  const count = bytes.length / each;
  if (!Number.isInteger(count))
    throw new WireError(`rows: ${bytes.length} bytes are not whole rows of ${each}`, remedy);
  const aligned = bytes.byteOffset % 4 === 0 && bytes.buffer instanceof ArrayBuffer;
  const values = partsOf(meta, aligned ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes), count);
  const wrong = values.rows.find((row) => row < 0 || row >= meta.count);
  if (wrong === undefined) return values;
  throw new WireError(`rows: there is no row ${wrong} in a data set of ${meta.count}`, remedy);
}
