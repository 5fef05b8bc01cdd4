/** In which order an epoch goes through the examples, and what its steps came to. */
import { stepBuckets } from '../../src/data/buckets.js';
import { batchOf } from '../../src/data/geometry.js';
import { epochOrder, groupedOrder } from '../../src/data/sampler.js';
import type { PreparedRun } from '../prepare/prepare.js';

/** Example indices of an epoch, in the order in which they are trained on. */
export function orderOf({ buckets, geometry, dataset, config }: PreparedRun, epoch: number): Int32Array {
  const { seed, training } = config;
  const order = epochOrder(dataset.splits.training, seed, epoch);
  if (!buckets || !training.groupByLength) return order;
  return groupedOrder(order, buckets, geometry.batchSize, seed, epoch);
}

/** How many steps of an epoch had sequences of each length; undefined where none are cut. */
export function stepsByPlaces(run: PreparedRun, epoch: number): Record<string, number> | undefined {
  const { buckets, geometry } = run;
  if (!buckets) return undefined;
  const steps = stepBuckets(buckets, geometry, orderOf(run, epoch));
  const counts = buckets.places.map((places, own) => [places, steps.filter((bucket) => bucket === own).length]);
  return Object.fromEntries(counts);
}

/**
 * Mean loss of the examples of the epoch that has just ended; its last step may be a smaller one. Steps that were skipped because the
 * loss itself overflowed have none.
 */
export function epochLoss({ geometry, trainer }: PreparedRun): number {
  let [sum, examples] = [0, 0];
  trainer.stepLosses.forEach((loss, step) => {
    if (!Number.isFinite(loss)) return;
    const { count } = batchOf(geometry, step);
    sum += loss * count;
    examples += count;
  });
  return sum / examples;
}
