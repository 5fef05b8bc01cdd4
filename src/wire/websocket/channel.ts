/** A WebSocket as a channel: a message is a frame. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { isSlab } from '../frame.js';
import type { Channel, ChannelEvents, Sent } from '../transport.js';
import { hostAndPort } from '../url.js';
import { SlabLane } from './slab-lane.js';

/** What the close frame says (RFC 6455, 7.4.1). */
const codes = { done: 1000, violation: 1008 } as const;

export class WebSocketChannel implements Channel {
  readonly host: string;
  readonly address: string;
  readonly admitted: () => void;
  readonly #socket: WebSocket;
  readonly #lane: SlabLane;

  /**
   * @param raw what `socket` runs on
   * @param caller whether this side called the other
   */
  constructor(socket: WebSocket, raw: Socket, caller: boolean, events: ChannelEvents, admitted: () => void = () => {}) {
    this.#socket = socket;
    this.admitted = admitted;
    this.host = raw.remoteAddress ?? 'unknown';
    this.address = hostAndPort(this.host, raw.remotePort ?? 0);
    this.#lane = new SlabLane(raw, caller, events);
    socket.on('message', (data, binary) => {
      if (!binary) return events.unreadable('sent a text instead of a frame');
      const frame = data as Buffer;
      events.frame(frame);
      if (isSlab(frame[0])) this.#lane.land(events.landing);
    });
    socket.on('error', ({ message }) => events.failed(`connection failed (${message})`));
    socket.on('close', (code) => {
      events.closed(code === codes.done ? 'closed the connection' : `connection lost (code ${code})`);
    });
  }

  send(frame: Uint8Array, sent: Sent): void {
    this.#socket.send(frame, sent);
  }

  sendSlab(header: Uint8Array, payload: Uint8Array, sent: Sent): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#lane.send(header, payload, sent);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(cause: 'done' | 'violation'): void {
    this.#socket.close(codes[cause]);
  }

  terminate(): void {
    this.#socket.terminate();
  }
}
