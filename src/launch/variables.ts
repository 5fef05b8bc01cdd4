/** Variables of the environment that launchers set, read and checked. */
import { ConfigError } from '../errors.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A text; an empty one is none. */
export const variableOf = (env: Environment, name: string): string | undefined => env[name]?.trim() || undefined;

/** @throws ConfigError when it is there and no whole number */
export function wholeOf(env: Environment, name: string): number | undefined {
  const text = variableOf(env, name);
  if (text === undefined) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new ConfigError(`${name}=${text} is not a whole number`, `correct or unset ${name}, or give --rank and --size`);
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
