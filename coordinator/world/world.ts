/** The workers of a run: who is there, in what state, how fast; admits at steps, declares lost, waits for enough. */
import { shardSize } from '../../src/data/geometry.js';
import type { LockstepError } from '../../src/errors.js';
import { type DataError, RefusedError, WireError } from '../../src/errors.js';
import { toldComputedId } from '../../src/model/computed-ids.js';
import { StoppedError } from '../../src/pool/control.js';
import type { Computed, Worker } from '../../src/pool/worker.js';
import { longestLag } from '../../src/pool/world-member.js';
import type { Landings } from '../../src/reduce/landings.js';
import type { SlabFrame } from '../../src/reduce/slab-frame.js';
import type { Reporter, WorkerEvent, WorkerInfo } from '../../src/report/events.js';
import type { Connection } from '../../src/wire/connection.js';
import type { Hello, PeerLost } from '../../src/wire/messages.js';
import type { Timeline } from '../training/timeline.js';
import { Activity } from './activity.js';
import type { Capacity } from './assign.js';
import type { Clock } from './clock.js';
import { Limits } from './limits.js';
import type { OwnState } from './own-state.js';
import { RemoteWorker } from './remote.js';
import type { Crew } from './round.js';
import { Speeds } from './speeds.js';
import { WorkerTotals } from './worker-totals.js';

export interface WorldOptions {
  /** The coordinator, and its part in exchanges. */
  readonly self: Worker;
  /** Its parameters. */
  readonly own: Pick<OwnState, 'keepsUp' | 'reach'>;
  readonly exchange: {
    receive(from: number, frame: SlabFrame): void;
    waitingFor(): readonly { readonly id: number; readonly bytes: number }[];
    /** Bytes that it sent and received in the round. */
    readonly bytesSent: number;
    readonly bytesReceived: number;
  };
  readonly landings: Pick<Landings, 'take'>;
  readonly trace: Timeline | undefined;
  /** Remote workers without which the first step does not begin, and without which no later one does: as many, if not given. */
  readonly minimum: number;
  readonly minimumLater?: number;
  /** Seconds that a lost worker keeps its place. */
  readonly grace: number;
  readonly stragglerFactor: number;
  /** Bytes of the gradient slab. */
  readonly bytes: number;
  readonly batchSize: number;
  readonly shards: number;
  readonly report: Reporter;
  readonly clock: Clock;
  /** Ends the wait for workers. */
  readonly signal: AbortSignal | undefined;
  /** Sends a worker what it needs besides parameters. */
  readonly prepare: (worker: RemoteWorker, hello: Hello) => Promise<void>;
  /** Sends a worker the parameters as they are after `round`. */
  readonly sync: (worker: RemoteWorker, round: number) => Promise<void>;
}

/** Milliseconds that a worker may be late whatever its speed; in its first steps; and while no speed is known at all. */
const leastPatience = 250;
const firstPatience = 2000;
const unknownPatience = 30_000;
/** Characters of a reason in reports: workers choose what stands there. */
const longestReason = 500;

interface Away {
  readonly hasWorked: boolean;
  readonly id: number;
  readonly name: string;
  readonly since: number;
}

export class World implements Crew {
  readonly self: Worker;
  readonly tally: WorkerTotals;
  /** Whether somebody took part whose arithmetic gives other bits. */
  mixed = false;
  readonly #options: WorldOptions;
  readonly #account: Activity;
  readonly #remotes = new Map<number, RemoteWorker>();
  /** Lost workers by membership. */
  readonly #away = new Map<string, Away>();
  readonly #speeds = new Speeds();
  readonly #limits = new Limits();
  /** What a question, its examples and its answer take besides the work. */
  readonly #journeys = new Speeds();
  readonly #listeners = new Set<(worker: Worker) => void>();
  /** What the last worker that failed told of the model or the data, where that was to blame: others would fail alike. */
  #mistake: DataError | undefined;
  #nextId = 1;
  /** The last round that was committed. */
  #round = -1;
  #stopped = false;
  #hasBegun = false;
  #closing = false;
  #changed: (() => void) | undefined;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.tally = new WorkerTotals(options.self);
    this.#account = new Activity(this.tally, options.trace);
    this.self = this.#account.observe(options.self, () => options.exchange.bytesSent);
    options.signal?.addEventListener('abort', () => this.#wake());
  }

