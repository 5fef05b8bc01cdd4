/** The order in which an epoch visits the training split. */
import { randomStream, shuffle } from './random.js';

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
