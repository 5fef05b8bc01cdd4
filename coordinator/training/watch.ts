/** Looks at the threads' progress while they run an epoch, and reports it. */

import { examplesBefore, type Geometry, roundOf } from '../../src/data/geometry.js';
import type { Reporter } from '../../src/report/events.js';
import type { Trainer } from './trainer.js';

/** Milliseconds between two looks; and until the first step is seen, from which time is counted. */
const interval = 100;
const firstInterval = 10;

export interface WatchOptions {
  readonly trainer: Trainer;
  readonly geometry: Geometry;
  /** Steps between two step events. */
  readonly logEvery: number;
  /** Learning rate of a step, counted from the start of the run. */
  readonly learningRate: (step: number) => number;
  readonly report: Reporter;
}

export interface Watch {
  /** Reports what there is to report now. @throws what the reporter threw, now or at an earlier look */
  look(): void;
  /** Takes a last look and stops. */
  end(): void;
  /** Of the steps seen so far; NaN before the second. */
  readonly examplesPerSecond: number;
}

/**
 * Reports progress, and a step event for every `logEvery` steps that have gone by, until it is told to stop. Time is counted
 * from the end of the first step: what comes before it, such as waiting for workers, and what the first step alone takes, such as
 * warming up, say nothing about the steps to come.
 * @param first step of the epoch that is taken now; those before were taken before the run was interrupted
 */
export function watchEpoch(
  epoch: number,
  first: number,
  { trainer, geometry, logEvery, learningRate, report }: WatchOptions,
): Watch {
  const { stepsPerEpoch, epochs } = geometry;
  const opened = performance.now();
  /** When the first steps were seen to be done, and how many. */
  let begun: { readonly time: number; readonly done: number } | undefined;
  let examplesPerSecond = Number.NaN;
  let seen = first;
  let lossSum = trainer.stepLosses.subarray(0, first).reduce((sum, loss) => sum + loss, 0);
  let failure: { readonly reason: unknown } | undefined;
  const tell = () => {
    // Before the first span of an epoch the trainer still tells of the one before.
    const done = trainer.epoch === epoch ? trainer.done : first;
    if (done === first) return;
    begun ??= { time: performance.now(), done };
    // An epoch that was over before anybody looked twice has nothing else to go by.
    const from = done > begun.done ? begun : { time: opened, done: first };
    const secondsPerStep = (performance.now() - from.time) / 1000 / (done - from.done);
    const examples = examplesBefore(geometry, done) - examplesBefore(geometry, from.done);
    examplesPerSecond = examples / (secondsPerStep * (done - from.done));
    for (; seen < done; seen++) {
      const index = roundOf(geometry, epoch, seen);
      const loss = trainer.stepLosses[seen];
      lossSum += loss;
      if ((index + 1) % logEvery !== 0) continue;
      const gradientNorm = trainer.stepNorms[seen];
      const learned = { learningRate: learningRate(index), gradientNorm, examplesPerSecond };
      report({ event: 'step', epoch: epoch + 1, step: index + 1, loss, ...learned });
    }
    const place = { epoch: epoch + 1, epochs, step: done, steps: stepsPerEpoch };
    const isKnown = done > begun.done || done === stepsPerEpoch;
    const pace = isKnown
      ? { examplesPerSecond, secondsLeft: secondsPerStep * (stepsPerEpoch - done) }
      : { examplesPerSecond: Number.NaN, secondsLeft: Number.NaN };
    report({ event: 'progress', ...place, loss: lossSum / done, ...pace });
  };
  const look = () => {
    if (failure) throw failure.reason;
    try {
      tell();
    } catch (reason) {
      failure = { reason };
      throw reason;
    }
  };
  let timer: NodeJS.Timeout;
  const wait = () => {
    timer = setTimeout(tick, begun ? interval : firstInterval);
  };
  const tick = () => {
    try {
      look();
    } catch {
      // Out of a timer it would end the process: the loop, which gets it at the next look, is to come there soon.
      trainer.requestStop();
    }
    wait();
  };
  wait();
  const end = () => {
    clearTimeout(timer);
    look();
  };
  return {
    look,
    end,
    get examplesPerSecond() {
      return examplesPerSecond;
    },
  };
}
