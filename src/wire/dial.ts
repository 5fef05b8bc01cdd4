/** Connects to a coordinator, or to a peer, and proves to know the token. */
import { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';

// Imported, each of its files would be parsed once more for the names that it exports.
import ws = require('ws');

import { ConfigError, type LockstepError, RefusedError, WireError } from '../errors.js';
import { Connection } from './connection.js';
import { CallerHandshake, type Identity } from './handshake.js';
import type { Message, Welcome } from './messages.js';
import { socketOptions } from './sockets.js';

export interface DialOptions {
  /** Empty for none. */
  readonly token: string;
  readonly identity: Identity;
  /** PEM of the only authority, or the only certificate, that is trusted with wss://. */
  readonly ca?: string;
  /** Seconds until the welcome has to be here; 10 unless given. */
  readonly patience?: number;
  /** Ends the attempt. */
  readonly signal?: AbortSignal;
}

/**
 * @param address ws://host:port, wss://host:port or host:port
 * @throws ConfigError when `address` is not that, or `ca` is no certificate
 * @throws RefusedError when trying again is pointless
 * @throws WireError when trying again can help
 */
export async function dial(
  address: string,
  { token, identity, ca, patience = 10, signal }: DialOptions,
): Promise<{ connection: Connection; welcome: Welcome }> {
  const url = coordinatorUrl(address, ca);
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
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      fail(new WireError(`${url.host} did not answer within ${patience} s`, 'check that it runs and can be reached'));
    }, patience * 1000);
    const settled = new AbortController();
    const fail = (error: LockstepError) => {
      settled.abort();
      clearTimeout(timer);
      reject(error);
      socket.terminate();
    };
    signal?.addEventListener('abort', () => fail(new WireError('it was told to leave', 'start it again')), {
      once: true,
      signal: settled.signal,
    });
    const unreachable = (error: NodeJS.ErrnoException) => fail(translated(error, url));
    socket.on('error', unreachable);
    socket.once('open', () => {
      socket.off('error', unreachable);
      const handshake = new CallerHandshake(token, identity);
      const steps: Message['kind'][] = ['challenge', 'welcome'];
      const connection = new Connection(socket, raw, true, {
        message(message) {
          const expected = steps.shift();
          if (message.kind !== expected) {
            throw new WireError(`sent "${message.kind}" instead of "${expected}"`, 'check the host and the port');
          }
          if (message.kind === 'challenge') connection.send(handshake.answer(message));
          if (message.kind !== 'welcome') return;
          handshake.check(message);
          connection.admit();
          settled.abort();
          clearTimeout(timer);
          resolve({ connection, welcome: message });
        },
        closed: (error) => {
          settled.abort();
          clearTimeout(timer);
          reject(error);
        },
      });
      connection.label = url.host;
    });
  });
}

/**
 * @param ca in PEM, where one is to be trusted
 * @throws ConfigError when this is no address of a coordinator
 */
export function coordinatorUrl(address: string, ca: string | undefined): URL {
  const text = /^[a-z][a-z0-9+.-]*:\/\//i.test(address) ? address : `ws://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['ws:', 'wss:'].includes(url.protocol) || url.hash || url.username || url.port === '0') {
    throw new ConfigError(
      `"${address}" is not the address of a coordinator`,
      'give ws://HOST:PORT as the coordinator prints it, or wss://HOST:PORT with TLS',
    );
  }
  if (ca !== undefined && url.protocol === 'ws:') {
    throw new ConfigError(`${url.host} is connected to without TLS, so a CA has no use`, `give wss://${url.host}`);
  }
  return url;
}

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
    checkServerIdentity: (host: string, given: PeerCertificate) =>
      given.raw.equals(certificate.raw) ? undefined : checkServerIdentity(host, given),
  };
}

/** Codes of Node and OpenSSL that say that the certificate is not the right one. */
const untrusted = /CERT|SIGNATURE|ALTNAME/;

function translated(error: NodeJS.ErrnoException, { host, protocol }: URL): LockstepError {
  const reason = error.message || error.code || 'no reason given';
  if (untrusted.test(error.code ?? '')) {
    return new RefusedError(
      `the TLS certificate of ${host} is not trusted (${reason})`,
      'give the certificate that the coordinator uses, or its CA, with --tls-ca',
    );
  }
  const other = protocol === 'ws:' ? 'wss:// if it uses TLS' : 'ws:// if it does not use TLS';
  return new WireError(
    `cannot connect to ${host} (${reason})`,
    `check that it runs and can be reached, or connect with ${other}`,
  );
}
