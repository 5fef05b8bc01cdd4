/**
 * Examples as one sequence of bytes: a line that says what they are, then features, targets and weights, little-endian, one
 * behind the other. It is what workers are sent and keep in their caches; its SHA-256 is the fingerprint of the examples.
 */
import { type Examples, elements } from './examples.js';
import { readFully } from './row-reader.js';

/** What examples are, without their values. */
export interface ExamplesMeta {
  readonly count: number;
  readonly featureShape: readonly number[];
  readonly featureType: 'float32' | 'uint8';
  readonly featureScale: number;
  /** Elements from one row to the next where rows overlap. */
  readonly featureStride?: number;
  readonly targetShape: readonly number[];
  readonly targetType: 'float32' | 'int32';
  readonly targetStride?: number;
  readonly classes?: number;
  /** Whether examples carry weights. */
  readonly weighted: boolean;
  /** Shape of an example's weights where each place has its own. */
  readonly weightShape?: readonly number[];
}

export const metaOf = (examples: Examples): ExamplesMeta => ({
  count: examples.count,
  featureShape: [...examples.featureShape],
  featureType: examples.features instanceof Uint8Array ? 'uint8' : 'float32',
  featureScale: examples.featureScale,
  ...(examples.featureStride === undefined ? {} : { featureStride: examples.featureStride }),
  targetShape: [...examples.targetShape],
  targetType: examples.targets instanceof Int32Array ? 'int32' : 'float32',
  ...(examples.targetStride === undefined ? {} : { targetStride: examples.targetStride }),
  ...(examples.classes === undefined ? {} : { classes: examples.classes }),
  weighted: examples.weights !== undefined,
  ...(examples.weightShape === undefined ? {} : { weightShape: [...examples.weightShape] }),
});

/** Bytes of a feature row. */
export const featureRowBytes = ({ featureShape, featureType }: ExamplesMeta): number =>
  elements(featureShape) * (featureType === 'uint8' ? 1 : 4);

/** Bytes of an example's weights. */
export const weightRowBytes = ({ weighted, weightShape = [] }: ExamplesMeta): number =>
  weighted ? elements(weightShape) * 4 : 0;

/** Elements that `count` rows of `width` span, whatever the distance between them. */
const span = (count: number, width: number, stride = width): number => (count === 0 ? 0 : (count - 1) * stride + width);

/** Bytes of each part of the values. */
export function imageSizes(meta: ExamplesMeta): { features: number; targets: number; weights: number } {
  const { count, featureShape, featureStride, featureType, targetShape, targetStride } = meta;
  const size = featureType === 'uint8' ? 1 : 4;
  return {
    features: span(count, elements(featureShape), featureStride) * size,
    targets: span(count, elements(targetShape), targetStride) * 4,
    weights: count * weightRowBytes(meta),
  };
}

/** How the line starts, with the number of the form. */
export const imageMagic = 'lockstep-examples 1 ';
/** The line is filled up with spaces to a multiple of this. */
const lineUnit = 64;

/** The line of the examples, the same bytes wherever it is written. */
export function imageHeader(meta: ExamplesMeta): Uint8Array {
  const line = imageMagic + JSON.stringify(meta);
  return new TextEncoder().encode(`${line.padEnd(Math.ceil((line.length + 1) / lineUnit) * lineUnit - 1)}\n`);
}

interface Part {
  readonly bytes: number;
  /** Fills `target` with the bytes from `offset` on. */
  fill(target: Uint8Array, offset: number): void | Promise<void>;
}

const inMemory = ({ buffer, byteOffset }: ArrayBufferView, bytes: number): Part => ({
  bytes,
  fill: (target, offset) => target.set(new Uint8Array(buffer, byteOffset + offset, target.length)),
});

const inFile = (fd: number, start: number, bytes: number): Part => ({
  bytes,
  fill: (target, offset) => readFully(fd, target, start + offset),
});

function partsOf(examples: Examples): Part[] {
  const { features, file, targets, weights } = examples;
  const meta = metaOf(examples);
  const sizes = imageSizes(meta);
  const header = imageHeader(meta);
  const rowsInMemory = file ? file.first * featureRowBytes(meta) : sizes.features;
  return [
    inMemory(header, header.length),
    inMemory(features, rowsInMemory),
    ...(file ? [inFile(file.fd, file.start ?? 0, sizes.features - rowsInMemory)] : []),
    inMemory(targets, sizes.targets),
    ...(weights ? [inMemory(weights, sizes.weights)] : []),
  ];
}

/** The bytes of examples, any piece of them; rows that are on disk are read when they are asked for. */
export function examplesImage(examples: Examples): {
  readonly length: number;
  read(offset: number, length: number): Promise<Uint8Array>;
} {
  const parts = partsOf(examples);
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
