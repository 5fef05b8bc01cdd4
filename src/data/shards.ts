/** How an epoch divides into steps, and a step's batch into shards. */

/** `count` rows from row `start`. */
export interface RowRange {
  readonly start: number;
  readonly count: number;
}

/** Steps in an epoch over `examples` examples; the last step takes what is left. */
export function stepCount(examples: number, batchSize: number): number {
  return Math.ceil(examples / batchSize);
}

/**
 * The part of the epoch's order that step `step` uses.
 *
 * @param step counted from 0 within the epoch, below `stepCount(examples, batchSize)`
 */
export function batchOf(step: number, examples: number, batchSize: number): RowRange {
  const start = step * batchSize;
  return { start, count: Math.min(batchSize, examples - start) };
}

/**
 * The rows of a batch of `count` examples that belong to shard `shard`, relative to the batch's start.
 * A smaller batch fills the first shards; the one after may be smaller, the rest are empty.
 */
export function shardOf(count: number, shardSize: number, shard: number): RowRange {
  const start = Math.min(count, shard * shardSize);
  return { start, count: Math.min(shardSize, count - start) };
}
