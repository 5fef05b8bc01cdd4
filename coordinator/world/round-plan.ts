/** What a round asks of the workers and what its step is: one step of everybody, or local steps of replicas. */
import type { OptimizerConfig } from '../../src/config/optimizer.js';
import { bucketOf } from '../../src/data/buckets.js';
import { activeShards, batchOf, type Geometry, type RowRange, roundOf, shardsOf } from '../../src/data/geometry.js';
import { isStreaming, type LocalRounds, replicaRows, roundSteps, roundsBefore } from '../../src/data/local-rounds.js';
import { baseLearningRate } from '../../src/optimizer/create-optimizer.js';
import { decideStep, learningRateOf } from '../../src/optimizer/decide.js';
import type { TrainingOptions } from '../../src/pool/pool-options.js';
import type { RoundUpdate } from '../../src/pool/round-worker.js';
import type { TreeNode } from '../../src/reduce/tree.js';
import type { RoundTask } from './computing.js';
import type { RoundResult } from './round.js';

/** What changes the parameters after local steps. */
export interface OuterStep extends LocalRounds {
  readonly optimizer: OptimizerConfig;
}

/** Where in the run the round begins. */
export interface RoundPlace {
  readonly epoch: number;
  /** Of the epoch. */
  readonly step: number;
  /** Example indices of the epoch. */
  readonly order: Int32Array;
  /** Multiplies the learning rate of the schedule. */
  readonly rateScale: number;
  /** What the loss is multiplied by; absent where it is not. */
  readonly lossScale?: number;
}

/** Of each step of a round, but where the run has diverged: there the first loss says so, and there is no update. */
export interface RoundDecision {
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  /** What the sums of a step are divided by; undefined of local steps. */
  readonly divisor?: number;
  readonly update?: RoundUpdate;
}

export interface RoundPlan {
  readonly task: RoundTask;
  readonly steps: number;
  decide(result: RoundResult): RoundDecision;
}

/** @param outer absent where each round is a step */
export function planRound(options: TrainingOptions, outer: OuterStep | undefined, place: RoundPlace): RoundPlan {
  const first = roundOf(options.geometry, place.epoch, place.step);
  return outer && first >= outer.warmUpSteps ? localRound(options, outer, place) : stepRound(options, place);
}

function stepRound(options: TrainingOptions, place: RoundPlace): RoundPlan {
  const { geometry } = options;
  const { epoch, step, rateScale, lossScale } = place;
  const round = roundOf(geometry, epoch, step);
  const rowsIn = (of: number) => (node: TreeNode) => shardsOf(geometry, of, node.low, node.high);
  const { bucket, effort } = bucketAt(options, place, step);
  const shards = activeShards(geometry, step);
  const scaled = lossScale === undefined ? {} : { lossScale };
  const task = { round, epoch, step, bucket, effort, ...scaled, local: [], shards };
  return {
    task: { ...task, ...rowsOf(options, place, [step], [step + 1], rowsIn) },
    steps: 1,
    decide: (result) => {
      const { loss, norm, ...decided } = decideStep(options, round, rateScale, result);
      return { losses: [loss], norms: [norm], ...decided };
    },
  };
}

/** A round is known by its last step: up to there the parameters are trained when it is committed. */
function localRound(options: TrainingOptions, outer: OuterStep, place: RoundPlace): RoundPlan {
  const { geometry } = options;
  const { epoch, step, rateScale } = place;
  const steps = roundSteps(geometry, outer, step);
  const stepsFrom = (first: number) => Array.from({ length: roundSteps(geometry, outer, first) }, (_, i) => first + i);
  const round = roundOf(geometry, epoch, step + steps - 1);
  const rowsIn = (of: number) => (node: TreeNode) => replicaRows(geometry, outer, of, node);
  const { later, part } = streamOf(geometry, outer, place, steps);
  /** Some steps of the round, and where the rows of what comes next are. */
  const taskOf = (of: readonly number[], next: readonly number[]) => {
    const each = of.map((step) => bucketAt(options, place, step));
    const local = each.map(({ bucket }, i) => ({
      bucket,
      learningRate: learningRateOf(options, roundOf(geometry, epoch, of[i]), rateScale),
    }));
    const effort = each.reduce((sum, { effort }) => sum + effort, 0);
    const task = { round, epoch, step: of[0], bucket: each[0].bucket, effort, local, shards: outer.replicas };
    return { ...task, ...(part !== undefined && { part }), ...rowsOf(options, place, of, next, rowsIn) };
  };
  const [all, after] = [stepsFrom(step), stepsFrom(step + steps)];
  const [first, rest] = [all.slice(0, steps - later), all.slice(steps - later)];
  const task = taskOf(first, later > 0 ? rest : after);
  return {
    task: later > 0 ? { ...task, later, beside: { ...taskOf(rest, after), continues: true } } : task,
    steps,
    decide: (result) => decideLocal(outer, round, result, { steps, later, part }),
  };
}

