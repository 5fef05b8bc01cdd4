/** What the threads of a pool leave of losses and divisors, in the order of the nodes that they computed. */
import { type Computed, type ComputeTask, leavesIn } from './round-worker.js';
import type { SharedState } from './shared-state.js';

type Sums = Pick<SharedState, 'shardLosses' | 'shardDivisors' | 'localLosses' | 'localDivisors'>;

/** @param stride steps that a replica has places for; undefined where the round is one step */
export function roundLosses(
  { shardLosses, shardDivisors, localLosses, localDivisors }: Sums,
  { nodes, local }: ComputeTask,
  stride: number | undefined,
): Pick<Computed, 'losses' | 'divisors'> {
  const leaves = leavesIn(nodes);
  if (stride === undefined) {
    const of = (values: Float64Array) => leaves.map((shard) => values[shard]);
    return { losses: of(shardLosses), divisors: of(shardDivisors) };
  }
  const of = (values: Float64Array) =>
    leaves.flatMap((replica) => [...values.subarray(replica * stride, replica * stride + local.length)]);
  return { losses: of(localLosses), divisors: of(localDivisors) };
}
