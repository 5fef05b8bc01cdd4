/** Who computes which shards of a step: by measured speed, in whole shards. The bits do not depend on it. */

/** What an assignment needs to know of a worker. */
export interface Capacity {
  readonly threads: number;
  /** Milliseconds that a thread takes for a shard; undefined before it has been seen. */
  readonly shardMilliseconds: number | undefined;
}

/**
 * Hands out the shards one by one, each to whoever would be done with it first, and lays them out in the order of the
 * workers: neighbours in the tree stay together, and a worker sends few sums.
 *
 * @returns the shards [low, high) of each worker, empty for some where workers are many or slow
 */
export function assign(shards: number, workers: readonly Capacity[]): { low: number; high: number }[] {
  const known = workers.flatMap(({ shardMilliseconds }) => shardMilliseconds ?? []);
  // Who has not been seen is taken for as fast as the others are on average.
  const usual = known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : 1;
  const counts = workers.map(() => 0);
  const finish = (i: number) =>
    Math.ceil((counts[i] + 1) / workers[i].threads) * (workers[i].shardMilliseconds ?? usual);
  for (let shard = 0; shard < shards; shard++) {
    let best = 0;
    for (let i = 1; i < workers.length; i++) if (finish(i) < finish(best)) best = i;
    counts[best]++;
  }
  let low = 0;
  return counts.map((count) => {
    const range = { low, high: low + count };
    low += count;
    return range;
  });
}
