/** One thread of a pool: its share of every training step, round and evaluation. */
import type { Examples } from '../data/examples.js';
import { ofRole, type Values, weighsPlaces, weightsOf } from '../data/field.js';
import { activeShards, roundOf } from '../data/geometry.js';
import type { GradientEngine } from '../engine/engine.js';
import { RunMetrics } from '../evaluate/run-metrics.js';
import { loadUpdateKernels } from '../kernels/load-kernels.js';
import { decideStep, type Update } from '../optimizer/decide.js';
import { createOptimizer, type Optimizer } from '../optimizer/optimizer.js';
import { totalSquares } from '../reduce/norm.js';
import { nodePlan, type ReductionPlan, reductionPlan } from '../reduce/tree.js';
import { PhaseClock, StepTimes } from './clock.js';
import { Control } from './control.js';
import { Gatherer } from './gather.js';
import { Gradients, type StepPlace } from './gradients.js';
import { Slice } from './slice.js';
import type { PoolSpec } from './spec.js';
import type { ApplyTask, EvaluateTask, NodesTask, TrainTask } from './task.js';

/** Where the buffers of a batch have each target, in what scale, and the weights of its places. */
function headsIn({ columns }: Examples): { target: number; scale?: number; weights?: number }[] {
  return ofRole(columns, 'target').map((target) => ({
    target: columns.indexOf(target),
    scale: target.scale,
    weights: weighsPlaces(columns, target) ? columns.indexOf(weightsOf(columns, target)!) : undefined,
  }));
}

/** Targets as the loss compares them. */
function inScale(values: Values, scale = 1): Values {
  return scale === 1 ? values : Float32Array.from(values, (value) => value * Math.fround(scale));
}

/** What a thread computes with; one that only updates has none. */
interface Computer {
  /** One for each bucket. */
  readonly engines: readonly GradientEngine[];
  readonly gatherer: Gatherer;
  readonly gradients: Gradients;
}

export class Rank {
  readonly #spec: PoolSpec;
  readonly #rank: number;
  readonly #control: Control;
  readonly #optimizer: Optimizer;
  readonly #clock: PhaseClock;
  readonly #slice: Slice;
  readonly #metrics: RunMetrics;
  readonly #computer: Computer | undefined;
  readonly #plans = new Map<number, ReductionPlan>();

  /** @param engines one for each bucket; undefined where threads only update */
  constructor(spec: PoolSpec, rank: number, engines: readonly GradientEngine[] | undefined) {
    const kernels = loadUpdateKernels(spec.shared.memory);
    this.#spec = spec;
    this.#rank = rank;
    this.#control = new Control(spec.shared.control);
    this.#optimizer = createOptimizer(spec.optimizer);
    const { phases, stepTimes } = spec.shared;
    this.#clock = new PhaseClock(phases, rank, stepTimes && new StepTimes(stepTimes, spec.threads));
    this.#slice = new Slice(spec, rank, kernels);
    this.#metrics = new RunMetrics(spec.metrics);
    if (!engines) return;
    const gatherer = new Gatherer(spec);
    this.#computer = { engines, gatherer, gradients: new Gradients(spec, engines, kernels, gatherer, this.#clock) };
  }

