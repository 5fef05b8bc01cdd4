/** The median of the errors, the mean over outputs: between two middle ones half way, as scikit-learn 1.9. */
import { numberMisfit } from './class-targets.js';
import type { EvaluatedRows } from './evaluated-rows.js';
import { fromZero, type MetricFamily, ofAllRows } from './metric.js';
import { descending } from './sorted.js';

export const medianAbsoluteError = {
  name: 'medianAbsoluteError',
  bare: {},
  better: 'lower',
  range: fromZero,
  misfit: numberMisfit,
  create: (_, { outputs }) =>
    ofAllRows((rows) => {
      let sum = 0;
      for (let i = 0; i < outputs; i++) sum += median(rows, i, outputs);
      return sum / outputs;
    }),
} as const satisfies MetricFamily;

/** Sizes of the errors of an output, and their order from the largest; those of a base serve rows that are weighed again. */
const sorted = new WeakMap<EvaluatedRows, Map<number, { readonly sizes: Float64Array; readonly order: Uint32Array }>>();

function sortedSizes({ base }: EvaluatedRows, output: number, outputs: number) {
  const found = sorted.get(base) ?? new Map<number, { readonly sizes: Float64Array; readonly order: Uint32Array }>();
  sorted.set(base, found);
  const before = found.get(output);
  if (before) return before;
  const sizes = Float64Array.from({ length: base.count }, (_, row) => Math.abs(base.errors[row * outputs + output]));
  const made = { sizes, order: descending(sizes.map((size) => (Number.isNaN(size) ? 0 : size))) };
  found.set(output, made);
  return made;
}

function median(rows: EvaluatedRows, output: number, outputs: number): number {
  const { weights, count } = rows;
  const { sizes, order } = sortedSizes(rows, output, outputs);
  const weightOf = (row: number) => weights?.[row] ?? 1;
  if (sizes.some((size, row) => Number.isNaN(size) && weightOf(row) > 0)) return Number.NaN;
  let whole = 0;
  for (let row = 0; row < count; row++) whole += weightOf(row);
  let below = 0;
  let lower: number | undefined;
  for (let i = count - 1; i >= 0; i--) {
    const row = order[i];
    if (weightOf(row) === 0) continue;
    if (lower !== undefined) return (lower + sizes[row]) / 2;
    below += weightOf(row);
    if (below > whole / 2) return sizes[row];
    // Just half lies here and below: the median is between this and the next one.
    if (below === whole / 2) lower = sizes[row];
  }
  return Number.NaN;
}
