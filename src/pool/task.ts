/** What a pool asks of each of its threads: one task a command, answered when the thread's share of it is done. */

import type { Update } from '../optimizer/decide.js';
import type { ParameterRange } from '../reduce/shares.js';
import type { RankStep, TreeNode } from '../reduce/tree.js';
import type { LocalStep } from './round-worker.js';

/** A span of steps. */
export interface TrainTask {
  readonly kind: 'train';
  readonly epoch: number;
  readonly first: number;
  readonly last: number;
  /** Multiplies the learning rate of the schedule. */
  readonly rateScale: number;
  /** Of every step of the epoch; absent where sequences are not cut. */
  readonly buckets?: Uint8Array;
}

/** What a span of steps came to. */
export interface SpanResult {
  /** Steps of the span that were applied. */
  readonly committed: number;
  /** The step after those had a loss or gradient that is not finite, and was not applied. */
  readonly diverged: boolean;
}

/** Nodes of a round. */
export interface NodesTask {
  readonly kind: 'nodes';
  readonly epoch: number;
  readonly step: number;
  readonly bucket: number;
  readonly lossScale: number | undefined;
  readonly nodes: readonly TreeNode[];
  /** Byte offsets of the slots of their plan. */
  readonly slots: readonly number[];
}

/** Replicas of a round of local steps. */
export interface LocalTask {
  readonly kind: 'local';
  readonly epoch: number;
  /** Of the epoch: the first. */
  readonly step: number;
  readonly local: readonly LocalStep[];
  /** As of ComputeTask. */
  readonly continues: boolean;
  readonly part: number | undefined;
  /** Replicas to compute, and sums to make of what they leave; all threads do each together. */
  readonly actions: readonly RankStep[];
  /** Byte offsets of the slots of the actions. */
  readonly slots: readonly number[];
}

export interface ApplyTask {
  readonly kind: 'apply';
  readonly update: Update;
  /** Byte offset of the total gradient. */
  readonly total: number;
  /** What of the parameters, and of the model's state, is updated here; absent where all is. */
  readonly ranges?: readonly ParameterRange[];
}

export interface EvaluateTask {
  readonly kind: 'evaluate';
  /** Examples of each batch, which follow one another in `shared.rows`, and its bucket. */
  readonly batches: readonly { readonly count: number; readonly bucket: number }[];
}

/** The first and the last: a thread that ends frees nothing of native code by itself. */
export interface EngineTask {
  readonly kind: 'start' | 'stop';
}

export type Task = EngineTask | TrainTask | NodesTask | LocalTask | ApplyTask | EvaluateTask;
