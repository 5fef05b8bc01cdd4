/** Variables of the environment that launchers set, read and checked. */
import { ConfigError } from '../errors.js';
import { isHost } from '../wire/url.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A text; an empty one is none. */
export const variableOf = (env: Environment, name: string): string | undefined => env[name]?.trim() || undefined;

/** The most ranks that a job may have. */
const mostRanks = 4096;

/** @throws ConfigError when it is there and no number of a rank */
export const rankVariable = (env: Environment, name: string): number | undefined =>
  wholeOf(env, name, 0, mostRanks - 1, ', or give --rank and --size');

/** @throws ConfigError when it is there and no number of ranks */
export const sizeVariable = (env: Environment, name: string): number | undefined =>
  wholeOf(env, name, 1, mostRanks, ', or give --rank and --size');

/** A name or address of a host. @throws ConfigError when it is there and none */
export function hostVariable(env: Environment, name: string): string | undefined {
  const text = variableOf(env, name);
  if (text === undefined || isHost(text)) return text;
  throw new ConfigError(`${name}=${text} is no name or address of a host`, `correct or unset ${name}`);
}

/** A port that all ranks are to know: not 0, which is any. @throws ConfigError when it is there and none */
export const portVariable = (env: Environment, name: string): number | undefined => wholeOf(env, name, 1, 65_535);

/** @param least 0 where there may be none. @throws ConfigError when it is there and no number of things */
export const countVariable = (env: Environment, name: string, least: 0 | 1 = 1): number | undefined =>
  wholeOf(env, name, least, 1_000_000);

function wholeOf(env: Environment, name: string, least: number, most: number, otherwise = ''): number | undefined {
  const text = variableOf(env, name);
  if (text === undefined) return undefined;
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new ConfigError(
    `${name}=${text} is not a whole number from ${least} to ${most}`,
    `correct or unset ${name}${otherwise}`,
  );
}

/** The first that is there, by name. @throws ConfigError when two of them disagree */
export function agreed<Value extends number | string>(
  given: Readonly<Record<string, Value | undefined>>,
): Value | undefined {
  const [first, ...others] = Object.entries(given).filter(([, value]) => value !== undefined);
  const other = others.find(([, value]) => value !== first[1]);
  if (!other) return first?.[1];
  throw new ConfigError(
    `${first[0]}=${first[1]} and ${other[0]}=${other[1]} contradict each other`,
    `unset the one that is wrong, or give --rank, --size and --coordinator, which override both`,
  );
}
