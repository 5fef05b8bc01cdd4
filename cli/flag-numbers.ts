/** Numbers that are given on the command line. */
import { ConfigError } from '../src/errors.js';

/**
 * @param least smallest number that is allowed
 * @returns undefined where the flag is not given
 * @throws ConfigError naming the flag
 */
export function wholeFlag(flag: string, value: string | undefined, least: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() !== '' && Number.isSafeInteger(number) && number >= least) return number;
  throw new ConfigError(`${flag} ${value} is not a whole number of at least ${least}`, 'correct it');
}

/** What the number may be is checked where it is used. @throws ConfigError naming the flag */
export function numberFlag(flag: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (value.trim() !== '' && !Number.isNaN(number)) return number;
  throw new ConfigError(`${flag} ${value} is not a number`, 'correct it');
}
