/** Connects to a coordinator, or to a peer, and proves to know the token. */
import { WireError } from '../errors.js';
import type { Connection } from './connection.js';
import { FramedConnection } from './framed-connection.js';
import { CallerHandshake, type Identity } from './handshake.js';
import type { Message, Welcome } from './messages.js';
import type { OpenChannel, Transport } from './transport.js';
import { coordinatorUrl } from './url.js';

export interface DialOptions {
  /** Empty for none. */
  readonly token: string;
  readonly identity: Identity;
  /** PEM of the only authority, or the only certificate, that is trusted where the address is one with TLS. */
  readonly ca?: string;
  /** Seconds until the welcome has to be here; 10 unless given. */
  readonly patience?: number;
  /** Ends the attempt. */
  readonly signal?: AbortSignal;
}

/** A connection, and what the other side said when it let this one in. */
export interface WelcomedConnection {
  readonly connection: Connection;
  readonly welcome: Welcome;
}

/**
 * @param address a URL of the transport, or host:port
 * @throws ConfigError when `address` is not that, or `ca` is no certificate
 * @throws RefusedError when trying again is pointless
 * @throws WireError when trying again can help
 */
export async function dial(transport: Transport, address: string, options: DialOptions): Promise<WelcomedConnection> {
  const { ca, patience = 10, signal } = options;
  const url = coordinatorUrl(address, transport.schemes, ca);
  const attempt = new AbortController();
  const late = () =>
    attempt.abort(
      new WireError(`${url.host} did not answer within ${patience} s`, 'check that it runs and can be reached'),
    );
  const leave = () => attempt.abort(new WireError('it was told to leave', 'start it again'));
  const timer = setTimeout(late, patience * 1000);
  signal?.addEventListener('abort', leave);
  try {
    return await new Promise<WelcomedConnection>((resolve, reject) => {
      const opened = (open: OpenChannel) => greet(open, url.host, options, attempt.signal).then(resolve, reject);
      transport.connect(url, ca, attempt.signal, opened).catch(reject);
    });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', leave);
  }
}

/** @param signal ends the connection as long as there is no welcome */
function greet(
  open: OpenChannel,
  label: string,
  { token, identity }: DialOptions,
  signal: AbortSignal,
): Promise<WelcomedConnection> {
  const handshake = new CallerHandshake(token, identity);
  const steps: Message['kind'][] = ['challenge', 'welcome'];
  return new Promise((resolve, reject) => {
    const greeter = {
      message(message: Message) {
        const expected = steps.shift();
        if (message.kind !== expected) {
          throw new WireError(`sent "${message.kind}" instead of "${expected}"`, 'check the host and the port');
        }
        if (message.kind === 'challenge') connection.send(handshake.answer(message));
        if (message.kind !== 'welcome') return;
        handshake.check(message);
        connection.admit();
        signal.removeEventListener('abort', giveUp);
        resolve({ connection, welcome: message });
      },
      closed: reject,
    };
    const connection = new FramedConnection(open, greeter, label);
    const giveUp = () => {
      reject(signal.reason);
      connection.terminate();
    };
    signal.addEventListener('abort', giveUp);
  });
}
