/** Makes the replicates that it gets hold of, one after the other. */

import { multiplicities, type Resampling } from './bootstrap.js';
import type { KeptExamples } from './kept-examples.js';
import { RunMetrics } from './run-metrics.js';

/** Examples of a split whose metrics are replicated: all, or some of them by their places in the split. */
export interface ReplicatedPart {
  readonly kept: KeptExamples;
  readonly places?: Int32Array;
}

/** What threads are given. */
export interface ReplicateWork extends Resampling {
  readonly resamples: number;
  readonly parts: readonly ReplicatedPart[];
  /** Shared memory: the number of the next replicate that nobody has taken. */
  readonly next: Int32Array;
  /** Shared memory, [resamples, parts, numbers]. */
  readonly results: Float64Array;
}

export class ReplicateMaker {
  readonly #work: ReplicateWork;
  /** Written by each draw. */
  readonly #spare: Float64Array;
  readonly #parts: readonly {
    readonly places?: Int32Array;
    readonly estimate: (multiplicities: Float64Array) => Float64Array;
  }[];

  constructor(work: ReplicateWork) {
    this.#work = work;
    this.#spare = new Float64Array(work.examples);
    this.#parts = work.parts.map(({ kept, places }) => {
      const estimate = new RunMetrics(kept.heads).estimator(kept.outputs);
      return { places, estimate };
    });
  }

  /** Numbers of a replicate. */
  static widthOf({ heads }: KeptExamples): number {
    return new RunMetrics(heads).numbers.length;
  }

  /** @returns whether there was one left */
  makeNext(): boolean {
    const { next, resamples, results, parts } = this.#work;
    const replicate = Atomics.add(next, 0, 1);
    if (replicate >= resamples) return false;
    const times = multiplicities(this.#work, replicate, this.#spare);
    const width = results.length / (resamples * parts.length);
    for (const [i, { places, estimate }] of this.#parts.entries()) {
      const own = places ? Float64Array.from(places, (place) => times[place]) : times;
      const at = (replicate * parts.length + i) * width;
      // Of nothing there is no number.
      if (!places || own.some((value) => value > 0)) results.set(estimate(own), at);
      else results.fill(Number.NaN, at, at + width);
    }
    return true;
  }
}
