/** Limits of a gate that say nothing: that every value keeps, or none. */
import type { BaselineLimit, MetricLimit, SliceLimit } from '../config/gate.js';
import { ConfigError } from '../errors.js';
import { numberText } from '../ground/units.js';

/**
 * @param at the key of the limit, for messages
 * @param range the least and the largest value of the metric; undefined where nobody knows
 * @throws ConfigError where a number is none that the metric can have, or all values keep the limit
 */
export function refuseIdle(
  at: string,
  metric: string,
  limit: MetricLimit | SliceLimit | BaselineLimit,
  range: readonly [number, number] | undefined,
): void {
  if (!range) return;
  const [least, most] = range;
  const known = `${metric} is ${rangeText(range)}`;
  const { min, max } = limit as MetricLimit;
  for (const [key, value] of Object.entries({ min, max })) {
    if (value === undefined || (value >= least && value <= most)) continue;
    throw new ConfigError(`${at}.${key}: ${value} is no value that it can have: ${known}`, remedyFor(value, range));
  }
  const width = most - least;
  for (const [key, value] of Object.entries(limit)) {
    if ((key !== 'gap' && key !== 'worse') || typeof value !== 'number' || value < width) continue;
    const what = key === 'gap' ? 'no two values are further apart' : 'nothing can be worse by more';
    throw new ConfigError(
      `${at}.${key}: ${value} is always kept, as ${known} and ${what}`,
      remedyFor(value, [0, width]),
    );
  }
  const isIdle = (min === undefined || min === least) && (max === undefined || max === most);
  if (!isIdle || 'worse' in limit || 'gap' in limit) return;
  const [key, value] = min === undefined ? ['max', max] : ['min', min];
  throw new ConfigError(`${at}.${key}: ${value} is always kept, as ${known}`, `write a ${key} inside that range`);
}

/** A number that was meant in percent is said as a part. */
const remedyFor = (value: number, [least, most]: readonly [number, number]): string =>
  most <= 2 && value > most && value / 100 <= most && value / 100 >= least
    ? `write ${numberText(value / 100)} for ${value} %`
    : 'write a number inside that range';

function rangeText([least, most]: readonly [number, number]): string {
  if (Number.isFinite(least) && Number.isFinite(most)) return `from ${least} to ${most}`;
  return Number.isFinite(least) ? `at least ${least}` : `at most ${most}`;
}
