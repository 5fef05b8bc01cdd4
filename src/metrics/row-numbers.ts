/** Numbers of rows: their highest, its rank, sums, and classes as rows of one 1. */

export function sumOf(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
}

/** [count, outputs]; one output says 0 or 1 itself. */
export function oneHot(classes: ArrayLike<number>, count: number, outputs: number): ArrayLike<number> {
  if (outputs === 1) return classes;
  const values = new Uint8Array(count * outputs);
  for (let row = 0; row < count; row++) {
    const target = classes[row];
    if (target >= 0 && target < outputs) values[row * outputs + target] = 1;
  }
  return values;
}

/** How many of `length` values are above that of `target`; of equal ones those before it count. Infinity where it is NaN. */
export function rankOf(values: ArrayLike<number>, start: number, length: number, target: number): number {
  const wanted = values[start + target];
  if (Number.isNaN(wanted)) return Number.POSITIVE_INFINITY;
  let rank = 0;
  for (let i = 0; i < length; i++) {
    const value = values[start + i];
    if (value > wanted || (value === wanted && i < target)) rank++;
  }
  return rank;
}

/** Which of `length` values is the highest, the first of equal ones. */
export function highest(values: ArrayLike<number>, start: number, length: number): number {
  let best = 0;
  for (let i = 1; i < length; i++) if (values[start + i] > values[start + best]) best = i;
  return best;
}
