/** The order in which an epoch visits the training split. */

import { randomStream, shuffle } from '../ground/random.js';
import type { Buckets } from './buckets.js';

/**
 * The training split in the order of epoch `epoch`: each example exactly once, every order equally likely.
 *
 * A function of its arguments alone, so any worker, and any resumed run, computes the same order.
 *
 * @param training example indices; left as it is
 * @param seed seed of the run
 * @param epoch counted from 0
 */
export function epochOrder(training: Int32Array, seed: number, epoch: number): Int32Array {
  const order = training.slice();
  shuffle(order, randomStream('order', seed, epoch));
  return order;
}

/** Batches within which examples change places, as in group_by_length of Hugging Face's Trainer. */
const chunk = 50;

/**
 * The order of an epoch with examples of one bucket brought together: within each 50 batches they are sorted by bucket, in the
 * order in which they came, and the whole batches shuffled. Which examples share a batch, and when it comes, stays random.
 */
export function groupedOrder(
  order: Int32Array,
  { places, of }: Buckets,
  batchSize: number,
  seed: number,
  epoch: number,
): Int32Array {
  const grouped = new Int32Array(order.length);
  const random = randomStream('batches', seed, epoch);
  for (let start = 0; start < order.length; start += chunk * batchSize) {
    const own = order.subarray(start, start + chunk * batchSize);
    const sorted = Int32Array.from(places.flatMap((_, bucket) => [...own.filter((example) => of[example] === bucket)]));
    const batches = Int32Array.from({ length: Math.floor(own.length / batchSize) }, (_, i) => i);
    shuffle(batches, random);
    batches.forEach((batch, i) => {
      grouped.set(sorted.subarray(batch * batchSize, (batch + 1) * batchSize), start + i * batchSize);
    });
    // What makes no whole batch stays at the end of the epoch.
    grouped.set(sorted.subarray(batches.length * batchSize), start + batches.length * batchSize);
  }
  return grouped;
}
