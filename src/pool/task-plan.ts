/** What the threads of a pool do for the nodes of a round, each or all together. */
import { activeShards, type Geometry } from '../data/geometry.js';
import { type NodePlan, nodePlan } from '../reduce/tree.js';
import type { LocalOptions } from './pool-options.js';
import { type ComputeTask, leavesIn } from './round-worker.js';

/** @param local absent where the round is one step: replicas are computed one after another, each by all threads */
export function taskPlan(
  { step, nodes, continues }: ComputeTask,
  local: LocalOptions | undefined,
  { geometry, threads }: { readonly geometry: Geometry; readonly threads: number },
): NodePlan {
  if (!local) return nodePlan(nodes, activeShards(geometry, step), threads);
  if (!continues) return nodePlan(nodes, local.replicas, 1);
  // Their sums are on their way already.
  return { steps: [leavesIn(nodes).map((compute) => ({ compute, into: 0 }))], final: [], slots: 0, nodes: [] };
}
