/** Where a thread's time goes. */
import { type Phase, phaseNames } from './spec.js';

export class PhaseClock {
  readonly #sums: Float64Array;
  #last = 0;

  /** @param phases milliseconds of each rank in each phase, added to */
  constructor(phases: Float64Array, rank: number) {
    this.#sums = phases.subarray(rank * phaseNames.length, (rank + 1) * phaseNames.length);
  }

  /** The time up to now belongs to no phase. */
  start(): void {
    this.#last = performance.now();
  }

  /** The time since the last mark went into `phase`. */
  mark(phase: Phase): void {
    const now = performance.now();
    this.#sums[phaseNames.indexOf(phase)] += now - this.#last;
    this.#last = now;
  }
}