  /** Runs the steps [first, last) of an epoch: compute, reduce, update. Stops early when asked to, or when loss or gradient are not finite. */
  async train({ epoch, first, last, rateScale, buckets }: TrainTask): Promise<void> {
    this.#clock.start();
    for (let step = first; step < last; step++) {
      await this.#compute({ epoch, step, bucket: buckets?.[step] ?? 0 });
      this.#barrier();
      this.#reduce(step);
      this.#barrier();
      const update = this.#decide(epoch, step, rateScale);
      if (!update) return;
      this.#update(update, this.#spec.shared.offsets.gradients[this.#plan(step).total]);
      if (this.#rank === 0) this.#control.decideHalt();
      this.#barrier();
      this.#clock.endStep(step);
      if (this.#rank === 0) this.#control.commitStep();
      if (this.#control.halted) return;
    }
  }

  /** The sums of nodes of a round, each in its slot. */
  async computeNodes({ epoch, step, bucket, nodes, slots }: NodesTask): Promise<void> {
    const { gradients } = this.#computer!;
    this.#clock.start();
    const plan = nodePlan(nodes, activeShards(this.#spec.geometry, step), this.#spec.threads);
    const actions = plan.steps[this.#rank];
    await gradients.compute({ epoch, step, bucket }, actions, slots);
    if (plan.final.length === 0) return;
    this.#barrier();
    this.#slice.reduce(plan.final, slots);
    this.#clock.mark('reduce');
  }

  /** Applies the total of a round to this rank's slice. */
  apply({ update }: ApplyTask): void {
    this.#clock.start();
    this.#update(update, this.#spec.shared.offsets.total);
  }

  /** Gradients of this rank's shards, folded into its slots as they come. */
  async #compute(place: StepPlace): Promise<void> {
    const { geometry, shared } = this.#spec;
    const { gradients } = this.#computer!;
    const actionsOf = (of: number) => this.#plan(of).steps[this.#rank];
    // The first shard of the next step follows the last of this one, except at the end of an epoch.
    const { step } = place;
    const next = step + 1;
    const after = next < geometry.stepsPerEpoch ? gradients.rowsOf(next, actionsOf(next))[0] : undefined;
    await gradients.compute(place, actionsOf(step), shared.offsets.gradients, after);
  }

  /** Sums the ranks' slots on this rank's slice, and the squares of the result. */
  #reduce(step: number): void {
    const { final, total } = this.#plan(step);
    this.#slice.reduce(final, this.#spec.shared.offsets.gradients, total);
    this.#clock.mark('reduce');
  }

  /** Every rank decides by the same numbers, so all come to the same verdict; none where the run has diverged. */
  #decide(epoch: number, step: number, rateScale: number): Update | undefined {
    const { shared, geometry } = this.#spec;
    const active = activeShards(geometry, step);
    const sums = {
      losses: shared.shardLosses.subarray(0, active),
      divisors: shared.shardDivisors.subarray(0, active),
      squares: totalSquares(shared.normSums),
    };
    const { loss, norm, update } = decideStep(this.#spec, roundOf(geometry, epoch, step), rateScale, sums);
    if (this.#rank === 0) {
      shared.stepLosses[step] = loss;
      shared.stepNorms[step] = norm;
    }
    return update;
  }

  /** Applies the optimizer to this rank's slice. @param total byte offset of the step's gradient */
  #update({ round, learningRate, gradientScale, stateScale }: Update, total: number): void {
    this.#slice.update(this.#optimizer, total, { number: round + 1, learningRate, gradientScale }, stateScale);
    this.#clock.mark('update');
  }

  /** Metric sums of the batches that this rank gets hold of. */
  async evaluate({ batches: asked }: EvaluateTask): Promise<void> {
    const { shared, examples } = this.#spec;
    const metrics = this.#metrics;
    const totals = shared.evaluationCounts.subarray(this.#rank * metrics.counts, (this.#rank + 1) * metrics.counts);
    const heads = headsIn(examples);
    const { engines, gatherer } = this.#computer!;
    this.#clock.start();
    let start = 0;
    const batches = asked.map(({ count, bucket }, batch) => {
      const rows = { start, count };
      start += count;
      return { batch, bucket, rows };
    });
    const take = () => {
      const batch = this.#control.takeBatch();
      return batch === undefined ? undefined : batches[batch];
    };
    // One is taken ahead, so that its rows can be on their way.
    for (let current = take(), next = take(); current; current = next, next = take()) {
      const { count } = current.rows;
      const engine = engines[current.bucket];
      const buffers = engine.buffers(count);
      await gatherer.load(current.rows, buffers, next?.rows);
      const results = await engine.evaluate(count);
      const evaluated = heads.map(({ target, scale, weights }, i) => ({
        ...results[i],
        targets: inScale(buffers[target], scale),
        weights: weights === undefined ? undefined : (buffers[weights] as Float32Array),
      }));
      const sums = new Float64Array(metrics.width);
      metrics.add(evaluated, sums, totals);
      shared.evaluation.set(sums, current.batch * metrics.width);
    }
  }

  #plan(step: number): ReductionPlan {
    const active = activeShards(this.#spec.geometry, step);
    let plan = this.#plans.get(active);
    if (!plan) {
      // The tree over fewer shards is the same tree cut off, so a last, smaller batch spreads over all threads.
      plan = reductionPlan(active, this.#spec.threads);
      this.#plans.set(active, plan);
    }
    return plan;
  }

  #barrier(): void {
    this.#control.barrier(this.#spec.threads);
    this.#clock.mark('wait');
  }
}
