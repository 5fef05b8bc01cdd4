/** A row of numbers as a line of blocks. */

const blocks = [...'▁▂▃▄▅▆▇█'];

/**
 * @param values in their order; of those that are not finite there is a gap
 * @param most characters: where there are more values, each shows the mean of its part
 */
export function sparkline(values: readonly number[], most: number): string {
  const columns = Math.min(values.length, most);
  const parts = Array.from({ length: columns }, (_, i) =>
    values.slice(Math.floor((i * values.length) / columns), Math.floor(((i + 1) * values.length) / columns)),
  );
  const means = parts.map((part) => part.reduce((sum, value) => sum + value, 0) / part.length);
  const finite = means.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const top = blocks.length - 1;
  const level = (value: number) => (high > low ? Math.round(((value - low) / (high - low)) * top) : 0);
  return means.map((value) => (Number.isFinite(value) ? blocks[level(value)] : ' ')).join('');
}
