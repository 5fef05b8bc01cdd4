/** What a pool's threads are given once, when they start; everything large in it is shared memory. */
import type { Augmentation } from '../data/augment/moved.js';
import type { Buckets } from '../data/buckets.js';
import type { Examples } from '../data/examples.js';
import { evaluationBatchCount } from '../data/geometry.js';
import type { BackendName } from '../engine/backends.js';
import type { CompiledModel } from '../engine/onnx/onnx-engine.js';
import type { StepSpec } from '../engine/step.js';
import { EngineError } from '../errors.js';
import { type HeadMetrics, RunMetrics } from '../evaluate/run-metrics.js';
import type { SlabLayout } from '../model/slab.js';
import type { StepRule } from '../optimizer/decide.js';
import { createOptimizer } from '../optimizer/optimizer.js';
import { normBlocks } from '../reduce/norm.js';
import { Control } from './control.js';

/** What batches are computed by: for each bucket one model or step, which differ in the length of sequences alone. */
export type EngineSpec =
  | { readonly kind: 'onnx'; readonly models: readonly CompiledModel[] }
  | { readonly kind: 'tfjs'; readonly steps: readonly StepSpec[]; readonly backend: BackendName };

export interface PoolOptions extends StepRule {
  readonly engine: EngineSpec;
  readonly layout: SlabLayout;
  readonly examples: Examples;
  /** Of the examples, for whoever says what is to be computed; absent where sequences are not cut. */
  readonly buckets?: Buckets;
  /** Changes the images of training steps, and what is said of their pixels; never those of evaluations. */
  readonly augment?: Augmentation;
  /** Of each target, in the order of the fields. */
  readonly metrics: readonly HeadMetrics[];
  readonly seed: number;
  readonly threads: number;
  /** Rows of the largest split that is evaluated. */
  readonly largestEvaluation: number;
  /** Whether threads load the engine; where not, there is one thread, for updates only. Default true. */
  readonly computes?: boolean;
  /** Whether the pool serves rounds of a world: it then holds the sums of a round's nodes, and their total. */
  readonly rounds?: boolean;
  /** Floats of slab memory that an exchange works in. */
  readonly scratchFloats?: number;
  /** The arrays of `examples` have so many rows, and hold those that were put there last (row-cache.ts). */
  readonly rowCache?: { readonly capacity: number };
}

/** Byte offsets in the slab memory. */
export interface SlabOffsets {
  readonly parameters: number;
  /** Gradient slots of the reduction. */
  readonly gradients: readonly number[];
  /** The optimizer's slots. */
  readonly optimizer: readonly number[];
  /** Total gradient of a round; empty where there are none. */
  readonly total: number;
  readonly scratch: number;
}

export interface SharedState {
  readonly memory: WebAssembly.Memory;
  readonly offsets: SlabOffsets;
  readonly control: SharedArrayBuffer;
  /** Example indices: the order of the epoch, or the split under evaluation. */
  readonly keys: Int32Array;
  /** Rows of `examples` that hold them: the same array, unless they are staged. */
  readonly rows: Int32Array;
  /** Example indices that the steps of the epoch really read, in the places of their order. */
  readonly used: Int32Array;
  /** Loss sum of each shard of the step. */
  readonly shardLosses: Float64Array;
  /** What each shard adds to the divisor of the step: its examples, or its places that count. */
  readonly shardDivisors: Float64Array;
  /** Partial sums of the gradient's norm. */
  readonly normSums: Float64Array;
  /** Mean loss and gradient norm of each step of the epoch. */
  readonly stepLosses: Float64Array;
  readonly stepNorms: Float64Array;
  /** Metric sums of each evaluation batch. */
  readonly evaluation: Float64Array;
  /** Metric counts of each rank, over the batches that it got hold of. */
  readonly evaluationCounts: Float64Array;
  /** Milliseconds that each rank spent in each phase. */
  readonly phases: Float64Array;
  /** Of each step and rank 1 + phases: what StepTimes says of the epoch under way; undefined where nobody wants to know. */
  readonly stepTimes?: Float64Array;
}

export interface PoolSpec extends PoolOptions {
  readonly shared: SharedState;
}

/** Where a thread's time goes in a step. */
export const phaseNames = ['gather', 'compute', 'reduce', 'update', 'wait'] as const;
export type Phase = (typeof phaseNames)[number];

// Every region starts at a multiple of 64 bytes: SIMD kernels ask for it.
const alignment = 64;
const pageBytes = 65536;
const maximumPages = 65536;

const integers = (length: number) => new Int32Array(new SharedArrayBuffer(length * 4));
const doubles = (length: number) => new Float64Array(new SharedArrayBuffer(length * 8));

/**
 * Allocates the memory that the threads share.
 * @param gradientSlots that a step needs
 * @param timed whether the times of each step are wanted
 * @throws EngineError when the slabs do not fit into one WebAssembly memory (4 GiB)
 */
export function allocateShared(options: PoolOptions, gradientSlots: number, timed = false): SharedState {
  const { layout, geometry, threads } = options;
  const metrics = new RunMetrics(options.metrics);
  const { offsets, bytes } = planSlabs(options, gradientSlots);
  const pages = Math.max(1, Math.ceil(bytes / pageBytes));
  if (pages > maximumPages) {
    const size = `${(bytes / 2 ** 30).toFixed(1)} GiB`;
    throw new EngineError(
      `parameters, gradients and optimizer state take ${size}, more than the 4 GiB that threads can share`,
      'use fewer shards, an optimizer with less state, or a smaller model',
    );
  }
  const keys = integers(Math.max(geometry.training, options.largestEvaluation));
  return {
    memory: new WebAssembly.Memory({ initial: pages, maximum: maximumPages, shared: true }),
    offsets,
    control: Control.allocate(),
    keys,
    rows: options.rowCache ? integers(keys.length) : keys,
    used: integers(geometry.training),
    shardLosses: doubles(geometry.shards),
    shardDivisors: doubles(geometry.shards),
    normSums: doubles(normBlocks(layout.trainable)),
    stepLosses: doubles(geometry.stepsPerEpoch),
    stepNorms: doubles(geometry.stepsPerEpoch),
    evaluation: doubles(evaluationBatchCount(geometry, options.largestEvaluation) * metrics.width),
    evaluationCounts: doubles(threads * metrics.counts),
    phases: doubles(threads * phaseNames.length),
    stepTimes: timed ? doubles(geometry.stepsPerEpoch * threads * (1 + phaseNames.length)) : undefined,
  };
}

/** Where each slab lies, and how many bytes all take. */
function planSlabs(options: PoolOptions, gradientSlots: number): { offsets: SlabOffsets; bytes: number } {
  const { layout, geometry, optimizer, rounds = false, scratchFloats = 0 } = options;
  let bytes = 0;
  const region = (floats: number): number => {
    const start = bytes;
    bytes += Math.ceil((floats * 4) / alignment) * alignment;
    return start;
  };
  const offsets = {
    parameters: region(layout.length),
    optimizer: createOptimizer(optimizer).slots.map(() => region(layout.trainable)),
    total: region(rounds ? layout.state : 0),
    scratch: region(scratchFloats),
  };
  let slots = gradientSlots;
  if (rounds && slots > 0) {
    // In the worst case every shard is a node by itself. What is never touched takes no memory, only addresses.
    const fitting = Math.floor((maximumPages * pageBytes - bytes) / (layout.state * 4));
    slots = Math.max(slots, Math.min(geometry.shards, fitting));
  }
  return { offsets: { ...offsets, gradients: Array.from({ length: slots }, () => region(layout.state)) }, bytes };
}
