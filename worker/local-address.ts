/** The address of this machine by which it reaches a coordinator: other workers reach it there too, as a rule. */
import { connect } from 'node:net';
import { WireError } from '../src/errors.js';

/** Milliseconds that the coordinator has to answer. */
const patience = 10_000;

/**
 * @param url where the coordinator listens
 * @param signal ends the attempt
 * @throws WireError when it cannot be reached
 */
export async function localAddressTo({ hostname, port, protocol }: URL, signal: AbortSignal): Promise<string> {
  const host = hostname.replace(/^\[|\]$/g, '');
  const socket = connect({ host, port: Number(port) || (protocol === 'wss:' ? 443 : 80), timeout: patience });
  const settled = new AbortController();
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once('connect', () => resolve(socket.localAddress!));
      const fail = (reason: string) =>
        reject(new WireError(`cannot connect to ${host}:${port} (${reason})`, 'check that it runs and can be reached'));
      socket.once('error', ({ message }) => fail(message));
      socket.once('timeout', () => fail('no answer'));
      signal.addEventListener('abort', () => fail('it was told to leave'), { once: true, signal: settled.signal });
    });
  } finally {
    settled.abort();
    socket.destroy();
  }
}
