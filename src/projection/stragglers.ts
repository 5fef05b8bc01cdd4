/** How much longer than usual a worker computes: a lognormal distribution of mean 1. */

/**
 * Which standard normal deviate a part p of all lie below, within 0.1 up to four deviations: the lambda distribution of
 * J. W. Tukey with the parameter of B. L. Joiner and J. R. Rosenblatt (1971).
 */
const deviate = (p: number): number => (p ** 0.135 - (1 - p) ** 0.135) / 0.1975;

/**
 * @param spread coefficient of variation
 * @param p part of all workers that are faster, between 0 and 1
 */
export function slowness(spread: number, p: number): number {
  const variance = Math.log(1 + spread * spread);
  return Math.exp(Math.sqrt(variance) * deviate(p) - variance / 2);
}

/** Of n workers, what each would be if luck were dealt evenly (G. Blom's scores, 1958), the slowest one last. */
export function typicalSlowness(spread: number, workers: number): number[] {
  return Array.from({ length: workers }, (_, i) => slowness(spread, (i + 0.625) / (workers + 0.25)));
}
