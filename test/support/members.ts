/** A world whose workers are at the ends of lines that the test holds. */
import { Admission } from '../../coordinator/world/admission.js';
import { JoinLimits } from '../../coordinator/world/join-limits.js';
import type { OwnState } from '../../coordinator/world/own-state.js';
import { Pace } from '../../coordinator/world/pace.js';
import { World, type WorldOptions } from '../../coordinator/world/world.js';
import { WireError } from '../../src/errors.js';
import type { RunEvent } from '../../src/report/events.js';
import type { Connection, Handlers } from '../../src/wire/connection.js';
import type { BlobFrame } from '../../src/wire/frame.js';
import type { Hello, Message } from '../../src/wire/messages.js';
import { samples } from './messages.js';
import { FakeClock, FakeWorker, settled } from './rosters.js';

/** A line whose other end is the test. */
class FakeConnection {
  readonly address = '10.0.0.1:5000';
  readonly host = '10.0.0.1';
  readonly bytesSent = { control: 0, slab: 0, blob: 0 };
  readonly bytesReceived = { control: 0, slab: 0, blob: 0 };
  readonly roundTrip = undefined;
  buffered = 0;
  readonly sent: Message[] = [];
  ended: 'closed' | 'refused' | 'broken' | undefined;
  #handlers: Handlers | undefined;

  handle(handlers: Handlers): void {
    this.#handlers = handlers;
  }
  send(message: Message): void {
    if (!this.ended) this.sent.push(message);
  }
  sendSlab(): void {}
  async close(): Promise<void> {
    this.#end('closed', undefined);
  }
  async refuse(): Promise<void> {
    this.#end('refused', undefined);
  }

  /** The worker says something. */
  async says(...messages: Message[]): Promise<void> {
    for (const message of messages) if (!this.ended) this.#handlers?.message(message);
    await settled();
  }
  sends(frame: BlobFrame): void {
    this.#handlers?.blob(frame);
  }
  async breaks(): Promise<void> {
    this.#end('broken', new WireError('connection lost', 'nothing'));
    await settled();
  }

  get kinds(): string[] {
    return this.sent.map(({ kind }) => kind);
  }

  #end(how: NonNullable<FakeConnection['ended']>, error: WireError | undefined): void {
    if (this.ended) return;
    this.ended = how;
    this.#handlers?.closed(error);
  }
}

export function newWorld(options: Partial<WorldOptions> = {}, prepare = async () => {}) {
  const events: RunEvent[] = [];
  const clock = new FakeClock();
  /** Workers that were sent the parameters, and the round of those. */
  const synced: { name: string; round: number }[] = [];
  /** When the coordinator's own update is through. */
  const own = {
    keepsUp: true,
    updated: Promise.resolve(),
    reach: async (..._: Parameters<OwnState['reach']>) => {
      await own.updated;
      return false;
    },
  };
  const world = new World({
    own,
    self: new FakeWorker(0, 0),
    landings: { take: () => undefined },
    trace: undefined,
    pace: new Pace(3, { batchSize: 32, shards: 4 }),
    limits: new JoinLimits(),
    workers: { first: 1, later: 1 },
    grace: 60,
    host: 'of the coordinator',
    bytes: 4e6,
    optimizerState: { bytes: 8e6, sharded: false },
    clock,
    signal: undefined,
    allReduce: {
      receive: () => {},
      waitingFor: () => [],
      ...{ bytesSent: 0, bytesBetweenHosts: 0, bytesReceived: 0 },
      abort: () => {},
      blocksOf: () => new Float64Array(),
    },
    report: (event) => events.push(event),
    provision: {
      prepare,
      sync: async ({ name }, round) => {
        synced.push({ name, round });
      },
    },
    ...options,
  });
  const join = (name: string, membership = name) => {
    const hello: Hello = { ...samples.hello, name, membership };
    const connection = new FakeConnection();
    const worker = world.join(hello, connection as unknown as Connection, world.place(hello));
    return { worker, connection };
  };
  /** Joins, and takes part. */
  const member = async (name: string, membership = name) => {
    const joined = join(name, membership);
    await settled();
    await joined.connection.says({ kind: 'ready' });
    void world.enough().catch(() => {});
    await settled();
    await joined.connection.says(applied(world.committed - 1));
    return joined;
  };
  const report = (event: RunEvent) => events.push(event);
  const numerics = { engine: samples.hello.engine, processor: 'any', hash: samples.hello.numerics };
  const limits = new JoinLimits();
  const admission = new Admission({ world, limits, numerics, allowMixedNumerics: true, silence: 5, report, clock });
  /** Asks to be let in. */
  const arrive = (name: string, more: Partial<Hello> = {}) => {
    const hello: Hello = { ...samples.hello, name, membership: name, ...more };
    const connection = new FakeConnection();
    admission.arrived({
      connection: connection as unknown as Connection,
      hello,
      welcome: (id, silence) => connection.send({ kind: 'welcome', proof: samples.hello.proof, id, silence }),
    });
    return connection;
  };
  const changes = () => events.flatMap((event) => (event.event === 'worker' ? `${event.name} ${event.change}` : []));
  return { world, own, clock, events, synced, join, member, admission, arrive, changes };
}

export const applied = (round: number): Message => ({
  kind: 'applied',
  round,
  bytes: 0,
  bytesBetweenHosts: 0,
  milliseconds: 1,
});
export const update = (round: number) => ({ round, learningRate: 0.1, gradientScale: 1, stateScale: 1 });

/** Commits a round, as a cluster does. */
export function commit(world: World, round: number): void {
  for (const worker of world.followers()) void worker.commit(update(round));
  world.advance(round);
}

export async function hasEnded(promise: Promise<unknown>): Promise<boolean> {
  let ended = false;
  const end = () => {
    ended = true;
  };
  void promise.then(end, end);
  await settled();
  return ended;
}
