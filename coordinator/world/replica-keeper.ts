/**
 * The optimizer state of replicas over rounds of local steps. It stays with the worker that computes the replica, and the
 * coordinator has a copy as of some round, with the parameters of then: it is brought up to date before a checkpoint, now and
 * then, and whenever workers come or go, as the replicas are dealt anew. Where a worker is lost, the run goes back to the copy.
 */
import type { OptimizerConfig } from '../../src/config/optimizer.js';
import { isStreaming, type LocalRounds } from '../../src/data/local-rounds.js';
import type { SlabLayout } from '../../src/model/slab.js';
import { createOptimizer } from '../../src/optimizer/create-optimizer.js';
import { replicaSlots } from '../../src/optimizer/replica-slots.js';
import type { ReplicaStates } from '../../src/pool/replica-states.js';
import type { RoundUpdate, Worker } from '../../src/pool/round-worker.js';
import type { BlobSource } from '../../src/wire/blob.js';
import { type ReplicaState, stateSource } from '../../src/wire/state-blob.js';
import { type Assigned, assignTo, type Capacities, isDealtTo } from './assign.js';
import type { Clock } from './clock.js';
import { type OwnState, type StateHolder, StateLostError } from './own-state.js';

/** A worker on another machine. */
interface RemoteReplicas {
  fetch(round: number, state: ReplicaState, part: { readonly replica: number }): Promise<void>;
  transfer(
    what: 'replica',
    source: BlobSource,
    sha256: '',
    round: number,
    progress: undefined,
    part: { readonly replica: number },
  ): Promise<void>;
}

/** Where replicas are dealt out. */
interface ReplicaWorld extends Capacities<Worker> {
  present(): readonly Worker[];
  remote(id: number): (Worker & RemoteReplicas) | undefined;
  /** Brings this copy up to date. */
  reach(): Promise<void>;
}

/** Up to `warmUpSteps` the state of all is that of the warm-up, whose slabs are the last of those that the coordinator has. */
interface ReplicaKeeperOptions extends Omit<LocalRounds, 'steps'> {
  /** What the coordinator has of the parameters and the outer optimizer. */
  readonly inner: OwnState;
  readonly state: ReplicaState;
  readonly world: () => ReplicaWorld;
  /** Of replicas that the coordinator computes itself, if it does. */
  readonly own: ReplicaStates | undefined;
  /** Of the local steps. */
  readonly optimizer: OptimizerConfig;
  readonly layout: SlabLayout;
  readonly clock: Clock;
}

/** Milliseconds between two copies that nothing else asks for, at least; more where they take long. */
const leastInterval = 60_000;
/** What they may cost: this part of the time. */
const share = 1 / 20;

const none = new Float32Array(0);
const like = ({ length }: Float32Array) => new Float32Array(length);
const copy = (from: readonly Float32Array[], to: readonly Float32Array[]) => {
  for (const [i, slab] of from.entries()) to[i].set(slab);
};

export class ReplicaKeeper implements OwnState {
  readonly keepsUp: boolean;
  readonly #options: ReplicaKeeperOptions;
  /** The copy of each replica, and where the next one arrives: a worker that is lost meanwhile must leave no half of it. */
  readonly #states: readonly Float32Array[][];
  readonly #arriving: readonly Float32Array[][];
  /** Slabs of the optimizer of the warm-up, which replicas go on from. */
  readonly #warmUpSlots: number;
  /** The parameters and slots of then. */
  readonly #then: readonly Float32Array[];
  /** The last round that the copy holds; undefined before the run begins. */
  #round: number | undefined;
  #owners: readonly Assigned<Worker>[] = [];
  #copied = 0;
  #interval = leastInterval;

