/** What tells one data set from another: sizes for people, a hash of every value for the program. */
import { createHash, type Hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { addBytes, sourceHash } from '../ground/checksum.js';
import { type Column, type Dataset, type Examples, inputColumn, targetColumn } from './examples.js';
import { bytesPerElement, isPlain, strideOf } from './field.js';
import { packExamples } from './packed.js';

export interface DataFingerprint {
  readonly examples: number;
  /** Shape of the first input. */
  readonly featureShape: readonly number[];
  /** Number of classes of the first target; null where it is numbers. */
  readonly classes: number | null;
  readonly training: number;
  readonly validation: number;
  readonly test: number;
  /** SHA-256 of the values of every field, and of the splits. */
  readonly sha256: string;
}

const blockBytes = 1 << 20;

export function fingerprintOf({
  examples,
  splits,
  encoding,
}: Pick<Dataset, 'examples' | 'splits'> & Partial<Pick<Dataset, 'encoding'>>): DataFingerprint {
  const hash = createHash('sha256');
  for (const column of examples.columns) {
    // Where a config names fields, the same values under other names are other data.
    if (!isPlain(column)) hash.update(`|${column.role} ${column.name}|`);
    hashColumn(hash, column, examples.count);
  }
  // Other units can come to the same standardized targets.
  if (encoding?.targetScaling) hash.update(JSON.stringify(encoding.targetScaling));
  for (const split of [splits.training, splits.validation, splits.test]) {
    addBytes(hash, split);
    hash.update('|');
  }
  return {
    examples: examples.count,
    featureShape: inputColumn(examples).shape,
    classes: targetColumn(examples).categories ?? null,
    training: splits.training.length,
    validation: splits.validation.length,
    test: splits.test.length,
    sha256: hash.digest('hex'),
  };
}

/**
 * SHA-256 of the examples as they are sent to workers, see packExamples: of their shapes and every value, however they are
 * split. The cache of a worker calls its files so.
 */
export const examplesFingerprint = (examples: Examples): Promise<string> => sourceHash(packExamples(examples));

function hashColumn(hash: Hash, column: Column, count: number): void {
  const { values, file } = column;
  addBytes(hash, values);
  if (!file) return;
  const start = file.start ?? 0;
  const bytes = (file.end ?? start + (count - file.first) * strideOf(column) * bytesPerElement(column)) - start;
  const block = Buffer.alloc(blockBytes);
  for (let position = 0; position < bytes; ) {
    const read = readSync(file.fd, block, 0, Math.min(blockBytes, bytes - position), start + position);
    if (read === 0) throw new Error('the file of rows is shorter than what was written to it');
    hash.update(block.subarray(0, read));
    position += read;
  }
}
