/**
 * One process at a time trains a run. The lock of a neighbour that is alive holds, however long it has been stopped; that
 * of another machine, which shares the folder, while it gives signs of life. Whoever has a lock looks before each write
 * whether that is so still: one that slept while another took over writes nothing any more.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { OutputError, RunBusyError, RunLostError } from '../errors.js';
import { commandLine } from '../ground/shell-words.js';
import { beforeDeath } from './last-acts.js';
import { isAlive, isNeighbour, ownIdentity, type ProcessIdentity } from './process-identity.js';

/** What a lock says; those of older versions say less. */
const schema = z.object({
  pid: z.int().min(1),
  host: z.string(),
  place: z.string().default(''),
  start: z.string().default(''),
  id: z.string().default(''),
  job: z.string().optional(),
  restarts: z.int().optional(),
});
type Holder = ProcessIdentity & { readonly id: string } & Partial<JobStart>;

/** Which job of a scheduler trains a run, and how often the scheduler had started it before: the newest start has the run. */
export interface JobStart {
  readonly job: string;
  readonly restarts?: number;
}

/** Milliseconds between two signs of life of a process that has a lock, and without any after which it has it no more. */
const heartbeat = 20_000;
const silence = 120_000;
/** Milliseconds that a lock may take from being there to being written, and a process to remove another's. */
const patience = 1000;

/** Locks of this process. */
const held = new Set<string>();

/**
 * Claims a run's folder for this process, so that no second one writes into it. An earlier start of the same job loses it, alive or not.
 * @throws RunBusyError while a process that is alive has it; one that was killed does not keep it
 */
export function lockRun(folder: string, job?: JobStart): RunLock {
  const file = join(folder, 'lock');
  const mine: Holder = { ...ownIdentity(), id: randomUUID(), ...job };
  while (!makeNew(file, JSON.stringify(mine))) {
    const holder = readLock(file);
    if (isHeld(file, holder, mine)) {
      const { pid, host } = holder!;
      throw new RunBusyError(
        `${folder}: process ${pid}${host === mine.host ? '' : ` on ${host}`} is training this run`,
        `stop it first; if there is no such process, delete ${file}`,
      );
    }
    if (holder || isOlder(file, patience)) removeLeft(file, mine);
    else sleep(10);
  }
  return new RunLock(folder, file, mine);
}

export class RunLock {
  readonly #folder: string;
  readonly #file: string;
  readonly #mine: Holder;
  readonly #timer: NodeJS.Timeout;
  readonly #forget: () => void;
  #lost: RunLostError | undefined;
  /** Told once when it is lost. */
  onLoss: () => void = () => {};

  constructor(folder: string, file: string, mine: Holder) {
    this.#folder = folder;
    this.#file = file;
    this.#mine = mine;
    held.add(mine.id);
    this.#timer = setInterval(() => this.#beat(), heartbeat).unref();
    this.#forget = beforeDeath(() => this.release());
  }

  /**
   * To be called before each write into the folder.
   * @throws RunLostError when the lock is another's by now, or gone; OutputError when nobody can say at the moment
   */
  check(): void {
    this.throwIfLost();
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') throw this.#lose(undefined);
      throw new OutputError(`${this.#file}: cannot be read (${(error as Error).message})`, 'check its folder');
    }
    const holder = parseLock(text);
    if (holder?.id !== this.#mine.id) throw this.#lose(holder);
  }