  constructor(options: ReplicaKeeperOptions) {
    const { inner, state, replicas, layout } = options;
    this.#options = options;
    this.keepsUp = inner.keepsUp;
    const slots = replicaSlots(options, layout);
    this.#warmUpSlots = createOptimizer(options.optimizer, layout).slots.length;
    this.#states = Array.from({ length: replicas }, () =>
      slots.map(({ initial, length }) =>
        initial === 'parameters' ? state.parameters.slice(0, length) : new Float32Array(length).fill(initial),
      ),
    );
    this.#arriving = this.#states.map((slabs) => slabs.map(like));
    this.#then = this.#now.map(like);
  }

  /** The copies, replica by replica: what a checkpoint has. */
  get slots(): readonly Float32Array[] {
    return this.#states.flat();
  }
  /** Who computes which. */
  get owners(): readonly Assigned<Worker>[] {
    return this.#owners;
  }
  get round(): number {
    return this.#round ?? this.#options.inner.round;
  }
  get isDue(): boolean {
    return this.#options.clock.now() - this.#copied > this.#interval;
  }

  begin(round: number): void {
    this.#options.inner.begin(round);
    // A span follows the one before: everybody has what is needed.
    if (round === this.#round) return;
    this.#owners = [];
    this.#remember(round);
  }

  commit(update: RoundUpdate): void {
    this.#options.inner.commit(update);
  }

  async reach(round: number, holders: readonly StateHolder[]): Promise<boolean> {
    const fetched = await this.#options.inner.reach(round, holders);
    if (round === this.#round) return fetched;
    const { clock, own, warmUpSteps } = this.#options;
    const started = clock.now();
    if (round < warmUpSteps) {
      for (const slabs of this.#arriving) this.#warmUp(slabs);
    }
    for (const { worker, low, high } of this.#owners) {
      for (let replica = low; replica < high; replica++) {
        if (worker.id === 0) copy(own!.of(replica), this.#arriving[replica]);
        else await this.#fetch(worker, round, replica);
      }
    }
    for (const [i, slabs] of this.#arriving.entries()) copy(slabs, this.#states[i]);
    this.#remember(round);
    this.#interval = Math.max(leastInterval, (this.#copied - started) / share);
    return fetched;
  }

  async rewind(): Promise<void> {
    const { inner } = this.#options;
    // An update under way would be lost on what it is replaced by.
    if (inner.keepsUp) await inner.reach(inner.round, []);
    copy(this.#then, this.#now);
    inner.begin(this.round);
    this.#owners = [];
  }

  /** Deals the replicas anew where other workers are there than before, each with its state. To be called between two rounds. */
  async deal(): Promise<void> {
    const world = this.#options.world();
    if (isDealtTo(this.#owners, world.present())) return;
    await world.reach();
    const before = this.#owners;
    this.#owners = assignTo(this.#states.length, world.present(), world);
    for (const { worker, low, high } of this.#owners) {
      const held = before.find((each) => each.worker === worker);
      for (let replica = low; replica < high; replica++) {
        if (!held || replica < held.low || replica >= held.high) this.#give(worker, replica);
      }
    }
  }

  /** The state of a replica that goes on from the warm-up: that of its optimizer, its own parameters, and nothing left by rounding. */
  #warmUp(slabs: readonly Float32Array[]): void {
    const { parameters, slots } = this.#options.state;
    copy(slots.slice(slots.length - this.#warmUpSlots), slabs);
    if (isStreaming(this.#options)) {
      const own = slabs[this.#warmUpSlots];
      own.set(parameters.subarray(0, own.length));
    }
  }

  #give(worker: Worker, replica: number): void {
    const slots = this.#states[replica];
    if (worker.id === 0) {
      copy(slots, this.#options.own!.of(replica));
      return;
    }
    const source = stateSource({ parameters: none, slots });
    const remote = this.#options.world().remote(worker.id);
    // One that is lost meanwhile is told of by the world.
    remote?.transfer('replica', source, '', this.round, undefined, { replica }).catch(() => {});
  }

  async #fetch(worker: Worker, round: number, replica: number): Promise<void> {
    const remote = this.#options.world().remote(worker.id);
    const state = { parameters: none, slots: this.#arriving[replica] };
    // A worker that has come back is another one, without the state.
    if (remote === worker && (await fetched(remote.fetch(round, state, { replica })))) return;
    throw lostReplica(worker);
  }

  get #now(): readonly Float32Array[] {
    const { parameters, slots } = this.#options.state;
    return [parameters, ...slots];
  }

  #remember(round: number): void {
    copy(this.#now, this.#then);
    this.#round = round;
    this.#copied = this.#options.clock.now();
  }
}

/** What a loss comes to where the state of a replica went with it. */
export const lostReplica = ({ name }: Pick<Worker, 'name'>): StateLostError =>
  new StateLostError(`the state of the replicas that ${name} had is that of an earlier round`);

/** Whether it has come; where not, the worker is lost, and the world has said so. */
const fetched = (coming: Promise<void>): Promise<boolean> =>
  coming.then(
    () => true,
    () => false,
  );