  get selfKeepsUp(): boolean {
    return this.#options.own.keepsUp;
  }
  get workers(): readonly RemoteWorker[] {
    return [...this.#remotes.values()];
  }
  get committed(): number {
    return this.#round + 1;
  }

  remote(id: number): RemoteWorker | undefined {
    return this.#remotes.get(id);
  }

  /** Drops the worker that sent something wrong. */
  blame(id: number, error: LockstepError): void {
    const worker = this.#remotes.get(id);
    if (worker) this.drop(worker, error);
  }

  /** Somebody takes part whose arithmetic gives other bits. */
  markMixed(name: string, processor: string): void {
    this.mixed = true;
    const message = `${name} (${processor}) calculates otherwise than the coordinator: this run cannot be reproduced bit for bit`;
    this.#options.report({ event: 'warning', message });
  }

  /** Everybody who takes part, for people. */
  info(): WorkerInfo[] {
    const rate = ({ name, threads }: Worker) => {
      const milliseconds = this.#speeds.get(name);
      return milliseconds === undefined ? null : (1000 / milliseconds) * threads * shardSize(this.#options);
    };
    const { id, name, threads } = this.self;
    const own = { id, name, address: 'here', threads, state: 'active', examplesPerSecond: rate(this.self) };
    return [
      ...(threads > 0 ? [{ ...own, share: this.tally.share(name), roundTrip: null }] : []),
      ...this.workers.map((worker) => ({
        id: worker.id,
        name: worker.name,
        address: worker.connection.address,
        threads: worker.threads,
        state: worker.state,
        examplesPerSecond: rate(worker),
        share: this.tally.share(worker.name),
        roundTrip: worker.connection.roundTrip ?? null,
      })),
    ];
  }

  /** Why somebody who knows the token has to wait all the same. */
  refusal({ membership }: Hello, { host }: Connection): LockstepError | undefined {
    const now = this.#options.clock.now();
    const before = this.#away.get(membership) ?? this.workers.find((worker) => worker.membership === membership);
    if (before?.hasWorked) return this.#limits.returnRefusal(membership, now);
    const hosts = this.workers.map(({ connection }) => connection.host);
    return this.#limits.refusal(host, hosts, now);
  }

  /** Somebody who knows the token was not admitted. */
  turnedAway({ host }: Connection): void {
    this.#limits.lost(host, undefined, this.#options.clock.now());
  }

  /** The id and name that a worker will have: its own again if it comes back. */
  place(hello: Hello): { id: number; name: string } {
    const here = this.workers.find(({ membership }) => membership === hello.membership);
    // The line broke and only one side has noticed yet.
    if (here) this.drop(here, new WireError('it has connected anew', 'nothing: it is back'));
    this.#expire();
    const away = this.#away.get(hello.membership);
    if (away) return away;
    const taken = new Set([this.self, ...this.workers, ...this.#away.values()].map(({ name }) => name));
    let name = hello.name;
    for (let n = 2; taken.has(name); n++) name = `${hello.name}-${n}`;
    return { id: this.#nextId++, name };
  }

  /** Takes in a worker that has been admitted; it takes part from the step on that follows its preparation. */
  join(hello: Hello, connection: Connection, { id, name }: { id: number; name: string }): RemoteWorker {
    const worker = new RemoteWorker(id, hello, name, connection);
    const before = this.#away.get(hello.membership);
    worker.hasWorked = before?.hasWorked ?? false;
    this.#away.delete(hello.membership);
    this.#remotes.set(id, worker);
    this.tally.add(worker);
    connection.handle({
      message: (message) => {
        if (message.kind === 'ready') this.#ready(worker);
        else if (message.kind === 'linked') worker.links = new Set(message.ids);
        else if (message.kind === 'drain') this.#drain(worker);
        else if (message.kind === 'failed') {
          this.#mistake = toldComputedId(message.message);
          this.drop(worker, new WireError(`it failed to ${message.phase}: ${message.message}`, 'see its own output'));
        } else if (worker.receive(message)) {
          this.#account.message(worker, message);
          if (message.kind === 'applied') this.#applied(worker);
          if (message.kind === 'peerLost') this.#peerLost(worker, message);
        }
        this.#wake();
      },
      slab: (frame) => this.#options.exchange.receive(worker.id, frame),
      landing: () => this.#options.landings.take(),
      blob: (frame) => worker.blob(frame),
      closed: (error) => this.drop(worker, error ?? new WireError('the connection was closed', 'it can join again')),
    });
    this.#tell(worker, before ? 'returned' : 'joined', null);
    this.#options.prepare(worker, hello).then(
      () => {
        worker.prepared = true;
      },
      (error: LockstepError) => this.drop(worker, error),
    );
    return worker;
  }

  /** Declares a worker lost: closes its connection, fails what it was asked for. */
  drop(worker: RemoteWorker, error: LockstepError): void {
    if (worker.state === 'lost') return;
    const left = worker.state === 'draining';
    const doing = worker.doing;
    worker.fail(error);
    if (left) void worker.connection.close();
    else void worker.connection.refuse(error.problem, error.remedy, error instanceof RefusedError);
    this.#remotes.delete(worker.id);
    this.tally.lost(worker, left);
    const { id, name, membership, hasWorked } = worker;
    const since = this.#options.clock.now();
    // One that leaves before it has done anything costs as much as one that is lost.
    if (!left || !hasWorked) this.#limits.lost(worker.connection.host, hasWorked ? membership : undefined, since);
    if (!left) this.#away.set(membership, { id, name, since, hasWorked });
    this.#tell(worker, left ? 'left' : 'lost', left ? null : `while ${doing}: ${error.problem}`);
    for (const lost of this.#listeners) lost(worker);
    this.#introduce();
    this.#wake();
  }

  onLoss(lost: (worker: Worker) => void): () => void {
    this.#listeners.add(lost);
    return () => this.#listeners.delete(lost);
  }

  lose(worker: Worker, reason: string): void {
    const remote = this.#remotes.get(worker.id);
    if (remote) this.drop(remote, new WireError(reason, 'others take over'));
  }

  able(): readonly Worker[] {
    return this.#withSelf(this.#active.filter((worker) => !worker.isComputing && worker.applied >= worker.asked - 1));
  }

  present(): readonly Worker[] {
    return this.#withSelf(this.#active);
  }

  followers(): readonly RemoteWorker[] {
    return this.workers.filter(({ state }) => state === 'syncing' || state === 'active' || state === 'draining');
  }

  async enough(): Promise<void> {
    await this.#turn();
    if (!this.#isEnough()) await this.#wait();
    this.#hasBegun = true;
  }

  async #wait(): Promise<void> {
    const { report } = this.#options;
    const minimum = this.#minimum;
    const stopped = () => this.#stopped || this.#options.signal?.aborted;
    const present = this.#active.length;
    if (!stopped()) report({ event: 'waiting', step: this.committed, present, minimum, away: this.#awayNames() });
    while (!this.#isEnough()) {
      if (stopped()) throw new StoppedError();
      if (this.#mistake && this.#active.length === 0) throw this.#mistake;
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
      await this.#turn();
    }
  }

  capacityOf(worker: Worker): Capacity {
    return { threads: worker.threads, shardMilliseconds: this.#speeds.expected(worker.name) };
  }

  patienceWith(worker: Worker, shards: number, effort: number): number {
    const usual = this.#speeds.get(worker.name);
    const slowest = usual ?? this.#speeds.slowest();
    // Who has never answered must not hold up a run: there may be others who would.
    if (slowest === undefined) return unknownPatience;
    const least = usual === undefined ? firstPatience : leastPatience;
    const journey = this.#journeys.get(worker.name) ?? 0;
    return least + this.#options.stragglerFactor * (effort * slowest * Math.ceil(shards / worker.threads) + journey);
  }

  learn(worker: Worker, { milliseconds, losses }: Computed, elapsed: number, effort: number): void {
    this.#journeys.seen(worker.name, elapsed - milliseconds);
    this.#speeds.seen(worker.name, milliseconds / effort / Math.ceil(losses.length / worker.threads));
    this.tally.computed(worker, milliseconds, losses.length);
  }

  linked(workers: readonly Worker[]): boolean {
    const remotes = workers.flatMap(({ id }) => this.#remotes.get(id) ?? []);
    return remotes.every((one) => remotes.every((other) => one === other || one.links.has(other.id)));
  }

  unlink(): void {
    for (const worker of this.workers) worker.links = new Set();
  }

  received(): number {
    return this.#options.exchange.bytesReceived;
  }

  owing(): readonly { readonly id: number; readonly bytes: number }[] {
    return this.#options.exchange.waitingFor();
  }

  /** The parameters hold this round, as soon as everybody has updated theirs. */
  advance(round: number): void {
    this.#round = round;
    this.#mistake = undefined;
  }

  /** Resolves when the coordinator's parameters hold the last round. @throws StateLostError when nobody's do */
  async reach(): Promise<void> {
    const round = this.#round;
    const holders = this.followers().filter(({ asked }) => asked === round);
    const started = performance.now();
    const sent = await this.#options.own.reach(round, holders);
    if (sent) this.#account.fetched(this.self, performance.now() - started, round);
  }

  /** Everybody gets the parameters anew: they have been replaced. */
  resync(): void {
    for (const worker of this.followers()) if (worker.state !== 'draining') worker.state = 'ready';
  }

  /** Ends the wait for workers, if there is one, and every later one. */
  stop(): void {
    this.#stopped = true;
    this.#wake();
  }
  /** Reports who is there. */
  show(): void {
    this.#options.report({ event: 'world', workers: this.info() });
  }

  /** Lets the run wait for workers again. */
  go(): void {
    this.#stopped = false;
  }

  /** Says goodbye to everybody. */
  async close(reason: string): Promise<void> {
    this.#closing = true;
    await Promise.all(
      this.workers.map((worker) => {
        worker.state = 'draining';
        return worker.dismiss(reason);
      }),
    );
  }

  /** Between two rounds: who was made ready gets the parameters, who wants to leave may. */
  async #turn(): Promise<void> {
    // Who leaves may be the only one who has the parameters.
    if (this.workers.some(({ state }) => state === 'draining')) await this.reach();
    for (const worker of this.workers) {
      if (worker.state === 'draining') this.#dismiss(worker);
      if (this.#lags(worker)) this.#detach(worker);
      this.#expectToRead(worker);
      if (worker.state === 'detached' && worker.applied === worker.asked) worker.state = 'ready';
    }
    const isReady = ({ state }: RemoteWorker) => state === 'ready';
    // Half of an update must not be sent.
    if (this.workers.some(isReady)) await this.reach();
    for (const worker of this.workers.filter(isReady)) {
      worker.state = 'syncing';
      worker.asked = this.#round;
      worker.applied = -2;
      this.#options.sync(worker, this.#round).catch((error: LockstepError) => this.drop(worker, error));
    }
    this.#expire();
  }

  #lags(worker: RemoteWorker): boolean {
    const { state, asked, applied } = worker;
    // Sums pile up behind parameters that are on their way, too.
    return state === 'active'
      ? asked - applied > longestLag || this.#isFull(worker)
      : state === 'syncing' && this.#isFull(worker);
  }

  /** Whether more waits to be sent to it than memory is to be spent on. */
  #isFull({ backlog }: RemoteWorker): boolean {
    return backlog > Math.max(64e6, 6 * this.#options.bytes);
  }

  /** Drops who makes the coordinator keep what it does not read. */
  #expectToRead(worker: RemoteWorker): void {
    const patience = this.#options.grace * 1000;
    const since = this.#options.clock.now() - worker.detachedAt;
    const stuck = worker.state === 'detached' && worker.backlog > 0 && since > patience;
    if (stuck) this.drop(worker, new WireError('it does not read what it is sent', 'it can join again'));
  }

  #detach(worker: RemoteWorker): void {
    worker.state = 'detached';
    worker.detachedAt = this.#options.clock.now();
    this.#tell(
      worker,
      'detached',
      'it cannot keep up with the steps, and gets the parameters anew when it has caught up',
    );
  }

  /** It has job and data. */
  #ready(worker: RemoteWorker): void {
    // It may have been asked to leave meanwhile.
    if (worker.state === 'draining') return;
    if (worker.state !== 'joining' || !worker.prepared) {
      throw new WireError('ready: it was not asked for', 'this worker is dropped');
    }
    this.#become(worker, 'ready');
  }

  #applied(worker: RemoteWorker): void {
    if (worker.state !== 'syncing') return;
    this.#become(worker, 'active');
    worker.hasWorked = true;
    this.#tell(worker, 'active', null);
    this.#introduce();
    this.show();
  }

  /** It wants to leave: after the round, if it takes part in it. */
  #drain(worker: RemoteWorker): void {
    const follows = this.followers().includes(worker);
    this.#become(worker, 'draining');
    if (!follows) this.#dismiss(worker);
  }

  #dismiss(worker: RemoteWorker): void {
    void worker.dismiss('it was asked to leave');
    this.drop(worker, new WireError('it was asked to leave', 'nothing'));
  }

  #peerLost(worker: RemoteWorker, message: PeerLost): void {
    const peer = this.#remotes.get(message.id);
    // From one that is gone, everybody is cut off.
    if (peer) {
      const problem = `${worker.name} has lost its link to ${peer.name} at step ${message.round + 1} (${message.reason})`;
      this.#options.report({
        event: 'warning',
        message: `${problem}: their sums go through the coordinator meanwhile`,
      });
    }
  }

  #become(worker: RemoteWorker, state: RemoteWorker['state']): void {
    worker.state = state;
    this.#wake();
  }

  #isEnough(): boolean {
    return this.#active.length >= this.#minimum && this.able().length > 0;
  }

  get #minimum(): number {
    return this.#hasBegun ? (this.#options.minimumLater ?? this.#options.minimum) : this.#options.minimum;
  }

  get #active(): RemoteWorker[] {
    return this.workers.filter(({ state }) => state === 'active');
  }

  /** The coordinator comes first, if it computes. */
  #withSelf(workers: readonly Worker[]): readonly Worker[] {
    return this.self.threads > 0 ? [this.self, ...workers] : workers;
  }

  /** Tells everybody who else is there, so that they link up. */
  #introduce(): void {
    const members = this.#active.map(({ id, peer }) => ({ id, peer }));
    for (const worker of this.#active) worker.send({ kind: 'world', members });
  }

  #expire(): void {
    const now = this.#options.clock.now();
    for (const [membership, { since }] of this.#away) {
      if (now - since > this.#options.grace * 1000) this.#away.delete(membership);
    }
  }

  #awayNames(): string[] {
    return [...this.#away.values()].map(({ name }) => name);
  }

  #tell({ name, connection }: RemoteWorker, change: WorkerEvent['change'], reason: string | null): void {
    if (this.#closing) return;
    const { address } = connection;
    this.#options.report({
      event: 'worker',
      change,
      name,
      address,
      step: this.committed,
      reason: reason && line(reason),
    });
  }

  #wake(): void {
    this.#changed?.();
    this.#changed = undefined;
  }
}

/** One line, not too long: what a worker says of itself must not look like the coordinator's own words. */
function line(text: string): string {
  const flat = text.replace(/\s+/g, ' ');
  return flat.length > longestReason ? `${flat.slice(0, longestReason)}...` : flat;
}
