/** The workers of a run: who is there. They join, take part, are left behind, come back, leave and are lost. */
import { type LockstepError, RefusedError, WireError } from '../../src/errors.js';
import { toldComputedId } from '../../src/model/computed-ids.js';
import type { Worker } from '../../src/pool/round-worker.js';
import type { Landings } from '../../src/reduce/landings.js';
import type { SlabFrame } from '../../src/reduce/slab-frame.js';
import type { Reporter } from '../../src/report/events.js';
import type { WorkerEvent } from '../../src/report/world-events.js';
import type { Connection } from '../../src/wire/connection.js';
import type { Hello, RunEnding } from '../../src/wire/messages.js';
import type { Timeline } from '../training/timeline.js';
import { Activity, type ExchangeCounts } from './activity.js';
import type { Clock } from './clock.js';
import type { JoinLimits } from './join-limits.js';
import type { OwnState } from './own-state.js';
import type { Pace } from './pace.js';
import { Places, type WorkerPlace } from './places.js';
import type { Provision } from './provision.js';
import { Quorum, type QuorumOptions } from './quorum.js';
import { type RemoteHandlers, RemoteWorker } from './remote.js';
import { cutOffWarning, workerEvent, workerInfos } from './reports.js';
import type { Roster } from './roster.js';
import { type Turning, takeTurn } from './turn.js';
import { type OptimizerState, WorkerTotals } from './worker-totals.js';

export interface WorldOptions {
  /** The coordinator, and its part in every all-reduce. */
  readonly self: Worker;
  readonly allReduce: Roster['allReduce'] & ExchangeCounts & { receive(from: number, frame: SlabFrame): void };
  readonly landings: Pick<Landings, 'take'>;
  /** The coordinator's parameters. */
  readonly own: Pick<OwnState, 'keepsUp' | 'reach'>;
  readonly provision: Pick<Provision, 'prepare' | 'sync'>;
  readonly pace: Pace;
  readonly limits: Pick<JoinLimits, 'lost'>;
  readonly trace: Timeline | undefined;
  /** Remote workers without which the first step does not begin, and without which no later one does. */
  readonly workers: Pick<QuorumOptions, 'first' | 'later' | 'arrival'>;
  /** Seconds that a lost worker keeps its place. */
  readonly grace: number;
  /** Hash of the coordinator's host. */
  readonly host: string;
  /** Bytes of the gradient slab. */
  readonly bytes: number;
  readonly optimizerState: OptimizerState;
  readonly report: Reporter;
  readonly clock: Clock;
  /** Told which workers have no link to each other any more. */
  readonly cut?: (one: number, other: number) => void;
  /** Ends the wait for workers. */
  readonly signal: AbortSignal | undefined;
}

export class World implements Roster, Turning {
  readonly self: Worker;
  readonly pace: Pace;
  readonly allReduce: Roster['allReduce'];
  readonly totals: WorkerTotals;
  readonly quorum: Quorum;
  readonly #options: WorldOptions;
  readonly #activity: Activity;
  readonly #remotes = new Map<number, RemoteWorker>();
  readonly #places: Places;
  readonly #handlers: RemoteHandlers;
  readonly #listeners = new Set<(worker: Worker) => void>();
  /** The last round that was committed. */
  #round = -1;
  #closing = false;

