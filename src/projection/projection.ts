/** How fast more workers would be than there are here: the model's answer for each number of workers and way of reducing. */
import { assumptionsOf } from './assumptions.js';
import type { CostModel } from './cost.js';
import { type ProjectionRow, rowOf } from './row.js';
import type { Scenario } from './scenario.js';
import { aloneExamplesPerSecond, simulateTrial } from './trial.js';
import { projectionVerdict } from './verdict.js';

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
    verdict: projectionVerdict({ model, scenario, best, worth, worthwhile, seed }),
    assumptions: assumptionsOf(model, scenario),
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
