/** A row of the projection: how fast so many workers would be. */
import type { Reduction } from './scenario.js';
import type { Trial } from './trial.js';

/** A number of workers with one way of reducing. */
export interface ProjectionRow {
  readonly workers: number;
  readonly reduction: Reduction;
  /** Milliseconds of a step: half of the steps take no longer, nine of ten, and on average, failures included. */
  readonly p50: number;
  readonly p90: number;
  readonly mean: number;
  readonly examplesPerSecond: number;
  /** Throughput over that of one worker alone, and that over the number of workers. */
  readonly speedup: number;
  readonly efficiency: number;
  /** Bytes of a step through the busiest direction of any host's network. */
  readonly busiestLinkBytes: number;
  /** Part of a step in which a worker neither computes nor updates nor handles messages, from 0 to 1. */
  readonly waiting: number;
}

/** @param alone examples a second of one worker alone */
export function rowOf(
  { workers, reduction, p50, p90, mean, examples, busiestLinkBytes, waiting }: Trial,
  alone: number,
): ProjectionRow {
  const examplesPerSecond = examples / mean;
  const speedup = examplesPerSecond / alone;
  return {
    workers,
    reduction,
    p50: 1000 * p50,
    p90: 1000 * p90,
    mean: 1000 * mean,
    examplesPerSecond,
    speedup,
    efficiency: speedup / workers,
    busiestLinkBytes,
    waiting,
  };
}
