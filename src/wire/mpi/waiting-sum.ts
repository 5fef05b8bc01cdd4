/** Sums for which a thread of its own waits inside of MPI: several times as fast as asking for them again and again. */
import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { WireError } from '../../errors.js';
import type { CollectiveSum } from '../../reduce/collective.js';
import type { MpiWorld } from './mpi-world.js';

/** What the thread is given, and shares. */
export interface AskedSums {
  readonly rank: number;
  readonly size: number;
  readonly memory: WebAssembly.Memory;
  /** Sums that it was asked for, and that it has made. */
  readonly counts: Int32Array;
  /** Of the last one `place`, `count` and `trainable`, and what its squares come to. */
  readonly sum: Float64Array;
}

/** Milliseconds after which the wait looks for signals and messages: it need not be woken by one, which takes longer than all before. */
const patience = 5;

export class WaitingSum {
  /** Where the numbers of its sums are. */
  readonly memory: WebAssembly.Memory;
  readonly #world: Pick<MpiWorld, 'library' | 'rank' | 'size'>;
  readonly #counts = new Int32Array(new SharedArrayBuffer(8));
  readonly #sum = new Float64Array(new SharedArrayBuffer(32));
  /** Once the thread has loaded what it needs, for which it asks this one. */
  readonly #ready: Promise<void>;
  #failure: Error | undefined;

  constructor(world: Pick<MpiWorld, 'library' | 'rank' | 'size'>, memory: WebAssembly.Memory) {
    const { rank, size } = world;
    this.memory = memory;
    this.#world = world;
    const workerData: AskedSums = { rank, size, memory, counts: this.#counts, sum: this.#sum };
    const thread = new Worker(new URL('./sum-thread.js', import.meta.url), { workerData });
    this.#ready = once(thread, 'message').then(() => thread.unref());
    thread.once('error', (error: Error & Partial<WireError>) => {
      const { problem, remedy = '' } = error;
      this.#failure = problem === undefined ? error : new WireError(problem, remedy);
    });
  }

  /**
   * Meanwhile no other thread may call MPI.
   * @param signal ends the wait, not the sum: the process then ends without its thread, which nothing can free
   * @returns the sum of squares of the gradient
   * @throws WireError when MPI fails
   */
  async add(
    { place, count, trainable }: Omit<CollectiveSum, 'memory' | 'kernels'>,
    signal: AbortSignal,
  ): Promise<number> {
    await this.#ready;
    this.#sum.set([place, count, trainable]);
    const before = Atomics.add(this.#counts, 0, 1);
    Atomics.notify(this.#counts, 0);
    // What wakes a thread may have been meant for a wait that it did without.
    while (Atomics.load(this.#counts, 1) === before) {
      if (Atomics.wait(this.#counts, 1, before, patience) !== 'timed-out') continue;
      await setImmediate();
      if (signal.aborted) {
        process.once('exit', (code) => this.#world.library.exit(code));
        throw signal.reason;
      }
      if (this.#failure) throw this.#failure;
    }
    return this.#sum[3];
  }
}
