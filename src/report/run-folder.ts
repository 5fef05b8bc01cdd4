/** `runs/<name>-<n>/`: where a run puts what it makes. */
import { randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { OutputError } from '../errors.js';

/** The resolved config in a run's folder. */
export const configName = 'config.yaml';

/**
 * Makes `<parent>/<name>-<n>`, where n is one more than the largest there. Two runs that start at once get two folders.
 * The folder appears with its config in it, or not at all.
 *
 * @param config text of its config.yaml
 * @returns the folder's path
 * @throws OutputError if that is impossible; then no folder is left behind
 */
export function createRunFolder(parent: string, name: string, config: string): string {
  return orOutputError(parent, () => {
    const made: string[] = [];
    try {
      makeFolders(resolve(parent), made);
      const partial = join(parent, `.${name}-${randomUUID()}`);
      mkdirSync(partial);
      made.push(partial);
      writeFileSync(join(partial, configName), config);
      return nameNext(partial, parent, name);
    } catch (error) {
      for (const folder of made.reverse()) remove(folder);
      throw error;
    }
  });
}

/**
 * Checks that a run folder can be made below `parent`, before anything slow is done. Nothing stays on disk.
 *
 * @throws OutputError if not
 */
export function assertWritable(parent: string): void {
  orOutputError(parent, () => {
    let folder = resolve(parent);
    while (!statSync(folder, { throwIfNoEntry: false })) folder = dirname(folder);
    // Permissions do not tell all (read-only and virtual file systems): try.
    rmdirSync(mkdtempSync(join(folder, '.lockstep-')));
  });
}

/** Gives `partial` the next free name. */
function nameNext(partial: string, parent: string, name: string): string {
  const prefix = `${name}-`;
  const taken = readdirSync(parent)
    .filter((entry) => entry.startsWith(prefix) && /^\d+$/.test(entry.slice(prefix.length)))
    .map((entry) => Number(entry.slice(prefix.length)));
  for (let n = Math.max(0, ...taken) + 1; ; n++) {
    const folder = join(parent, `${prefix}${n}`);
    try {
      // An empty folder of that name would be replaced: another run cannot have made it, for its config comes with it.
      renameSync(partial, folder);
      return folder;
    } catch (error) {
      if (!['EEXIST', 'ENOTEMPTY', 'EPERM', 'ENOTDIR'].includes(codeOf(error)) || !existsSync(folder)) throw error;
    }
  }
}

/** Like a recursive mkdir, which in Node 20 never returns below /proc. Adds each folder that it makes to `made`. */
function makeFolders(folder: string, made: string[]): void {
  if (statSync(folder, { throwIfNoEntry: false })) return;
  makeFolders(dirname(folder), made);
  try {
    mkdirSync(folder);
    made.push(folder);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
}

/** Removes what this process made: a half-made run, or a folder above it that is still empty. */
function remove(folder: string): void {
  try {
    if (existsSync(join(folder, configName))) unlinkSync(join(folder, configName));
    rmdirSync(folder);
  } catch {
    // Another run uses it by now: it is no longer ours to remove.
  }
}

function orOutputError<T>(parent: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const code = codeOf(error);
    const reason = code === 'ENOTDIR' || code === 'EEXIST' ? 'a part of the path is a file, not a folder' : code;
    throw new OutputError(`${parent}: cannot make a folder there (${reason})`, 'choose another folder with --out');
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/** Replaces the config of a run; the old one is there until the new one is complete. */
export function replaceConfig(folder: string, config: string): void {
  const file = join(folder, configName);
  if (readFileSync(file, 'utf8') === config) return;
  orOutputError(folder, () => {
    writeFileSync(`${file}.partial`, config);
    renameSync(`${file}.partial`, file);
  });
}

/** What the lock of a run's folder says. */
interface Lock {
  readonly pid: number;
  readonly host: string;
}

/** Milliseconds between two signs of life of a process that has a lock, and without any after which it has it no more. */
const heartbeat = 20_000;
const silence = 120_000;
/** Milliseconds that a lock may take from being there to being written, and a process to remove another's. */
const patience = 1000;

/** Locks of this process. */
const held = new Set<string>();

/**
 * Claims a run's folder for this process, so that no second one writes into it.
 *
 * @returns gives it back
 * @throws OutputError while a process that is alive has it; one that was killed does not keep it
 */
export function lockRun(folder: string): () => void {
  const file = join(folder, 'lock');
  const mine: Lock = { pid: process.pid, host: hostname() };
  while (!makeNew(file, JSON.stringify(mine))) {
    const holder = readLock(file);
    if (isHeld(file, holder)) {
      const { pid, host } = holder ?? mine;
      throw new OutputError(
        `${folder}: process ${pid}${host === mine.host ? '' : ` on ${host}`} is training this run`,
        `stop it first; if there is no such process, delete ${file}`,
      );
    }
    if (holder || isOlder(file, patience)) removeLeft(file);
    else sleep(10);
  }
  held.add(file);
  const beat = setInterval(() => touch(file), heartbeat).unref();
  return () => {
    clearInterval(beat);
    held.delete(file);
    // One that was silent for too long, stopped or asleep, has lost it to another.
    const holder = readLock(file);
    if (holder?.pid === mine.pid && holder.host === mine.host) rmSync(file, { force: true });
  };
}

/** @returns whether there was none. @throws OutputError if it cannot be made */
function makeNew(file: string, content: string): boolean {
  try {
    writeFileSync(file, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw new OutputError(`${dirname(file)}: cannot be written (${codeOf(error)})`, 'check its permissions and space');
  }
}

const isHeld = (file: string, holder: Lock | undefined): boolean =>
  held.has(file) || (holder !== undefined && isYounger(file, silence) && isAlive(holder));

/** Removes a lock that nobody has; one process at a time, lest it be the new one of another that came first. */
function removeLeft(file: string): void {
  const guard = `${file}.removing`;
  if (!makeNew(guard, '')) {
    if (isOlder(guard, patience)) rmSync(guard, { force: true });
    sleep(10);
    return;
  }
  try {
    const holder = readLock(file);
    if (!isHeld(file, holder) && (holder || isOlder(file, patience))) rmSync(file, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Says that the process that has a lock is still there, also to other hosts. */
function touch(file: string): void {
  try {
    utimesSync(file, new Date(), new Date());
  } catch {
    // Somebody deleted it: theirs to answer for.
  }
}

/** Milliseconds since a file was written; undefined where there is none, which by now may be there and new. */
function ageOf(file: string): number | undefined {
  const entry = statSync(file, { throwIfNoEntry: false });
  return entry && Date.now() - entry.mtimeMs;
}

const isYounger = (file: string, milliseconds: number): boolean =>
  (ageOf(file) ?? Number.POSITIVE_INFINITY) < milliseconds;
const isOlder = (file: string, milliseconds: number): boolean => (ageOf(file) ?? 0) >= milliseconds;

function readLock(file: string): Lock | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Lock;
  } catch {
    // Its process has not written it yet, or was killed before it had.
    return undefined;
  }
}

function isAlive({ pid, host }: Lock): boolean {
  if (host !== hostname()) return true;
  // What this process holds it knows: the number has come round again.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}
