/**
 * What a step comes to, decided in one place: the threads of one machine and the coordinator of many call the same function
 * with the same numbers, and so take the same step.
 */
import type { OptimizerConfig } from '../config/optimizer.js';
import type { ScheduleConfig } from '../config/schedule.js';
import { batchOf, type Geometry } from '../data/geometry.js';
import { baseLearningRate } from './create-optimizer.js';
import { learningRateAt } from './schedule.js';

/** What a run decides its steps by. */
export interface StepRule {
  readonly geometry: Geometry;
  readonly optimizer: OptimizerConfig;
  readonly schedule: ScheduleConfig;
  /** Largest global norm of the mean gradient. */
  readonly clipNorm?: number;
}

/** What the shards of a step came to. */
export interface StepSums {
  /** Sum of the losses of each shard that holds examples, in their order. */
  readonly losses: Float64Array;
  /** What each adds to the divisor of the step: its examples, or its places that count. */
  readonly divisors: Float64Array;
  /** Sum of squares of the total gradient. */
  readonly squares: number;
}

/** The optimizer step of a round. Everything that JavaScript engines could compute differently is in here. */
export interface Update {
  /** Steps since the start of the run. */
  readonly round: number;
  readonly learningRate: number;
  /** 1 / divisor, times the clipping factor. */
  readonly gradientScale: number;
  /** 1 / examples: turns sums of new state into its mean. State is averaged over examples, whatever the loss counts. */
  readonly stateScale: number;
}

export interface StepDecision {
  /** Mean loss, and what its sum was divided by. */
  readonly loss: number;
  readonly divisor: number;
  /** Euclidean norm of the mean gradient, before clipping. */
  readonly norm: number;
  /** None where loss or norm are not finite: the run has diverged, and the parameters stay. */
  readonly update?: Update;
}

/**
 * @param round steps since the start of the run
 * @param rateScale multiplies the learning rate of the schedule
 */
export function decideStep(rule: StepRule, round: number, rateScale: number, sums: StepSums): StepDecision {
  const { geometry, clipNorm } = rule;
  const learningRate = learningRateOf(rule, round, rateScale);
  const examples = batchOf(geometry, round % geometry.stepsPerEpoch).count;
  return decideUpdate({ round, learningRate, clipNorm, examples }, sums);
}

/** What a step is decided by where its learning rate is known. */
interface DecidedUpdate extends Pick<Update, 'round' | 'learningRate'>, Pick<StepRule, 'clipNorm'> {
  /** Of the step. */
  readonly examples: number;
}

export function decideUpdate({ round, learningRate, clipNorm, examples }: DecidedUpdate, sums: StepSums): StepDecision {
  // Where nothing counts, sums are 0, and so is the mean.
  const counted = total(sums.divisors);
  const divisor = counted === 0 ? 1 : counted;
  const loss = total(sums.losses) / divisor;
  const norm = Math.sqrt(sums.squares) / divisor;
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) return { loss, divisor, norm };
  const update = {
    round,
    learningRate,
    gradientScale: (clipNorm === undefined ? 1 : clipFactor(norm, clipNorm)) / divisor,
    stateScale: 1 / examples,
  };
  return { loss, divisor, norm, update };
}

/** The learning rate of a round. */
export function learningRateOf({ geometry, optimizer, schedule }: StepRule, round: number, rateScale: number): number {
  const { epochs, stepsPerEpoch } = geometry;
  return (
    rateScale * learningRateAt(schedule, baseLearningRate(optimizer), round, epochs * stepsPerEpoch, stepsPerEpoch)
  );
}

/**
 * Factor in (0, 1] that brings a gradient down to `clipNorm` and leaves a shorter one alone: Pascanu et al., "On the
 * difficulty of training recurrent neural networks" (2013).
 */
function clipFactor(norm: number, clipNorm: number): number {
  return norm <= clipNorm ? 1 : clipNorm / norm;
}

/** In order: the sum's bits depend on it. */
function total(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}
