/** How the sums of a round are made known to everybody, by the config. */
import type { ClusterConfig } from '../../src/config/cluster.js';
import type { TrainingOptions } from '../../src/pool/pool-options.js';
import type { Worker } from '../../src/pool/round-worker.js';
import { powerSgdFloats } from '../../src/reduce/power-sgd.js';
import { sumBytes } from '../../src/reduce/segments.js';
import { mpiCollective } from '../../src/wire/mpi/mpi-collective.js';
import type { AllReduceAttemptsOptions } from './all-reduce-attempts.js';
import type { OuterStep } from './round-plan.js';
import { isWholeJob } from './whole-job.js';
import type { World } from './world.js';

export interface RoundSettings extends Omit<AllReduceAttemptsOptions, 'roster' | 'clock'> {
  /** What replicas exchange after local steps, where that is another thing. */
  readonly local?: Pick<AllReduceAttemptsOptions, 'precision' | 'bytes'>;
}

/** @param outer absent where each round is a step */
export function roundSettings(
  options: TrainingOptions,
  config: ClusterConfig,
  outer: OuterStep | undefined,
  world: World,
): RoundSettings {
  const { precision, allReduce: algorithm, compression, silence } = config;
  return {
    precision,
    algorithm,
    isWholeJob: (followers: readonly Worker[]) =>
      isWholeJob(
        mpiCollective(),
        followers.map(({ id }) => world.remote(id)?.connection),
      ),
    bytes: bytesOf(options, config),
    local: localSettings(options, outer),
    compression: compression && {
      rule: compression.powerSgd,
      wholeBytes: sumBytes(options.layout, config.precision),
      warmed: new Set<object>(),
    },
    silence: silence * 1000,
  };
}

/** Of a sum on the wire. */
function bytesOf({ layout }: TrainingOptions, { compression, precision }: ClusterConfig): number {
  if (!compression) return sumBytes(layout, precision);
  const { first, second } = powerSgdFloats(layout, compression.powerSgd);
  return 4 * (first + second);
}

/** Of what one replica moved by on its way up, and of the sum of all on its way down: the mean. */
function localSettings({ layout }: TrainingOptions, outer: OuterStep | undefined): RoundSettings['local'] {
  if (!outer?.quantize) return undefined;
  const precision = `mx${outer.quantize}` as const;
  return { precision, bytes: (sumBytes(layout, precision) + sumBytes(layout, 'bfloat16')) / 2 };
}
