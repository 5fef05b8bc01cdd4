/** Where a thread's time goes: in all, and step by step where somebody wants to know. */
import { type Phase, phaseNames } from './pool-options.js';

/** When each rank ended each step of an epoch, and what it had spent in each phase: in memory that all threads share. */
export class StepTimes {
  readonly #values: Float64Array;
  readonly #threads: number;

  constructor(values: Float64Array, threads: number) {
    this.#values = values;
    this.#threads = threads;
  }

  /** First its end, in milliseconds since 1970; then milliseconds of each phase, in the order of `phaseNames`. */
  of(step: number, rank: number): Float64Array {
    const width = 1 + phaseNames.length;
    const start = (step * this.#threads + rank) * width;
    return this.#values.subarray(start, start + width);
  }
}

/** Who wants to know what the threads do when. */
export interface PoolWatch {
  /** Steps [first, first + committed) of an epoch have been taken. */
  trained(epoch: number, first: number, committed: number, times: StepTimes): void;
  /** An evaluation has ended that took so many milliseconds. */
  evaluated(milliseconds: number): void;
  closed(): void;
}

export class PhaseClock {
  readonly #sums: Float64Array;
  readonly #rank: number;
  readonly #steps: StepTimes | undefined;
  /** The sums at the end of the step before. */
  readonly #before: Float64Array;
  #last = 0;

  /**
   * @param phases milliseconds of each rank in each phase, added to
   * @param steps gets those of each step, where there is one
   */
  constructor(phases: Float64Array, rank: number, steps?: StepTimes) {
    this.#sums = phases.subarray(rank * phaseNames.length, (rank + 1) * phaseNames.length);
    this.#rank = rank;
    this.#steps = steps;
    this.#before = new Float64Array(phaseNames.length);
  }

  /** The time up to now belongs to no phase. */
  start(): void {
    this.#last = performance.now();
    this.#before.set(this.#sums);
  }

  /** The time since the last mark went into `phase`. */
  mark(phase: Phase): void {
    const now = performance.now();
    this.#sums[phaseNames.indexOf(phase)] += now - this.#last;
    this.#last = now;
  }

  /** A step of the epoch has ended with the last mark. */
  endStep(step: number): void {
    if (!this.#steps) return;
    const times = this.#steps.of(step, this.#rank);
    // Each thread counts from an origin of its own.
    times[0] = performance.timeOrigin + this.#last;
    for (let phase = 0; phase < this.#before.length; phase++) {
      times[1 + phase] = this.#sums[phase] - this.#before[phase];
    }
    this.#before.set(this.#sums);
  }
}

/** @param phases milliseconds of each rank in each phase @returns their mean over the ranks */
export function meanPhases(phases: Float64Array): Record<Phase, number> {
  const threads = phases.length / phaseNames.length;
  const mean = phaseNames.map((_, phase) => {
    let sum = 0;
    for (let rank = 0; rank < threads; rank++) sum += phases[rank * phaseNames.length + phase];
    return sum / threads;
  });
  return Object.fromEntries(phaseNames.map((name, i) => [name, mean[i]])) as Record<Phase, number>;
}
