/** Which process wrote a lock, and whether it is still there: a number alone comes round again. */
import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

export interface ProcessIdentity {
  readonly pid: number;
  readonly host: string;
  /** Where its number means something: one start of one system, one container. Empty where that is not known. */
  readonly place: string;
  /** When it started, as its system tells it; empty where that does not. */
  readonly start: string;
}

export function ownIdentity(): ProcessIdentity {
  return { pid: process.pid, host: hostname(), place: placeOf(), start: startOf(process.pid) ?? '' };
}

/** Whether a process that left its identity would be seen by this one. */
export const isNeighbour = (other: ProcessIdentity, mine: ProcessIdentity): boolean =>
  other.host === mine.host && (other.place === mine.place || other.place === '');

/**
 * Whether a neighbour is alive, also one that is stopped or asleep.
 * @returns undefined where its number is taken, and the system does not tell by whom
 */
export function isAlive({ pid, start }: ProcessIdentity): boolean | undefined {
  // What this process holds it knows: the number has come round again.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const now = startOf(pid);
  if (now === undefined) return false;
  return now === '' || start === '' ? undefined : now === start;
}

function placeOf(): string {
  if (process.platform !== 'linux') return '';
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/** When a process started; empty where the system does not tell, undefined where there is none (any more). */
function startOf(pid: number): string | undefined {
  if (process.platform === 'win32') return '';
  try {
    return process.platform === 'linux' ? startOnLinux(pid) : startOnUnix(pid);
  } catch {
    return '';
  }
}

/** Clock ticks since the start of the system; none for one that has ended and that its parent has not noticed. */
function startOnLinux(pid: number): string | undefined {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // After the program's name, which may hold anything: field 3 is the state, field 22 the time (proc(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[22 - 3];
}

function startOnUnix(pid: number): string | undefined {
  const options = { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } } as const;
  return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], options).trim() || undefined;
}
