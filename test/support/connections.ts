/** Listeners and connections that are gone when a test has ended: on loopback by WebSocket, unless a test says otherwise. */
import { afterEach } from 'vitest';
import type { SlabFrame } from '../../src/reduce/slab-frame.js';
import type { Connection, Ending, Handlers } from '../../src/wire/connection.js';
import { type DialOptions, dial, type WelcomedConnection } from '../../src/wire/dial.js';
import { type Arrival, type Listener, type ListenOptions, listen } from '../../src/wire/listen.js';
import type { Message, Welcome } from '../../src/wire/messages.js';
import type { Transport } from '../../src/wire/transport.js';
import { urlTo } from '../../src/wire/url.js';
import { webSocket } from '../../src/wire/websocket/websocket.js';
import { samples } from './messages.js';

const { protocol: _, nonce: __, proof: ___, ...identity } = samples.hello;

export { identity as workerIdentity };

export const token = 'a token of tests';

export interface Host {
  readonly listener: Listener;
  readonly url: string;
  /** Problems of those that were not admitted. */
  readonly refusals: string[];
  /** The next one that is admitted. */
  next(): Promise<Arrival<'hello'>>;
}

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

/** A promise, and what settles it. */
export function later<T>(): { promise: Promise<T>; resolve(value: T): void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

/** Listens for workers. `arrived` replaces what happens to those who know the token: they are welcomed as number 1. */
export async function host(
  options: Partial<ListenOptions<'hello'>> = {},
  arrived = ({ welcome }: Arrival<'hello'>) => welcome(1, 10),
  transport: Transport = webSocket,
): Promise<Host> {
  const waiting: ((arrival: Arrival<'hello'>) => void)[] = [];
  const here: Arrival<'hello'>[] = [];
  const refusals: string[] = [];
  const listener = await listen<'hello'>(
    transport,
    { host: '127.0.0.1', port: 0, token, expects: 'hello', ...options },
    {
      arrived(arrival) {
        arrived(arrival);
        const taker = waiting.shift();
        if (taker) taker(arrival);
        else here.push(arrival);
      },
      refused: ({ problem }) => refusals.push(problem),
    },
  );
  open.push(() => listener.close());
  return {
    listener,
    url: urlTo(`127.0.0.1:${listener.port}`, transport.schemes, options.tls !== undefined),
    refusals,
    next() {
      const arrival = here.shift();
      return arrival ? Promise.resolve(arrival) : new Promise((resolve) => waiting.push(resolve));
    },
  };
}

/** Connects to a host of any kind, until the caller ends it. */
export const call = (url: string, options: DialOptions, transport = webSocket): Promise<WelcomedConnection> =>
  dial(transport, url, options);

/** Connects as a worker. */
export async function join(
  url: string,
  options: Partial<DialOptions> = {},
  transport = webSocket,
): Promise<WelcomedConnection> {
  const joined = await call(url, { token, identity, ...options }, transport);
  open.push(() => joined.connection.close());
  return joined;
}

/** Two ends of one connection; `near` listened, `far` called. Neither has handlers yet. */
export async function connected(
  transport = webSocket,
): Promise<{ near: Connection; far: Connection; welcome: Welcome }> {
  const { url, next } = await host({}, undefined, transport);
  const [{ connection: near }, { connection: far, welcome }] = await Promise.all([next(), join(url, {}, transport)]);
  return { near, far, welcome };
}

export interface Record {
  /** Messages, and numbers of segments and offsets of blobs, in the order in which they came. */
  readonly log: (Message | { segment: number } | { offset: number; bytes: number })[];
  readonly slabs: SlabFrame[];
  readonly closed: Promise<Ending>;
}

/** Handlers that note everything. `then` is called behind each entry. */
export function recorded(connection: Connection, then: (record: Record) => void = () => {}): Record {
  const { promise: closed, resolve } = later<Ending>();
  const record: Record = { log: [], slabs: [], closed };
  const note = (entry: Record['log'][number]) => {
    record.log.push(entry);
    then(record);
  };
  const handlers: Handlers = {
    message: note,
    slab(frame) {
      record.slabs.push(frame);
      note({ segment: frame.segment });
    },
    blob: ({ offset, payload }) => note({ offset, bytes: payload.length }),
    closed: resolve,
  };
  connection.handle(handlers);
  return record;
}

/** Resolves when `connection` has received so many entries. */
export function received(connection: Connection, count: number): Promise<Record> {
  return new Promise((resolve) => {
    recorded(connection, (record) => {
      if (record.log.length === count) resolve(record);
    });
  });
}
