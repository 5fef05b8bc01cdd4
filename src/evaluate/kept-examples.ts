/** A split with what is kept of it, as bootstrap threads and slices take it. */
import type { KeptOutput } from './kept-rows.js';
import { type HeadMetrics, RunMetrics } from './run-metrics.js';

/** Everything but `heads` lies in memory that threads share. */
export interface KeptExamples {
  readonly heads: readonly HeadMetrics[];
  readonly examples: number;
  /** Of each head. */
  readonly outputs: readonly KeptOutput[];
}

/** @param kept of all heads, the numbers of one example behind those of another */
export function keptExamples(heads: readonly HeadMetrics[], kept: Float32Array): KeptExamples {
  const metrics = new RunMetrics(heads);
  return { heads, examples: kept.length / metrics.kept, outputs: metrics.collect(kept) };
}

/** Some of the examples, in the order of their places. */
export function subset({ heads, examples, outputs }: KeptExamples, places: ArrayLike<number>): KeptExamples {
  const pick = (values: Float32Array): Float32Array => {
    const width = examples === 0 ? 0 : values.length / examples;
    const some = new Float32Array(new SharedArrayBuffer(4 * width * places.length));
    for (let i = 0; i < places.length; i++) {
      some.set(values.subarray(places[i] * width, (places[i] + 1) * width), i * width);
    }
    return some;
  };
  const each = outputs.map(({ outputs, targets, weights, losses, divisors, customs }) => ({
    outputs: pick(outputs),
    targets: pick(targets),
    losses: pick(losses),
    divisors: pick(divisors),
    customs: customs.map(pick),
    ...(weights && { weights: pick(weights) }),
  }));
  return { heads, examples: places.length, outputs: each };
}