/**
 * What of the round is exchanged, and how many of its steps are taken meanwhile. The last round of the run exchanges all, when
 * all steps are done: else it would end without what replicas have learned since.
 */
function streamOf(geometry: Geometry, outer: OuterStep, { epoch, step }: RoundPlace, steps: number) {
  const isLast = epoch === geometry.epochs - 1 && step + steps === geometry.stepsPerEpoch;
  const { parts, overlap = 0 } = outer;
  return {
    later: isLast ? 0 : Math.min(overlap, steps - 1),
    part: isLast || parts === undefined ? undefined : roundsBefore(geometry, outer, epoch, step) % parts,
  };
}

/** The mean of what the replicas moved by is the gradient of the outer optimizer; its norm stands for all steps of the round. */
function decideLocal(
  outer: OuterStep,
  round: number,
  { losses: sums, divisors, beside, squares }: RoundResult,
  { steps, later, part }: { readonly steps: number; readonly later: number; readonly part: number | undefined },
): RoundDecision {
  const { replicas, optimizer } = outer;
  const before = steps - later;
  const total = (values: Float64Array, meanwhile: Float64Array | undefined, step: number) => {
    let sum = 0;
    for (let replica = 0; replica < replicas; replica++) {
      sum += step < before ? values[replica * before + step] : meanwhile![replica * later + step - before];
    }
    return sum;
  };
  const losses = Array.from(
    { length: steps },
    (_, i) => total(sums, beside?.losses, i) / (total(divisors, beside?.divisors, i) || 1),
  );
  const norm = Math.sqrt(squares) / replicas;
  const norms = losses.map(() => norm);
  const broken = losses.find((loss) => !Number.isFinite(loss));
  if (broken !== undefined) return { losses: [broken], norms };
  if (!Number.isFinite(norm)) return { losses, norms };
  const [gradientScale, stateScale] = [1 / replicas, 1 / replicas];
  const update = { round, learningRate: baseLearningRate(optimizer), gradientScale, stateScale };
  if (!isStreaming(outer)) return { losses, norms, update };
  // What was exchanged at the end is behind nobody.
  const mixing = later > 0 ? outer.mixing! : 0;
  return { losses, norms, update: { ...update, mixing, ...(part !== undefined && { part }) } };
}

/** What the sequences of a step are cut to, and what its shards take in those of the longest. */
function bucketAt({ buckets, geometry }: TrainingOptions, { order }: RoundPlace, step: number) {
  const { start, count } = batchOf(geometry, step);
  const bucket = bucketOf(buckets, order.subarray(start, start + count));
  return { bucket, effort: buckets ? buckets.places[bucket] / buckets.places.at(-1)! : 1 };
}

function rowsOf(
  { geometry }: TrainingOptions,
  { order }: RoundPlace,
  steps: readonly number[],
  next: readonly number[],
  rowsIn: (step: number) => (node: TreeNode) => RowRange,
): Pick<RoundTask, 'rowsOf' | 'nextRowsOf'> {
  const placesOf = (of: readonly number[], node: TreeNode) =>
    of
      .map((step) => rowsIn(step)(node))
      .filter(({ count }) => count > 0)
      .map(({ start, count }) => ({ start, rows: order.subarray(start, start + count) }));
  const later = next.filter((step) => step < geometry.stepsPerEpoch);
  return {
    rowsOf: (node) => placesOf(steps, node),
    nextRowsOf: (node) => placesOf(later, node).map(({ rows }) => rows),
  };
}

/** A round is committed by its number, whatever the optimizer has taken of those before. */
export function inRound(round: number, decided: RoundUpdate | 'skipped'): RoundUpdate {
  if (decided === 'skipped') return { round, learningRate: 0, gradientScale: 0, stateScale: 0, isSkipped: true };
  return decided.round === round ? decided : { ...decided, round, skipped: round - decided.round };
}
