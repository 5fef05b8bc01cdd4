/** What every engine does: from parameters and a batch to the sum of the examples' gradients. */
import type { Values } from '../data/field.js';

/** Names the random numbers of one shard of one step, so that a shard computed again is the same shard. */
export interface NoiseKey {
  readonly seed: number;
  /** Counted from the start of the run. */
  readonly step: number;
  readonly shard: number;
}

/** Where the rows of a batch go: one array for each field of the examples, in their order; one row behind the other. */
export type BatchBuffers = readonly Values[];

/** What an output of the model came to. */
export interface Evaluation {
  /** Model outputs of the batch, row-major. */
  readonly outputs: Float32Array;
  /** Loss of each example, without regularization: a mean over places, or a sum over those that count where some do not. */
  readonly losses: Float32Array;
  /** What the sum of the losses of a split is divided by: examples, or the places that count. */
  readonly divisor: number;
  /** Value of each example, or of each place, by each metric that users wrote. */
  readonly metrics: readonly Float32Array[];
  /** 1 for each place that counts, 0 for the others; absent where all do. */
  readonly valid?: Float32Array;
}

/** What a shard adds to the mean of a step. */
export interface ShardLoss {
  /** Sum of the losses of the shard's examples, with penalties. */
  readonly lossSum: number;
  /** What the sum over all shards, of losses and of gradients, is divided by: examples, or the places that count. */
  readonly divisor: number;
}

/**
 * Computes with a slab of parameters that it was given, which may be shared: nobody writes there meanwhile. One engine
 * serves one thread.
 */
export interface GradientEngine {
  /** The buffers of a batch of `count` examples. */
  buffers(count: number): BatchBuffers;
  /** The parameters may be others than in the calls before. */
  refresh(): void;
  /**
   * Computes on the `count` examples in `buffers(count)`.
   *
   * @param gradients slab region [0, layout.state), which may be shared: gets sums over the examples of gradients, then of
   *   new state times the example count. What an engine prepares for an array it keeps: give it the same ones again.
   * @param lossScale of a step in float16: what the loss is multiplied by meanwhile, a power of two
   */
  computeGradients(count: number, key: NoiseKey, gradients: Float32Array, lossScale?: number): Promise<ShardLoss>;
  /**
   * Runs the model as it predicts, on the examples in `buffers(count)`; the next call overwrites what it returns.
   * @returns one for each target, in the order of the fields
   */
  evaluate(count: number): Promise<Evaluation[]>;
  dispose(): Promise<void>;
}
