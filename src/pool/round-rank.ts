/** One thread of a pool: its share of the rounds of a world. */
import { activeShards } from '../data/geometry.js';
import type { UpdateKernels } from '../kernels/load-kernels.js';
import { createOptimizer } from '../optimizer/create-optimizer.js';
import type { SlabPiece } from '../optimizer/optimizer.js';
import { piecesIn } from '../optimizer/share.js';
import { cutRange } from '../reduce/shares.js';
import { nodePlan } from '../reduce/tree.js';
import type { Control } from './control.js';
import type { PhaseClock } from './phase-clock.js';
import type { MemberPoolOptions } from './pool-options.js';
import { warmUpOptimizer } from './run-slots.js';
import type { ShardGradients } from './shard-gradients.js';
import type { PoolSpec } from './shared-state.js';
import { Slice } from './slice.js';
import type { ApplyTask, NodesTask } from './task.js';

export class RoundRank {
  readonly #spec: PoolSpec<MemberPoolOptions>;
  readonly #rank: number;
  readonly #control: Control;
  readonly #clock: PhaseClock;
  readonly #slice: Slice;
  readonly #pieces: readonly SlabPiece[];
  readonly #share: readonly SlabPiece[];
  /** What takes the steps before local ones. */
  readonly #warmUp: { readonly slice: Slice; readonly share: readonly SlabPiece[]; readonly steps: number } | undefined;
  /** None where the thread only updates. */
  readonly #gradients: ShardGradients | undefined;

  constructor(
    spec: PoolSpec<MemberPoolOptions>,
    rank: number,
    control: Control,
    clock: PhaseClock,
    kernels: UpdateKernels,
    slice: Slice,
    gradients: ShardGradients | undefined,
  ) {
    this.#spec = spec;
    this.#rank = rank;
    this.#control = control;
    this.#clock = clock;
    this.#slice = slice;
    this.#gradients = gradients;
    const optimizer = createOptimizer(spec.optimizer, spec.layout, spec.shared.ruleModels);
    this.#pieces = optimizer.pieces;
    this.#share = slice.shareOf(optimizer);
    this.#warmUp = this.#warmUpOf(spec, optimizer.slots.length, kernels);
  }

  /** @param others slabs that come before its own */
  #warmUpOf(spec: PoolSpec<MemberPoolOptions>, others: number, kernels: UpdateKernels) {
    const warmUp = warmUpOptimizer(spec);
    if (!warmUp || spec.use === 'updates') return undefined;
    const { shared, layout } = spec;
    const offsets = { ...shared.offsets, optimizer: shared.offsets.optimizer.slice(others) };
    const slice = new Slice({ ...spec, shared: { ...shared, offsets } }, this.#rank, kernels);
    const share = slice.shareOf(createOptimizer(warmUp, layout, shared.ruleModels));
    return { slice, share, steps: spec.local!.warmUpSteps };
  }

  /** The sums of nodes of a round, each in its slot. */
  async computeNodes({ epoch, step, bucket, lossScale, nodes, slots }: NodesTask): Promise<void> {
    const { geometry, threads } = this.#spec;
    this.#clock.start();
    if (this.#warmUp) this.#copyParameters();
    const plan = nodePlan(nodes, activeShards(geometry, step), threads);
    await this.#gradients!.compute({ epoch, step, bucket, lossScale }, plan.steps[this.#rank], slots);
    if (plan.final.length === 0) return;
    this.#control.barrier(threads);
    this.#clock.mark('wait');
    this.#slice.reduce(plan.final, slots);
    this.#clock.mark('reduce');
  }

  /** Applies the total of a round to this rank's slice, or to its part of ranges, all of whose pieces may be cut. */
  apply({ update, total, ranges }: ApplyTask): void {
    this.#clock.start();
    if (this.#warmUp && update.round < this.#warmUp.steps) this.#warmUp.slice.update(this.#warmUp.share, total, update);
    else if (ranges) {
      for (const range of ranges) {
        const part = cutRange(range, 16, this.#rank, this.#spec.threads);
        this.#slice.update(piecesIn(this.#pieces, part.from, part.to), total, update, part);
      }
    } else this.#slice.update(this.#share, total, update);
    this.#clock.mark('update');
  }

  /** Gradients are computed where replicas train. */
  #copyParameters(): void {
    const { shared, layout, threads } = this.#spec;
    const { memory, offsets } = shared;
    const slab = (offset: number) => new Float32Array(memory.buffer, offset, layout.length);
    if (this.#rank === 0) slab(offsets.local!.parameters).set(slab(offsets.parameters));
    this.#control.barrier(threads);
    this.#clock.mark('wait');
  }
}
