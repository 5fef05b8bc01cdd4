/**
 * The optimizer over rounds of local steps: Douillard et al., "DiLoCo: Distributed Low-Communication Training of Language
 * Models" (2023). Its gradient is the mean of what the replicas moved by: the parameters before the round minus theirs.
 */
import type { ClusterConfig, SyncConfig } from '../config/cluster.js';
import type { OptimizerConfig } from '../config/optimizer.js';

/** undefined where each round is a step, which the optimizer of the run takes. */
export function outerOptimizer(sync: SyncConfig): OptimizerConfig | undefined {
  if (sync === 'step') return undefined;
  return { momentum: { ...sync.local.outer.nesterov, nesterov: true } };
}

/** The optimizer that changes the parameters of a run, whose state its checkpoints hold. */
export const appliedOptimizer = ({
  optimizer,
  cluster,
}: {
  readonly optimizer: OptimizerConfig;
  readonly cluster: Pick<ClusterConfig, 'sync'>;
}): OptimizerConfig => outerOptimizer(cluster.sync) ?? optimizer;
