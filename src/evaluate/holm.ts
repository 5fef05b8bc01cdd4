/** Several tests at once: the more there are, the likelier one of them says something by chance. */

/**
 * P-values corrected for their number (Holm 1979): each may be compared with the level that holds for all of them together.
 * @param values NaN where nothing was tested, which counts for nothing and stays NaN
 */
export function holm(values: readonly number[]): number[] {
  const order = [...values.keys()].filter((i) => !Number.isNaN(values[i])).sort((a, b) => values[a] - values[b]);
  const corrected = values.map(() => Number.NaN);
  let least = 0;
  order.forEach((i, rank) => {
    least = Math.max(least, Math.min(1, (order.length - rank) * values[i]));
    corrected[i] = least;
  });
  return corrected;
}
