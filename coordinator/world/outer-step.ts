/** What `cluster.sync.local` of a config comes to: the replicas of a round, and the optimizer that applies what they move by. */
import type { ClusterConfig, SyncConfig } from '../../src/config/cluster.js';
import type { Geometry } from '../../src/data/geometry.js';
import { planLocalRounds } from '../../src/data/local-rounds.js';
import { ConfigError } from '../../src/errors.js';
import { plural } from '../../src/ground/units.js';
import { outerOptimizer } from '../../src/optimizer/outer.js';
import { averageMomentum } from '../../src/optimizer/weight-average.js';
import type { LocalOptions, TrainingOptions } from '../../src/pool/pool-options.js';
import { partsOf } from '../../src/reduce/parts.js';
import type { OuterStep } from './round-plan.js';

/**
 * @returns undefined where each round is a step
 * @throws ConfigError when replicas cannot train so
 */
export function outerStep(sync: SyncConfig, { geometry, layout, optimizer }: TrainingOptions): OuterStep | undefined {
  const rounds = planLocalRounds(sync, geometry);
  const outer = outerOptimizer(sync);
  if (!rounds || !outer) return undefined;
  if (averageMomentum(optimizer) !== undefined) {
    throw new ConfigError(
      `optimizer.${Object.keys(optimizer)[0]}.emaMomentum: with cluster.sync.local it would average the weights of a replica, and not those of the run`,
      'leave emaMomentum out: the momentum of the outer optimizer averages already',
    );
  }
  const parts = rounds.parts ?? 1;
  const filled = partsOf(layout, parts).filter((ranges) => ranges.length > 0).length;
  if (filled < parts) {
    throw new ConfigError(
      `cluster.sync.local.parts: ${plural(parts, 'part')} of a model with ${plural(filled, 'layer')} that are trained`,
      `use at most ${filled}`,
    );
  }
  return { ...rounds, optimizer: outer };
}

/** How replicas take their steps. */
export function localOptions(
  { optimizer, clipNorm }: TrainingOptions,
  outer: OuterStep | undefined,
): LocalOptions | undefined {
  if (!outer) return undefined;
  // Commits tell how much is mixed.
  const { mixing: _, ...rounds } = outer;
  return { ...rounds, optimizer, clipNorm };
}

/** As the summary of a run tells it. */
export const localSummary = ({ steps, replicas, parts = 1, overlap = 0, quantize }: OuterStep) => ({
  steps: steps * parts,
  replicas,
  parts,
  overlap,
  quantize: quantize ?? null,
});

/** What to tell of a warm-up that the run ends in. */
export function warmUpWarning(
  { sync, compression }: Pick<ClusterConfig, 'sync' | 'compression'>,
  { epochs, stepsPerEpoch }: Geometry,
): string | undefined {
  const [key, asked] = sync === 'step' ? ['compression.powerSgd', compression?.powerSgd] : ['sync.local', sync.local];
  const steps = epochs * stepsPerEpoch;
  if (!asked || asked.warmUpSteps < steps) return undefined;
  return (
    `cluster.${key}.warmUpSteps: ${asked.warmUpSteps} of a run of ${plural(steps, 'step')}: all of it is warm-up, ` +
    'and the rest of that section is without effect; set fewer'
  );
}
