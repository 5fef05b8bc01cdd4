/**
 * R² = 1 - (squared errors) / (squared deviations of the targets from their mean, output by output): of all outputs
 * together, or the mean of each output's own, where one that does not vary counts as 0, or as 1 if it is met exactly
 * (scikit-learn's r2_score, multioutput uniform_average). NaN where no target varies: there is nothing to explain.
 */
import type { z } from 'zod';
import { numberMisfit } from './class-targets.js';
import { type EvaluatedRows, errorUnit, type ScoredOutput } from './evaluated-rows.js';
import { addSums, type Metric, type MetricFamily, type MetricSums, realSpread, upToOne, type Zod } from './metric.js';

const schema = (z: Zod) =>
  z.strictObject({
    average: z
      .enum(['pooled', 'uniform'])
      .describe(
        'Over several targets: pooled (as r2 alone) sums errors and deviations over all of them, so that those of large ' +
          "values decide; uniform is the mean of each target's own, as scikit-learn's r2_score has it",
      ),
  });

export const r2 = {
  name: 'r2',
  undefinedWhere: 'the targets do not vary',
  schema,
  bare: {},
  once: 'keep one average',
  better: 'higher',
  range: upToOne,
  needsSpread: true,
  misfit: numberMisfit,
  warning({ average }, { outputs, classes }) {
    if (classes || outputs === 1 || average) return undefined;
    return (
      `r2 is pooled over ${outputs} targets, so that those of large values decide; r2: { average: uniform } is the mean of ` +
      "each target's own, as scikit-learn has it, and r2: { average: pooled } says that this is meant"
    );
  },
  create: ({ average }, spec): Metric => new RSquared(spec, average === 'uniform' ? spec.outputs : 1),
} as const satisfies MetricFamily<Partial<z.infer<ReturnType<typeof schema>>>>;

/** The parts of the sums: of the targets of each output; of squared errors, and squared deviations of targets, of each group. */
class RSquared implements Metric {
  readonly width: number;
  readonly counts = 0;
  readonly #spec: ScoredOutput;
  readonly #groups: number;

  /** @param groups outputs that have an R² each; 1 for all together */
  constructor(spec: ScoredOutput, groups: number) {
    this.#spec = spec;
    this.#groups = groups;
    this.width = spec.outputs + 2 * groups;
  }

  add({ count, weights, weight: whole, errors, values }: EvaluatedRows, sums: Float64Array): void {
    const { outputs: width } = this.#spec;
    const { targets, squares, spreads } = this.#parts(sums);
    const units = targets.map((_, i) => errorUnit(this.#spec, i));
    const pooled = this.#groups === 1;
    for (let row = 0, at = 0; row < count; row++) {
      const weight = weights ? weights[row] : 1;
      if (weight === 0) at += width;
      else {
        for (let i = 0; i < width; i++, at++) {
          squares[pooled ? 0 : i] += weight * errors[at] * errors[at];
          targets[i] += weight * values[at] * units[i];
        }
      }
    }
    // Two passes, because the difference of a sum of squares and a squared sum leaves nothing of a small spread.
    for (let i = 0; i < width; i++) {
      const mean = targets[i] / whole;
      for (let row = 0; row < count; row++) {
        const weight = weights ? weights[row] : 1;
        if (weight !== 0) spreads[pooled ? 0 : i] += weight * (values[row * width + i] * units[i] - mean) ** 2;
      }
    }
  }

  /** What two groups spread more together than each by itself: Chan, Golub and LeVeque (1979), updating formula. */
  merge(total: MetricSums, batch: MetricSums): void {
    const [countA, countB] = [total.weight, batch.weight];
    if (countA !== 0 && countB !== 0) {
      const [a, b] = [this.#parts(total.sums), this.#parts(batch.sums)];
      const between = (i: number) => (b.targets[i] / countB - a.targets[i] / countA) ** 2;
      for (let group = 0; group < this.#groups; group++) {
        let squares = 0;
        if (this.#groups > 1) squares = between(group);
        else for (let i = 0; i < this.#spec.outputs; i++) squares += between(i);
        a.spreads[group] += (squares * countA * countB) / (countA + countB);
      }
    }
    addSums(total, batch);
  }

  result({ sums, weight }: MetricSums): number {
    const { squares, targets, spreads: all } = this.#parts(sums);
    const most = (i: number) =>
      this.#groups > 1 ? targets[i] : targets.reduce((a, b) => Math.max(Math.abs(a), Math.abs(b)));
    const spreads = all.map((spread, i) => realSpread(spread, most(i), weight));
    if (spreads.every((spread) => spread === 0)) return Number.NaN;
    const each = spreads.map((spread, i) => (spread === 0 ? Number(squares[i] === 0) : 1 - squares[i] / spread));
    return each.reduce((a, b) => a + b) / each.length;
  }

  #parts(sums: Float64Array) {
    const squares = this.#spec.outputs;
    const spreads = squares + this.#groups;
    return {
      targets: sums.subarray(0, squares),
      squares: sums.subarray(squares, spreads),
      spreads: sums.subarray(spreads),
    };
  }
}
