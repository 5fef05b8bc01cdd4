/** YAML as plain values: what the parser throws, and values that never end, become mistakes of the user's. */
import { type Document, type ParseOptions, parseDocument } from 'yaml';
import { ConfigError } from '../errors.js';
import { isTooDeep } from '../ground/json-file.js';

/** Levels of a config: a model's layers and their options take ten. An alias to what it stands in has no end of them. */
const deepest = 64;

/** @param where for messages. @throws ConfigError when the text is nested too deeply to be parsed */
export function yamlDocument(where: string, text: string, options: ParseOptions & { version?: '1.2' }): Document {
  return orMistake(where, () => parseDocument(text, { ...options, prettyErrors: false, logLevel: 'error' }));
}

/** @throws ConfigError when aliases stand for too much, or for what they stand in */
export function yamlValue(where: string, document: Document): unknown {
  const value = orMistake(where, () => document.toJS() as unknown);
  if (isTooDeep(value, deepest)) throw tooDeep(where);
  return value;
}

const tooDeep = (where: string): ConfigError =>
  new ConfigError(
    `${where}: is nested more than ${deepest} levels deep, or has an alias (*name) inside of what it stands for (&name)`,
    'write the value out',
  );

/** The parser follows nested values by calling itself, until the stack is full. */
function orMistake<T>(where: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof RangeError) throw tooDeep(where);
    const { message } = error as Error;
    throw new ConfigError(`${where}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`, 'correct the YAML there');
  }
}

/** A value as one writes it in a line of YAML. */
export function flowText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, each]) => `${key}: ${flowText(each)}`)
    .join(', ')} }`;
}
