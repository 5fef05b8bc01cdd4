/** Where others connect: workers to the coordinator, or peers to a worker. Gives away only connections that know the token. */
import { lookup } from 'node:dns/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, BlockList, isIP, type Socket } from 'node:net';

// See dial.ts.
import ws = require('ws');

import { ConfigError, type LockstepError, WireError } from '../errors.js';
import { Connection, type Ending } from './connection.js';
import { Gate } from './gate.js';
import { ListenerHandshake } from './handshake.js';
import type { Message } from './messages.js';
import { hostAndPort, socketOptions } from './sockets.js';

type Greeting = 'hello' | 'peerHello';

export interface ListenOptions<K extends Greeting> {
  readonly host: string;
  /** 0 for any that is free. */
  readonly port: number;
  /** Empty for none: on loopback only. */
  readonly token: string;
  /** PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
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
  /** Closes all its connections too; resolves when they are gone. */
  close(): Promise<void>;
}

/**
 * @throws ConfigError when it cannot listen there, when `tls` is not a certificate and its key, or when there is no
 *   token and others than this machine could connect
 */
export async function listen<K extends Greeting>(options: ListenOptions<K>, visitors: Visitors<K>): Promise<Listener> {
  const address = await addressOf(options);
  const server = serverFor(options);
  const gate = new Gate(options.patience ?? 10);
  const sockets = new ws.WebSocketServer({ ...socketOptions, noServer: true, clientTracking: false });
  const connections = new Set<Connection>();
  server.on('connection', (socket: Socket) => gate.enter(socket));
  server.on('clientError', (_, socket) => socket.destroy());
  server.on('tlsClientError', (_, socket) => socket.destroy());
  server.on('request', refuseRequest);
  server.on('upgrade', (request: IncomingMessage, raw: Socket, head: Buffer) => {
    // Any web page can connect to its visitor's machine, and join where there is no token. Browsers always say so here.
    if (request.headers.origin !== undefined) {
      raw.destroy();
      return;
    }
    sockets.handleUpgrade(request, raw, head, (socket) => {
      const admitted = () => gate.pass(raw);
      const connection = greet((greeter) => new Connection(socket, raw, false, greeter), options, visitors, admitted);
      connections.add(connection);
      socket.once('close', () => connections.delete(connection));
    });
  });
  await bind(server, address, options);
  // Such as too many open files: who tried has to try again, the others go on.
  server.on('error', ({ message }) => {
    visitors.refused(new WireError(`cannot accept a connection (${message})`, 'allow this process more open files'));
  });
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    gate.close();
    server.closeAllConnections();
    for (const connection of connections) void connection.close();
    await closed;
  };
  return { host: address, port, close };
}

/** Asks for the proof; what is admitted goes to `visitors`. */
function greet<K extends Greeting>(
  connect: (greeter: { message(message: Message): void; closed(error: Ending): void }) => Connection,
  { token, expects }: ListenOptions<K>,
  visitors: Visitors<K>,
  admitted: () => void,
): Connection {
  const handshake = new ListenerHandshake(token);
  const connection = connect({
    message(message) {
      if (message.kind !== expects) {
        throw new WireError(`sent "${message.kind}" instead of "${expects}"`, 'connect to a port of the other kind');
      }
      const hello = message as Extract<Message, { kind: K }>;
      handshake.accept(hello);
      admitted();
      connection.admit();
      const welcome = (id: number, silence: number) => connection.send(handshake.welcome(id, silence));
      visitors.arrived({ connection, hello, welcome });
    },
    closed(error) {
      if (error) visitors.refused(error);
    },
  });
  connection.send(handshake.challenge);
  return connection;
}

function serverFor<K extends Greeting>({ tls }: ListenOptions<K>): Server {
  // Time is kept by the gate, from the first byte of TLS to the proof.
  const limits = { maxHeaderSize: 8192, requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 1 };
  if (!tls) return createServer(limits);
  try {
    return createSecureServer({ ...limits, ...tls, minVersion: 'TLSv1.2' });
  } catch (error) {
    throw new ConfigError(
      `the TLS certificate and key cannot be used (${(error as Error).message})`,
      'give a certificate and its private key, both in PEM format',
    );
  }
}

function refuseRequest(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(426, { 'content-type': 'text/plain', connection: 'close', upgrade: 'websocket' });
  response.end('This is a port of Lockstep. Connect with `lockstep worker`.\n', () => response.socket?.destroy());
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether only this machine can connect to one of its addresses. */
export const isLoopback = (address: string): boolean => loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** The address to bind, so that it is the one that was looked at. */
async function addressOf<K extends Greeting>({ host, token }: ListenOptions<K>): Promise<string> {
  const { address } = await lookup(host).catch(() => ({ address: null }));
  if (!address) throw new ConfigError(`the host "${host}" is not known here`, 'give an address of this machine');
  if (!isLoopback(address) && token === '') {
    throw new ConfigError(
      `listening on ${host} without a token would let anybody on the network take part`,
      'set a token, or listen on 127.0.0.1',
    );
  }
  return address;
}

async function bind<K extends Greeting>(server: Server, address: string, { port }: ListenOptions<K>): Promise<void> {
  const where = hostAndPort(address, port);
  const reasons: Readonly<Record<string, readonly [string, string]>> = {
    EADDRINUSE: [`${where} is in use`, 'choose another port, or end the program that listens there'],
    EACCES: [`${where} may not be listened on by this user`, 'choose a port from 1024 on'],
    EADDRNOTAVAIL: [`${address} is not an address of this machine`, 'give one that is, or 0.0.0.0 for all'],
  };
  await new Promise<void>((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const [problem, remedy] = reasons[error.code ?? ''] ?? [
        `cannot listen on ${where} (${error.message})`,
        'choose another',
      ];
      reject(new ConfigError(problem, remedy));
    };
    server.once('error', failed);
    server.listen({ host: address, port }, () => {
      server.off('error', failed);
      resolve();
    });
  });
}
