/** Means over the examples of a split, and how sure they are. */
import type { KeptExamples } from '../evaluate/kept-examples.js';

/** A mean with its standard error. */
export interface Estimate {
  readonly mean: number;
  readonly error: number;
}

/** Values whose sum is divided by that of the divisors, one of each an example. */
interface Ratio {
  readonly values: ArrayLike<number>;
  readonly divisors: ArrayLike<number>;
  /** In the sum of several. */
  readonly factor: number;
}

/**
 * The sum of several ratios over the same examples. Its error is that of the linearized ratio (Cochran 1977, chapter 6), as
 * what is said of the same example goes together.
 */
export function estimate(ratios: readonly Ratio[]): Estimate {
  const examples = ratios[0].values.length;
  const off = new Float64Array(examples);
  let mean = 0;
  for (const { values, divisors, factor } of ratios) {
    let [sum, divisor] = [0, 0];
    for (let i = 0; i < examples; i++) [sum, divisor] = [sum + values[i], divisor + divisors[i]];
    const own = sum / divisor;
    mean += factor * own;
    for (let i = 0; i < examples; i++) off[i] += (factor * (values[i] - own * divisors[i])) / divisor;
  }
  const squares = off.reduce((sum, each) => sum + each ** 2, 0);
  return { mean, error: examples < 2 ? Number.POSITIVE_INFINITY : Math.sqrt((squares * examples) / (examples - 1)) };
}

const ones = (length: number): Float64Array => new Float64Array(length).fill(1);

/** The loss of a model, as its run adds it up. */
export const lossOf = ({ heads, outputs, examples }: KeptExamples): Estimate =>
  estimate(
    outputs.map(({ losses = new Float32Array(examples), divisors = ones(examples) }, i) => ({
      values: losses,
      divisors,
      factor: heads[i].factor,
    })),
  );

/** What something else costs of the same examples. @param costs of each head and example */
export const costOf = ({ heads, outputs, examples }: KeptExamples, costs: readonly Float64Array[]): number =>
  estimate(outputs.map(({ divisors = ones(examples) }, i) => ({ values: costs[i], divisors, factor: heads[i].factor })))
    .mean;

/** How much more the model costs than that does. */
export const excessOf = ({ heads, outputs, examples }: KeptExamples, costs: readonly Float64Array[]): Estimate =>
  estimate(
    outputs.map(({ losses = new Float32Array(examples), divisors = ones(examples) }, i) => ({
      values: Float64Array.from(losses, (loss, example) => loss - costs[i][example]),
      divisors,
      factor: heads[i].factor,
    })),
  );

/** Whether a difference is larger than chance makes it. @param errors how many standard errors are no chance */
export const isSure = ({ mean, error }: Estimate, errors = 3): boolean => mean > errors * error;
