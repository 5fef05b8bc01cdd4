/** How a run divides: global batches into shards, epochs into steps, splits into evaluation batches. */
import type { TrainingConfig } from '../src/config/training.js';
import type { Splits } from '../src/data/examples.js';
import { batchOf, shardOf, stepCount } from '../src/data/shards.js';
import { ConfigError } from '../src/errors.js';
import type { Geometry } from '../src/pool/spec.js';

/** Examples of an evaluation batch: the sums of a batch are float32, so this is part of what fixes their bits. */
export const evaluationBatch = 128;

/** What `auto` chooses from: numbers of shards, and the fewest examples that make each worth its cost (README, Shards). */
const autoShards = [
  { shards: 8, examplesEach: 64 },
  { shards: 4, examplesEach: 32 },
  { shards: 2, examplesEach: 32 },
];

/** The number of shards of `auto`: a function of the batch size alone, because the bits depend on it. */
export function defaultShards(batchSize: number): number {
  const fits = autoShards.find(
    ({ shards, examplesEach }) => batchSize % shards === 0 && batchSize / shards >= examplesEach,
  );
  return fits?.shards ?? 1;
}

/** @throws ConfigError when the batch does not fit the training split or the shards */
export function planGeometry(
  config: Pick<TrainingConfig, 'epochs' | 'batchSize' | 'shards' | 'accumulate'>,
  splits: Pick<Splits, 'training'>,
): Geometry {
  const training = splits.training.length;
  const batchSize = config.batchSize === 'all' ? training : config.batchSize;
  if (batchSize > training) {
    throw new ConfigError(
      `training.batchSize: ${batchSize} exceeds the training split of ${training} examples`,
      `use at most ${training}, or "all"`,
    );
  }
  if (batchSize % config.accumulate !== 0) {
    throw new ConfigError(
      `training.accumulate: ${config.accumulate} does not divide the whole training split of ${batchSize} examples`,
      'use accumulate: 1, or a batch size',
    );
  }
  // Parts of a batch differ in nothing but when they are computed: each is some of its shards.
  const parts = config.accumulate;
  const shards = config.shards === 'auto' ? parts * defaultShards(batchSize / parts) : config.shards;
  if (batchSize % shards !== 0) {
    throw new ConfigError(
      `training.shards: the whole training split of ${batchSize} examples is not a multiple of shards ${shards}`,
      'use shards: auto, or shards: 1',
    );
  }
  const stepsPerEpoch = stepCount(training, batchSize);
  return { training, batchSize, shards, epochs: config.epochs, stepsPerEpoch, evaluationBatch };
}

/** Sizes of the shards that occur: the full one, and what the last step of an epoch leaves over. */
export function shardSizes({ training, batchSize, shards, stepsPerEpoch }: Geometry): number[] {
  const sizes = new Set<number>();
  for (const step of [0, stepsPerEpoch - 1]) {
    const { count } = batchOf(step, training, batchSize);
    for (let shard = 0; shard < shards; shard++) sizes.add(shardOf(count, batchSize / shards, shard).count);
  }
  sizes.delete(0);
  return [...sizes];
}

/** Sizes of the evaluation batches of splits of these lengths. */
export function evaluationSizes({ evaluationBatch }: Geometry, lengths: readonly number[]): number[] {
  const sizes = new Set<number>();
  for (const length of lengths) {
    if (length >= evaluationBatch) sizes.add(evaluationBatch);
    sizes.add(length % evaluationBatch);
  }
  sizes.delete(0);
  return [...sizes];
}
