/** A split with what is kept of it, as bootstrap threads and slices take it. */
import type { Numbers } from '../metrics/class-probabilities.js';
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
export function subset(kept: KeptExamples, places: ArrayLike<number>): KeptExamples {
  const { examples } = kept;
  const pick = <Values extends Numbers>(values: Values): Values => {
    const width = examples === 0 ? 0 : values.length / examples;
    const some = allocated(values, width * places.length);
    for (let i = 0; i < places.length; i++) {
      some.set(values.subarray(places[i] * width, (places[i] + 1) * width), i * width);
    }
    return some;
  };
  return mapped(kept, places.length, pick);
}

/** The same in memory that threads share. */
export const shared = (kept: KeptExamples): KeptExamples =>
  mapped(kept, kept.examples, (values) => {
    if (values.buffer instanceof SharedArrayBuffer) return values;
    const copy = allocated(values, values.length);
    copy.set(values);
    return copy;
  });

function allocated<Values extends Numbers>(values: Values, length: number): Values {
  const Kind = values.constructor as new (buffer: SharedArrayBuffer) => Values;
  return new Kind(new SharedArrayBuffer(values.BYTES_PER_ELEMENT * length));
}

function mapped(
  { heads, outputs: all }: KeptExamples,
  examples: number,
  map: <Values extends Numbers>(values: Values) => Values,
): KeptExamples {
  const outputs = all.map(({ outputs, targets, weights, losses, divisors, customs }) => ({
    examples,
    outputs: map(outputs),
    targets: map(targets),
    customs: customs.map(map),
    ...(weights && { weights: map(weights) }),
    ...(losses && { losses: map(losses) }),
    ...(divisors && { divisors: map(divisors) }),
  }));
  return { heads, examples, outputs };
}
