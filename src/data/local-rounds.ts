/**
 * Rounds of local steps: each replica takes some optimizer steps on its own shards of the global batches before anything
 * crosses the network. Replicas are a matter of the config, as shards are: whoever computes one comes to the same bits.
 */
import type { MovementPrecision, SyncConfig } from '../config/cluster.js';
import { usualMixing } from '../config/usual.js';
import { ConfigError } from '../errors.js';
import { grouped, plural } from '../ground/units.js';
import { activeShards, type Geometry, type RowRange, shardsOf } from './geometry.js';

/** The replicas, or the shards, [low, high). */
interface IndexRange {
  readonly low: number;
  readonly high: number;
}

export interface LocalRounds {
  /** Of a round, at most: the last one of an epoch takes what is left. Each round exchanges one part. */
  readonly steps: number;
  /** Divides the shards of a step. */
  readonly replicas: number;
  /** Steps of the run before the first round. */
  readonly warmUpSteps: number;
  /** Parts of the parameters that rounds exchange in turn; absent where each exchanges all. */
  readonly parts?: number;
  /** The last steps of a round, at most, which replicas take while the part is exchanged; absent where there are none. */
  readonly overlap?: number;
  /** How much a replica then keeps of a part of its own. */
  readonly mixing?: number;
  /** To what replicas round what they move by. */
  readonly quantize?: MovementPrecision;
}

/** Rows that a round may be made of: a worker is told all of its own in one message. */
const mostRows = 300_000;

/** Whether replicas have parameters of their own from round to round. */
export const isStreaming = ({ parts, overlap }: Pick<LocalRounds, 'parts' | 'overlap'>): boolean =>
  parts !== undefined || overlap !== undefined;

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
      `cluster.sync.local.steps: ${steps} steps of ${batchSize} examples are more than the ${grouped(mostRows)} of a round`,
      fitting > 0 ? `use at most ${fitting}` : 'use a smaller training.batchSize',
    );
  }
  return { replicas, warmUpSteps, ...(quantize && { quantize }), ...planParts(sync.local) };
}

/** @throws ConfigError when the steps cannot be divided so */
function planParts({
  steps,
  parts,
  overlap,
  mixing,
}: Exclude<SyncConfig, 'step'>['local']): Pick<LocalRounds, 'steps' | 'parts' | 'overlap' | 'mixing'> {
  if (steps % parts !== 0) {
    const below = Math.floor(steps / parts) * parts;
    throw new ConfigError(
      `cluster.sync.local.parts: ${plural(steps, 'step')} cannot be divided among ${plural(parts, 'part')}`,
      `set cluster.sync.local.steps to ${below > 0 ? `${below} or ` : ''}${below + parts}`,
    );
  }
  const each = steps / parts;
  if (overlap >= each) {
    throw new ConfigError(
      `cluster.sync.local.overlap: a part is exchanged every ${plural(each, 'step')}, and cannot be under way for ${overlap}`,
      each > 1 ? `use at most ${each - 1}, or fewer parts` : 'use fewer parts, or leave it out',
    );
  }
  if (mixing !== undefined && overlap === 0) {
    throw new ConfigError(
      `cluster.sync.local.mixing: ${mixing} says what becomes of the steps that replicas take while a part is exchanged, and they take none`,
      'set cluster.sync.local.overlap, or leave mixing out',
    );
  }
  return {
    steps: each,
    ...(parts > 1 && { parts }),
    ...(overlap > 0 && { overlap, mixing: mixing ?? usualMixing }),
  };
}

/** Rounds of local steps before the one that begins with step `step` of an epoch. */
export function roundsBefore(
  { stepsPerEpoch }: Geometry,
  { steps, warmUpSteps }: LocalRounds,
  epoch: number,
  step: number,
): number {
  const [first, from] = [Math.floor(warmUpSteps / stepsPerEpoch), warmUpSteps % stepsPerEpoch];
  if (epoch === first) return (step - from) / steps;
  const whole = (epoch - first - 1) * Math.ceil(stepsPerEpoch / steps);
  return Math.ceil((stepsPerEpoch - from) / steps) + whole + step / steps;
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
