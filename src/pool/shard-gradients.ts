/** The gradients of the shards that a thread computes, folded into slots as they come. */
import { type RowRange, roundOf, shardsOf } from '../data/geometry.js';
import type { GradientEngine } from '../engine/engine.js';
import type { UpdateKernels } from '../kernels/load-kernels.js';
import type { RankStep } from '../reduce/tree.js';
import type { Gatherer } from './gather.js';
import type { PhaseClock } from './phase-clock.js';
import type { DifferentiatingOptions } from './pool-options.js';
import type { PoolSpec } from './shared-state.js';

export interface StepPlace {
  readonly epoch: number;
  /** Of the epoch. */
  readonly step: number;
  readonly bucket: number;
  /** What the loss is multiplied by meanwhile; absent where it is not. */
  readonly lossScale?: number;
}

export class ShardGradients {
  readonly #spec: PoolSpec<DifferentiatingOptions>;
  /** One for each bucket. */
  readonly #engines: readonly GradientEngine[];
  readonly #kernels: UpdateKernels;
  readonly #gatherer: Gatherer;
  readonly #clock: PhaseClock;
  /** The slots by their byte offsets: an engine wants to see the same arrays again. */
  readonly #slots = new Map<number, Float32Array>();

  constructor(
    spec: PoolSpec<DifferentiatingOptions>,
    engines: readonly GradientEngine[],
    kernels: UpdateKernels,
    gatherer: Gatherer,
    clock: PhaseClock,
  ) {
    this.#spec = spec;
    this.#engines = engines;
    this.#kernels = kernels;
    this.#gatherer = gatherer;
    this.#clock = clock;
  }

  /**
   * Computes shards and adds them up; their losses go to `shared.shardLosses`, divisors to `shared.shardDivisors`.
   *
   * @param slots byte offsets
   * @param after what will be gathered first by the next call
   */
  async compute(
    { epoch, step, bucket, lossScale }: StepPlace,
    actions: readonly RankStep[],
    slots: readonly number[],
    after?: RowRange,
  ): Promise<void> {
    const { geometry, layout, shared, seed } = this.#spec;
    const engine = this.#engines[bucket];
    const shards = this.rowsOf(step, actions);
    engine.refresh();
    let done = 0;
    for (const action of actions) {
      if ('add' in action) {
        this.#kernels.add(slots[action.to], slots[action.add], layout.state);
        this.#clock.mark('reduce');
        continue;
      }
      const rows = shards[done++];
      const { start, count } = rows;
      await this.#gatherer.load(rows, engine.buffers(count), shards[done] ?? after, epoch);
      shared.used.set(shared.keys.subarray(start, start + count), start);
      this.#clock.mark('gather');
      const key = { seed, step: roundOf(geometry, epoch, step), shard: action.compute };
      const gradients = this.#slot(slots[action.into]);
      const { lossSum, divisor } = await engine.computeGradients(count, key, gradients, lossScale);
      shared.shardLosses[action.compute] = lossSum;
      shared.shardDivisors[action.compute] = divisor;
      this.#clock.mark('compute');
    }
  }

  /** Places in the epoch's order of the shards that `actions` compute, in that order. */
  rowsOf(step: number, actions: readonly RankStep[]): RowRange[] {
    const { geometry } = this.#spec;
    const shards = actions.flatMap((action) => ('add' in action ? [] : action.compute));
    return shards.map((shard) => shardsOf(geometry, step, shard, shard + 1));
  }

  #slot(offset: number): Float32Array {
    let slot = this.#slots.get(offset);
    if (!slot) {
      slot = new Float32Array(this.#spec.shared.memory.buffer, offset, this.#spec.layout.state);
      this.#slots.set(offset, slot);
    }
    return slot;
  }
}
