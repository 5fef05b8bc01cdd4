/** The memory that the threads of a pool share: the slabs of the model, and what they tell each other. */
import type { OptimizerConfig } from '../config/optimizer.js';
import { evaluationBatchCount } from '../data/geometry.js';
import { EngineError } from '../errors.js';
import { RunMetrics } from '../evaluate/run-metrics.js';
import { requireMemory } from '../ground/memory.js';
import { createOptimizer } from '../optimizer/create-optimizer.js';
import type { RuleModels } from '../optimizer/newton-schulz.js';
import { replicaSlots } from '../optimizer/replica-slots.js';
import { ruleModels } from '../optimizer/rule-models.js';
import { averageMomentum } from '../optimizer/weight-average.js';
import { LANDING_FLOATS } from '../reduce/landings.js';
import { normBlocks } from '../reduce/norm.js';
import { type PowerSgdPlaces, type PowerSgdRule, powerSgdFloats } from '../reduce/power-sgd.js';
import { reductionPlan } from '../reduce/tree.js';
import { SCRATCH_FLOATS } from '../reduce/workbench.js';
import { Control } from './control.js';
import {
  type EvaluationOptions,
  type LocalOptions,
  type PoolOptions,
  phaseNames,
  type RoundOptions,
  type UpdateOptions,
} from './pool-options.js';
import type { ReplicaPlaces } from './replica-states.js';
import { runSlots } from './run-slots.js';
import { type SharedScaling, sharedScaling } from './step-scaling.js';

/** Byte offsets in the slab memory. */
export interface SlabOffsets {
  readonly parameters: number;
  /** What is evaluated: the parameters, or a slab of its own for their average. */
  readonly evaluated: number;
  /** Gradient slots of the reduction. */
  readonly gradients: readonly number[];
  /** The optimizer's slots. */
  readonly optimizer: readonly number[];
  /** Of the threads while they update, one behind the other. */
  readonly workspaces: { readonly start: number; readonly floats: number };
  /** Total gradient of a round, and what the all-reduce works in; empty outside of a world. */
  readonly total: number;
  readonly scratch: number;
  /** Where rounds are local steps. */
  readonly local?: LocalSlabs;
  /** Where the gradient travels in factors. */
  readonly compression?: PowerSgdPlaces;
}

/** What replicas train in, one after another. */
export interface LocalSlabs {
  readonly parameters: number;
  /** What the optimizer of each remembers. */
  readonly states: readonly ReplicaPlaces[];
  /** Gradient slots of its steps. */
  readonly gradients: readonly number[];
}

/** What the threads of a pool share. Arrays that its use needs not are empty. */
export interface SharedState {
  readonly memory: WebAssembly.Memory;
  readonly offsets: SlabOffsets;
  readonly control: SharedArrayBuffer;
  /** What rules of the optimizer run. */
  readonly ruleModels: RuleModels;
  /** Example indices: the order of the epoch, or the split under evaluation. */
  readonly keys: Int32Array;
  /** Rows of `examples` that hold them: the same array, unless those are in a row cache. */
  readonly rows: Int32Array;
  /** Example indices that the steps of the epoch really read, in the places of their order. */
  readonly used: Int32Array;
  /** Loss sum of each shard of the step. */
  readonly shardLosses: Float64Array;
  /** What each shard adds to the divisor of the step: its examples, or its places that count. */
  readonly shardDivisors: Float64Array;
  /** Loss sum and divisor of each local step, replica by replica. */
  readonly localLosses: Float64Array;
  readonly localDivisors: Float64Array;
  /** Partial sums of the gradient's norm. */
  readonly normSums: Float64Array;
  /** Mean loss and gradient norm of each step of the epoch. */
  readonly stepLosses: Float64Array;
  readonly stepNorms: Float64Array;
  readonly scaling: SharedScaling;
  /** Metric sums of each evaluation batch. */
  readonly evaluation: Float64Array;
  /** Metric counts of each rank, over the batches that it got hold of. */
  readonly evaluationCounts: Float64Array;
  /** What metrics keep of each example under evaluation. */
  readonly kept: Float32Array;
  /** Milliseconds that each rank spent in each phase. */
  readonly phases: Float64Array;
  /** Of each step and rank 1 + phases: what StepTimes says of the epoch under way; undefined where nobody wants to know. */
  readonly stepTimes?: Float64Array;
}

