/** A split with what is kept of it, as bootstrap threads and slices take it. */
import type { KeptOutput, Numbers } from './kept-rows.js';
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
  const pick = <Values extends Numbers>(values: Values): Values => {
    const width = examples === 0 ? 0 : values.length / examples;
    const Kind = values.constructor as new (buffer: SharedArrayBuffer) => Values;
    const some = new Kind(new SharedArrayBuffer(values.BYTES_PER_ELEMENT * width * places.length));
    for (let i = 0; i < places.length; i++) {
      some.set(values.subarray(places[i] * width, (places[i] + 1) * width), i * width);
    }
    return some;
  };
  const each = outputs.map(({ outputs, targets, weights, losses, divisors, customs }) => ({
    examples: places.length,
    outputs: pick(outputs),
    targets: pick(targets),
    customs: customs.map(pick),
    ...(weights && { weights: pick(weights) }),
    ...(losses && { losses: pick(losses) }),
    ...(divisors && { divisors: pick(divisors) }),
  }));
  return { heads, examples: places.length, outputs: each };
}
