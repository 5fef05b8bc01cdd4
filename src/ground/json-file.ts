/**
 * The one way in which files of JSON are read: a regular file of a bounded size, parsed, not nested too deeply and checked
 * by a schema; what is wrong becomes the caller's class of error, with file, place, rule and remedy.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { z } from 'zod';
import type { LockstepError } from '../errors.js';
import { beside } from './near-path.js';

/** What a file is, for messages. */
export interface JsonFileKind {
  readonly Failure: new (problem: string, remedy: string) => LockstepError;
  /** What the file ought to be: `the JSON of a model`. */
  readonly what: string;
  readonly remedy: string;
  /** Whether the value is given as it stands in the file, with keys that the schema does not know, not as the schema makes it. */
  readonly asWritten?: boolean;
  /** Remedy where there is no such file, or it cannot be read; default: `remedy`. */
  readonly whereMissing?: string;
}

/** Bytes of a text that is held whole. V8 has no strings of 512 MB. */
const mostBytes = 1 << 28;
const blockBytes = 1 << 20;
/** Functions that follow a value call themselves for each level: the stack has room for this many, and nothing needs them. */
const deepest = 200;

/**
 * Reads a text file whole.
 * @throws Failure when it is missing, a folder, a device, too large or not UTF-8
 */
function readTextFile(file: string, kind: JsonFileKind): string {
  return decodeText(readBounded(file, kind), file, kind);
}

/** @throws Failure when the bytes are not UTF-8 */
export function decodeText(bytes: Uint8Array, file: string, kind: JsonFileKind): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new kind.Failure(`${file}: is not ${kind.what} (it is not UTF-8 text)`, kind.remedy);
  }
}

/** Reads and checks a file of JSON. @throws Failure as `readTextFile` and `parseJson` do */
export function readJsonFile<T>(file: string, schema: z.ZodType<T>, kind: JsonFileKind): T {
  return parseJson(readTextFile(file, kind), file, schema, kind);
}

/**
 * @param where the file that the text is from, for messages
 * @throws Failure when the text is no JSON, is nested too deeply, or breaks the schema
 */
export function parseJson<T>(text: string, where: string, schema: z.ZodType<T>, kind: JsonFileKind): T {
  const fail = (why: string) => new kind.Failure(`${where}: is not ${kind.what} (${why})`, kind.remedy);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw fail(text.trim() === '' ? 'it is empty' : (error as Error).message.replace(/\s+/g, ' '));
  }
  if (isTooDeep(value)) throw fail(`it is nested more than ${deepest} levels deep`);
  const result = schema.safeParse(value);
  if (result.success) return kind.asWritten ? (value as T) : result.data;
  throw fail(ruleOf(result.error));
}

/** The first rule that a value breaks, with the place: `input.height: expected number, received string`. */
export function ruleOf({ issues: [issue] }: z.ZodError): string {
  // A union says what is wrong with each of its choices; the one that got furthest is the one that was meant.
  const inner = issue.code === 'invalid_union' ? deepestOf(issue.errors) : undefined;
  const path = [...issue.path, ...(inner?.path ?? [])].map(String).join('.');
  const rule = (inner ?? issue).message.replace(/^Invalid input: /, '');
  return path === '' ? rule : `${path}: ${rule}`;
}

function deepestOf(choices: readonly (readonly z.core.$ZodIssue[])[]): z.core.$ZodIssue | undefined {
  return choices.flatMap((issues) => issues.slice(0, 1)).sort((a, b) => b.path.length - a.path.length)[0];
}

/** Whether a value is nested deeper than anything that is read needs; what holds itself is endlessly deep. */
export function isTooDeep(value: unknown, most = deepest): boolean {
  let level: object[] = typeof value === 'object' && value !== null ? [value] : [];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > most) return true;
    // A value that stands in a level twice is followed once.
    const next = new Set<object>();
    for (const outer of level) {
      for (const inner of Array.isArray(outer) ? outer : Object.values(outer)) {
        if (typeof inner === 'object' && inner !== null) next.add(inner as object);
      }
    }
    level = [...next];
  }
  return false;
}

/** The bytes of a file; a pipe is read to its end, a device or whatever does not end only so far. */
function readBounded(file: string, { Failure, what, remedy, whereMissing = remedy }: JsonFileKind): Buffer {
  const parts: Buffer[] = [];
  let length = 0;
  let fd: number | undefined;
  try {
    if (statSync(file).isDirectory()) throw new Failure(`${file}: is a folder, not ${what}`, remedy);
    fd = openSync(file, 'r');
    for (;;) {
      const block = Buffer.allocUnsafe(blockBytes);
      const read = readSync(fd, block, 0, blockBytes, null);
      if (read === 0) return Buffer.concat(parts);
      parts.push(block.subarray(0, read));
      length += read;
      if (length > mostBytes) break;
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof Failure) throw error;
    throw new Failure(
      `${file}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`}`,
      beside(file, whereMissing),
    );
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  throw tooLarge(file, { Failure, what, remedy });
}

/** @throws Failure when a text of that many bytes cannot be held whole */
export function checkTextSize(file: string, bytes: number, kind: JsonFileKind): void {
  if (bytes > mostBytes) throw tooLarge(file, kind);
}

function tooLarge(file: string, { Failure, what, remedy }: JsonFileKind): LockstepError {
  return new Failure(`${file}: has more than ${mostBytes} bytes, too many for ${what}`, remedy);
}