/** What threads are given once, when they start. */
export type PoolSpec<Options extends PoolOptions = PoolOptions> = Options & {
  readonly threads: number;
  readonly shared: SharedState;
};

// Every region starts at a multiple of 64 bytes: SIMD kernels ask for it.
const alignment = 64;
const pageBytes = 65536;
const maximumPages = 65536;

const integers = (length: number) => new Int32Array(new SharedArrayBuffer(length * 4));
const floats = (length: number) => new Float32Array(new SharedArrayBuffer(length * 4));
const doubles = (length: number) => new Float64Array(new SharedArrayBuffer(length * 8));

/**
 * Allocates the memory that the threads share.
 * @param gradientSlots that a step needs
 * @param timed whether the times of each step are wanted
 * @throws EngineError when the slabs do not fit into one WebAssembly memory (4 GiB)
 */
export function allocateShared(
  options: PoolOptions,
  threads: number,
  gradientSlots: number,
  timed = false,
): SharedState {
  const { offsets, bytes } = planSlabs(options, threads, gradientSlots);
  const pages = Math.max(1, Math.ceil(bytes / pageBytes));
  if (pages > maximumPages) {
    const size = `${(bytes / 2 ** 30).toFixed(1)} GiB`;
    throw new EngineError(
      `parameters, gradients and optimizer state take ${size}, more than the 4 GiB that threads can share`,
      'use fewer shards, an optimizer with less state, or a smaller model',
    );
  }
  const steps = options.use === 'training' ? options.geometry.stepsPerEpoch : 0;
  return {
    memory: new WebAssembly.Memory({ initial: pages, maximum: maximumPages, shared: true }),
    offsets,
    control: Control.allocate(),
    ruleModels: options.use === 'evaluation' ? new Map() : ruleModels(trainingOptimizer(options), options.layout),
    ...rowsOf(options),
    ...shardsOf(options),
    ...evaluationsOf(options, threads),
    stepLosses: doubles(steps),
    stepNorms: doubles(steps),
    scaling: sharedScaling(options.use === 'training' && options.precision === 'float16' ? steps : 0),
    phases: doubles(threads * phaseNames.length),
    stepTimes: timed ? doubles(steps * threads * (1 + phaseNames.length)) : undefined,
  };
}

const isDifferentiating = (options: PoolOptions) => options.use === 'training' || options.use === 'rounds';

function rowsOf(options: PoolOptions): Pick<SharedState, 'keys' | 'rows' | 'used'> {
  const training = isDifferentiating(options) ? options.geometry.training : 0;
  const keys = integers(options.use === 'updates' ? 0 : Math.max(training, options.largestEvaluation));
  const isCached = options.use === 'rounds' && options.rowCache !== undefined;
  return { keys, rows: isCached ? integers(keys.length) : keys, used: integers(training) };
}

const localOf = (options: PoolOptions): LocalOptions | undefined =>
  options.use === 'rounds' ? options.local : undefined;

/** The optimizer that learns from gradients. */
const trainingOptimizer = (options: Exclude<PoolOptions, EvaluationOptions>): OptimizerConfig =>
  localOf(options)?.optimizer ?? options.optimizer;

function shardsOf(
  options: PoolOptions,
): Pick<SharedState, 'shardLosses' | 'shardDivisors' | 'localLosses' | 'localDivisors' | 'normSums'> {
  const shards = isDifferentiating(options) ? options.geometry.shards : 0;
  const local = localOf(options);
  const steps = local ? local.replicas * local.steps : 0;
  const blocks = options.use === 'training' || local ? normBlocks(options.layout.trainable) : 0;
  return {
    shardLosses: doubles(shards),
    shardDivisors: doubles(shards),
    localLosses: doubles(steps),
    localDivisors: doubles(steps),
    normSums: doubles(blocks),
  };
}

