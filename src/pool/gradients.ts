/** The gradients of the shards that a thread computes, folded into slots as they come. */
import { batchOf, type RowRange, shardOf } from '../data/shards.js';
import type { GradientEngine } from '../engine/engine.js';
import type { UpdateKernels } from '../kernels/load.js';
import type { RankStep } from '../reduce/tree.js';
import type { PhaseClock } from './clock.js';
import type { Gatherer } from './gather.js';
import type { PoolSpec } from './spec.js';

export interface StepPlace {
  readonly epoch: number;
  /** Of the epoch. */
  readonly step: number;
}

export class Gradients {
  readonly #spec: PoolSpec;
  readonly #engine: GradientEngine;
  readonly #kernels: UpdateKernels;
  readonly #gatherer: Gatherer;
  readonly #clock: PhaseClock;

  constructor(spec: PoolSpec, engine: GradientEngine, kernels: UpdateKernels, gatherer: Gatherer, clock: PhaseClock) {
    this.#spec = spec;
    this.#engine = engine;
    this.#kernels = kernels;
    this.#gatherer = gatherer;
    this.#clock = clock;
  }

  /**
   * Computes shards and adds them up; their losses go to `shared.shardLosses`.
   *
   * @param slots byte offsets
   * @param after what will be gathered first by the next call
   */
  async compute(
    { epoch, step }: StepPlace,
    actions: readonly RankStep[],
    slots: readonly number[],
    after?: RowRange,
  ): Promise<void> {
    const { geometry, layout, shared, seed } = this.#spec;
    const shards = this.rowsOf(step, actions);
    let done = 0;
    for (const action of actions) {
      if ('add' in action) {
        this.#kernels.add(slots[action.to], slots[action.add], layout.state);
        this.#clock.mark('reduce');
        continue;
      }
      const rows = shards[done++];
      const { start, count } = rows;
      await this.#gatherer.load(rows, this.#engine.buffers(count), shards[done] ?? after, epoch);
      shared.used.set(shared.keys.subarray(start, start + count), start);
      this.#clock.mark('gather');
      const key = { seed, step: epoch * geometry.stepsPerEpoch + step, shard: action.compute };
      shared.shardLosses[action.compute] = await this.#engine.computeGradients(count, key);
      this.#clock.mark('compute');
      new Float32Array(shared.memory.buffer, slots[action.into], layout.state).set(this.#engine.gradients);
      this.#clock.mark('copy');
    }
  }

  /** Places in the epoch's order of the shards that `actions` compute, in that order. */
  rowsOf(step: number, actions: readonly RankStep[]): RowRange[] {
    const { training, batchSize, shards } = this.#spec.geometry;
    const batch = batchOf(step, training, batchSize);
    return actions.flatMap((action) => {
      if ('add' in action) return [];
      const { start, count } = shardOf(batch.count, batchSize / shards, action.compute);
      return [{ start: batch.start + start, count }];
    });
  }

  /** ONNX Runtime reads private memory only. */
  copyParameters(): void {
    const { memory, offsets } = this.#spec.shared;
    this.#engine.parameters.set(new Float32Array(memory.buffer, offsets.parameters, this.#spec.layout.length));
    this.#clock.mark('copy');
  }
}
