/** Metrics that count what is right: integers where all places count alike, weights where they do not. */

import type { EvaluatedRows, ScoredOutput } from './evaluated-rows.js';
import { addSums, type Metric } from './metric.js';

/**
 * @param right how much of a row is right
 * @param whole how much there is in a row
 */
export function countingMetric(
  { weighted }: ScoredOutput,
  whole: number,
  right: (rows: EvaluatedRows) => (row: number) => number,
): Metric {
  const known = new WeakMap<EvaluatedRows, Float64Array>();
  const knownOf = ({ base, count }: EvaluatedRows): Float64Array => {
    const before = known.get(base);
    if (before) return before;
    const rightOf = right(base);
    const made = Float64Array.from({ length: count }, (_, row) => (base.weights?.[row] === 0 ? 0 : rightOf(row)));
    known.set(base, made);
    return made;
  };
  return {
    width: weighted ? 1 : 0,
    counts: weighted ? 0 : 1,
    add(rows, sums, counts) {
      const { weights, count } = rows;
      const into = weighted ? sums : counts;
      let [sum] = into;
      if (rows.base !== rows && weights) {
        const rights = knownOf(rows);
        // Without a branch: which rows a draw leaves out is a coin toss for each, which no processor foretells.
        for (let row = 0; row < count; row++) sum += weights[row] * rights[row];
        into[0] = sum;
        return;
      }
      const rightOf = right(rows);
      for (let row = 0; row < count; row++) {
        const weight = weights ? weights[row] : 1;
        if (weight === 0) continue;
        for (let left = rightOf(row); left > 0; left--) sum += weight;
      }
      into[0] = sum;
    },
    merge: addSums,
    result: ({ sums, weight }, counts) => (weighted ? sums : counts)[0] / (weight * whole),
  };
}
