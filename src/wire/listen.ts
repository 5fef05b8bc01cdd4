/** Where others connect: workers to the coordinator, or peers to a worker. Gives away only connections that know the token. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, type LockstepError, WireError } from '../errors.js';
import type { Connection, Ending } from './connection.js';
import { FramedConnection } from './framed-connection.js';
import { ListenerHandshake } from './handshake.js';
import type { Message } from './messages.js';
import type { Certificate, OpenChannel, Transport } from './transport.js';

type Greeting = 'hello' | 'peerHello';

export interface ListenOptions<K extends Greeting> {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Empty for none: only where nobody but this machine can connect. */
  readonly token: string;
  readonly tls?: Certificate;
  /** Who is to connect: workers say hello, peers say peerHello. */
  readonly expects: K;
  /** Seconds that others have to prove that they know the token; 10 unless given. */
  readonly patience?: number;
}

/** Somebody who knows the token. To be welcomed at once, or refused: the caller waits for it. */
export interface Arrival<K extends Greeting> {
  readonly connection: Connection;
  readonly hello: Extract<Message, { kind: K }>;
  /** @param silence seconds, see Welcome */
  welcome(id: number, silence: number): void;
}

export interface Visitors<K extends Greeting> {
  arrived(arrival: Arrival<K>): void;
  /** Somebody connected and was not admitted, or went away before. */
  refused(error: LockstepError): void;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Whether only this machine can connect. */
  readonly isLocal: boolean;
  /**
   * Closes all its connections too; resolves when they are gone.
   * @param grace seconds in which those who are about to say who they are may, and be answered; 0 unless given
   */
  close(grace?: number): Promise<void>;
}

/**
 * @throws ConfigError when it cannot listen there, when `tls` is not a certificate and its key, or when there is no
 *   token and others than this machine could connect
 */
export async function listen<K extends Greeting>(
  transport: Transport,
  options: ListenOptions<K>,
  visitors: Visitors<K>,
): Promise<Listener> {
  const { host, port, token, tls, patience = 10 } = options;
  const { address, isLocal } = await transport.locate(host);
  if (!isLocal && token === '') {
    throw new ConfigError(
      `listening on ${host} without a token would let anybody on the network take part`,
      'set a token, or listen on 127.0.0.1',
    );
  }
  const connections = new Set<FramedConnection>();
  const came = (open: OpenChannel) => {
    const connection = greet(open, options, visitors);
    connections.add(connection);
    void connection.gone.then(() => connections.delete(connection));
  };
  const failed = (error: LockstepError) => visitors.refused(error);
  const door = await transport.accept({ address, port, tls, patience }, { came, failed });
  const close = async (grace = 0) => {
    const answered = Promise.all([...connections].map(({ gone }) => gone));
    if (grace > 0) await Promise.race([answered, sleep(grace * 1000, undefined, { ref: false })]);
    const closed = door.close();
    for (const connection of connections) void connection.close();
    await closed;
  };
  return { host: address, port: door.port, isLocal, close };
}

/** Asks for the proof; who gives it goes to `visitors`. */
function greet<K extends Greeting>(
  open: OpenChannel,
  { token, expects }: ListenOptions<K>,
  visitors: Visitors<K>,
): FramedConnection {
  const handshake = new ListenerHandshake(token);
  const connection = new FramedConnection(open, {
    message(message: Message) {
      if (message.kind !== expects) {
        throw new WireError(`sent "${message.kind}" instead of "${expects}"`, 'connect to a port of the other kind');
      }
      const hello = message as Extract<Message, { kind: K }>;
      handshake.accept(hello);
      connection.admit();
      const welcome = (id: number, silence: number) => connection.send(handshake.welcome(id, silence));
      visitors.arrived({ connection, hello, welcome });
    },
    closed(error: Ending) {
      if (error) visitors.refused(error);
    },
  });
  connection.send(handshake.challenge);
  return connection;
}
