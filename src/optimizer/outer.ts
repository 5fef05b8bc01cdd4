/**
 * The optimizer over rounds of local steps: Douillard et al., "DiLoCo: Distributed Low-Communication Training of Language
 * Models" (2023). Its gradient is the mean of what the replicas moved by: the parameters before the round minus theirs.
 */
import type { ClusterConfig, SyncConfig } from '../config/cluster.js';
import type { OptimizerConfig } from '../config/optimizer.js';
import type { Geometry } from '../data/geometry.js';
import { planLocalRounds } from '../data/local-rounds.js';
import type { SlabLayout } from '../model/slab.js';
import { createOptimizer } from './create-optimizer.js';
import type { OptimizerSlot } from './optimizer.js';
import { replicaSlots } from './replica-slots.js';

/** undefined where each round is a step, which the optimizer of the run takes. */
export function outerOptimizer(sync: SyncConfig): OptimizerConfig | undefined {
  if (sync === 'step') return undefined;
  return { momentum: { ...sync.local.outer.nesterov, nesterov: true } };
}

/** What optimizers remember of a run, as its checkpoints hold it: that which changes the parameters, then that of each replica. */
export function stateSlots(
  { optimizer, cluster }: { readonly optimizer: OptimizerConfig; readonly cluster: Pick<ClusterConfig, 'sync'> },
  layout: SlabLayout,
  geometry: Geometry,
): readonly OptimizerSlot[] {
  const { slots } = createOptimizer(outerOptimizer(cluster.sync) ?? optimizer, layout);
  const rounds = planLocalRounds(cluster.sync, geometry);
  if (!rounds) return slots;
  const { slots: own } = createOptimizer(optimizer, layout);
  const replicas = Array.from({ length: rounds.replicas }, (_, replica) =>
    replicaSlots({ ...rounds, optimizer }, layout).map((slot) => ({
      ...slot,
      name: `replica-${replica}/${slot.name}`,
    })),
  );
  const warmUp = rounds.warmUpSteps > 0 ? own.map((slot) => ({ ...slot, name: `warm-up/${slot.name}` })) : [];
  return [...slots, ...warmUp, ...replicas.flat()];
}
