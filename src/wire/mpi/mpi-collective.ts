/**
 * MPI's own all-reduce. Few numbers are asked for between the turns of the event loop, like all else of MPI. For many a thread
 * waits inside of it, but not before all processes are there: so the wait is short, and for one that is lost none waits there. Of the
 * norm of many, each process then takes a part.
 */
import { WireError } from '../../errors.js';
import type { Collective, CollectiveSum } from '../../reduce/collective.js';
import { squaresOf } from '../../reduce/norm.js';
import { joinedWorld, type MpiWorld, type Watcher } from './mpi-world.js';
import { WaitingSum } from './waiting-sum.js';

/** Milliseconds that few numbers take at most, for which this thread waits instead of coming back for them. */
const moment = 0.1;
/** Milliseconds of one call after which it has done something, though it does not say so. */
const busy = 0.02;
/** Numbers from which on a thread is faster: to wake it, and to hear of it, takes 0.02 ms more than to ask for so few. */
const many = 65_536;

/** Something that all processes do together, and ask for. */
class Pending implements Watcher {
  readonly #world: MpiWorld;
  readonly #request = new BigUint64Array(new SharedArrayBuffer(8));
  readonly #requestAt: bigint;
  #signal!: AbortSignal;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;

  constructor(world: MpiWorld) {
    this.#world = world;
    this.#requestAt = world.library.address(this.#request);
  }

  /** @param begin is told where the request is to be */
  end(begin: (request: bigint) => void, signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    return new Promise((resolve, reject) => {
      [this.#resolve, this.#reject] = [resolve, reject];
      begin(this.#requestAt);
      const started = performance.now();
      do {
        if (this.poll() === 'idle') return;
      } while (performance.now() - started < moment);
      this.#world.watch(this);
    });
  }

  poll(): 'moved' | 'waiting' | 'idle' {
    const started = performance.now();
    try {
      this.#signal.throwIfAborted();
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
  readonly #pending: Pending;
  #waiting: WaitingSum | undefined;
  /** Kept from being collected: MPI reads and writes there. */
  #memory: WebAssembly.Memory | undefined;

  constructor(world: MpiWorld) {
    this.#world = world;
    this.#pending = new Pending(world);
  }

  get rank(): number {
    return this.#world.rank;
  }
  get size(): number {
    return this.#world.size;
  }

  async add(what: CollectiveSum, signal: AbortSignal): Promise<number> {
    if (this.#memory) {
      throw new WireError('a sum by MPI was asked for while another had not ended', 'start the job again');
    }
    this.#memory = what.memory;
    const squares = await (what.count < many ? this.#addFew(what, signal) : this.#addMany(what, signal));
    this.#memory = undefined;
    return squares;
  }

  async #addFew({ memory, kernels, place, count, trainable }: CollectiveSum, signal: AbortSignal) {
    const { library } = this.#world;
    const { inPlace, float, sum, world } = library;
    const at = library.addressIn(memory, place);
    await this.#pending.end(
      (request) => library.call('MPI_Iallreduce', inPlace, at, count, float, sum, world, request),
      signal,
    );
    return squaresOf(kernels, place, trainable);
  }

  async #addMany(what: CollectiveSum, signal: AbortSignal) {
    const { library } = this.#world;
    await this.#pending.end((request) => library.call('MPI_Ibarrier', library.world, request), signal);
    if (this.#waiting?.memory !== what.memory) this.#waiting = new WaitingSum(this.#world, what.memory);
    return this.#world.alone(this.#waiting.add(what, signal));
  }
}

let collective: MpiCollective | undefined;

/** The one of this process; undefined until all processes of its job have met, and where it is of none. */
export function mpiCollective(): Collective | undefined {
  const world = joinedWorld();
  if (world) collective ??= new MpiCollective(world);
  return collective;
}