  constructor(options: WorldOptions) {
    const { self, pace, allReduce, trace, clock, grace, workers, signal, report } = options;
    this.#options = options;
    this.pace = pace;
    this.allReduce = allReduce;
    this.totals = new WorkerTotals(self, options);
    this.#activity = new Activity(this.totals, trace);
    this.self = this.#activity.observe(self, options.allReduce);
    this.#places = new Places(clock, grace);
    this.quorum = new Quorum({
      ...workers,
      signal,
      count: () => ({ names: this.#active.map(({ name }) => name), able: this.able().length }),
      turn: () => this.#turn(),
      waiting: (present, minimum) =>
        report({ event: 'waiting', step: this.committed, present, minimum, away: this.#places.away }),
    });
    this.#handlers = this.#listen();
  }

  get workers(): readonly RemoteWorker[] {
    return [...this.#remotes.values()];
  }
  /** Steps that are committed. */
  get committed(): number {
    return this.#round + 1;
  }
  get selfKeepsUp(): boolean {
    return this.#options.own.keepsUp;
  }

  remote(id: number): RemoteWorker | undefined {
    return this.#remotes.get(id);
  }

  /** The worker with this membership, here or away: undefined for a newcomer. */
  known(membership: string): { readonly hasWorked: boolean } | undefined {
    return this.#places.of(membership) ?? this.#here(membership)?.standing;
  }

  /** The number and name that a worker will have: its own again if it comes back. */
  place(hello: Hello): WorkerPlace {
    const here = this.#here(hello.membership);
    // The line broke and only one side has noticed yet.
    if (here) this.drop(here, new WireError('it has connected anew', 'nothing: it is back'));
    const names = [this.self, ...this.workers].map(({ name }) => name);
    return this.#places.assign(hello, names);
  }

  /** Takes in a worker that has been admitted; it takes part from the step on that follows its preparation. */
  join(hello: Hello, connection: Connection, { id, name, hasWorked }: WorkerPlace): RemoteWorker {
    const worker = new RemoteWorker(id, hello, name, connection, hasWorked);
    this.#remotes.set(id, worker);
    this.totals.add(worker);
    worker.open(this.#handlers);
    this.#tell(worker, this.#places.take(hello.membership) ? 'returned' : 'joined', null);
    this.#options.provision.prepare(worker, hello).then(
      () => worker.standing.provided(),
      (error: LockstepError) => this.drop(worker, error),
    );
    return worker;
  }

  /** Declares a worker lost: closes its connection, fails what it was asked for. */
  drop(worker: RemoteWorker, error: LockstepError): void {
    const { connection, standing, doing, membership } = worker;
    const { state, hasWorked } = standing;
    if (state === 'lost') return;
    const left = state === 'draining';
    worker.fail(error);
    if (left) void connection.close();
    else void connection.refuse(error.problem, error.remedy, error instanceof RefusedError);
    this.#remotes.delete(worker.id);
    this.totals.lost(worker, left);
    // One that leaves before it has done anything costs as much as one that is lost.
    if (!left || !hasWorked)
      this.#options.limits.lost(connection.host, hasWorked ? membership : undefined, this.#options.clock.now());
    if (!left) this.#places.keep(worker);
    this.#tell(worker, left ? 'left' : 'lost', left ? null : `while ${doing}: ${error.problem}`);
    for (const lost of this.#listeners) lost(worker);
    this.#introduce();
    this.quorum.wake();
  }

  /** Lets a worker go that wants to leave. */
  dismiss(worker: RemoteWorker): void {
    void worker.dismiss({ reason: 'it was asked to leave', outcome: 'unfinished' });
    this.drop(worker, new WireError('it was asked to leave', 'nothing'));
  }

  leaveBehind(worker: RemoteWorker): void {
    worker.standing.detach(this.#options.clock.now());
    const reason = 'it cannot keep up with the steps, and gets the parameters anew when it has caught up';
    this.#tell(worker, 'detached', reason);
  }

  /** Drops the worker that sent something wrong. */
  blame(id: number, error: LockstepError): void {
    const worker = this.#remotes.get(id);
    if (worker) this.drop(worker, error);
  }

  lose({ id }: Worker, reason: string): void {
    this.blame(id, new WireError(reason, 'others take over'));
  }

  onLoss(lost: (worker: Worker) => void): () => void {
    this.#listeners.add(lost);
    return () => this.#listeners.delete(lost);
  }

  able(): readonly Worker[] {
    return this.#withSelf(this.#active.filter(({ isComputing, standing }) => !isComputing && standing.canCompute));
  }

  present(): readonly Worker[] {
    return this.#withSelf(this.#active);
  }

  followers(): readonly RemoteWorker[] {
    return this.workers.filter(({ standing }) => standing.follows);
  }

  enough(): Promise<void> {
    return this.quorum.reached();
  }

  hostOf({ id }: Worker): string {
    return this.#remotes.get(id)?.host ?? this.#options.host;
  }

  linked(workers: readonly Worker[]): boolean {
    const remotes = workers.flatMap(({ id }) => this.#remotes.get(id) ?? []);
    return remotes.every((one) => remotes.every((other) => one === other || one.links.has(other.id)));
  }

  unlink(): void {
    for (const worker of this.workers) worker.links = new Set();
  }

  /** This round is committed: everybody who follows has been told to update its parameters. */
  advance(round: number): void {
    this.#round = round;
    this.quorum.mistake = undefined;
  }

  /** Resolves when the coordinator's parameters hold the last round. @throws StateLostError when nobody's do */
  async reach(): Promise<void> {
    const round = this.#round;
    const holders = this.followers().filter(({ standing }) => standing.asked === round);
    const started = performance.now();
    if (await this.#options.own.reach(round, holders))
      this.#activity.fetched(this.self, performance.now() - started, round);
  }

  /** Everybody gets the parameters anew: they have been replaced. */
  resync(): void {
    for (const { standing } of this.followers()) if (standing.state !== 'draining') standing.resync();
  }

  readonly infos = () => workerInfos(this.self, this.workers, this.pace, this.totals);
  /** Reports who is there. */
  show(): void {
    this.#options.report({ event: 'world', workers: this.infos(), ...this.totals.bytes });
  }

  /** Says goodbye to everybody. */
  async close(ending: RunEnding): Promise<void> {
    this.#closing = true;
    for (const { standing } of this.workers) standing.drain();
    await Promise.all(this.workers.map((worker) => worker.dismiss(ending)));
  }

  /** What follows from that which workers tell. */
  #listen(): RemoteHandlers {
    const { allReduce, landings } = this.#options;
    return {
      activity: this.#activity,
      spoke: () => this.quorum.wake(),
      activated: (worker) => {
        this.#tell(worker, 'active', null);
        this.#introduce();
        this.show();
      },
      leaving: (worker) => {
        if (worker.standing.drain()) this.dismiss(worker);
      },
      failed: (worker, { phase, message }) => {
        this.quorum.mistake = toldComputedId(message);
        this.drop(worker, new WireError(`it failed to ${phase}: ${message}`, 'see its own output'));
      },
      cut: ({ id }, from) => this.#options.cut?.(id, from.id),
      cutOff: (worker, lost) => {
        const peer = this.#remotes.get(lost.id);
        // From one that is gone, everybody is cut off.
        if (peer) this.#options.report(cutOffWarning(worker, peer, lost));
      },
      ended: (worker, error) => this.drop(worker, error),
      receive: ({ id }, frame) => allReduce.receive(id, frame),
      landing: () => landings.take(),
    };
  }

  get #active(): RemoteWorker[] {
    return this.workers.filter(({ standing }) => standing.state === 'active');
  }

  #here(membership: string): RemoteWorker | undefined {
    return this.workers.find((worker) => worker.membership === membership);
  }

  /** The coordinator comes first, if it computes. */
  #withSelf(workers: readonly Worker[]): readonly Worker[] {
    return this.self.threads > 0 ? [this.self, ...workers] : workers;
  }

  async #turn(): Promise<void> {
    await takeTurn(this, this.#options);
    this.#places.expire();
  }

  /** Tells everybody who else is there, so that they link up. */
  #introduce(): void {
    const members = this.#active.map(({ id, peer }) => ({ id, peer }));
    for (const worker of this.#active) worker.send({ kind: 'world', members });
  }

  #tell(worker: RemoteWorker, change: WorkerEvent['change'], reason: string | null): void {
    if (!this.#closing) this.#options.report(workerEvent(worker, change, this.committed, reason));
  }
}
