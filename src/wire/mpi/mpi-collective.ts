/** MPI's own all-reduce, asked for between the turns of the event loop like all else of it. */
import { WireError } from '../../errors.js';
import type { Collective } from '../../reduce/collective.js';
import { joinedWorld, type MpiWorld, type Watcher } from './mpi-world.js';

/** Milliseconds that few numbers take at most, for which this thread waits instead of coming back for them. */
const moment = 0.1;
/** Milliseconds of one call after which it has done something, though it does not say so. */
const busy = 0.02;

class PendingSum implements Watcher {
  readonly ended: Promise<void>;
  readonly #world: MpiWorld;
  /** Kept from being collected: MPI writes there. */
  readonly #numbers: Float32Array;
  readonly #signal: AbortSignal;
  readonly #request = new BigUint64Array(new SharedArrayBuffer(8));
  readonly #requestAt: bigint;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor(world: MpiWorld, numbers: Float32Array, signal: AbortSignal) {
    this.#world = world;
    this.#numbers = numbers;
    this.#signal = signal;
    this.#requestAt = world.library.address(this.#request);
    this.ended = new Promise((resolve, reject) => {
      [this.#resolve, this.#reject] = [resolve, reject];
    });
    signal.addEventListener('abort', () => this.#reject(signal.reason), { once: true });
  }

  begin(): void {
    const { library } = this.#world;
    const { inPlace, float, sum, world } = library;
    const at = library.address(this.#numbers);
    library.call('MPI_Iallreduce', inPlace, at, this.#numbers.length, float, sum, world, this.#requestAt);
    const started = performance.now();
    do {
      if (this.poll() === 'idle') return;
    } while (performance.now() - started < moment);
    this.#world.watch(this);
  }

  poll(): 'moved' | 'waiting' | 'idle' {
    if (this.#signal.aborted) return 'idle';
    const started = performance.now();
    try {
      if (!this.#world.library.test(this.#requestAt)) return performance.now() - started > busy ? 'moved' : 'waiting';
      this.#resolve();
    } catch (error) {
      this.#reject(error);
    }
    return 'idle';
  }
}

class MpiCollective implements Collective {
  readonly #world: MpiWorld;
  /** One that has not ended. */
  #sum: PendingSum | undefined;

  constructor(world: MpiWorld) {
    this.#world = world;
  }

  get rank(): number {
    return this.#world.rank;
  }
  get size(): number {
    return this.#world.size;
  }

  async add(numbers: Float32Array, signal: AbortSignal): Promise<void> {
    if (this.#sum) throw new WireError('a sum by MPI was asked for while another had not ended', 'start the job again');
    this.#sum = new PendingSum(this.#world, numbers, signal);
    this.#sum.begin();
    await this.#sum.ended;
    this.#sum = undefined;
  }
}

let collective: MpiCollective | undefined;

/** The one of this process; undefined until all processes of its job have met, and where it is of none. */
export function mpiCollective(): Collective | undefined {
  const world = joinedWorld();
  if (world) collective ??= new MpiCollective(world);
  return collective;
}
