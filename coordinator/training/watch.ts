/** Looks at the trainer's progress while it runs an epoch, and reports it. */
import { examplesBefore, type Geometry, roundOf } from '../../src/data/geometry.js';
import type { Reporter, Throughput } from '../../src/report/events.js';
import type { RunPhases } from '../../src/report/phases.js';
import { stepScale } from './scaled-steps.js';
import { noSteps, type RunSpeed, speedOf } from './speed.js';
import type { Trainer } from './trainer.js';

/** Milliseconds between two looks; and until the first step is seen, from which time is counted. */
const interval = 100;
const firstInterval = 10;
/** Milliseconds from whose steps the time that is left is told. */
const lately = 10_000;

export interface WatchOptions {
  readonly trainer: Trainer;
  readonly geometry: Geometry;
  /** Steps between two step events. */
  readonly logEvery: number;
  /** Learning rate of a step, counted from the start of the run. */
  readonly learningRate: (step: number) => number;
  readonly report: Reporter;
  /** Of all epochs; told the steps of this one at its end. */
  readonly speed: RunSpeed;
  /** Told when the first step is done. */
  readonly phases: RunPhases;
}

/**
 * Reports progress, and a step event for every `logEvery` steps that have gone by, until it is told to stop. Time is counted
 * from the end of the first step: what comes before it, such as waiting for workers, and what the first step alone takes, such as
 * warming up, say nothing about the steps to come.
 */
export class EpochWatch {
  readonly #epoch: number;
  readonly #first: number;
  readonly #options: WatchOptions;
  readonly #opened = performance.now();
  /** Whether no step of the epoch is the first of this process. */
  readonly #isWarm: boolean;
  /** Steps that were done at moments of the last seconds, the earliest first. */
  readonly #recent: { readonly time: number; readonly done: number }[] = [];
  /** When the first steps were seen to be done, and how many. */
  #begun: { readonly time: number; readonly done: number } | undefined;
  #timed = noSteps;
  /** Steps that were reported; the sum of their losses, and how many have one: those that were skipped may have none. */
  #seen: number;
  #lossSum = 0;
  #summed = 0;
  #failure: { readonly reason: unknown } | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param first step of the epoch that is taken now; those before were taken before the run was interrupted */
  constructor(epoch: number, first: number, options: WatchOptions) {
    this.#epoch = epoch;
    this.#first = first;
    this.#options = options;
    this.#isWarm = options.phases.isTraining;
    this.#seen = first;
    for (const loss of options.trainer.stepLosses.subarray(0, first)) this.#add(loss);
    this.#wait();
  }

  /** Of the steps seen so far. */
  get speed(): Throughput {
    return speedOf(this.#timed, this.#options.speed.tokens);
  }

  /** Reports what there is to report now. @throws what the reporter threw, now or at an earlier look */
  look(): void {
    if (this.#failure) throw this.#failure.reason;
    try {
      this.#tell();
    } catch (reason) {
      this.#failure = { reason };
      throw reason;
    }
  }

  /** Takes a last look and stops. */
  end(): void {
    clearTimeout(this.#timer);
    this.look();
    this.#options.speed.add(this.#timed);
  }

  #wait(): void {
    this.#timer = setTimeout(() => this.#tick(), this.#begun ? interval : firstInterval);
  }

  #tick(): void {
    try {
      this.look();
    } catch {
      // Out of a timer it would end the process: the loop, which gets it at the next look, is to come there soon.
      this.#options.trainer.requestStop();
    }
    this.#wait();
  }

  #tell(): void {
    const { trainer, geometry, phases, report } = this.#options;
    // Before the first span of an epoch the trainer still tells of the one before.
    const done = trainer.epoch === this.#epoch ? trainer.done : this.#first;
    if (done === this.#first) return;
    if (!this.#begun) {
      this.#begun = { time: performance.now(), done };
      phases.begin('training');
    }
    const { stepsPerEpoch, epochs } = geometry;
    // An epoch that was over before anybody looked twice has nothing else to go by.
    const whole = this.#isWarm && done === stepsPerEpoch ? { time: this.#opened, done: this.#first } : undefined;
    const from = done > this.#begun.done ? this.#begun : whole;
    const seconds = from ? (performance.now() - from.time) / 1000 : Number.NaN;
    if (from) this.#timed = { seconds, examples: examplesBefore(geometry, done) - examplesBefore(geometry, from.done) };
    this.#tellSteps(done);
    report({
      event: 'progress',
      epoch: this.#epoch + 1,
      epochs,
      step: done,
      steps: stepsPerEpoch,
      loss: this.#lossSum / this.#summed,
      ...this.speed,
      secondsLeft: from ? this.#secondsAStep(done, seconds / (done - from.done)) * (stepsPerEpoch - done) : Number.NaN,
    });
  }

  /** By what was done lately: a machine that others use, or a world that changes, goes faster or slower than it did. @param sinceBegun of the whole epoch */
  #secondsAStep(done: number, sinceBegun: number): number {
    const time = performance.now();
    this.#recent.push({ time, done });
    while (this.#recent.length > 2 && time - this.#recent[1].time > lately) this.#recent.shift();
    const [first] = this.#recent;
    return done > first.done && time - first.time >= lately / 2
      ? (time - first.time) / 1000 / (done - first.done)
      : sinceBegun;
  }

  #add(loss: number): void {
    if (!Number.isFinite(loss)) return;
    this.#lossSum += loss;
    this.#summed++;
  }

  #tellSteps(done: number): void {
    const { trainer, geometry, logEvery, learningRate, report } = this.#options;
    for (; this.#seen < done; this.#seen++) {
      const round = roundOf(geometry, this.#epoch, this.#seen);
      const loss = trainer.stepLosses[this.#seen];
      this.#add(loss);
      if ((round + 1) % logEvery !== 0) continue;
      report({
        event: 'step',
        epoch: this.#epoch + 1,
        step: round + 1,
        loss,
        learningRate: learningRate(round),
        gradientNorm: trainer.stepNorms[this.#seen],
        ...stepScale(trainer, this.#seen),
        ...this.speed,
      });
    }
  }
}
