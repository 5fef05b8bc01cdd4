/**
 * Whether a launcher keeps ranks from cores that nobody else uses. Open MPI binds each rank to a core where there are two at most, and to
 * the cores of one memory where there are more, and says nothing of it (its manual, mpirun, --bind-to).
 */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Launch } from './launch.js';

/** Of Linux: who started a process, and how many cores it may use. */
interface Bound {
  readonly parent: number;
  readonly cores: number;
}

/**
 * The cores that are meant for this rank: those that its launcher names or binds it to, else its share of those here. What a run comes to
 * does not depend on it.
 */
export function coresFor({ cores, neighbours = 1 }: Pick<Launch, 'cores' | 'neighbours'>): number {
  if (cores !== undefined) return cores;
  const { own, all } = boundCores();
  return own < all ? own : Math.max(1, Math.floor(availableParallelism() / neighbours));
}

/** @returns what to warn of; undefined where there is nothing, or nothing is known */
export function bindingWarning({ by, host, neighbours = 1 }: Launch): string | undefined {
  if (by !== 'Open MPI') return undefined;
  const { own, all } = boundCores();
  if (own * neighbours >= all) return undefined;
  const whom = neighbours === 1 ? 'the rank' : `each of the ${neighbours} ranks`;
  return `mpirun binds ${whom} on ${host} to ${own} of its ${all} cores, and the rest is idle: start it with --bind-to none`;
}

/** Cores that this process may use, and whoever bound it: as many where nobody did, as in a container that has some of a machine's. */
function boundCores(): { readonly own: number; readonly all: number } {
  try {
    const own = boundOf(process.pid);
    return { own: own.cores, all: coresOfBinder(own) };
  } catch {
    // Other systems than Linux do not tell.
    const cores = availableParallelism();
    return { own: cores, all: cores };
  }
}

/** Cores of the first process up the line that may use more than those that it has started. */
function coresOfBinder({ parent, cores }: Bound): number {
  if (parent === 0) return cores;
  const above = boundOf(parent);
  return above.cores > cores ? above.cores : coresOfBinder(above);
}

function boundOf(pid: number): Bound {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, parent] = /^PPid:\s*(\d+)$/m.exec(status)!;
  const [, list] = /^Cpus_allowed_list:\s*(.+)$/m.exec(status)!;
  const cores = list.split(',').reduce((sum, range) => {
    const [from, to = from] = range.split('-').map(Number);
    return sum + to - from + 1;
  }, 0);
  return { parent: Number(parent), cores };
}
