/** Modules that users write: loads them, and words their mistakes with the place in the user's file instead of a stack. */
import { readFileSync } from 'node:fs';
import { extname, relative, resolve, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { LockstepError } from '../errors.js';
import { beside } from './near-path.js';
import { statusOf } from './status.js';
import { oneOf } from './suggest.js';
import { requireOwn } from './trust.js';

/** The class of error that a mistake is: that of the model or of the data. */
export type Failure = new (problem: string, remedy: string) => LockstepError;

export interface UserModule {
  /** The config's key and the file, for messages. */
  readonly where: string;
  readonly exports: Readonly<Record<string, unknown>>;
}

const endings = ['.js', '.mjs', '.cjs', '.ts', '.mts', '.cts'];

/** Whether a file is a module, by its ending. */
export const isModule = (file: string): boolean => endings.includes(extname(file));

/**
 * Imports a module: JavaScript as Node does, TypeScript by jiti, which drops the types and does not check them.
 *
 * @param key where the config names it, e.g. `model.module`
 * @param file a relative path starts at the current folder
 * @throws Failure when there is no such file, when somebody else may have written it, or when it cannot be loaded
 */
export async function importModule(key: string, file: string, Failure: Failure): Promise<UserModule> {
  const where = `${key}: ${file}`;
  const path = resolve(file);
  const status = statusOf(path);
  if (!status)
    throw new Failure(
      `${where}: no such file`,
      beside(path, 'check the path; a relative one starts at the current folder'),
    );
  if (!status.isFile() || !isModule(path)) {
    throw new Failure(`${where}: is no module`, `name a file that ends in ${endings.join(', ')}`);
  }
  requireOwn(path, where, Failure);
  // tfjs's own functions may fill the ten lines that a stack has by default.
  Error.stackTraceLimit = Math.max(Error.stackTraceLimit, 50);
  try {
    if (!/\.[mc]?ts$/.test(path)) return { where, exports: await import(pathToFileURL(path).href) };
    const { createJiti } = await import('jiti');
    return { where, exports: await createJiti(import.meta.url, { fsCache: false }).import(path) };
  } catch (error) {
    const unparsed = error instanceof SyntaxError || /^ParseError/.test((error as Error)?.message);
    const syntax = unparsed && (await syntaxError(path));
    if (syntax) throw new Failure(`${where}: ${syntax}`, 'correct the module there');
    throw mistakeIn(where, error, Failure);
  }
}

/** What does not parse, with its place: Node prints the place of a syntax error but does not tell it. */
async function syntaxError(path: string): Promise<string | undefined> {
  const { createJiti } = await import('jiti');
  const jiti = createJiti(import.meta.url, { fsCache: false });
  const code = jiti.transform({ source: readFileSync(path, 'utf8'), filename: path, ts: path.endsWith('ts') });
  const found = /^exports\.__JITI_ERROR__ = (\{.*\})/.exec(code)?.[1];
  if (!found) return undefined;
  const { message, line, column } = JSON.parse(found) as { message: string; line: number; column: number };
  return `${message.trim()} (${shown(path)}:${line}:${column})`;
}

/**
 * The function that a module exports by a name.
 * @throws Failure when there is none
 */
export function functionOf<F>({ where, exports }: UserModule, name: string, Failure: Failure): F {
  const value = name === 'default' ? defaultOf(exports) : exports[name];
  if (typeof value === 'function') return value as F;
  const others = Object.keys(exports).filter((key) => typeof exports[key] === 'function' && key !== 'module.exports');
  if (value !== undefined) {
    throw new Failure(`${where}: its export ${name} is no function`, 'export a function by that name');
  }
  if (name === 'default') throw new Failure(`${where}: has no default export`, 'write export default in front of it');
  const list = `the functions that it exports: ${others.join(', ') || 'none'}`;
  throw new Failure(`${where}: exports no ${name}`, oneOf(name, others, list));
}

/** What compilers make of `export default` for CommonJS is a key of what Node takes for the default export. */
function defaultOf({ default: value }: UserModule['exports']): unknown {
  return typeof value === 'object' && value !== null && 'default' in value ? value.default : value;
}

/** What a module of the user's threw, as a mistake with its place; errors of Lockstep's own stay what they are. */
export function mistakeIn(where: string, thrown: unknown, Failure: Failure): LockstepError {
  if (thrown instanceof LockstepError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const message = text.replace(/\nRequire stack:[\s\S]*/, '').replace(/\s+/g, ' ');
  const place = thrown instanceof Error ? placeOfError(thrown) : undefined;
  return new Failure(`${where}: ${message}${place ? ` (${place})` : ''}`, 'correct the module');
}

const own = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Where a module of the user's failed. Its function stands above those of Lockstep that called it; above it there may be
 * tfjs's, and among those Lockstep's, which compile what tfjs computes. Who calls Lockstep is no module that it has called.
 */
export function placeOfError(error: Error): string | undefined {
  let isCaller = false;
  for (const line of (error.stack ?? '').split('\n')) {
    const [, file, place] = /^\s+at (?:.*\()?((?:file:\/\/|\/|[A-Za-z]:\\).*?):(\d+:\d+)\)?$/.exec(line) ?? [];
    if (!file) continue;
    const path = file.startsWith('file:') ? fileURLToPath(file) : file;
    const isOwn = path.startsWith(own);
    if (!isOwn && !path.includes(`${sep}node_modules${sep}`)) return isCaller ? undefined : `${shown(path)}:${place}`;
    isCaller = isOwn;
  }
  return undefined;
}

/** Relative to the current folder if it is below. */
function shown(path: string): string {
  const short = relative('.', path);
  return short.startsWith('..') ? path : short;
}
