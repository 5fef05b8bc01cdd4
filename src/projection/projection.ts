/** How fast more workers would be than there are here: the model's answer for each number of workers and way of reducing. */
import { assumptionsOf } from './assumptions.js';
import type { CostModel } from './cost.js';
import type { Reduction, Scenario } from './scenario.js';
import { aloneExamplesPerSecond, simulateTrial, type Trial } from './trial.js';
import { verdictOf } from './verdict.js';

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
  /** By number of workers, then in the order of `scenario.reductions`. */
  readonly rows: readonly ProjectionRow[];
  /** The row with the highest throughput at each number of workers. */
  readonly best: readonly ProjectionRow[];
  /**
   * The last number of workers up to which each doubling gives at least `worthwhile` times the throughput, from one worker
   * alone on; 1 where not even the first number does.
   */
  readonly worth: number;
  readonly worthwhile: number;
  /** In words: how many workers are worth it, and what limits more. */
  readonly verdict: readonly string[];
  /** Plain sentences. */
  readonly assumptions: readonly string[];
}

/** What a doubling of workers has to give. */
const worthwhile = 1.5;

/**
 * @param seed of stragglers and failures: the same seed gives the same projection
 */
export function project(model: CostModel, scenario: Scenario, seed = 0): Projection {
  const alone = aloneExamplesPerSecond(model, scenario);
  const rows = scenario.workers.flatMap((workers) =>
    scenario.reductions.map((reduction) => rowOf(simulateTrial(model, scenario, workers, reduction, seed), alone)),
  );
  const best = scenario.workers.map((workers) =>
    rows
      .filter((row) => row.workers === workers)
      .reduce((most, row) => (row.examplesPerSecond > most.examplesPerSecond ? row : most)),
  );
  const worth = worthOf(best);
  return {
    scenario,
    model,
    rows,
    best,
    worth,
    worthwhile,
    verdict: verdictOf({ model, scenario, best, worth, worthwhile, seed }),
    assumptions: assumptionsOf(model, scenario),
  };
}

function rowOf({ workers, reduction, p50, p90, mean, examples, busiestLinkBytes, waiting }: Trial, alone: number) {
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

/** Steps between numbers of workers that are no doublings count as so much of one as they are. */
function worthOf(best: readonly ProjectionRow[]): number {
  let worth = { workers: 1, speedup: 1 };
  for (const row of best) {
    const doublings = Math.log2(row.workers / worth.workers);
    if (row.speedup < worth.speedup * worthwhile ** doublings) break;
    worth = row;
  }
  return worth.workers;
}
