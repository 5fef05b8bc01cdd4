/** Looks at the threads' progress while they run an epoch, and reports it. */

import type { Geometry } from '../src/pool/spec.js';
import type { Reporter } from '../src/report/events.js';
import type { Trainer } from './trainer.js';

/** Milliseconds between two looks. */
const interval = 100;

export interface WatchOptions {
  readonly pool: Trainer;
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
}

/**
 * Reports progress, and a step event for every `logEvery` steps that have gone by, until it is told to stop.
 * @param first step of the epoch that is taken now; those before were taken before the run was interrupted
 */
export function watchEpoch(
  epoch: number,
  first: number,
  { pool, geometry, logEvery, learningRate, report }: WatchOptions,
): Watch {
  const { stepsPerEpoch, batchSize, training, epochs } = geometry;
  const started = performance.now();
  let seen = first;
  let lossSum = pool.stepLosses.subarray(0, first).reduce((sum, loss) => sum + loss, 0);
  let failure: { readonly reason: unknown } | undefined;
  const tell = () => {
    // Before the first span of an epoch the pool still tells of the one before.
    const done = pool.epoch === epoch ? pool.done : first;
    if (done === first) return;
    const seconds = (performance.now() - started) / 1000;
    const examplesPerSecond = (Math.min(done * batchSize, training) - first * batchSize) / seconds;
    for (; seen < done; seen++) {
      const index = epoch * stepsPerEpoch + seen;
      const loss = pool.stepLosses[seen];
      lossSum += loss;
      if ((index + 1) % logEvery !== 0) continue;
      const gradientNorm = pool.stepNorms[seen];
      const learned = { learningRate: learningRate(index), gradientNorm, examplesPerSecond };
      report({ event: 'step', epoch: epoch + 1, step: index + 1, loss, ...learned });
    }
    const secondsLeft = (seconds / (done - first)) * (stepsPerEpoch - done);
    const place = { epoch: epoch + 1, epochs, step: done, steps: stepsPerEpoch };
    report({ event: 'progress', ...place, loss: lossSum / done, examplesPerSecond, secondsLeft });
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
  const timer = setInterval(() => {
    try {
      look();
    } catch {
      // Out of a timer it would end the process: the loop, which gets it at the next look, is to come there soon.
      pool.requestStop();
    }
  }, interval);
  const end = () => {
    clearInterval(timer);
    look();
  };
  return { look, end };
}
