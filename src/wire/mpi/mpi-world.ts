/**
 * This process as one of an MPI job. MPI makes progress only while it is called, and whoever waits in it spins: so it is
 * asked again and again, between the turns of the event loop, while something is under way, and not at all otherwise.
 */
import { randomFillSync } from 'node:crypto';
import { ConfigError } from '../../errors.js';
import { launched, type MpiLibrary, mpiLibrary } from './mpi-library.js';

/** MPI_THREAD_SERIALIZED: several threads call it, never two at a time. */
const serialized = 2;
/** Tags that every MPI has. */
const mostTags = 32_767;
/** Milliseconds of nothing after which it is asked less often: whoever is waited for has stopped. */
const patience = 20;

/** What has something under way: asked in each round. */
export interface Watcher {
  /** @returns whether it has got further: 'idle' where there is nothing to wait for any more */
  poll(): 'moved' | 'waiting' | 'idle';
}

export class MpiWorld {
  readonly library: MpiLibrary;
  readonly rank: number;
  readonly size: number;
  /** Random, the same in all processes of the job, and in no other job. */
  readonly job: Uint8Array;
  readonly #watchers = new Set<Watcher>();
  /** What is to be done once another thread calls MPI no more; undefined while none does. */
  #later: (() => void)[] | undefined;
  #isAsked = false;
  #moved = 0;
  #tag = 0;

  private constructor(library: MpiLibrary, job: Uint8Array) {
    this.library = library;
    this.rank = library.ask('MPI_Comm_rank', library.world);
    this.size = library.ask('MPI_Comm_size', library.world);
    this.job = job;
  }

  /** Waits, on another thread, until all processes of the job have come so far; for ever where one has died before and the launcher lets others go on. */
  static async join(library: MpiLibrary): Promise<MpiWorld> {
    const level = new Int32Array(new SharedArrayBuffer(4));
    await library.wait('MPI_Init_thread', 0n, 0n, serialized, library.address(level));
    if (level[0] < serialized) {
      throw new ConfigError(`${library.file} was built for one thread only`, 'use an MPI with support of threads');
    }
    library.returnErrors();
    const job = randomFillSync(new Uint8Array(new SharedArrayBuffer(16)));
    try {
      await library.wait('MPI_Bcast', library.address(job), job.length, library.byte, 0, library.world);
    } catch (error) {
      if (!outlivesRanks()) throw error;
      // A rank has died before all had met. Others do without MPI: sums go by socket, as they have so far.
      return new Promise(() => {});
    }
    const world = new MpiWorld(library, job);
    const size = launched();
    if (size !== undefined && size !== world.size) {
      throw new ConfigError(
        `${library.file} finds ${world.size} of the ${size} processes that the launcher started: it is of another MPI`,
        'name the library of the launcher in LOCKSTEP_MPI',
      );
    }
    return world;
  }

  /** A number for messages to this process that no other line of it has had for long. */
  takeTag(): number {
    this.#tag = (this.#tag % mostTags) + 1;
    return this.#tag;
  }

  /** Asks for it from now on, until it is idle. */
  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
    this.#moved = performance.now();
    if (this.#isAsked) return;
    this.#isAsked = true;
    setImmediate(() => this.#round());
  }

  /** Calls MPI, or once no other thread does. */
  whenFree(action: () => void): void {
    if (this.#later) this.#later.push(action);
    else action();
  }

  /** While another thread calls MPI this one does not. Where that never ends, it never does again. */
  async alone<Result>(other: Promise<Result>): Promise<Result> {
    this.#later = [];
    const result = await other;
    const later = this.#later;
    this.#later = undefined;
    for (const action of later) action();
    if (this.#isAsked) this.#round();
    return result;
  }

  #round(): void {
    if (this.#later) return;
    let moved = false;
    for (const watcher of this.#watchers) {
      const state = watcher.poll();
      if (state === 'idle') this.#watchers.delete(watcher);
      else if (state === 'moved') moved = true;
    }
    this.#isAsked = this.#watchers.size > 0;
    if (!this.#isAsked) return;
    const now = performance.now();
    if (moved) this.#moved = now;
    if (now - this.#moved < patience) setImmediate(() => this.#round());
    else setTimeout(() => this.#round(), 1);
  }
}

let joined: Promise<MpiWorld> | undefined;
let here: MpiWorld | undefined;

/** What `mpiWorld` comes to; undefined until then. */
export const joinedWorld = (): MpiWorld | undefined => here;

/**
 * Makes this process one of its MPI job, once and for all. Ends that when the process ends well: a process that does not is
 * lost to the job, whose launcher then ends all others.
 * @throws ConfigError when no library loads
 */
export function mpiWorld(): Promise<MpiWorld> {
  if (!joined) {
    const library = mpiLibrary();
    joined = MpiWorld.join(library);
    joined.then(
      (world) => {
        here = world;
        process.once('beforeExit', (code) => void finalize(library, code));
      },
      () => {},
    );
  }
  return joined;
}

/** Milliseconds that the others have to be done, too, once the run is over. */
const farewell = 10_000;

/**
 * For a process that has nothing left to do but to meet the others once more. One that died before all had met never comes, and the others
 * would wait for it.
 * @param late where the run of all is over, as by rank 0, which then waits for so many seconds, or until SIGTERM, at most: told before it
 *   ends without one that hangs. Others wait for rank 0, or until the launcher ends them: it takes one that does not for failed
 */
export function leaveMpi(late?: (seconds: number) => void): void {
  if (!joined) return;
  const leave = () => leaveWithout(mpiLibrary(), Number(process.exitCode ?? 0));
  if (!here && outlivesRanks()) leave();
  if (!here || !late) return;
  process.once('SIGTERM', leave);
  const leaveLate = () => {
    late(farewell / 1000);
    leave();
  };
  setTimeout(leaveLate, farewell).unref();
}

/**
 * Whether the launcher lets ranks go on without others that have died (ULFM). Open MPI 5.0.11 may then wait for those in MPI_Init and in
 * MPI_Finalize for ever, and takes an end without these for a good one.
 */
const outlivesRanks = (env: NodeJS.ProcessEnv = process.env): boolean => env.OMPI_MCA_mpi_ft_enable === '1';

function leaveWithout(library: MpiLibrary, code: number): void {
  // After all others who have something to do then; Node itself would wait for the thread that is inside of MPI.
  process.once('exit', () => library.exit(code));
  process.exit(code);
}

/** All processes of the job meet once more; one that failed does not, so that the launcher ends the others. */
async function finalize(library: MpiLibrary, code: number): Promise<void> {
  if (outlivesRanks()) leaveWithout(library, code);
  else if (code === 0) await library.wait('MPI_Finalize');
}
