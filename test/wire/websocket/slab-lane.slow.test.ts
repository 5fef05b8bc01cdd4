/**
 * Slabs that go past ws: whatever else is under way, and however the bytes are cut, everything arrives once and in order.
 * Over real sockets: one end is a WebSocket of ws with the lane beside it, the other a bare socket that writes bytes.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { LANDING_FLOATS, Landings } from '../../../src/reduce/landings.js';
import { encodeControl, isSlab } from '../../../src/wire/frame.js';
import { SlabLane } from '../../../src/wire/websocket/slab-lane.js';
import { samples } from '../../support/messages.js';
import { slabFrame } from '../../support/slab-frames.js';

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

const places = (): Landings =>
  new Landings(new WebAssembly.Memory({ initial: LANDING_FLOATS / 16384, maximum: 65536, shared: true }), 0);

/** A message on the wire: whole, or in parts; masked with zeros as slabs are, or with more, as calling ws does. */
function message(content: Uint8Array, { mask, parts = 1 }: { mask?: number; parts?: number } = {}): Buffer {
  const size = Math.ceil(content.length / parts);
  const frames = Array.from({ length: parts }, (_, i) => {
    const part = content.subarray(i * size, (i + 1) * size);
    const first = (i === 0 ? 2 : 0) | (i === parts - 1 ? 0x80 : 0);
    const long = part.length > 125;
    const length = long ? [126, part.length >> 8, part.length & 255] : [part.length];
    if (mask !== undefined) length[0] |= 0x80;
    const key = mask === undefined ? [] : [mask, mask, mask, mask];
    return Buffer.from([first, ...length, ...key, ...part.map((byte) => byte ^ (mask ?? 0))]);
  });
  return Buffer.concat(frames);
}

const slab = (segment: number, floats: number): Buffer =>
  slabFrame(
    { kind: 'partial', precision: 'float32', attempt: 0, round: 1, low: 0, high: 1, segment, checksum: 0 },
    new Uint8Array(4 * floats).fill(segment),
  );

const control = (number: number): Buffer => encodeControl(samples.compute, number);

