/** What every engine does: from parameters and a batch to the sum of the examples' gradients. */

/** Names the random numbers of one shard of one step, so that a shard computed again is the same shard. */
export interface NoiseKey {
  readonly seed: number;
  /** Counted from the start of the run. */
  readonly step: number;
  readonly shard: number;
}

/** Where the rows of a batch go: features as stored (see Examples), targets one row each. */
export interface BatchBuffers {
  readonly features: Float32Array | Uint8Array;
  readonly targets: Float32Array | Int32Array;
  /** Factors of the losses of examples or places; there where the batch is `weighted`. */
  readonly weights?: Float32Array;
}

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
  /**
   * Computes on the `count` examples in `buffers(count)`.
   *
   * @param gradients slab region [0, layout.state), which may be shared: gets sums over the examples of gradients, then of
   *   new state times the example count. What an engine prepares for an array it keeps: give it the same ones again.
   */
  computeGradients(count: number, key: NoiseKey, gradients: Float32Array): Promise<ShardLoss>;
  /** Runs the model as it predicts, on the examples in `buffers(count)`; the next call overwrites what it returns. */
  evaluate(count: number): Promise<Evaluation>;
  dispose(): Promise<void>;
}

/** The dtypes and widths of a batch's rows. */
export interface BatchSpec {
  readonly featureShape: readonly number[];
  readonly featureType: 'float32' | 'uint8';
  readonly featureScale: number;
  readonly targetShape: readonly number[];
  readonly targetType: 'float32' | 'int32';
  /** Whether examples carry weights. */
  readonly weighted?: boolean;
  /** Shape of an example's weights where each place has one of its own. */
  readonly weightShape?: readonly number[];
}

/** Whether evaluations are weighted too: weights of places say which of them count, those of examples how to train. */
export const weighsPlaces = ({ weightShape }: BatchSpec): boolean => weightShape !== undefined;
