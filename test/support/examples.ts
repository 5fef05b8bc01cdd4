/** Small sets of examples of every kind that data sources make. */
import type { Examples } from '../../src/data/examples.js';
import { RowWriter } from '../../src/data/row-writer.js';
import { lcg } from './engines.js';
import { examplesOf, partsOf } from './parts.js';

const shared = (bytes: number) => new SharedArrayBuffer(bytes);

function floats(length: number, random: () => number): Float32Array {
  return new Float32Array(shared(length * 4)).map(() => random() * 2 - 1);
}

/** Images of bytes [5, 3, 1] with one class each. */
export function byteExamples(count: number, seed = 1): Examples {
  const random = lcg(seed);
  return examplesOf({
    count,
    features: new Uint8Array(shared(count * 15)).map(() => random() * 256),
    featureScale: 1 / 255,
    featureShape: [5, 3, 1],
    targets: new Int32Array(shared(count * 4)).map(() => random() * 4),
    targetShape: [],
    classes: 4,
  });
}

/** Rows of three numbers with two targets and a weight each. */
export function weightedExamples(count: number): Examples {
  const random = lcg(2);
  return examplesOf({
    count,
    features: floats(count * 3, random),
    featureScale: 1,
    featureShape: [3],
    targets: floats(count * 2, random),
    targetShape: [2],
    weights: floats(count, random),
  });
}

/** Windows of a text: each starts two places after the one before; a sequence of classes each. */
export function overlappingExamples(count: number): Examples {
  const random = lcg(3);
  const length = (count - 1) * 2 + 8;
  return examplesOf({
    count,
    // Longer than what the windows see.
    features: new Uint8Array(shared(length + 7)).map(() => random() * 50),
    featureScale: 1,
    featureShape: [8],
    featureStride: 2,
    targets: new Int32Array(shared((length + 7) * 4)).map(() => random() * 50),
    targetShape: [8],
    targetStride: 2,
    classes: 50,
  });
}

/** The same examples with only the first `inMemory` rows in memory. To be closed with `closeRows(file)`. */
export function partlyOnDisk(examples: Examples, inMemory: number): Examples {
  const { features, count, featureShape } = partsOf(examples);
  const width = featureShape.reduce((a, b) => a * b, 1);
  const type = features instanceof Uint8Array ? 'uint8' : 'float32';
  const writer = new RowWriter(width, type, inMemory * width * features.BYTES_PER_ELEMENT);
  for (let i = 0; i < count; i++) writer.append(features.subarray(i * width, (i + 1) * width));
  const [input, ...columns] = examples.columns;
  return { count, columns: [{ ...input, ...writer.finish() }, ...columns] };
}
