/** Sums for which a thread of its own waits inside of MPI: several times as fast as asking for them again and again. */
import { Worker } from 'node:worker_threads';
import { WireError } from '../../errors.js';
import type { MpiLibrary } from './mpi-library.js';

/** What the thread shares: how many sums it was asked for, and of the last one the addresses and how many numbers. */
export interface AskedSums {
  readonly asked: Int32Array;
  readonly what: BigUint64Array;
}

export class WaitingSum {
  readonly #library: MpiLibrary;
  readonly #shared: AskedSums = {
    asked: new Int32Array(new SharedArrayBuffer(4)),
    what: new BigUint64Array(new SharedArrayBuffer(24)),
  };
  readonly #thread: Worker;

  constructor(library: MpiLibrary) {
    this.#library = library;
    this.#thread = new Worker(new URL('./sum-thread.js', import.meta.url), { workerData: this.#shared });
    this.#thread.unref();
  }

  /**
   * Meanwhile no other thread may call MPI.
   * @param signal ends the wait, not the sum: the process then ends without its thread, which nothing can free
   * @throws WireError when MPI fails
   */
  async add(own: bigint, total: bigint, count: number, signal: AbortSignal): Promise<void> {
    const { asked, what } = this.#shared;
    what.set([own, total, BigInt(count)]);
    this.#thread.ref();
    try {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        this.#thread.once('error', reject);
        this.#thread.once('message', (problem: string | undefined) => {
          this.#thread.off('error', reject);
          if (problem === undefined) resolve();
          else reject(new WireError(problem, 'see what mpirun says'));
        });
        Atomics.add(asked, 0, 1);
        Atomics.notify(asked, 0);
      });
    } catch (error) {
      if (signal.aborted) process.once('exit', (code) => this.#library.exit(code));
      throw error;
    } finally {
      this.#thread.unref();
    }
  }
}
