/** Errors of numbers besides the mean ones; several outputs count alike, as in scikit-learn 1.9. */
import type { z } from 'zod';
import { numberMisfit } from './class-targets.js';
import type { EvaluatedRows, ScoredOutput } from './evaluated-rows.js';
import {
  addSums,
  fromZero,
  type Metric,
  type MetricFamily,
  type MetricSums,
  realSpread,
  upToOne,
  type Zod,
} from './metric.js';

/** Calls back for each number of each row that counts: the place of its output, and its place among all. */
function eachNumber(
  { count, weights }: EvaluatedRows,
  width: number,
  visit: (output: number, at: number, weight: number) => void,
) {
  for (let row = 0, at = 0; row < count; row++) {
    const weight = weights ? weights[row] : 1;
    for (let i = 0; i < width; i++, at++) if (weight !== 0) visit(i, at, weight);
  }
}

/** The mean over outputs of what is made of the mean cost of each. */
function meanOverOutputs(
  { outputs: width }: ScoredOutput,
  cost: (rows: EvaluatedRows) => (at: number) => number,
  finish = (mean: number) => mean,
): Metric {
  return {
    width,
    counts: 0,
    add(rows, sums) {
      const of = cost(rows);
      eachNumber(rows, width, (i, at, weight) => {
        sums[i] += weight * of(at);
      });
    },
    merge: addSums,
    result: ({ sums, weight }) => sums.reduce((all, sum) => all + finish(sum / weight), 0) / width,
  };
}

const ofNumbers = { better: 'lower', range: fromZero, misfit: numberMisfit } as const;

export const rmse = {
  ...ofNumbers,
  name: 'rmse',
  bare: {},
  create: (_, spec) =>
    meanOverOutputs(
      spec,
      ({ errors }) =>
        (at) =>
          errors[at] ** 2,
      Math.sqrt,
    ),
} as const satisfies MetricFamily;

/** The mean of error over truth, as a fraction; a truth of 0 divides by the least step of 64 bits, as in scikit-learn. */
export const mape = {
  ...ofNumbers,
  name: 'mape',
  bare: {},
  create: (_, spec) =>
    meanOverOutputs(
      spec,
      ({ errors, truths }) =>
        (at) =>
          Math.abs(errors[at]) / Math.max(Number.EPSILON, Math.abs(truths[at])),
    ),
} as const satisfies MetricFamily;

/** The mean of error over the mean of truth and prediction, from 0 to 2; 0 where both are 0 (Makridakis 1993). */
export const smape = {
  ...ofNumbers,
  name: 'smape',
  range: [0, 2],
  bare: {},
  create: (_, spec) =>
    meanOverOutputs(spec, ({ errors, truths }) => (at) => {
      const whole = Math.abs(truths[at]) + Math.abs(truths[at] + errors[at]);
      return whole === 0 ? 0 : (2 * Math.abs(errors[at])) / whole;
    }),
} as const satisfies MetricFamily;

const quantileOptions = (z: Zod) =>
  z.strictObject({
    quantile: z.number().gt(0).lt(1).describe('Part of the targets that should lie below the prediction'),
  });

/** The quantile loss of Koenker and Bassett (1978). */
export const pinball = {
  ...ofNumbers,
  name: 'pinball',
  schema: quantileOptions,
  label: ({ quantile }) => `pinball@${quantile}`,
  create: ({ quantile }, spec) =>
    meanOverOutputs(
      spec,
      ({ errors }) =>
        (at) =>
          Math.max(-quantile * errors[at], (1 - quantile) * errors[at]),
    ),
} as const satisfies MetricFamily<z.infer<ReturnType<typeof quantileOptions>>>;

/** The largest error of any output. */
export const maxError = {
  ...ofNumbers,
  name: 'maxError',
  bare: {},
  create: (_, { outputs }) => ({
    width: 1,
    counts: 0,
    add(rows, sums) {
      eachNumber(rows, outputs, (_i, at) => {
        sums[0] = Math.max(sums[0], Math.abs(rows.errors[at]));
      });
    },
    merge({ sums: total }, { sums: batch }) {
      total[0] = Math.max(total[0], batch[0]);
    },
    result: ({ sums, weight }) => (weight === 0 ? Number.NaN : sums[0]),
  }),
} as const satisfies MetricFamily;

/**
 * 1 - variance of the errors / variance of the targets, the mean over outputs: R² that forgives an error that is always the same.
 * An output whose targets do not vary counts as 1 where its errors do not either, else as 0.
 */
export const explainedVariance = {
  name: 'explainedVariance',
  bare: {},
  better: 'higher',
  range: upToOne,
  misfit: numberMisfit,
  create: (_, spec): Metric => new ExplainedVariance(spec),
} as const satisfies MetricFamily;

/** Of each output the sum, and the squared deviations from the mean, of errors and of targets. */
class ExplainedVariance implements Metric {
  readonly width: number;
  readonly counts = 0;
  readonly #outputs: number;

  constructor({ outputs }: ScoredOutput) {
    this.#outputs = outputs;
    this.width = 4 * outputs;
  }

  add(rows: EvaluatedRows, sums: Float64Array): void {
    [rows.errors, rows.truths].forEach((values, i) => {
      const { totals, spreads } = this.#half(sums, i);
      eachNumber(rows, this.#outputs, (output, at, weight) => {
        totals[output] += weight * values[at];
      });
      eachNumber(rows, this.#outputs, (output, at, weight) => {
        spreads[output] += weight * (values[at] - totals[output] / rows.weight) ** 2;
      });
    });
  }

  /** Chan, Golub and LeVeque (1979), updating formula. */
  merge(total: MetricSums, batch: MetricSums): void {
    const [a, b] = [total.weight, batch.weight];
    for (let i = 0; i < 2; i++) {
      const [before, after] = [this.#half(total.sums, i), this.#half(batch.sums, i)];
      if (a === 0 || b === 0) continue;
      for (let output = 0; output < this.#outputs; output++) {
        const between = after.totals[output] / b - before.totals[output] / a;
        before.spreads[output] += (between ** 2 * a * b) / (a + b);
      }
    }
    addSums(total, batch);
  }

  result({ sums, weight }: MetricSums): number {
    if (weight === 0) return Number.NaN;
    const [errors, targets] = [0, 1].map((half) => {
      const { totals, spreads } = this.#half(sums, half);
      return spreads.map((spread, i) => realSpread(spread, totals[i], weight));
    });
    const each = Array.from(targets, (spread, i) => (spread === 0 ? Number(errors[i] === 0) : 1 - errors[i] / spread));
    return each.reduce((x, y) => x + y) / each.length;
  }

  #half(sums: Float64Array, i: number) {
    const half = sums.subarray(2 * i * this.#outputs, 2 * (i + 1) * this.#outputs);
    return { totals: half.subarray(0, this.#outputs), spreads: half.subarray(this.#outputs) };
  }
}
