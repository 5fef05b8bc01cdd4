/** One thread of a pool: its share of the rounds of a world. */
import { activeShards } from '../data/geometry.js';
import { createOptimizer } from '../optimizer/create-optimizer.js';
import type { SlabPiece } from '../optimizer/optimizer.js';
import { piecesIn } from '../optimizer/share.js';
import type { ParameterRange } from '../reduce/parameter-exchange.js';
import { nodePlan } from '../reduce/tree.js';
import type { Control } from './control.js';
import type { PhaseClock } from './phase-clock.js';
import type { MemberPoolOptions } from './pool-options.js';
import type { ShardGradients } from './shard-gradients.js';
import type { PoolSpec } from './shared-state.js';
import type { Slice } from './slice.js';
import type { ApplyTask, NodesTask } from './task.js';

export class RoundRank {
  readonly #spec: PoolSpec<MemberPoolOptions>;
  readonly #rank: number;
  readonly #control: Control;
  readonly #clock: PhaseClock;
  readonly #slice: Slice;
  readonly #pieces: readonly SlabPiece[];
  readonly #share: readonly SlabPiece[];
  /** None where the thread only updates. */
  readonly #gradients: ShardGradients | undefined;

  constructor(
    spec: PoolSpec<MemberPoolOptions>,
    rank: number,
    control: Control,
    clock: PhaseClock,
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
  }

  /** The sums of nodes of a round, each in its slot. */
  async computeNodes({ epoch, step, bucket, nodes, slots }: NodesTask): Promise<void> {
    const { geometry, threads } = this.#spec;
    this.#clock.start();
    const plan = nodePlan(nodes, activeShards(geometry, step), threads);
    await this.#gradients!.compute({ epoch, step, bucket }, plan.steps[this.#rank], slots);
    if (plan.final.length === 0) return;
    this.#control.barrier(threads);
    this.#clock.mark('wait');
    this.#slice.reduce(plan.final, slots);
    this.#clock.mark('reduce');
  }

  /** Applies the total of a round to this rank's slice, or to its part of a range. */
  apply({ update, range }: ApplyTask): void {
    this.#clock.start();
    this.#slice.update(range ? this.#partOf(range) : this.#share, this.#spec.shared.offsets.total, update);
    this.#clock.mark('update');
  }

  /** Of a range of the parameters, all of whose pieces may be cut. */
  #partOf({ from, to }: ParameterRange): SlabPiece[] {
    const units = (to - from) / 16;
    const border = (rank: number) => from + Math.floor((rank * units) / this.#spec.threads) * 16;
    return piecesIn(this.#pieces, border(this.#rank), border(this.#rank + 1));
  }
}
