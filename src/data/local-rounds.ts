/**
 * Rounds of local steps: each replica takes some optimizer steps on its own shards of the global batches before anything
 * crosses the network. Replicas are a matter of the config, as shards are: whoever computes one comes to the same bits.
 */
import type { SyncConfig } from '../config/cluster.js';
import { ConfigError } from '../errors.js';
import { plural } from '../ground/units.js';
import { activeShards, type Geometry, type RowRange, shardsOf } from './geometry.js';

/** The replicas, or the shards, [low, high). */
interface IndexRange {
  readonly low: number;
  readonly high: number;
}

export interface LocalRounds {
  /** Of a round, at most: the last one of an epoch takes what is left. */
  readonly steps: number;
  /** Divides the shards of a step. */
  readonly replicas: number;
  /** Steps of the run before the first round. */
  readonly warmUpSteps: number;
  /** To what replicas round what they move by. */
  readonly quantize?: 'int8' | 'int4';
}

/** Rows that a round may be made of: a worker is told all of its own in one message. */
const mostRows = 300_000;

/**
 * @returns undefined where everybody exchanges gradients after each step
 * @throws ConfigError when the shards cannot be dealt out to so many replicas, or a round takes too many examples
 */
export function planLocalRounds(sync: SyncConfig, { shards, batchSize }: Geometry): LocalRounds | undefined {
  if (sync === 'step') return undefined;
  const { steps, warmUpSteps, quantize } = sync.local;
  const replicas = sync.local.replicas === 'auto' ? shards : sync.local.replicas;
  if (shards % replicas !== 0) {
    throw new ConfigError(
      `cluster.sync.local.replicas: ${plural(shards, 'shard')} of a step cannot be dealt out to ${plural(replicas, 'replica')}`,
      `use a divisor of ${shards}, or set training.shards to a multiple of ${replicas} that divides the batch size of ${batchSize}`,
    );
  }
  if (steps * batchSize > mostRows) {
    const fitting = Math.floor(mostRows / batchSize);
    throw new ConfigError(
      `cluster.sync.local.steps: ${steps} steps of ${batchSize} examples are more than the ${mostRows.toLocaleString('en-US')} of a round`,
      fitting > 0 ? `use at most ${fitting}` : 'use a smaller training.batchSize',
    );
  }
  return { steps, replicas, warmUpSteps, ...(quantize && { quantize }) };
}

/** Steps of the round that begins with step `step` of an epoch. */
export function roundSteps({ stepsPerEpoch }: Geometry, local: LocalRounds | undefined, step: number): number {
  return local ? Math.min(local.steps, stepsPerEpoch - step) : 1;
}

/** Shards with examples that the replicas [low, high) have in a step; none where low is high. */
export function replicaShards(
  geometry: Geometry,
  { replicas }: Pick<LocalRounds, 'replicas'>,
  step: number,
  node: IndexRange,
): IndexRange {
  const active = activeShards(geometry, step);
  const [low, high] = [node.low, node.high].map((end) => Math.min(active, (end * geometry.shards) / replicas));
  return { low, high };
}

/** Places in the epoch's order of the examples of those shards. */
export function replicaRows(geometry: Geometry, local: LocalRounds, step: number, node: IndexRange): RowRange {
  const { low, high } = replicaShards(geometry, local, step, node);
  return shardsOf(geometry, step, low, high);
}
