/**
 * The coordinator's parameters and optimizer slots. One that computes applies every step as all workers do. Any other would only
 * cost them: it has the state sent when somebody needs it, and at times, so that little is lost if all workers die at once. Where
 * workers have shares of the optimizer state, it applies the steps as long as it has the second copy of all.
 */
import type { RoundUpdate, Worker } from '../../src/pool/round-worker.js';
import type { ParameterRange } from '../../src/reduce/shares.js';
import { type ReplicaState, stateIn } from '../../src/wire/state-blob.js';
import type { Clock } from './clock.js';

/** Nobody has any more what the last steps led to: those steps are to be computed again. The message says what, for people. */
export class StateLostError extends Error {}

/** A worker that can be asked for its parameters and slots. */
export interface StateHolder {
  /** Writes those after `round`, or of a range of them, into `state`, which is not to be used if it rejects. */
  fetch(round: number, state: ReplicaState, part: { readonly range?: ParameterRange }): Promise<void>;
}

/** A part of the state, and who can be asked for it; all of it where there is no range. */
export interface StatePiece {
  readonly range?: ParameterRange;
  readonly holders: readonly StateHolder[];
}

export interface OwnState {
  /** Whether the coordinator applies every step, and needs every total for that. */
  readonly keepsUp: boolean;
  /** The last round that the parameters are trained by. */
  readonly round: number;
  /** Whether the parameters should be fetched although nobody asks for them. */
  readonly isDue: boolean;
  /** The run begins, or goes on, with the parameters as they are after `round`. */
  begin(round: number): void;
  /** The round of this update is committed. */
  commit(update: RoundUpdate): void;
  /**
   * Resolves when the coordinator's parameters hold `round`.
   * @param holders workers that have been asked to commit that round
   * @returns whether one of them has sent its parameters
   * @throws StateLostError when the coordinator does not have them, and nobody can send them
   */
  reach(round: number, holders: readonly StateHolder[]): Promise<boolean>;
  /** Goes back to `round`: the coordinator's parameters are those again. */
  rewind(): Promise<void>;
}

/** The state of a coordinator that keeps up: every step is applied to it. */
export class AppliedState implements OwnState {
  readonly keepsUp = true;
  readonly isDue = false;
  round = -1;
  readonly #self: Pick<Worker, 'commit'>;
  /** The update of the last round, which may go on while the next one begins. */
  #updating: Promise<void> = Promise.resolve();

  constructor(self: Pick<Worker, 'commit'>) {
    this.#self = self;
  }

  begin(round: number): void {
    this.round = round;
  }

  commit(update: RoundUpdate): void {
    this.round = update.round;
    this.#updating = this.#self.commit(update);
    // Whoever waits for it is told; nobody does where the run fails meanwhile.
    this.#updating.catch(() => {});
  }

  async reach(): Promise<boolean> {
    await this.#updating;
    return false;
  }

  /** Its parameters are never behind. */
  async rewind(): Promise<void> {}
}

/** Milliseconds of steps that may have to be computed again, at least; more where the state takes long to fetch. */
const leastInterval = 10_000;
/** What fetching may cost: this part of the time. */
const share = 1 / 20;

/** The state of a coordinator that does not keep up: fetched from workers now and then. */
export class FetchedState implements OwnState {
  readonly keepsUp = false;
  readonly #state: ReplicaState;
  readonly #clock: Clock;
  readonly #piecesOf: (holders: readonly StateHolder[]) => readonly StatePiece[];
  #round = -1;
  #reached = 0;
  #interval = leastInterval;
  /** Where the parameters arrive: a worker that dies meanwhile must leave no half of it. */
  #arriving: ReplicaState | undefined;
  /** Two at a time would write into the same place. */
  #reaching: Promise<unknown> = Promise.resolve();

  /** @param piecesOf who has which part after the last round; default: each has all */
  constructor(
    state: ReplicaState,
    clock: Clock,
    piecesOf: (holders: readonly StateHolder[]) => readonly StatePiece[] = (holders) => [{ holders }],
  ) {
    this.#state = state;
    this.#clock = clock;
    this.#piecesOf = piecesOf;
  }

  get round(): number {
    return this.#round;
  }
  get isDue(): boolean {
    return this.#clock.now() - this.#reached > this.#interval;
  }

  begin(round: number): void {
    this.#round = round;
    this.#reached = this.#clock.now();
  }

  commit(): void {}

  reach(round: number, holders: readonly StateHolder[]): Promise<boolean> {
    const reached = this.#reaching.then(() => this.#fetch(round, holders));
    this.#reaching = reached.catch(() => {});
    return reached;
  }

  async #fetch(round: number, holders: readonly StateHolder[]): Promise<boolean> {
    if (round === this.#round) return false;
    const started = this.#clock.now();
    const place = ({ length }: Float32Array) => new Float32Array(length);
    this.#arriving ??= { parameters: place(this.#state.parameters), slots: this.#state.slots.map(place) };
    const pieces = this.#piecesOf(holders);
    for (const piece of pieces) await fetchPiece(round, piece, this.#arriving);
    for (const { range } of pieces) {
      const [from, to] = [this.#arriving, this.#state].map((state) => (range ? stateIn(state, range) : state));
      to.parameters.set(from.parameters);
      for (const [i, slot] of to.slots.entries()) slot.set(from.slots[i]);
    }
    this.begin(round);
    this.#interval = Math.max(leastInterval, (this.#reached - started) / share);
    return true;
  }

  /** Its parameters are those already. */
  async rewind(): Promise<void> {}
}

/** @throws StateLostError when nobody sends it */
async function fetchPiece(round: number, { range, holders }: StatePiece, into: ReplicaState): Promise<void> {
  for (const holder of holders) {
    try {
      await (range ? holder.fetch(round, stateIn(into, range), { range }) : holder.fetch(round, into, {}));
      return;
    } catch {
      // It is lost, and the world has said so.
    }
  }
  throw new StateLostError('the workers that had the parameters are gone');
}

/** The state of a coordinator whose workers have shares of it: applied while it has the second copy, else fetched. */
export class ShardedState implements OwnState {
  keepsUp = true;
  readonly #applied: AppliedState;
  readonly #fetched: FetchedState;

  constructor(applied: AppliedState, fetched: FetchedState) {
    this.#applied = applied;
    this.#fetched = fetched;
  }

  get round(): number {
    return this.#fetched.round;
  }
  get isDue(): boolean {
    return !this.keepsUp && this.#fetched.isDue;
  }

  begin(round: number): void {
    this.#applied.begin(round);
    this.#fetched.begin(round);
  }

  commit(update: RoundUpdate): void {
    if (!this.keepsUp) return;
    this.#applied.commit(update);
    this.#fetched.begin(update.round);
  }

  async reach(round: number, holders: readonly StateHolder[]): Promise<boolean> {
    await this.#applied.reach();
    return this.#fetched.reach(round, holders);
  }

  async rewind(): Promise<void> {
    await this.#applied.reach();
  }
}
