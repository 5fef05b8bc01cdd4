/** How the shards of steps are added up, by steps. */
import { activeShards, type Geometry } from '../data/geometry.js';
import { type ReductionPlan, reductionPlan, type TreeNode } from '../reduce/tree.js';

export class StepPlans {
  readonly #geometry: Geometry;
  readonly #threads: number;
  /** By the number of shards. */
  readonly #plans = new Map<number, ReductionPlan>();

  constructor({ geometry, threads }: { readonly geometry: Geometry; readonly threads: number }) {
    [this.#geometry, this.#threads] = [geometry, threads];
  }

  of(step: number): ReductionPlan {
    // The tree over fewer shards is the same tree cut off, so a last, smaller batch spreads over all threads.
    return this.ofShards({ low: 0, high: activeShards(this.#geometry, step) });
  }

  /** Of shards that are added up by themselves, numbered from 0 on; there may be none. */
  ofShards({ low, high }: TreeNode): ReductionPlan {
    const count = high - low;
    let plan = this.#plans.get(count);
    if (!plan) {
      plan = reductionPlan(count, this.#threads);
      this.#plans.set(count, plan);
    }
    return plan;
  }
}
