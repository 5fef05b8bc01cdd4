/** How a run divides: epochs into steps, a step's global batch into shards, a split into evaluation batches. Nobody else divides. */

import type { TrainingConfig } from '../config/training.js';
import { ConfigError } from '../errors.js';
import { plural } from '../ground/units.js';
import type { Splits } from './examples.js';

export interface Geometry {
  /** Examples of the training split. */
  readonly training: number;
  /** Examples of a step; the last one of an epoch takes what is left. */
  readonly batchSize: number;
  /** Divides `batchSize`. */
  readonly shards: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Examples of an evaluation batch; fixed, because the bits of a sum depend on it. */
  readonly evaluationBatch: number;
}

/** What an epoch is cut by. */
type BatchCut = Pick<Geometry, 'training' | 'batchSize'>;

/** `count` rows from row `start`. */
export interface RowRange {
  readonly start: number;
  readonly count: number;
}

/** Examples of an evaluation batch: the sums of a batch are float32, so this is part of what fixes their bits. */
export const evaluationBatch = 128;

/**
 * What `auto` chooses from: numbers of shards, and the fewest examples, or of windows of a text tokens, that make each worth its
 * cost (docs/performance.md, Shards).
 */
const autoShards = [
  { shards: 8, examplesEach: 64, tokensEach: 512 },
  { shards: 4, examplesEach: 32, tokensEach: 256 },
  { shards: 2, examplesEach: 32, tokensEach: 256 },
];

/**
 * The number of shards of `auto`: a function of batch size and window alone, because the bits depend on it.
 * @param window tokens of an example, where the examples are windows of a text
 */
export function defaultShards(batchSize: number, window = 0): number {
  const fits = autoShards.find(({ shards, examplesEach, tokensEach }) => {
    const examples = batchSize / shards;
    return Number.isInteger(examples) && (examples >= examplesEach || examples * window >= tokensEach);
  });
  return fits?.shards ?? 1;
}

/**
 * @param window tokens of an example, where the examples are windows of a text
 * @throws ConfigError when the batch does not fit the training split or the shards
 */
export function planGeometry(
  config: Pick<TrainingConfig, 'epochs' | 'batchSize' | 'shards' | 'accumulate'>,
  splits: Pick<Splits, 'training'>,
  window?: number,
): Geometry {
  const training = splits.training.length;
  const batchSize = config.batchSize === 'all' ? training : config.batchSize;
  if (batchSize > training) {
    throw new ConfigError(
      `training.batchSize: ${batchSize} exceeds the training split of ${plural(training, 'example')}`,
      `use at most ${training}, or "all"`,
    );
  }
  if (batchSize % config.accumulate !== 0) {
    throw new ConfigError(
      `training.accumulate: ${config.accumulate} does not divide the whole training split of ${plural(batchSize, 'example')}`,
      'use accumulate: 1, or a batch size',
    );
  }
  // Parts of a batch differ in nothing but when they are computed: each is some of its shards.
  const parts = config.accumulate;
  const shards = config.shards === 'auto' ? parts * defaultShards(batchSize / parts, window) : config.shards;
  if (batchSize % shards !== 0) {
    throw new ConfigError(
      `training.shards: the whole training split of ${plural(batchSize, 'example')} is not a multiple of shards ${shards}`,
      'use shards: auto, or shards: 1',
    );
  }
  const { epochs } = config;
  return { training, batchSize, shards, epochs, stepsPerEpoch: stepsOf({ training, batchSize }), evaluationBatch };
}

/** Steps of an epoch. */
export function stepsOf({ training, batchSize }: BatchCut): number {
  return Math.ceil(training / batchSize);
}

/** Examples of an epoch that come before its step `step`: all of them for the step after the last. */
export function examplesBefore({ training, batchSize }: BatchCut, step: number): number {
  return Math.min(training, step * batchSize);
}

/** Places in the epoch's order of the examples of its step `step`, counted from 0. */
export function batchOf(cut: BatchCut, step: number): RowRange {
  const start = examplesBefore(cut, step);
  return { start, count: examplesBefore(cut, step + 1) - start };
}

/** Of the rows that an epoch uses, in their order, those of the steps [first, last): one list a step. */
export function rowsUsed(cut: BatchCut, used: Int32Array, first: number, last: number): Int32Array[] {
  return Array.from({ length: last - first }, (_, i) => {
    const { start, count } = batchOf(cut, first + i);
    return used.slice(start, start + count);
  });
}

/** Examples of a shard, but for the last of a smaller batch. */
export function shardSize({ batchSize, shards }: Pick<Geometry, 'batchSize' | 'shards'>): number {
  return batchSize / shards;
}

/**
 * Places in the epoch's order of the examples that the shards [low, high) of step `step` hold together. A smaller batch fills
 * the first shards; the one after may be smaller, the rest are empty.
 */
export function shardsOf(geometry: Geometry, step: number, low: number, high: number): RowRange {
  const batch = batchOf(geometry, step);
  const [from, to] = [low, high].map((shard) => Math.min(batch.count, shard * shardSize(geometry)));
  return { start: batch.start + from, count: to - from };
}

/** Shards of a step of an epoch that hold examples: the first so many. */
export function activeShards(geometry: Geometry, step: number): number {
  return Math.ceil(batchOf(geometry, step).count / shardSize(geometry));
}

/** Sizes of the shards that occur: the full one, and what the last step of an epoch leaves over. */
export function shardSizes(geometry: Geometry): number[] {
  const sizes = new Set<number>();
  for (const step of [0, geometry.stepsPerEpoch - 1]) {
    for (let shard = 0; shard < geometry.shards; shard++) sizes.add(shardsOf(geometry, step, shard, shard + 1).count);
  }
  sizes.delete(0);
  return [...sizes];
}

/** The number of a step from the start of the run, counted from 0. */
export function roundOf({ stepsPerEpoch }: Pick<Geometry, 'stepsPerEpoch'>, epoch: number, step: number): number {
  return epoch * stepsPerEpoch + step;
}

/** How many evaluation batches a split of `length` examples has. */
export function evaluationBatchCount(geometry: Pick<Geometry, 'evaluationBatch'>, length: number): number {
  return Math.ceil(length / geometry.evaluationBatch);
}

/** Evaluation batches of a split of `length` examples. */
export function evaluationBatches(geometry: Pick<Geometry, 'evaluationBatch'>, length: number): RowRange[] {
  const cut = { training: length, batchSize: geometry.evaluationBatch };
  return Array.from({ length: evaluationBatchCount(geometry, length) }, (_, batch) => batchOf(cut, batch));
}
