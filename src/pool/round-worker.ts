/**
 * What a worker is to a round, whether it is this process's own pool or a machine behind a socket: it computes shards,
 * adds up its sums with those of the others, applies a step, and evaluates batches.
 */

import type { MetricTotals } from '../evaluate/output-metrics.js';
import type { Update } from '../optimizer/decide.js';
import type { ShardedStep } from '../reduce/parameter-exchange.js';
import type { AllReducePlan } from '../reduce/plan.js';
import type { TreeNode } from '../reduce/tree.js';
import type { Phase } from './pool-options.js';

/** Rows of the data set that the examples at some places of the epoch's order are. */
export interface RowsAt {
  /** Place in the epoch's order of the first. */
  readonly start: number;
  readonly rows: Int32Array;
}

/** One of the local steps of a round. */
export interface LocalStep {
  readonly bucket: number;
  readonly learningRate: number;
}

/** Compute the gradient sums of nodes of the step's tree; or in a round of local steps, what replicas move by. */
export interface ComputeTask {
  /** Steps since the start of the run, those of the round but its last included. */
  readonly round: number;
  readonly epoch: number;
  /** Step of the epoch: the first of the round. */
  readonly step: number;
  /** What the step's sequences are cut to (data/buckets.ts); 0 where they are not. */
  readonly bucket: number;
  /** What the loss is multiplied by; absent where it is not. */
  readonly lossScale?: number;
  /** The steps that every replica takes; none where the round is one step of all. */
  readonly local: readonly LocalStep[];
  /** Steps of the round that come after these, while what these came to is exchanged; absent where none do. */
  readonly later?: number;
  /** These are those: replicas go on from where they are, and leave no sums. */
  readonly continues?: boolean;
  /** Which part of the parameters is exchanged; absent where all are. */
  readonly part?: number;
  /** Nodes to compute: aligned ranges of shards, or of replicas, one sum each. */
  readonly nodes: readonly TreeNode[];
  /** Rows of every shard of the nodes, step by step. */
  readonly rows: readonly RowsAt[];
}

/** What came of it: the sums stay where they were computed until the all-reduce. */
export interface Computed {
  readonly nodes: readonly TreeNode[];
  /** Sum of the losses of each shard, node by node; of a replica, of each of its steps. */
  readonly losses: readonly number[];
  /** What each shard adds to the divisor of the step, in the same order: its examples, or its places that count. */
  readonly divisors: readonly number[];
  /** Milliseconds of each phase, mean over the threads. */
  readonly phases: Readonly<Partial<Record<Phase, number>>>;
  readonly milliseconds: number;
  /** Rows that were really read, where a ledger is kept. */
  readonly used: readonly RowsAt[];
}

/** Losses that a round has of each shard, or replica. */
export const lossesEach = ({ local }: Pick<ComputeTask, 'local'>): number => Math.max(1, local.length);

/** The shards, or replicas, of some nodes, one by one. */
export const leavesIn = (nodes: readonly TreeNode[]): number[] =>
  nodes.flatMap(({ low, high }) => Array.from({ length: high - low }, (_, i) => low + i));

/** How many there are. */
export const leavesOf = (nodes: readonly TreeNode[]): number =>
  nodes.reduce((sum, { low, high }) => sum + high - low, 0);

export interface EvaluationBatch {
  /** Number of the batch in its split. */
  readonly batch: number;
  /** What its sequences are cut to. */
  readonly bucket: number;
  readonly rows: Int32Array;
}

/** The optimizer step of a round, and who updates what where its state is sharded. */
export interface RoundUpdate extends Update {
  /** Which part of the parameters it is of; absent where of all. */
  readonly part?: number;
  /** Where replicas go on with parameters of their own: how much of those of the part they keep. */
  readonly mixing?: number;
  readonly sharded?: ShardedStep;
  /** Where the loss is scaled: steps before this one that the optimizer has not taken. */
  readonly skipped?: number;
  /** Nor is it to take this one. */
  readonly isSkipped?: boolean;
}

/** Of the total gradient, the same on every member, to the bit. */
export interface TotalSquares {
  /** Sum of squares of all of it, or of what a member updates of it. */
  readonly squares: number;
  /** Where nobody has all: the sum of each block (reduce/norm.ts) of what the member updates. */
  readonly blocks?: Float64Array;
}

export interface Worker {
  readonly id: number;
  readonly name: string;
  /** 0 for a coordinator that does not compute. */
  readonly threads: number;
  /** @throws WireError when the worker is lost */
  compute(task: ComputeTask): Promise<Computed>;
  /** Tells it which examples it will probably be asked for next; where it reads its own, it need not care. */
  prefetch?(rows: readonly Int32Array[]): void;
  allReduce(plan: AllReducePlan): Promise<TotalSquares>;
  commit(update: RoundUpdate): Promise<void>;
  /** @returns the metric sums of each batch, one behind the other, and the counts of all together */
  evaluate(batches: readonly EvaluationBatch[]): Promise<MetricTotals>;
}
