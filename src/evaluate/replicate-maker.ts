/** Makes the replicates that it gets hold of, one after the other. */

import { multiplicities, type Resampling } from './bootstrap.js';
import type { KeptExamples } from './kept-examples.js';
import { RunMetrics } from './run-metrics.js';

/** What threads are given. */
export interface ReplicateWork extends Pick<Resampling, 'seed' | 'groups'> {
  readonly resamples: number;
  readonly kept: KeptExamples;
  /** Shared memory: the number of the next replicate that nobody has taken. */
  readonly next: Int32Array;
  /** Shared memory, [resamples, numbers]. */
  readonly results: Float64Array;
}

export class ReplicateMaker {
  readonly #work: ReplicateWork;
  readonly #estimate: (multiplicities: Float64Array) => Float64Array;

  constructor(work: ReplicateWork) {
    this.#work = work;
    this.#estimate = new RunMetrics(work.kept.heads).estimator(work.kept.outputs);
  }

  /** Numbers of a replicate. */
  static widthOf({ heads }: KeptExamples): number {
    return new RunMetrics(heads).numbers.length;
  }

  /** @returns whether there was one left */
  makeNext(): boolean {
    const { next, resamples, results, seed, groups, kept } = this.#work;
    const replicate = Atomics.add(next, 0, 1);
    if (replicate >= resamples) return false;
    const estimates = this.#estimate(multiplicities({ seed, groups, examples: kept.examples }, replicate));
    results.set(estimates, replicate * estimates.length);
    return true;
  }
}
