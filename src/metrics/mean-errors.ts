/** Mean errors over all numbers of the outputs, in the units of the targets. */
import { numberMisfit } from './class-targets.js';
import type { EvaluatedRows, ScoredOutput } from './evaluated-rows.js';
import { addSums, fromZero, type Metric, type MetricFamily } from './metric.js';

type Add = (rows: EvaluatedRows, width: number) => number;

const meanError = <Name extends string>(name: Name, add: Add) =>
  ({
    name,
    bare: {},
    better: 'lower',
    range: fromZero,
    misfit: numberMisfit,
    create: (_, spec) => meanOf(spec, add),
  }) as const satisfies MetricFamily;

export const mae = meanError('mae', addAbsolute);
export const mse = meanError('mse', addSquares);

function meanOf({ outputs }: ScoredOutput, add: Add): Metric {
  return {
    width: 1,
    counts: 0,
    merge: addSums,
    add(rows, sums) {
      sums[0] = add(rows, outputs);
    },
    result: ({ sums, weight }) => sums[0] / (weight * outputs),
  };
}

function addAbsolute({ errors, weights, count }: EvaluatedRows, width: number): number {
  let sum = 0;
  for (let row = 0; row < count; row++) {
    const weight = weights ? weights[row] : 1;
    if (weight === 0) continue;
    for (let at = row * width; at < (row + 1) * width; at++) sum += weight * Math.abs(errors[at]);
  }
  return sum;
}

function addSquares({ errors, weights, count }: EvaluatedRows, width: number): number {
  let sum = 0;
  for (let row = 0; row < count; row++) {
    const weight = weights ? weights[row] : 1;
    if (weight === 0) continue;
    for (let at = row * width; at < (row + 1) * width; at++) sum += weight * errors[at] * errors[at];
  }
  return sum;
}