  /** @throws RunLostError when an earlier look found it lost */
  throwIfLost(): void {
    if (this.#lost) throw this.#lost;
  }

  /** Gives it back. Never throws: one that cannot be removed is nobody's when this process has ended. */
  release(): void {
    clearInterval(this.#timer);
    this.#forget();
    held.delete(this.#mine.id);
    try {
      if (readLock(this.#file)?.id === this.#mine.id) rmSync(this.#file, { force: true });
    } catch {
      // See above.
    }
  }

  /** Says that this process is still there, also to other machines. */
  #beat(): void {
    try {
      this.check();
      utimesSync(this.#file, new Date(), new Date());
    } catch {
      // Told to whoever writes next.
    }
  }

  #lose(holder: Holder | undefined): RunLostError {
    this.#lost = lossOf(this.#folder, holder, this.#mine);
    this.onLoss();
    return this.#lost;
  }
}

function lossOf(folder: string, holder: Holder | undefined, mine: Holder): RunLostError {
  if (holder) {
    const who = `process ${holder.pid}${holder.host === mine.host ? '' : ` on ${holder.host}`}`;
    if (isEarlier(mine, holder)) {
      return new RunLostError(
        `${folder}: the job has been started anew, and ${who} has taken over this run`,
        'leave it to that one',
      );
    }
    return new RunLostError(
      `${folder}: ${who} has taken over this run, because this process was stopped or asleep for minutes`,
      'leave it to that one; nothing was written into its folder since',
    );
  }
  if (existsSync(folder)) {
    return new RunLostError(
      `${folder}: the run's lock is gone: its folder is being deleted, or another process may have the run`,
      `if the folder stays and no other process trains it, go on with: ${commandLine(['train', '--resume', folder])}`,
    );
  }
  return new RunLostError(
    `${folder}: the run's folder is gone: it was deleted or moved while the run trained`,
    'where it was moved, name the new place to --resume; otherwise start the run again',
  );
}

/** @returns whether there was none. @throws OutputError if it cannot be made */
function makeNew(file: string, content: string): boolean {
  try {
    writeFileSync(file, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // On a full disk it may be there without its content.
    if (codeOf(error) !== 'ENOENT') rmSync(file, { force: true });
    throw new OutputError(`${dirname(file)}: cannot be written (${codeOf(error)})`, 'check its permissions and space');
  }
}

/** @param mine who asks */
function isHeld(file: string, holder: Holder | undefined, mine: Holder): boolean {
  if (holder === undefined || isEarlier(holder, mine)) return false;
  if (held.has(holder.id)) return true;
  const alive = isNeighbour(holder, mine) ? isAlive(holder) : undefined;
  return alive ?? isYounger(file, silence);
}

/** Whether a process, of this machine or of another, trains the run of a folder. */
export function isBeingTrained(folder: string): boolean {
  const file = join(folder, 'lock');
  const holder = readLock(file);
  if (holder === undefined) return false;
  const mine = { ...ownIdentity(), id: '' };
  // It may be this process that asks.
  return holder.pid === mine.pid ? held.has(holder.id) : isHeld(file, holder, mine);
}

/** Whether it is of a job that has been started anew since. */
const isEarlier = (holder: Holder, mine: Holder): boolean =>
  holder.job !== undefined && holder.job === mine.job && (holder.restarts ?? 0) < (mine.restarts ?? 0);

/** Removes a lock that nobody has; one process at a time, lest it be the new one of another that came first. */
function removeLeft(file: string, mine: Holder): void {
  const guard = `${file}.removing`;
  if (!makeNew(guard, '')) {
    if (isOlder(guard, patience)) rmSync(guard, { force: true });
    sleep(10);
    return;
  }
  try {
    const holder = readLock(file);
    if (!isHeld(file, holder, mine) && (holder || isOlder(file, patience))) rmSync(file, { force: true });
  } finally {
    rmSync(guard, { force: true });
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Milliseconds since a file was written; undefined where there is none, which by now may be there and new. */
function ageOf(file: string): number | undefined {
  const entry = statSync(file, { throwIfNoEntry: false });
  return entry && Date.now() - entry.mtimeMs;
}

const isYounger = (file: string, milliseconds: number): boolean =>
  (ageOf(file) ?? Number.POSITIVE_INFINITY) < milliseconds;
const isOlder = (file: string, milliseconds: number): boolean => (ageOf(file) ?? 0) >= milliseconds;

function readLock(file: string): Holder | undefined {
  try {
    return parseLock(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Undefined where its process has not written it yet, or was killed before it had. */
function parseLock(text: string): Holder | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);
