/** Where others connect by WebSocket. */
import { lookup } from 'node:dns/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { type AddressInfo, BlockList, isIP, type Socket } from 'node:net';

// See connect.ts.
import ws = require('ws');

import { ConfigError, WireError } from '../../errors.js';
import { NeighbourChannel } from '../neighbour/neighbour-channel.js';
import type { Certificate, ListenAt, OpenChannel, Transport } from '../transport.js';
import { hostAndPort } from '../url.js';
import { WebSocketChannel } from './channel.js';
import { ConnectionGate } from './gate.js';
import { socketOptions } from './socket-options.js';

export const accept: Transport['accept'] = async (place, doorkeeper) => {
  const server = serverFor(place.tls);
  const gate = new ConnectionGate(place.patience);
  const sockets = new ws.WebSocketServer({ ...socketOptions, noServer: true, clientTracking: false });
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
      const open: OpenChannel = (events) => new WebSocketChannel(socket, raw, false, events, () => gate.pass(raw));
      doorkeeper.came((events) => new NeighbourChannel(raw, false, open, events));
    });
  });
  await bind(server, place);
  // Such as too many open files: who tried has to try again, the others go on.
  server.on('error', ({ message }) => {
    doorkeeper.failed(new WireError(`cannot accept a connection (${message})`, 'allow this process more open files'));
  });
  const close = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    gate.close();
    server.closeAllConnections();
    await closed;
  };
  return { port: (server.address() as AddressInfo).port, close };
};

function serverFor(tls: Certificate | undefined): Server {
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

export const locate: Transport['locate'] = async (host) => {
  const { address } = await lookup(host).catch(() => ({ address: null }));
  if (!address) throw new ConfigError(`the host "${host}" is not known here`, 'give an address of this machine');
  return { address, isLocal: loopback.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4') };
};

async function bind(server: Server, { address, port }: ListenAt): Promise<void> {
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
