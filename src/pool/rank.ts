/** One thread of a pool: its share of every training step and evaluation. */
import { batchOf, type RowRange, shardOf, stepCount } from '../data/shards.js';
import type { GradientEngine } from '../engine/engine.js';
import { batchSums, sumsWidth } from '../evaluate/metrics.js';
import { loadUpdateKernels, type UpdateKernels } from '../kernels/load.js';
import { clipFactor, globalNorm } from '../optimizer/clip.js';
import { createOptimizer, type Optimizer } from '../optimizer/optimizer.js';
import { learningRateAt } from '../optimizer/schedule.js';
import { NORM_BLOCK, normBlocks, sumSquares } from '../reduce/norm.js';
import { type ReductionPlan, reductionPlan } from '../reduce/tree.js';
import { Control } from './control.js';
import { Gatherer } from './gather.js';
import { type Phase, type PoolSpec, phaseNames, type Task } from './spec.js';

type TrainTask = Extract<Task, { kind: 'train' }>;

export class Rank {
  readonly #spec: PoolSpec;
  readonly #rank: number;
  readonly #engine: GradientEngine;
  readonly #control: Control;
  readonly #kernels: UpdateKernels;
  readonly #optimizer: Optimizer;
  readonly #gatherer: Gatherer;
  readonly #plans = new Map<number, ReductionPlan>();
  #phaseStart = 0;

  constructor(spec: PoolSpec, rank: number, engine: GradientEngine) {
    this.#spec = spec;
    this.#rank = rank;
    this.#engine = engine;
    this.#control = new Control(spec.shared.control);
    this.#gatherer = new Gatherer(spec);
    this.#kernels = loadUpdateKernels(spec.shared.memory);
    this.#optimizer = createOptimizer(spec.optimizer);
  }

