/** The address of this machine by which it reaches a listener. */
import { connect } from 'node:net';
import { WireError } from '../../errors.js';
import type { Transport } from '../transport.js';
import { unreachableReason } from './unreachable.js';

/** Milliseconds that the listener has to answer. */
const patience = 10_000;

export const ownHost: Transport['ownHost'] = async ({ hostname, port, protocol }, signal) => {
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = connect({ host, port: Number(port) || (protocol === 'wss:' ? 443 : 80), timeout: patience });
  const settled = new AbortController();
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once('connect', () => resolve(socket.localAddress!));
      const fail = (reason: string) =>
        reject(new WireError(`cannot connect to ${host}:${port} (${reason})`, 'check that it runs and can be reached'));
      socket.once('error', (error) => fail(unreachableReason(error, host, `${host}:${port}`)));
      socket.once('timeout', () => fail('no answer'));
      signal.addEventListener('abort', () => fail('it was told to leave'), { once: true, signal: settled.signal });
    });
  } finally {
    settled.abort();
    socket.destroy();
  }
};
