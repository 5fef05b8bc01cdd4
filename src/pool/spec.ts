/** What a pool's threads are given once, when they start; everything large in it is shared memory. */
import type { AugmentConfig } from '../config/augment.js';
import type { OptimizerConfig } from '../config/optimizer.js';
import type { ScheduleConfig } from '../config/schedule.js';
import type { Examples } from '../data/examples.js';
import type { BackendName } from '../engine/backends.js';
import type { CompiledModel } from '../engine/onnx/session.js';
import type { StepSpec } from '../engine/step.js';
import { EngineError } from '../errors.js';
import type { MetricSpec } from '../evaluate/metrics.js';
import { sumsWidth } from '../evaluate/metrics.js';
import type { SlabLayout } from '../model/slab.js';
import { createOptimizer } from '../optimizer/optimizer.js';
import { normBlocks } from '../reduce/norm.js';
import { Control } from './control.js';

export type EngineSpec =
  | { readonly kind: 'onnx'; readonly model: CompiledModel }
  | { readonly kind: 'tfjs'; readonly step: StepSpec; readonly backend: BackendName };

/** How a run divides into epochs, steps and shards. */
export interface Geometry {
  /** Examples of the training split. */
  readonly training: number;
  readonly batchSize: number;
  readonly shards: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Examples of an evaluation batch; fixed, because the bits of a sum depend on it. */
  readonly evaluationBatch: number;
}

export interface PoolOptions {
  readonly engine: EngineSpec;
  readonly layout: SlabLayout;
  readonly examples: Examples;
  /** Changes the images of training steps, never those of evaluations. */
  readonly augment?: AugmentConfig;
  readonly geometry: Geometry;
  readonly optimizer: OptimizerConfig;
  readonly schedule: ScheduleConfig;
  readonly clipNorm?: number;
  readonly metrics: MetricSpec;
  readonly seed: number;
  readonly threads: number;
  /** Rows of the largest split that is evaluated. */
  readonly largestEvaluation: number;
}

/** Byte offsets in the slab memory. */
export interface SlabOffsets {
  readonly parameters: number;
  /** Gradient slots of the reduction. */
  readonly gradients: readonly number[];
  /** The optimizer's slots. */
  readonly optimizer: readonly number[];
}

export interface SharedState {
  readonly memory: WebAssembly.Memory;
  readonly offsets: SlabOffsets;
  readonly control: SharedArrayBuffer;
  /** Example indices: the order of the epoch, or the split under evaluation. */
  readonly rows: Int32Array;
  /** Example indices that the steps of the epoch really read, in the places of their order. */
  readonly used: Int32Array;
  /** Loss sum of each shard of the step. */
  readonly shardLosses: Float64Array;
  /** Partial sums of the gradient's norm. */
  readonly normSums: Float64Array;
  /** Mean loss and gradient norm of each step of the epoch. */
  readonly stepLosses: Float64Array;
  readonly stepNorms: Float64Array;
  /** Metric sums of each evaluation batch. */
  readonly evaluation: Float64Array;
  /** Milliseconds that each rank spent in each phase. */
  readonly phases: Float64Array;
}

export interface PoolSpec extends PoolOptions {
  readonly shared: SharedState;
}

/** Where a thread's time goes in a step. */
export const phaseNames = ['gather', 'copy', 'compute', 'reduce', 'update', 'wait'] as const;
export type Phase = (typeof phaseNames)[number];

// Every region starts at a multiple of 64 bytes: SIMD kernels ask for it.
const alignment = 64;
const pageBytes = 65536;
const maximumPages = 65536;

const doubles = (length: number) => new Float64Array(new SharedArrayBuffer(length * 8));

/**
 * Allocates the memory that the threads share.
 * @throws EngineError when the slabs do not fit into one WebAssembly memory (4 GiB)
 */
export function allocateShared(options: PoolOptions, gradientSlots: number): SharedState {
  const { layout, geometry, threads } = options;
  let end = 0;
  const region = (floats: number): number => {
    const start = end;
    end += Math.ceil((floats * 4) / alignment) * alignment;
    return start;
  };
  const offsets = {
    parameters: region(layout.length),
    gradients: Array.from({ length: gradientSlots }, () => region(layout.state)),
    optimizer: createOptimizer(options.optimizer).slots.map(() => region(layout.trainable)),
  };
  const pages = Math.max(1, Math.ceil(end / pageBytes));
  if (pages > maximumPages) {
    const size = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
    throw new EngineError(
      `parameters, gradients and optimizer state take ${size(end)}, more than the 4 GiB that threads can share`,
      'use fewer shards, an optimizer with less state, or a smaller model',
    );
  }
  return {
    memory: new WebAssembly.Memory({ initial: pages, maximum: maximumPages, shared: true }),
    offsets,
    control: Control.allocate(),
    rows: new Int32Array(new SharedArrayBuffer(4 * Math.max(geometry.training, options.largestEvaluation))),
    used: new Int32Array(new SharedArrayBuffer(4 * geometry.training)),
    shardLosses: doubles(geometry.shards),
    normSums: doubles(normBlocks(layout.trainable)),
    stepLosses: doubles(geometry.stepsPerEpoch),
    stepNorms: doubles(geometry.stepsPerEpoch),
    evaluation: doubles(Math.ceil(options.largestEvaluation / geometry.evaluationBatch) * sumsWidth(options.metrics)),
    phases: doubles(threads * phaseNames.length),
  };
}

export type Task =
  | { readonly kind: 'start' }
  | {
      readonly kind: 'train';
      readonly rank: number;
      readonly epoch: number;
      readonly first: number;
      readonly last: number;
      /** Multiplies the learning rate of the schedule. */
      readonly rateScale: number;
    }
  | { readonly kind: 'evaluate'; readonly rank: number; readonly rows: number };
