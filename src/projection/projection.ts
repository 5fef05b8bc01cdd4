/** What comes of a projection, for reports and plots. */
import type { CostModel } from './cost.js';
import type { Reduction, Scenario } from './scenario.js';

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

export interface Projection {
  readonly scenario: Scenario;
  readonly model: CostModel;
  readonly rows: readonly ProjectionRow[];
  /** The row with the highest throughput at each number of workers. */
  readonly best: readonly ProjectionRow[];
  /** The last number of workers up to which each doubling gives at least `worthwhile` times the throughput. */
  readonly worth: number;
  readonly worthwhile: number;
  /** In words: how many are worth it, and what limits. */
  readonly verdict: readonly string[];
  /** Plain sentences. */
  readonly assumptions: readonly string[];
}

/** A measured run, and what the model says that it should have taken. */
export interface Check {
  readonly workers: number;
  readonly reduction: 'threads' | 'star' | 'butterfly';
  readonly bandwidth?: number;
  readonly latency?: number;
  /** Milliseconds of a step. */
  readonly measured: number;
  readonly predicted: number;
  /** |predicted - measured| / measured. */
  readonly error: number;
}
