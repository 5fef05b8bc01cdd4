/** One thread of a pool: the batches of an evaluation that it gets hold of. */
import type { Examples } from '../data/examples.js';
import { ofRole, type Values, weighsPlaces, weightsOf } from '../data/field.js';
import type { GradientEngine } from '../engine/engine.js';
import { RunMetrics } from '../evaluate/run-metrics.js';
import type { Control } from './control.js';
import type { Gatherer } from './gather.js';
import type { ComputingOptions } from './pool-options.js';
import type { PoolSpec } from './shared-state.js';
import type { EvaluateTask } from './task.js';

/** Where the buffers of a batch have each target, in what scale, and the weights of its places. */
function headsIn({ columns }: Examples): { target: number; scale?: number; weights?: number }[] {
  return ofRole(columns, 'target').map((target) => ({
    target: columns.indexOf(target),
    scale: target.scale,
    weights: weighsPlaces(columns, target) ? columns.indexOf(weightsOf(columns, target)!) : undefined,
  }));
}

/** Targets as the loss compares them. */
function inScale(values: Values, scale = 1): Values {
  return scale === 1 ? values : Float32Array.from(values, (value) => value * Math.fround(scale));
}

export class Evaluator {
  readonly #spec: PoolSpec<ComputingOptions>;
  readonly #rank: number;
  readonly #control: Control;
  /** One for each bucket. */
  readonly #engines: readonly GradientEngine[];
  readonly #gatherer: Gatherer;
  readonly #metrics: RunMetrics;

  constructor(
    spec: PoolSpec<ComputingOptions>,
    rank: number,
    control: Control,
    engines: readonly GradientEngine[],
    gatherer: Gatherer,
  ) {
    this.#spec = spec;
    this.#rank = rank;
    this.#control = control;
    this.#engines = engines;
    this.#gatherer = gatherer;
    this.#metrics = new RunMetrics(spec.metrics);
  }

  /** Metric sums of the batches that this rank gets hold of. */
  async evaluate({ batches: asked }: EvaluateTask): Promise<void> {
    const { shared, examples } = this.#spec;
    const metrics = this.#metrics;
    const totals = shared.evaluationCounts.subarray(this.#rank * metrics.counts, (this.#rank + 1) * metrics.counts);
    const heads = headsIn(examples);
    for (const engine of this.#engines) engine.refresh();
    let start = 0;
    const batches = asked.map(({ count, bucket }, batch) => {
      const rows = { start, count };
      start += count;
      return { batch, bucket, rows };
    });
    const take = () => {
      const batch = this.#control.takeBatch();
      return batch === undefined ? undefined : batches[batch];
    };
    // One is taken ahead, so that its rows can be on their way.
    for (let current = take(), next = take(); current; current = next, next = take()) {
      const { count } = current.rows;
      const engine = this.#engines[current.bucket];
      const buffers = engine.buffers(count);
      await this.#gatherer.load(current.rows, buffers, next?.rows);
      const results = await engine.evaluate(count);
      const evaluated = heads.map(({ target, scale, weights }, i) => ({
        ...results[i],
        targets: inScale(buffers[target], scale),
        weights: weights === undefined ? undefined : (buffers[weights] as Float32Array),
      }));
      const sums = new Float64Array(metrics.width);
      const { start: first } = current.rows;
      metrics.add(evaluated, sums, totals, shared.kept.subarray(first * metrics.kept, (first + count) * metrics.kept));
      shared.evaluation.set(sums, current.batch * metrics.width);
    }
  }
}
