/** Connections of people who mean no good: WebSocket by hand, so that they can break its rules too. */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { numericFingerprint } from '../../src/engine/onnx/numerics.js';
import { hostIdentity } from '../../src/ground/host-identity.js';
import { decodeFrame, encodeControl, type Frame } from '../../src/wire/frame.js';
import { CallerHandshake, type Identity } from '../../src/wire/handshake.js';

/** Numbers below `below`, the same for the same seed (mulberry32). */
export function dice(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Bytes of a WebSocket message as clients send it, with a mask of zeros. @param first byte: 0x82 is a whole binary message */
export function envelope(payload: Uint8Array, first = 0x82): Buffer {
  const length = payload.length;
  const head =
    length < 126
      ? Buffer.from([first, 0x80 | length])
      : length < 65536
        ? Buffer.from([first, 0x80 | 126, length >> 8, length & 255])
        : Buffer.from([
            first,
            0x80 | 127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >> 16) & 255,
            (length >> 8) & 255,
            length & 255,
          ]);
  return Buffer.concat([head, Buffer.alloc(4), payload]);
}

export const upgrade = (): string =>
  [
    'GET / HTTP/1.1',
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    '\r\n',
  ].join('\r\n');

export type WorkerIdentity = Extract<Identity, { kind: 'hello' }>;

/** Who a worker says it is. */
export async function workerIdentity(name: string, membership: string): Promise<WorkerIdentity> {
  const { engine, processor, hash } = numericFingerprint();
  return {
    kind: 'hello',
    name,
    membership,
    rank: null,
    threads: 1,
    host: hostIdentity(membership),
    engine,
    processor,
    numerics: hash,
    peer: null,
    data: [],
    local: null,
  };
}

export class Stranger {
  readonly socket: Socket;
  /** Resolves when the other side has ended the connection, or this one has. */
  readonly gone: Promise<void>;
  #bytes: Buffer = Buffer.alloc(0);
  #upgraded = false;
  readonly #frames: Frame[] = [];
  #wake: (() => void) | undefined;
  #over = false;

  /** @param from address of this machine to come from */
  constructor(port: number, from?: string) {
    this.socket = connect({ host: '127.0.0.1', port, localAddress: from });
    this.socket.on('error', () => {});
    this.socket.on('data', (piece: Buffer) => {
      this.#bytes = this.#bytes.length > 0 ? Buffer.concat([this.#bytes, piece]) : piece;
      this.#parse();
      this.#wake?.();
    });
    this.gone = new Promise((resolve) => {
      this.socket.once('close', () => {
        this.#over = true;
        this.#wake?.();
        resolve();
      });
    });
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(bytes);
  }

  /** The next frame that the other side sends; undefined when it sends no more. */
  async next(): Promise<Frame | undefined> {
    while (this.#frames.length === 0 && !this.#over) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#frames.shift();
  }

  /** Greets as somebody who knows the token. `then` goes out in the same breath. */
  async greet(token: string, identity: Identity, then: Uint8Array = Buffer.alloc(0)): Promise<Buffer | undefined> {
    this.write(upgrade());
    const challenge = await this.next();
    if (challenge?.kind !== 'control' || challenge.message.kind !== 'challenge') return undefined;
    const hello = envelope(encodeControl(new CallerHandshake(token, identity).answer(challenge.message)));
    this.write(Buffer.concat([hello, then]));
    return hello;
  }

  #parse(): void {
    if (!this.#upgraded) {
      const end = this.#bytes.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.#upgraded = true;
      this.#bytes = this.#bytes.subarray(end + 4);
    }
    for (;;) {
      if (this.#bytes.length < 2) return;
      const short = this.#bytes[1] & 127;
      const head = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (this.#bytes.length < head) return;
      const length =
        short === 127 ? Number(this.#bytes.readBigUInt64BE(2)) : short === 126 ? this.#bytes.readUInt16BE(2) : short;
      if (this.#bytes.length < head + length) return;
      const payload = Buffer.from(this.#bytes.subarray(head, head + length));
      // Whoever is told to close does so.
      if (this.#bytes[0] === 0x88) this.socket.destroy();
      if (this.#bytes[0] === 0x82) this.#frames.push(decodeFrame(payload));
      this.#bytes = this.#bytes.subarray(head + length);
    }
  }
}

/** Does something `count` times, at most `width` at a time. */
export async function crowd(count: number, width: number, act: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: width }, one));
}

/** Waits, but not for ever, since some are only dropped after a while. Then it ends the connection itself. */
export async function leave(stranger: Stranger, milliseconds = 200): Promise<void> {
  let timer: NodeJS.Timeout;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([stranger.gone, enough]);
  clearTimeout(timer!);
  stranger.socket.destroy();
}
