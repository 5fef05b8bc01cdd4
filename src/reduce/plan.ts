/** Who holds which sums of a round, and along which trees they are to be added. */
import type { ClusterConfig } from '../config/cluster.js';
import type { ParameterShare } from './shares.js';
import type { TreeNode } from './tree.js';

/** What sums of one replica may travel as, which are whole units of their block already: see kernels/assembly/wire-blocks.ts. */
export const blockPrecisions = ['mxint8', 'mxint4'] as const;
export type BlockPrecision = (typeof blockPrecisions)[number];
export type WirePrecision = ClusterConfig['precision'] | BlockPrecision;

export const isBlocks = (precision: WirePrecision): precision is BlockPrecision =>
  (blockPrecisions as readonly WirePrecision[]).includes(precision);

/** Those along the edges of a tree. */
export type TreeAlgorithm = Exclude<AllReducePlan['algorithm'], 'mpi'>;

/** A member of the world, and the nodes of the step's tree whose sums it has computed. */
export interface PlanMember {
  readonly id: number;
  /** Id of the first member of those that are on its host, and add up among themselves before others; default: its own. */
  readonly host?: number;
  readonly nodes: readonly TreeNode[];
}

export interface AllReducePlan {
  readonly round: number;
  /** Counts from 0 when an all-reduce has to be repeated because a member was lost. */
  readonly attempt: number;
  /** mpi: the library of the job adds up, of which all processes are members; shards only say who has sums. */
  readonly algorithm: 'star' | 'butterfly' | 'mpi';
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
  /** Which part of the parameters is added up, of those that the job has; absent where all are. */
  readonly part?: number;
  /**
   * A reduce-scatter: each part of the total goes to the coordinator, and to whom it is the share of. Absent where all
   * members get all of it.
   */
  readonly shares?: readonly ParameterShare[];
}

export const hostOf = ({ host, id }: PlanMember): number => host ?? id;

/** Whether sums may go over the link between two workers. */
export function usesLink({ algorithm, members }: AllReducePlan, one: number, other: number): boolean {
  const [mine, theirs] = [one, other].map((id) => members.find((member) => member.id === id));
  if (!mine || !theirs || algorithm === 'mpi') return false;
  return algorithm === 'butterfly' || (hostOf(mine) === hostOf(theirs) && hostOf(mine) !== 0);
}

/** Whether sums go over links between workers at all. */
export function usesLinks(plan: AllReducePlan): boolean {
  const holders = plan.members.filter(({ nodes }) => nodes.length > 0);
  return holders.some(({ id }, i) => holders.slice(i + 1).some((other) => usesLink(plan, id, other.id)));
}
