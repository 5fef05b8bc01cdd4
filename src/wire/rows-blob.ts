/** Rows of a data set that a worker does not hold, for its next step: their numbers, then their values, packed. */
import { type Examples, elements } from '../data/examples.js';
import { type ExamplesMeta, featureRowBytes, metaOf, weightRowBytes } from '../data/image.js';
import { RowReader } from '../data/row-reader.js';
import { WireError } from '../errors.js';

type Values = Float32Array | Uint8Array;

/** Rows as an engine's batch has them: one behind the other, without overlap. */
export interface RowValues {
  /** Rows of the data set that these are. */
  readonly rows: Int32Array;
  readonly features: Values;
  readonly targets: Int32Array | Float32Array;
  readonly weights?: Float32Array;
}

/** Where the parts of `count` rows begin: what has four bytes a value first, so that each is aligned. */
function placesOf(meta: ExamplesMeta, count: number) {
  const targets = count * 4;
  const weights = targets + count * elements(meta.targetShape) * 4;
  const features = weights + count * weightRowBytes(meta);
  return { targets, weights, features, end: features + count * featureRowBytes(meta) };
}

/** Bytes that a row takes on the wire. */
export const packedRowBytes = (meta: ExamplesMeta): number => placesOf(meta, 1).end;

/** Views of the parts; `bytes` begins at a multiple of four bytes of its buffer. */
function partsOf(meta: ExamplesMeta, bytes: Uint8Array<ArrayBuffer>, count: number): RowValues {
  const { buffer, byteOffset } = bytes;
  const { targets, weights, features } = placesOf(meta, count);
  const [width, targetWidth] = [elements(meta.featureShape), elements(meta.targetShape)];
  const Features = meta.featureType === 'uint8' ? Uint8Array : Float32Array;
  const Targets = meta.targetType === 'int32' ? Int32Array : Float32Array;
  return {
    rows: new Int32Array(buffer, byteOffset, count),
    features: new Features(buffer, byteOffset + features, count * width),
    targets: new Targets(buffer, byteOffset + targets, count * targetWidth),
    ...(meta.weighted
      ? { weights: new Float32Array(buffer, byteOffset + weights, (count * weightRowBytes(meta)) / 4) }
      : {}),
  };
}

/** Packs rows of the examples; those on disk are read. @param rows any of the examples, in any order */
export async function encodeRows(examples: Examples, rows: Int32Array): Promise<Uint8Array<ArrayBuffer>> {
  const meta = metaOf(examples);
  const bytes = new Uint8Array(placesOf(meta, rows.length).end);
  const parts = partsOf(meta, bytes, rows.length);
  const { features, file, targets, weights } = examples;
  const [width, targetWidth] = [elements(meta.featureShape), elements(meta.targetShape)];
  const [stride, targetStride] = [meta.featureStride ?? width, meta.targetStride ?? targetWidth];
  const weightWidth = weightRowBytes(meta) / 4;
  const inMemory = file?.first ?? meta.count;
  const reader = file && new RowReader(file, width, features.BYTES_PER_ELEMENT);
  const fromDisk = await reader?.load(
    rows.filter((row) => row >= inMemory),
    features,
  );
  let read = 0;
  parts.rows.set(rows);
  rows.forEach((row, i) => {
    const isRead = row >= inMemory;
    const start = isRead ? read++ * width : row * stride;
    parts.features.set((isRead ? fromDisk! : features).subarray(start, start + width), i * width);
    parts.targets.set(targets.subarray(row * targetStride, row * targetStride + targetWidth), i * targetWidth);
    if (weights) parts.weights!.set(weights.subarray(row * weightWidth, (row + 1) * weightWidth), i * weightWidth);
  });
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
