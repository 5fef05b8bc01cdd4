/** McNemar's test: whether two models are right equally often, on the same examples. */

/** What is left of Stirling's formula: ln(n!) - ln(sqrt(2 pi n) (n/e)^n), by its series; the first ones exactly. */
const exactRest = [
  0.08106146679532726, 0.0413406959554093, 0.02767792568499834, 0.020790672103765093, 0.016644691189821193,
  0.01387612882307075, 0.01189670994589177, 0.010411265261972096, 0.009255462182712733, 0.00833056343336287,
  0.007573675487951841, 0.00694284010720953, 0.006408994188004207, 0.005951370112758848, 0.005554733551962801,
] as const;

function stirlingRest(n: number): number {
  if (n <= exactRest.length) return exactRest[n - 1];
  const square = n * n;
  return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / n;
}

/** x ln(x / mean) + mean - x without the digits that the difference of near values loses. */
function deviance(x: number, mean: number): number {
  const distance = x - mean;
  if (Math.abs(distance) >= 0.1 * (x + mean)) return x * Math.log(x / mean) + mean - x;
  const v = distance / (x + mean);
  let sum = distance * v;
  let term = 2 * x * v;
  for (let j = 3; ; j += 2) {
    term *= v * v;
    const next = sum + term / j;
    if (next === sum) return sum;
    sum = next;
  }
}

/** Probability of `k` heads of `n` throws of a fair coin, by its logarithm (Loader 2000), as counts may be any. */
function probability(k: number, n: number): number {
  if (k === 0) return 2 ** -n;
  const log =
    stirlingRest(n) -
    stirlingRest(k) -
    stirlingRest(n - k) -
    deviance(k, n / 2) -
    deviance(n - k, n / 2) -
    0.5 * Math.log(2 * Math.PI * k * (1 - k / n));
  return Math.exp(log);
}

/**
 * The exact test (McNemar 1947; the sign test): how likely two models that are right equally often are to differ at least so much.
 * Two models that are never unlike give 1: the chi-square with a correction, which some libraries take, gives 0 there.
 *
 * @param first examples that only the one gets right
 * @param second those that only the other does
 * @returns the two-sided p-value
 */
export function exactMcNemar(first: number, second: number): number {
  const n = first + second;
  const k = Math.min(first, second);
  if (first === second) return 1;
  const largest = probability(k, n);
  let [sum, term] = [1, 1];
  for (let i = k; i > 0 && term > sum * 2 ** -54; i--) {
    term *= i / (n - i + 1);
    sum += term;
  }
  return Math.min(1, 2 * largest * sum);
}