  /** Runs the steps [first, last) of an epoch: compute, reduce, update. Stops early when asked to or when the loss is not finite. */
  async train({ epoch, first, last, rateScale }: TrainTask): Promise<void> {
    this.#phaseStart = performance.now();
    for (let step = first; step < last; step++) {
      await this.#compute(epoch, step);
      this.#barrier();
      if (!this.#recordLoss(step)) return;
      this.#reduce(step);
      this.#barrier();
      if (!this.#update(epoch, step, rateScale)) return;
      if (this.#rank === 0) this.#control.decideHalt();
      this.#barrier();
      if (this.#rank === 0) this.#control.commitStep();
      if (this.#control.halted) return;
    }
  }

  /** Gradients of this rank's shards, folded into its slots as they come. */
  async #compute(epoch: number, step: number): Promise<void> {
    const { geometry, shared, seed } = this.#spec;
    const shards = this.#shardsOf(step);
    this.#copyParameters();
    let done = 0;
    for (const action of this.#actionsOf(step)) {
      if ('add' in action) {
        this.#addSlots(action.add, action.to, 0, this.#spec.layout.state);
        this.#mark('reduce');
        continue;
      }
      const rows = shards[done++];
      const { start, count } = rows;
      // The first shard of the next step follows the last of this one, except at the end of an epoch.
      const next = shards[done] ?? (step + 1 < geometry.stepsPerEpoch ? this.#shardsOf(step + 1)[0] : undefined);
      await this.#gatherer.load(rows, this.#engine.buffers(count), next, epoch);
      shared.used.set(shared.rows.subarray(start, start + count), start);
      this.#mark('gather');
      const key = { seed, step: epoch * geometry.stepsPerEpoch + step, shard: action.compute };
      shared.shardLosses[action.compute] = await this.#engine.computeGradients(count, key);
      this.#mark('compute');
      this.#slot(action.into).set(this.#engine.gradients);
      this.#mark('copy');
    }
  }

  #actionsOf(step: number): ReductionPlan['steps'][number] {
    const { training, batchSize } = this.#spec.geometry;
    return this.#plan(batchOf(step, training, batchSize).count).steps[this.#rank];
  }

  /** Places in the epoch's order of the shards that this rank computes in a step, in that order. */
  #shardsOf(step: number): RowRange[] {
    const { training, batchSize, shards } = this.#spec.geometry;
    const batch = batchOf(step, training, batchSize);
    return this.#actionsOf(step).flatMap((action) => {
      if ('add' in action) return [];
      const { start, count } = shardOf(batch.count, batchSize / shards, action.compute);
      return [{ start: batch.start + start, count }];
    });
  }

  /** Every rank adds the shards' losses in the same order, so all come to the same verdict. */
  #recordLoss(step: number): boolean {
    const { geometry, shared } = this.#spec;
    const { count } = batchOf(step, geometry.training, geometry.batchSize);
    let sum = 0;
    for (let shard = 0; shard < this.#activeShards(count); shard++) sum += shared.shardLosses[shard];
    const loss = sum / count;
    if (this.#rank === 0) shared.stepLosses[step] = loss;
    return Number.isFinite(loss);
  }

  /** Sums the ranks' slots on this rank's slice, and the squares of the result: block by block, while it is in cache. */
  #reduce(step: number): void {
    const { layout, shared, geometry } = this.#spec;
    const plan = this.#plan(batchOf(step, geometry.training, geometry.batchSize).count);
    const total = shared.offsets.gradients[plan.total];
    const { firstBlock, lastBlock } = this.#slice();
    const endOfNorm = normBlocks(layout.trainable);
    for (let block = firstBlock; block < lastBlock; block++) {
      const from = block * NORM_BLOCK;
      const to = Math.min(from + NORM_BLOCK, layout.state);
      for (const { add, to: into } of plan.final) this.#addSlots(add, into, from, to);
      const end = Math.min(block + 1, endOfNorm);
      sumSquares(this.#kernels, total, layout.trainable, block, end, shared.normSums);
    }
    this.#mark('reduce');
  }

  /** Applies the optimizer to this rank's slice; leaves the parameters alone when the gradient is not finite. */
  #update(epoch: number, step: number, rateScale: number): boolean {
    const { layout, shared, geometry, schedule, clipNorm } = this.#spec;
    const { count } = batchOf(step, geometry.training, geometry.batchSize);
    const norm = globalNorm(shared.normSums) / count;
    if (this.#rank === 0) shared.stepNorms[step] = norm;
    if (!Number.isFinite(norm)) return false;
    const { parameters, gradients, optimizer } = shared.offsets;
    const total = gradients[this.#plan(count).total];
    const index = epoch * geometry.stepsPerEpoch + step;
    const steps = geometry.epochs * geometry.stepsPerEpoch;
    const base = this.#optimizer.baseLearningRate;
    const { from, to } = this.#slice();
    const end = Math.min(to, layout.trainable);
    if (from < end) {
      const region = {
        parameters: parameters + from * 4,
        gradients: total + from * 4,
        slots: optimizer.map((offset) => offset + from * 4),
        length: end - from,
      };
      this.#optimizer.update(this.#kernels, region, {
        number: index + 1,
        learningRate: rateScale * learningRateAt(schedule, base, index, steps, geometry.stepsPerEpoch),
        gradientScale: (clipNorm === undefined ? 1 : clipFactor(norm, clipNorm)) / count,
      });
    }
    const start = Math.max(from, layout.trainable);
    if (start < to) this.#kernels.scaledCopy(parameters + start * 4, total + start * 4, to - start, 1 / count);
    this.#mark('update');
    return true;
  }

  /** Metric sums of the batches that this rank gets hold of; `rows` example indices are under evaluation. */
  async evaluate(rows: number): Promise<void> {
    const { geometry, shared, metrics } = this.#spec;
    const batches = stepCount(rows, geometry.evaluationBatch);
    this.#copyParameters();
    const take = () => {
      const batch = this.#control.takeBatch();
      return batch < batches ? { batch, rows: batchOf(batch, rows, geometry.evaluationBatch) } : undefined;
    };
    // One is taken ahead, so that its rows can be on their way.
    for (let current = take(), next = take(); current; current = next, next = take()) {
      const { count } = current.rows;
      const buffers = this.#engine.buffers(count);
      await this.#gatherer.load(current.rows, buffers, next?.rows);
      const { outputs, losses, metrics: customs } = await this.#engine.evaluate(count);
      const sums = batchSums(metrics, outputs, buffers.targets, losses, customs);
      shared.evaluation.set(sums, current.batch * sumsWidth(metrics));
    }
  }

  /** This rank's part of the gradient, in whole blocks of the norm: the floats [from, to). */
  #slice(): { from: number; to: number; firstBlock: number; lastBlock: number } {
    const { layout, threads } = this.#spec;
    const blocks = normBlocks(layout.state);
    const firstBlock = Math.floor((this.#rank * blocks) / threads);
    const lastBlock = Math.floor(((this.#rank + 1) * blocks) / threads);
    const to = Math.min(lastBlock * NORM_BLOCK, layout.state);
    return { from: Math.min(firstBlock * NORM_BLOCK, to), to, firstBlock, lastBlock };
  }

  #activeShards(count: number): number {
    return stepCount(count, this.#spec.geometry.batchSize / this.#spec.geometry.shards);
  }

  #plan(count: number): ReductionPlan {
    const active = this.#activeShards(count);
    let plan = this.#plans.get(active);
    if (!plan) {
      // The tree over fewer shards is the same tree cut off, so a last, smaller batch spreads over all threads.
      plan = reductionPlan(active, this.#spec.threads);
      this.#plans.set(active, plan);
    }
    return plan;
  }

  /** ONNX Runtime reads private memory only. */
  #copyParameters(): void {
    const { memory, offsets } = this.#spec.shared;
    this.#engine.parameters.set(new Float32Array(memory.buffer, offsets.parameters, this.#spec.layout.length));
    this.#mark('copy');
  }

  #slot(slot: number): Float32Array {
    const { memory, offsets } = this.#spec.shared;
    return new Float32Array(memory.buffer, offsets.gradients[slot], this.#spec.layout.state);
  }

  #addSlots(add: number, to: number, from: number, end: number): void {
    const { gradients } = this.#spec.shared.offsets;
    if (from < end) this.#kernels.add(gradients[to] + from * 4, gradients[add] + from * 4, end - from);
  }

  #barrier(): void {
    this.#control.barrier(this.#spec.threads);
    this.#mark('wait');
  }

  #mark(phase: Phase): void {
    const now = performance.now();
    this.#spec.shared.phases[this.#rank * phaseNames.length + phaseNames.indexOf(phase)] += now - this.#phaseStart;
    this.#phaseStart = now;
  }
}
