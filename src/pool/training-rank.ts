/** One thread of a pool: its share of every training step. */
import { activeShards, roundOf } from '../data/geometry.js';
import { createOptimizer } from '../optimizer/create-optimizer.js';
import { decideStep, type Update } from '../optimizer/decide.js';
import type { SlabPiece } from '../optimizer/optimizer.js';
import { totalSquares } from '../reduce/norm.js';
import type { Control } from './control.js';
import type { PhaseClock } from './phase-clock.js';
import type { TrainingOptions } from './pool-options.js';
import type { ShardGradients, StepPlace } from './shard-gradients.js';
import type { PoolSpec } from './shared-state.js';
import type { Slice } from './slice.js';
import { StepPlans } from './step-plans.js';
import { StepScaling } from './step-scaling.js';
import type { TrainTask } from './task.js';

export class TrainingRank {
  readonly #spec: PoolSpec<TrainingOptions>;
  readonly #rank: number;
  readonly #control: Control;
  readonly #share: readonly SlabPiece[];
  readonly #clock: PhaseClock;
  readonly #slice: Slice;
  readonly #gradients: ShardGradients;
  readonly #plans: StepPlans;
  readonly #scaling: StepScaling;

  constructor(
    spec: PoolSpec<TrainingOptions>,
    rank: number,
    control: Control,
    clock: PhaseClock,
    slice: Slice,
    gradients: ShardGradients,
  ) {
    this.#spec = spec;
    this.#plans = new StepPlans(spec);
    this.#scaling = new StepScaling(spec, rank);
    this.#rank = rank;
    this.#control = control;
    this.#share = slice.shareOf(createOptimizer(spec.optimizer, spec.layout, spec.shared.ruleModels));
    this.#clock = clock;
    this.#slice = slice;
    this.#gradients = gradients;
  }

  /** Runs the steps [first, last) of an epoch: compute, reduce, update. Stops early when asked to, or when loss or gradient are not finite. */
  async train({ epoch, first, last, rateScale, buckets }: TrainTask): Promise<void> {
    this.#clock.start();
    this.#scaling.begin();
    for (let step = first; step < last; step++) {
      await this.#compute({ epoch, step, bucket: buckets?.[step] ?? 0, lossScale: this.#scaling.sumScale(step) });
      this.#barrier();
      this.#reduce(step);
      this.#barrier();
      const update = this.#decide(epoch, step, rateScale);
      if (!update) return;
      if (update !== 'skipped') this.#update(update, this.#spec.shared.offsets.gradients[this.#plans.of(step).total]);
      if (this.#rank === 0) this.#control.decideHalt();
      this.#barrier();
      this.#clock.endStep(step);
      if (this.#rank === 0) this.#control.commitStep();
      if (this.#control.halted) return;
    }
  }

  /** Gradients of this rank's shards, folded into its slots as they come. */
  async #compute(place: StepPlace): Promise<void> {
    const { geometry, shared } = this.#spec;
    const gradients = this.#gradients;
    const actionsOf = (of: number) => this.#plans.of(of).steps[this.#rank];
    // The first shard of the next step follows the last of this one, except at the end of an epoch.
    const { step } = place;
    const next = step + 1;
    const after = next < geometry.stepsPerEpoch ? gradients.rowsOf(next, actionsOf(next))[0] : undefined;
    await gradients.compute(place, actionsOf(step), shared.offsets.gradients, after);
  }

  /** Sums the ranks' slots on this rank's slice, and the squares of the result. */
  #reduce(step: number): void {
    const { final, total } = this.#plans.of(step);
    this.#slice.reduce(final, this.#spec.shared.offsets.gradients, total);
    this.#clock.mark('reduce');
  }

  /** Every rank decides by the same numbers, so all come to the same decision; none where the run has diverged. */
  #decide(epoch: number, step: number, rateScale: number): Update | 'skipped' | undefined {
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
    return this.#scaling.decided(step, update);
  }

  /** Applies the optimizer to this rank's slice. @param total byte offset of the step's gradient */
  #update(update: Update, total: number): void {
    this.#slice.update(this.#share, total, update);
    this.#clock.mark('update');
  }

  #barrier(): void {
    this.#control.barrier(this.#spec.threads);
    this.#clock.mark('wait');
  }
}
