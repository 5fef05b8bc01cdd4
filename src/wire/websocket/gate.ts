/**
 * Connections whose other side has not proven yet that it knows the token. Each has little time, and there are few of
 * them: when more come, the oldest goes. Somebody who knows the token needs milliseconds, so strangers that open
 * connections and keep them do not shut it out.
 */
import type { Socket } from 'node:net';

const mostWaiting = 128;
const mostOfOneHost = 64;

export class ConnectionGate {
  readonly #patience: number;

  /** In the order in which they came. */
  readonly #waiting = new Map<string, { readonly socket: Socket; readonly timer: NodeJS.Timeout }>();

  /** @param patience seconds that each has */
  constructor(patience: number) {
    this.#patience = patience;
  }

  enter(socket: Socket): void {
    const key = keyOf(socket);
    const { remoteAddress } = socket;
    // Gone before it was looked at.
    if (key === undefined) {
      socket.destroy();
      return;
    }
    const ofHost = [...this.#waiting.values()].filter((other) => other.socket.remoteAddress === remoteAddress);
    if (ofHost.length >= mostOfOneHost) ofHost[0].socket.destroy();
    else if (this.#waiting.size >= mostWaiting) [...this.#waiting.values()][0].socket.destroy();
    const timer = setTimeout(() => socket.destroy(), this.#patience * 1000);
    this.#waiting.set(key, { socket, timer });
    socket.once('close', () => this.#forget(key));
  }

  /** @param socket the one that entered, or the TLS socket on top of it */
  pass(socket: Socket): void {
    const key = keyOf(socket);
    if (key !== undefined) this.#forget(key);
  }

  close(): void {
    for (const { socket } of this.#waiting.values()) socket.destroy();
  }

  #forget(key: string): void {
    clearTimeout(this.#waiting.get(key)?.timer);
    this.#waiting.delete(key);
  }
}

/** The other end: no two connections to one port have the same. */
function keyOf({ remoteAddress, remotePort }: Socket): string | undefined {
  return remoteAddress === undefined ? undefined : `${remoteAddress} ${remotePort}`;
}