interface Received {
  readonly socket: WebSocket;
  /** Everything in the order in which it came. */
  readonly log: string[];
  /** How many of the slabs came past ws. */
  direct(): number;
  /** Waits for so many messages. */
  all(count: number): Promise<string[]>;
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** What a lane beside ws receives. */
function receive(socket: WebSocket, raw: Socket, caller: boolean): Received {
  const landing = places().take()!;
  const log: string[] = [];
  let direct = 0;
  const waiting: (() => void)[] = [];
  const note = (bytes: Uint8Array) => {
    log.push(textOf(bytes));
    for (const check of waiting) check();
  };
  const lane = new SlabLane(raw, caller, {
    arrived: () => {},
    landed: (frame) => {
      expect(frame.buffer).toBe(landing.bytes.buffer);
      direct++;
      note(frame);
    },
  });
  socket.on('message', (data: Buffer) => {
    if (isSlab(data[0])) lane.land(() => landing);
    note(data);
  });
  const all = (count: number) =>
    new Promise<string[]>((resolve) => {
      const check = () => log.length >= count && resolve(log);
      waiting.push(check);
      check();
    });
  return { socket, log, direct: () => direct, all };
}

/** The receiving end is called by the bare socket, so that what this sends is masked; or it calls, and nothing is. */
const ends = {
  called: async () => {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: false });
    closers.push(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const bare = connect({ host: '127.0.0.1', port, noDelay: true });
    closers.push(() => bare.destroy());
    const key = Buffer.alloc(16, 7).toString('base64');
    const head = ['GET / HTTP/1.1', `Host: 127.0.0.1:${port}`, 'Upgrade: websocket', 'Connection: Upgrade'];
    bare.write(`${[...head, 'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${key}`].join('\r\n')}\r\n\r\n`);
    const [socket, request] = (await once(server, 'connection')) as [WebSocket, { socket: Socket }];
    closers.push(() => socket.terminate());
    return { bare, received: receive(socket, request.socket, false), mask: 0, otherMask: 0x5a };
  },
  calling: async () => {
    const server = createServer({ noDelay: true }).listen(0, '127.0.0.1');
    closers.push(() => server.close());
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false });
    closers.push(() => socket.terminate());
    const [bare] = (await once(server, 'connection')) as [Socket];
    closers.push(() => bare.destroy());
    const [request] = (await once(bare, 'data')) as [Buffer];
    const key = /Sec-WebSocket-Key: (.*)\r\n/i.exec(request.toString())![1];
    // The fixed text of RFC 6455, 1.3.
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
    bare.write(`${[...head, `Sec-WebSocket-Accept: ${accept}`].join('\r\n')}\r\n\r\n`);
    const [{ socket: raw }] = (await once(socket, 'upgrade')) as [{ socket: Socket }];
    return { bare, received: receive(socket, raw, true), mask: undefined, otherMask: undefined };
  },
};

describe.each(['called', 'calling'] as const)('the end that is %s', (which) => {
  it('receives slabs and other messages in order, wherever the stream is cut', async () => {
    const { bare, received, mask, otherMask } = await ends[which]();
    const contents = [slab(1, 8), control(1), slab(2, 16), slab(3, 64), control(2), control(3), slab(4, 2)];
    const stream = Buffer.concat([
      ...contents.slice(0, 5).map((content) => message(content, { mask: isSlab(content[0]) ? mask : otherMask })),
      message(contents[5], { mask: otherMask, parts: 3 }),
      // Masked with something: for ws to unmask.
      message(contents[6], { mask: otherMask }),
    ]);
    const expected: string[] = [];
    for (let cut = 1; cut < stream.length; cut++) {
      bare.write(stream.subarray(0, cut));
      // Until the first part has been read, most times.
      for (let i = 0; i < 4; i++) await turn();
      bare.write(stream.subarray(cut));
      expected.push(...contents.map(textOf));
      expect(await received.all(expected.length)).toEqual(expected);
      if (cut % 100 === 0) received.log.length = expected.length = 0;
    }
    // All but the very first, and those that ws unmasks.
    const plain = which === 'called' ? 3 : 4;
    expect(received.direct()).toBeGreaterThan((plain - 0.5) * (stream.length - 1));
  });

  it('receives many slabs at once, whose size is not that of its memory', async () => {
    const { bare, received, mask } = await ends[which]();
    const contents = Array.from({ length: 60 }, (_, i) => slab(i, 10_007 + (i % 3)));
    for (const content of contents) bare.write(message(content, { mask }));
    expect(await received.all(contents.length)).toEqual(contents.map(textOf));
  });

  it('keeps the order while reading is paused', async () => {
    const { bare, received, mask, otherMask } = await ends[which]();
    bare.write(message(slab(0, 4), { mask }));
    await received.all(1);
    const expected = [textOf(slab(0, 4))];
    for (let round = 1; round <= 20; round++) {
      received.socket.pause();
      const contents = [slab(round, 4), control(round), slab(round, 40), control(round + 1)];
      for (const content of contents) {
        bare.write(message(content, { mask: isSlab(content[0]) ? mask : otherMask }));
        await turn();
      }
      const before = received.log.length;
      for (let i = 0; i < 10; i++) await turn();
      expect(received.log.length).toBeLessThanOrEqual(before + contents.length);
      received.socket.resume();
      expected.push(...contents.map(textOf));
      expect(await received.all(expected.length)).toEqual(expected);
    }
  });
});

describe('a lane', () => {
  it('sends messages of every length of header, from where the payload lies', async () => {
    const [called, calling] = [await ends.called(), await ends.calling()];
    for (const { bare, received, caller } of [
      { ...called, caller: true },
      { ...calling, caller: false },
    ]) {
      const lane = new SlabLane(bare, caller, { arrived: () => {}, landed: () => {} });
      const sizes = [0, 60, 4_000, 100_000];
      const frames = sizes.map((size, i) => slab(i, size));
      for (const frame of frames) {
        await new Promise<void>((resolve, reject) =>
          lane.send(frame.subarray(0, 32), frame.subarray(32), (error) => (error ? reject(error) : resolve())),
        );
      }
      expect(await received.all(frames.length)).toEqual(frames.map(textOf));
    }
  });
});
