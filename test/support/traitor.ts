/** A worker that knows the token and the protocol, and does one thing otherwise. */
import type { Connection, Ending } from '../../src/wire/connection.js';
import type { Identity } from '../../src/wire/handshake.js';
import type { Message, Transfer } from '../../src/wire/messages.js';
import { call, later } from './connections.js';

type Of<Kind> = Extract<Message, { kind: Kind }>;

export interface Traitor {
  readonly connection: Connection;
  /** Its number in the run. */
  readonly id: number;
  /** Resolves when it takes part. */
  readonly active: Promise<Of<'world'>>;
  readonly closed: Promise<Ending>;
}

/** Called for every message; what it returns true for is not answered in the usual way. */
export type Treason = (message: Message, connection: Connection) => boolean;

/** An answer that is right in all but the numbers. */
export const answerTo = ({ round, nodes }: Of<'compute'>): Of<'computed'> => ({
  kind: 'computed',
  round,
  nodes,
  phases: {},
  milliseconds: 1,
  used: [],
  losses: nodes.flatMap(({ low, high }) => Array.from({ length: high - low }, () => 0)),
  divisors: nodes.flatMap(({ low, high }) => Array.from({ length: high - low }, () => 1)),
});

export async function betray(url: string, token: string, identity: Identity, treason: Treason): Promise<Traitor> {
  const { connection, welcome } = await call(url, { token, identity });
  connection.watch(welcome.silence);
  let arriving: (Transfer & { left: number }) | undefined;
  const active = later<Of<'world'>>();
  const closed = later<Ending>();
  const arrived = ({ what, round }: Transfer) => {
    if (what === 'data') connection.send({ kind: 'ready' });
    if (what === 'state') connection.send({ kind: 'applied', round, bytes: 0, bytesBetweenHosts: 0, milliseconds: 0 });
  };
  const obey = (message: Message) => {
    if (message.kind === 'transfer') arriving = { ...message, left: message.bytes };
    if (message.kind === 'compute') connection.send(answerTo(message));
    if (message.kind === 'commit')
      connection.send({ kind: 'applied', round: message.round, bytes: 0, bytesBetweenHosts: 0, milliseconds: 0 });
    if (message.kind === 'world') active.resolve(message);
  };
  connection.handle({
    message(message) {
      if (!treason(message, connection)) obey(message);
    },
    slab() {},
    blob({ payload }) {
      arriving!.left -= payload.length;
      if (arriving!.left === 0) arrived(arriving!);
    },
    closed: closed.resolve,
  });
  return { connection, id: welcome.id, active: active.promise, closed: closed.promise };
}
