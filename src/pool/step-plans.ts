/** How the shards of steps are added up, by steps. */
import { activeShards, type Geometry } from '../data/geometry.js';
import { type ReductionPlan, reductionPlan } from '../reduce/tree.js';

export class StepPlans {
  readonly #geometry: Geometry;
  readonly #threads: number;
  /** By the number of shards. */
  readonly #plans = new Map<number, ReductionPlan>();

  constructor({ geometry, threads }: { readonly geometry: Geometry; readonly threads: number }) {
    [this.#geometry, this.#threads] = [geometry, threads];
  }

  of(step: number): ReductionPlan {
    const active = activeShards(this.#geometry, step);
    let plan = this.#plans.get(active);
    if (!plan) {
      // The tree over fewer shards is the same tree cut off, so a last, smaller batch spreads over all threads.
      plan = reductionPlan(active, this.#threads);
      this.#plans.set(active, plan);
    }
    return plan;
  }
}
