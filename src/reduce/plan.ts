/** Who holds which sums of a round, and along which trees they are to be added. */
import type { ClusterConfig } from '../config/cluster.js';
import type { TreeNode } from './tree.js';

export type WirePrecision = ClusterConfig['precision'];

/** A member of the world, and the nodes of the step's tree whose sums it has computed. */
export interface PlanMember {
  readonly id: number;
  readonly nodes: readonly TreeNode[];
}

export interface AllReducePlan {
  readonly round: number;
  /** Counts from 0 when an all-reduce has to be repeated because a member was lost. */
  readonly attempt: number;
  readonly algorithm: 'star' | 'butterfly';
  readonly precision: WirePrecision;
  /** Of PowerSGD: whether all who give sums have the right factors of the round before. */
  readonly warm?: boolean;
  /** Shards of the step that hold examples. */
  readonly shards: number;
  /**
   * Those without nodes only receive the total. The coordinator, if it takes part, is the first; it has to where somebody
   * has no nodes, and in a star of several.
   */
  readonly members: readonly PlanMember[];
}