/** @throws EngineError when what metrics keep of all examples is more than the memory */
function evaluationsOf(
  options: PoolOptions,
  threads: number,
): Pick<SharedState, 'evaluation' | 'evaluationCounts' | 'kept'> {
  if (options.use === 'updates') return { evaluation: doubles(0), evaluationCounts: doubles(0), kept: floats(0) };
  const { geometry, largestEvaluation } = options;
  const metrics = new RunMetrics(options.metrics);
  const kept = largestEvaluation * metrics.kept;
  const asked = `the metrics keep ${metrics.kept} numbers of each of ${largestEvaluation} examples`;
  requireMemory(asked, 4 * kept, EngineError, 'ask for fewer metrics that need all examples at once, such as auc');
  return {
    evaluation: doubles(evaluationBatchCount(geometry, largestEvaluation) * metrics.width),
    evaluationCounts: doubles(threads * metrics.counts),
    kept: floats(kept),
  };
}

/** Whether the weights are averaged from step to step. */
const keepsAverage = (options: PoolOptions): boolean =>
  options.use !== 'evaluation' && averageMomentum(options.optimizer) !== undefined;

/** Shards of a replica. */
const shardsEach = (options: PoolOptions): number =>
  options.use === 'rounds' && options.local ? options.geometry.shards / options.local.replicas : 0;

/** Where each slab lies, and how many bytes all take. */
function planSlabs(
  options: PoolOptions,
  threads: number,
  gradientSlots: number,
): { offsets: SlabOffsets; bytes: number } {
  const { layout } = options;
  const isMember = options.use === 'rounds' || options.use === 'updates';
  let bytes = 0;
  const region = (floats: number): number => {
    const start = bytes;
    bytes += Math.ceil((floats * 4) / alignment) * alignment;
    return start;
  };
  const slots = options.use === 'evaluation' ? [] : runSlots(options);
  const training = options.use === 'evaluation' ? undefined : createOptimizer(trainingOptimizer(options), layout);
  const floats = training?.workspace ?? 0;
  const local = localOf(options);
  const own = local ? replicaSlots(local, layout) : [];
  const parameters = region(layout.length);
  const offsets = {
    parameters,
    evaluated: keepsAverage(options) ? region(layout.length) : parameters,
    optimizer: slots.map(({ length }) => region(length)),
    workspaces: { start: region(threads * floats), floats },
    total: region(isMember ? layout.state : 0),
    scratch: region(isMember ? SCRATCH_FLOATS + LANDING_FLOATS : 0),
    ...(local && {
      local: {
        parameters: region(layout.length),
        states: Array.from({ length: local.replicas }, () => ({
          kept: own.map(({ length }) => region(length)),
          next: own.map(({ length }) => region(length)),
        })),
        gradients: Array.from({ length: stepSlots(shardsEach(options), threads) }, () => region(layout.state)),
      },
    }),
    ...(isMember && options.compression && { compression: factorPlaces(options, options.compression, region) }),
  };
  let sums = gradientSlots;
  if (options.use === 'rounds') {
    // In the worst case every shard is a node by itself. What is never touched takes no memory, only addresses.
    const fitting = Math.floor((maximumPages * pageBytes - bytes) / (layout.state * 4));
    const leaves = local && local.warmUpSteps === 0 ? local.replicas : options.geometry.shards;
    sums = Math.max(sums, Math.min(leaves, fitting));
  }
  return { offsets: { ...offsets, gradients: Array.from({ length: sums }, () => region(layout.state)) }, bytes };
}

/** Sums of a round that a member may hold, by far. */
const mostSums = 256;

function factorPlaces(
  { use, layout, geometry }: RoundOptions | UpdateOptions,
  rule: PowerSgdRule,
  region: (floats: number) => number,
): PowerSgdPlaces {
  const { errors, first, second } = powerSgdFloats(layout, rule);
  const sums = use === 'updates' ? 0 : Math.min(geometry.shards, mostSums);
  return {
    errors: [region(errors), region(errors)],
    first: region(first),
    second: region(second),
    left: region(first),
    start: region(second),
    own: Array.from({ length: sums }, () => ({ first: region(first), second: region(second) })),
  };
}

/** Slots for the gradients of a step, whatever number of shards it has. */
export function gradientSlots(options: PoolOptions): number {
  if (options.use === 'evaluation' || options.use === 'updates') return 0;
  // What replicas leave is added up by all threads together.
  return localOf(options)?.warmUpSteps === 0 ? 1 : stepSlots(options.geometry.shards, options.threads);
}

const stepSlots = (shards: number, threads: number): number =>
  Math.max(0, ...Array.from({ length: shards }, (_, i) => reductionPlan(i + 1, threads).slots));
