/** Sums for which a thread of its own waits inside of MPI: several times as fast as asking for them again and again. */
import { Worker } from 'node:worker_threads';
import { WireError } from '../../errors.js';
import type { CollectiveSum } from '../../reduce/collective.js';
import type { MpiWorld } from './mpi-world.js';

/** What the thread is given, and shares: how many sums it was asked for, and of the last one `place`, `count` and `trainable`. */
export interface AskedSums {
  readonly rank: number;
  readonly size: number;
  readonly memory: WebAssembly.Memory;
  readonly asked: Int32Array;
  readonly what: Float64Array;
}

/** The sum of squares, or what MPI says where it fails. */
export type SumAnswer = number | string;

export class WaitingSum {
  /** Where the numbers of its sums are. */
  readonly memory: WebAssembly.Memory;
  readonly #world: Pick<MpiWorld, 'library' | 'rank' | 'size'>;
  readonly #asked = new Int32Array(new SharedArrayBuffer(4));
  readonly #what = new Float64Array(new SharedArrayBuffer(24));
  readonly #thread: Worker;

  constructor(world: Pick<MpiWorld, 'library' | 'rank' | 'size'>, memory: WebAssembly.Memory) {
    const { rank, size } = world;
    this.memory = memory;
    this.#world = world;
    const workerData: AskedSums = { rank, size, memory, asked: this.#asked, what: this.#what };
    this.#thread = new Worker(new URL('./sum-thread.js', import.meta.url), { workerData });
    this.#thread.unref();
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
    this.#what.set([place, count, trainable]);
    this.#thread.ref();
    try {
      return await new Promise<number>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        this.#thread.once('error', reject);
        this.#thread.once('message', (answer: SumAnswer) => {
          this.#thread.off('error', reject);
          if (typeof answer === 'number') resolve(answer);
          else reject(new WireError(answer, 'see what mpirun says'));
        });
        Atomics.add(this.#asked, 0, 1);
        Atomics.notify(this.#asked, 0);
      });
    } catch (error) {
      if (signal.aborted) process.once('exit', (code) => this.#world.library.exit(code));
      throw error;
    } finally {
      this.#thread.unref();
    }
  }
}
