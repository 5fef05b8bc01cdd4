/** What tells one data set from another: sizes for people, a hash of every value for the program. */
import { createHash, type Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { addBytes, sourceHash } from './checksum.js';
import { type Dataset, type Examples, elements } from './examples.js';
import { examplesImage } from './image.js';

export interface DataFingerprint {
  readonly examples: number;
  readonly featureShape: readonly number[];
  /** null where targets are numbers. */
  readonly classes: number | null;
  readonly training: number;
  readonly validation: number;
  readonly test: number;
  /** Of features, targets, weights and splits. */
  readonly sha256: string;
}

const blockBytes = 1 << 20;

export function fingerprintOf({
  examples,
  splits,
  encoding,
}: Pick<Dataset, 'examples' | 'splits'> & Partial<Pick<Dataset, 'encoding'>>): DataFingerprint {
  const hash = createHash('sha256');
  hashFeatures(hash, examples);
  addBytes(hash, examples.targets);
  if (examples.weights) addBytes(hash, examples.weights);
  // Other units can come to the same standardized targets.
  if (encoding?.targetScaling) hash.update(JSON.stringify(encoding.targetScaling));
  for (const split of [splits.training, splits.validation, splits.test]) {
    addBytes(hash, split);
    hash.update('|');
  }
  return {
    examples: examples.count,
    featureShape: examples.featureShape,
    classes: examples.classes ?? null,
    training: splits.training.length,
    validation: splits.validation.length,
    test: splits.test.length,
    sha256: hash.digest('hex'),
  };
}

/**
 * SHA-256 of the examples as they are sent to workers, see examplesImage: of their shapes and every value, however they are
 * split. The cache of a worker calls its files so.
 */
export const examplesFingerprint = (examples: Examples): Promise<string> => sourceHash(examplesImage(examples));

function hashFeatures(hash: Hash, { features, file, count, featureShape }: Examples): void {
  addBytes(hash, features);
  if (!file) return;
  const bytes = (count - file.first) * elements(featureShape) * features.BYTES_PER_ELEMENT;
  const start = file.start ?? 0;
  const block = Buffer.alloc(blockBytes);
  for (let position = 0; position < bytes; ) {
    const read = readSync(file.fd, block, 0, Math.min(blockBytes, bytes - position), start + position);
    if (read === 0) throw new Error('the file of rows is shorter than what was written to it');
    hash.update(block.subarray(0, read));
    position += read;
  }
}
