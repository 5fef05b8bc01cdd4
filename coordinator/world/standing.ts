/**
 * Where a worker stands in the run: its state, and how far its parameters are behind the run's. One table says what leads from
 * which state to which. A step that the table does not have is an error of this program; what a worker says at the wrong time
 * is an error of that worker.
 */
import { WireError } from '../../src/errors.js';
import { longestLag } from '../../src/pool/world-member.js';

type State =
  | 'joining' // is sent job and data
  | 'ready' // waits for the parameters, which it is sent between two steps
  | 'syncing' // is sent the parameters
  | 'active' // takes part
  | 'detached' // is too far behind to be sent more, and synced again when it has caught up
  | 'draining' // wants to leave, and does when the step is over
  | 'lost'; // is gone

type StandingChange = 'prepare' | 'sync' | 'activate' | 'detach' | 'catchUp' | 'resync' | 'drain' | 'lose';

const transitions: Readonly<Record<State, Readonly<Partial<Record<StandingChange, State>>>>> = {
  joining: { prepare: 'ready', drain: 'draining', lose: 'lost' },
  ready: { sync: 'syncing', drain: 'draining', lose: 'lost' },
  syncing: { activate: 'active', detach: 'detached', resync: 'ready', drain: 'draining', lose: 'lost' },
  active: { detach: 'detached', resync: 'ready', drain: 'draining', lose: 'lost' },
  detached: { catchUp: 'ready', drain: 'draining', lose: 'lost' },
  // It may say again that it wants to leave.
  draining: { drain: 'draining', lose: 'lost' },
  lost: {},
};

/** Of parameters that are on their way nothing is confirmed: not even those before the first step, which are of round -1. */
const nothing = -2;

const unasked = (what: string) => new WireError(`${what} was not asked for`, 'this worker is dropped');

export class Standing {
  /** Whether it has ever taken part, in this membership of the run. */
  hasWorked: boolean;
  #state: State = 'joining';
  /** Whether it has been sent all that it needs to say that it is ready. */
  #provided = false;
  /** The round that it was last asked to commit, the last one that it has applied, and those between that it has not. */
  #asked = -1;
  #applied = -1;
  #owed: number[] = [];
  #syncs = 0;
  #detachedAt = 0;

  constructor(hasWorked: boolean) {
    this.hasWorked = hasWorked;
  }

  get state(): State {
    return this.#state;
  }
  /** The round that its parameters are going to hold. */
  get asked(): number {
    return this.#asked;
  }
  /** Whether it is sent every total and every commit. */
  get follows(): boolean {
    return this.#state === 'syncing' || this.#state === 'active' || this.#state === 'draining';
  }
  /** Whether it can be asked to compute: an update may still be under way, and what it is sent next waits for that. */
  get canCompute(): boolean {
    return this.#state === 'active' && this.#owed.length <= 1;
  }
  /** Whether it was asked to commit this round, and has not said that it has. */
  owes(round: number): boolean {
    return this.#owed.includes(round);
  }
  /** Whether it was left behind, and has done since what it was asked for before. */
  get hasCaughtUp(): boolean {
    return this.#state === 'detached' && this.#applied === this.#asked;
  }

  /**
   * Sums pile up behind parameters, too: a worker keeps no more of them than of those that it lags behind with.
   * @param full whether more waits to be sent to it than memory is to be spent on
   */
  lags(full: boolean): boolean {
    const isSent = this.#state === 'active' || this.#state === 'syncing';
    return isSent && (full || this.#owed.length > longestLag);
  }

  /** Milliseconds since it was left behind; 0 where it is not. */
  behindFor(now: number): number {
    return this.#state === 'detached' ? now - this.#detachedAt : 0;
  }

  /** The worker has been sent job and data. */
  provided(): void {
    this.#provided = true;
  }

  /** The worker says that it has job and data. @throws WireError when it cannot have them */
  ready(): void {
    // It may have been asked to leave meanwhile.
    if (this.#state === 'draining') return;
    if (this.#state !== 'joining' || !this.#provided) throw unasked('ready: it');
    this.#become('prepare');
  }

  /** How often it was sent the parameters: what it had of the optimizer's state before is of no use since. */
  get syncs(): number {
    return this.#syncs;
  }

  /** The worker is sent the parameters as they are after `round`. */
  sync(round: number): void {
    this.#become('sync');
    this.#syncs++;
    this.#asked = round;
    this.#applied = nothing;
    this.#owed = [];
  }

  /** The worker is asked to commit this round. */
  commit(round: number): void {
    this.#asked = round;
    this.#owed.push(round);
  }

  /**
   * The worker says that its parameters hold this round.
   * @returns whether they are those that it was sent: it takes part from now on
   * @throws WireError when it was not asked to commit that round, or has said so of a later one
   */
  apply(round: number): boolean {
    if (round > this.#asked || round < this.#applied) throw unasked(`applied: round ${round}`);
    this.#applied = round;
    this.#owed = this.#owed.filter((owed) => owed > round);
    if (this.#state !== 'syncing') return false;
    this.#become('activate');
    this.hasWorked = true;
    return true;
  }

  detach(now: number): void {
    this.#become('detach');
    this.#detachedAt = now;
  }

  catchUp(): void {
    this.#become('catchUp');
  }

  /** The run's parameters have been replaced: it needs them anew. */
  resync(): void {
    this.#become('resync');
  }

  /** The worker wants to leave, or the run is over. @returns whether it may at once: it has no part in the step under way */
  drain(): boolean {
    const { follows } = this;
    this.#become('drain');
    return !follows;
  }

  lose(): void {
    this.#become('lose');
  }

  #become(change: StandingChange): void {
    const next = transitions[this.#state][change];
    if (!next) throw new Error(`a worker that is ${this.#state} cannot ${change}`);
    this.#state = next;
  }
}
