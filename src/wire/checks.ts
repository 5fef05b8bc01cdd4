/** What a field of a message may hold. A check throws the name of the field, its value cut short, and the rule. */
import { WireError } from '../errors.js';

/** @throws WireError unless the value of the field `name` keeps the rule */
export type Check = (value: unknown, name: string) => void;

const remedy = 'run the same version of lockstep on both sides';

/** @throws WireError saying that the field `name` is not `rule` */
export function refuse(value: unknown, name: string, rule: string): never {
  const problem = value === undefined ? `${name} is missing` : `${name}: ${shown(value)} is not ${rule}`;
  throw new WireError(problem, remedy);
}

/** Short enough for a line of a log, whoever chose the value. */
function shown(value: unknown): string {
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength} bytes`;
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value.slice(0, 50)) : String(value);
  return text.length > 40 ? `${text.slice(0, 37)}...` : text;
}

const rule =
  (text: string, holds: (value: unknown) => boolean): Check =>
  (value, name) => {
    if (!holds(value)) refuse(value, name, text);
  };

export const whole = (from: number, to: number): Check =>
  rule(
    `a whole number from ${from} to ${to}`,
    (value) => Number.isInteger(value) && (value as number) >= from && (value as number) <= to,
  );

export const between = (from: number, to: number): Check =>
  rule(`a number from ${from} to ${to}`, (value) => typeof value === 'number' && value >= from && value <= to);

export const finite: Check = rule('a finite number', Number.isFinite);

/** NaN and Infinity too: a run that diverges has to say so. */
export const anyNumber: Check = rule('a number', (value) => typeof value === 'number');

export const truth: Check = rule('true or false', (value) => typeof value === 'boolean');

export const oneOfWords = (...values: readonly string[]): Check =>
  rule(`one of ${values.join(', ')}`, (value) => values.includes(value as string));

// Characters that would move the cursor of a terminal or change its colours.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unprintable = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const unprintableInLines = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/;

/** One line. */
export const text = (longest: number, shortest = 0): Check =>
  rule(
    `a text of ${shortest} to ${longest} printable characters`,
    (value) =>
      typeof value === 'string' && value.length >= shortest && value.length <= longest && !unprintable.test(value),
  );

const longestProse = 16_384;

/** Text for people, of any number of lines. */
export const prose: Check = rule(
  `a text of at most ${longestProse} printable characters`,
  (value) => typeof value === 'string' && value.length <= longestProse && !unprintableInLines.test(value),
);

/** Makes any text one that `prose` lets pass: for what comes from errors. */
export function asProse(value: string): string {
  const clean = value.replace(new RegExp(unprintableInLines, 'g'), ' ');
  return clean.length > longestProse ? `${clean.slice(0, longestProse - 3)}...` : clean;
}

export const bytes = (length: number): Check =>
  rule(`${length} bytes`, (value) => value instanceof Uint8Array && value.length === length);

export const doubles: Check = rule('a Float64Array', (value) => value instanceof Float64Array);

export const float32s: Check = rule('a Float32Array', (value) => value instanceof Float32Array);

/** Integers that were counted. */
export const counts: Check = (value, name) => {
  doubles(value, name);
  const at = (value as Float64Array).findIndex((count) => !Number.isSafeInteger(count) || count < 0);
  if (at >= 0) refuse((value as Float64Array)[at], `${name}[${at}]`, 'a whole number from 0');
};

/** Numbers of examples. */
export const rows: Check = (value, name) => {
  if (!(value instanceof Int32Array)) refuse(value, name, 'an Int32Array');
  const at = value.findIndex((row) => row < 0);
  if (at >= 0) refuse(value[at], `${name}[${at}]`, 'zero or more');
};

export const orNull =
  (check: Check): Check =>
  (value, name) => {
    if (value !== null) check(value, name);
  };

/** A field that need not be there. */
export const optional =
  (check: Check): Check =>
  (value, name) => {
    if (value !== undefined) check(value, name);
  };

/** @param extra checks the list as a whole, once its elements are right */
export const list =
  (longest: number, element: Check, extra?: Check): Check =>
  (value, name) => {
    if (!Array.isArray(value) || value.length > longest) refuse(value, name, `a list of at most ${longest}`);
    value.forEach((entry, i) => {
      element(entry, `${name}[${i}]`);
    });
    extra?.(value, name);
  };

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** Exactly these fields, checked in their order. */
export function record(fields: Readonly<Record<string, Check>>): Check {
  const checks = Object.entries(fields);
  return (value, name) => {
    if (!isPlain(value)) refuse(value, name, 'an object');
    for (const [field, check] of checks) check(value[field], `${name}.${field}`);
    refuseOthers(value, name, fields);
  };
}

/** Any of these fields. */
export function partial(names: readonly string[], check: Check): Check {
  const fields = Object.fromEntries(names.map((field) => [field, check]));
  return (value, name) => {
    if (!isPlain(value)) refuse(value, name, 'an object');
    refuseOthers(value, name, fields);
    for (const [field, entry] of Object.entries(value)) check(entry, `${name}.${field}`);
  };
}

function refuseOthers(value: object, name: string, fields: object): void {
  const other = Object.keys(value).find((field) => !Object.hasOwn(fields, field));
  if (other === undefined) return;
  throw new WireError(`${name}.${shown(other).slice(1, -1)} is not a field of this message`, remedy);
}
