/** What a pool is started with: each use says what it needs. Everything large in it is shared memory. */
import type { OptimizerConfig } from '../config/optimizer.js';
import type { Precision } from '../config/training.js';
import type { Augmentation } from '../data/augment/moved.js';
import type { Buckets } from '../data/buckets.js';
import type { Examples } from '../data/examples.js';
import type { Geometry } from '../data/geometry.js';
import type { LocalRounds } from '../data/local-rounds.js';
import type { BackendName } from '../engine/backends.js';
import type { CompiledModel } from '../engine/onnx/onnx-engine.js';
import type { StepSpec } from '../engine/step.js';
import type { HeadMetrics } from '../evaluate/run-metrics.js';
import type { SlabLayout } from '../model/slab.js';
import type { StepRule } from '../optimizer/decide.js';
import type { PowerSgdRule } from '../reduce/power-sgd.js';

/** What batches are computed by: for each bucket one model or step, which differ in the length of sequences alone. */
export type EngineSpec =
  | { readonly kind: 'onnx'; readonly models: readonly CompiledModel[] }
  | { readonly kind: 'tfjs'; readonly steps: readonly StepSpec[]; readonly backend: BackendName };

/** Threads that load an engine: they evaluate batches. */
interface ComputingThreads {
  readonly engine: EngineSpec;
  readonly layout: SlabLayout;
  readonly examples: Examples;
  /** Of each target, in the order of the fields. */
  readonly metrics: readonly HeadMetrics[];
  readonly threads: number;
  readonly geometry: Pick<Geometry, 'evaluationBatch'>;
  /** Rows of the largest split that is evaluated. */
  readonly largestEvaluation: number;
}

/** Threads that compute the gradients of shards. */
interface DifferentiatingThreads extends ComputingThreads {
  readonly geometry: Geometry;
  readonly optimizer: OptimizerConfig;
  /** Changes the images of training steps, and what is said of their pixels; never those of evaluations. */
  readonly augment?: Augmentation;
  readonly seed: number;
}

/** A pool that is told rows, and cuts them into batches itself. */
interface Cutting {
  /** Of the examples; absent where sequences are not cut. */
  readonly buckets?: Buckets;
}

/** A pool that evaluates a model. */
export interface EvaluationOptions extends ComputingThreads, Cutting {
  readonly use: 'evaluation';
}

/** A pool that takes the steps of a run by itself. */
export interface TrainingOptions extends DifferentiatingThreads, Cutting, StepRule {
  readonly use: 'training';
  readonly geometry: Geometry;
  readonly optimizer: OptimizerConfig;
  /** Of the products of its steps: in float16 the loss is scaled. Default: float32. */
  readonly precision?: Precision;
}

/** How replicas take local steps; the learning rate of each comes with the round. */
export interface LocalOptions extends Omit<LocalRounds, 'mixing'>, Pick<StepRule, 'clipNorm'> {
  /** Of the local steps: that of the round applies what they come to. */
  readonly optimizer: OptimizerConfig;
  /** Steps of the run that are taken in step, by the same optimizer, before the first round. */
  readonly warmUpSteps: number;
}

/** What the members of a world exchange, where it is less than the whole gradient. */
interface Compressing {
  readonly compression?: PowerSgdRule;
}

/** A pool that computes its share of the rounds of a world, whose coordinator decides the steps. */
export interface RoundOptions extends DifferentiatingThreads, Compressing {
  readonly use: 'rounds';
  /** Absent where each round is one step. */
  readonly local?: LocalOptions;
  /** The optimizer's slabs are filled by whoever shards them, as far as they are needed. */
  readonly sharded?: boolean;
  /** The arrays of `examples` have so many rows, and hold those that were put there last (row-cache.ts). */
  readonly rowCache?: { readonly capacity: number };
}

/** A pool of one thread, without an engine, of a coordinator that does not compute: the world's all-reduce works in its memory. */
export interface UpdateOptions extends Compressing {
  readonly use: 'updates';
  readonly layout: SlabLayout;
  readonly geometry: Geometry;
  readonly optimizer: OptimizerConfig;
  /** Takes the steps before the first local ones, where there are such. */
  readonly warmUp?: OptimizerConfig;
  /** Parts of the parameters that are exchanged in turn. */
  readonly parts?: number;
}

export type PoolOptions = EvaluationOptions | TrainingOptions | RoundOptions | UpdateOptions;
export type ComputingOptions = Exclude<PoolOptions, UpdateOptions>;
export type DifferentiatingOptions = TrainingOptions | RoundOptions;
export type MemberPoolOptions = RoundOptions | UpdateOptions;

/** Where a thread's time goes in a step. */
export const phaseNames = ['gather', 'compute', 'reduce', 'update', 'wait'] as const;
export type Phase = (typeof phaseNames)[number];
