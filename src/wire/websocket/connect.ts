/** Calls a listener by WebSocket. */
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

// Imported, each of its files would be parsed once more for the names that it exports.
import ws = require('ws');

import { ConfigError, type LockstepError, RefusedError, WireError } from '../../errors.js';
import { NeighbourChannel } from '../neighbour/neighbour-channel.js';
import type { OpenChannel, Transport } from '../transport.js';
import { WebSocketChannel } from './channel.js';
import { socketOptions } from './socket-options.js';
import { unreachableReason } from './unreachable.js';

export const connect: Transport['connect'] = async (url, ca, signal, opened) => {
  const socket = new ws.WebSocket(url, {
    ...socketOptions,
    ...pinned(ca),
    // A mask of zeros is not applied: masks protect proxies from web pages, and cost more than the network.
    generateMask: (mask) => mask.fill(0),
  });
  let raw: Socket;
  socket.once('upgrade', (response: IncomingMessage) => {
    raw = response.socket;
  });
  await new Promise<void>((resolve, reject) => {
    const fail = (error: unknown) => {
      signal.removeEventListener('abort', abort);
      reject(error);
      socket.terminate();
    };
    const abort = () => fail(signal.reason);
    const unreachable = (error: NodeJS.ErrnoException) => fail(translated(error, url));
    signal.addEventListener('abort', abort);
    socket.on('error', unreachable);
    socket.once('open', () => {
      signal.removeEventListener('abort', abort);
      socket.off('error', unreachable);
      opened((events) => {
        const open: OpenChannel = (told) => new WebSocketChannel(socket, raw, true, told);
        return new NeighbourChannel(raw, true, open, events);
      });
      resolve();
    });
  });
};

/** Nothing but `ca` is trusted. A certificate that is itself pinned may have any name in it. */
function pinned(ca: string | undefined): object {
  if (ca === undefined) return {};
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(ca);
  } catch {
    throw new ConfigError('the CA is not a certificate in PEM format', 'give the file that the coordinator uses');
  }
  return {
    ca,
    // One that an authority has signed is trusted without that authority.
    allowPartialTrustChain: true,
    checkServerIdentity: (host: string, given: PeerCertificate) =>
      given.raw.equals(certificate.raw) ? undefined : checkServerIdentity(host, given),
  };
}

/** Codes of Node and OpenSSL that say that the certificate is not the right one. */
const untrusted = /CERT|SIGNATURE|ALTNAME/;

function translated(error: NodeJS.ErrnoException, { host, hostname, protocol }: URL): LockstepError {
  if (untrusted.test(error.code ?? '')) {
    return new RefusedError(
      `the TLS certificate of ${host} is not trusted (${error.message || error.code})`,
      'give the certificate that the coordinator uses, or its CA, with --tls-ca',
    );
  }
  const other = protocol === 'ws:' ? 'wss:// if it uses TLS' : 'ws:// if it does not use TLS';
  return new WireError(
    `cannot connect to ${host} (${unreachableReason(error, host, hostname)})`,
    `check that it runs and can be reached, or connect with ${other}`,
  );
}
