/** Two processes' ends of a line: order, pace, signs of life, and how it ends. Over real sockets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { RefusedError, WireError } from '../../src/errors.js';
import { type SlabParts, sealSlab } from '../../src/reduce/slab-frame.js';
import type { BlobSource } from '../../src/wire/blob.js';
import { decodeFrame, encodeControl } from '../../src/wire/frame.js';
import { CallerHandshake } from '../../src/wire/handshake.js';
import { connected, host, later, received, recorded, token, workerIdentity } from '../support/connections.js';
import { samples } from '../support/messages.js';
import { compiled } from '../support/package.js';
import { inOne } from '../support/slab-frames.js';

const zeros = (length: number): BlobSource => ({ length, read: (_, size) => new Uint8Array(size) });

function slab(segment: number, bytes: number): SlabParts {
  const rest = { attempt: 0, round: 1, low: 0, high: 1, checksum: 0 };
  const header = sealSlab({ stage: 'partial', precision: 'float32', segment, ...rest });
  return { header, payload: new Uint8Array(bytes).fill(segment) };
}

/** Waits until `value` has been the same for a while. */
async function settled(value: () => number): Promise<number> {
  for (let last = Number.NaN; ; last = value()) {
    if (last === value()) return last;
    await pause(150);
  }
}

const children: ChildProcess[] = [];
const sockets: WebSocket[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const socket of sockets.splice(0)) socket.terminate();
});

/** A worker that is admitted, and from then on does only what the test does. */
async function puppet(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  sockets.push(socket);
  const [data] = await once(socket, 'message');
  const frame = decodeFrame(data as Buffer);
  if (frame.kind !== 'control' || frame.message.kind !== 'challenge') throw new Error('no challenge');
  socket.send(encodeControl(new CallerHandshake(token, workerIdentity).answer(frame.message)));
  await once(socket, 'message');
  return socket;
}

describe('a connection', () => {
  it('brings everything in the order in which it was sent, in both directions', async () => {
    const { near, far } = await connected();
    const [here, there] = [received(near, 30), received(far, 30)];
    for (const connection of [near, far]) {
      for (let i = 0; i < 10; i++) {
        connection.send({ ...samples.applied, round: i });
        connection.sendSlab(slab(i, 4 * (1 + 6000 * i)));
        connection.send(samples.compute);
      }
    }
    for (const { log, slabs } of await Promise.all([here, there])) {
      const expected = Array.from({ length: 10 }, (_, i) => [
        { ...samples.applied, round: i },
        { segment: i },
        samples.compute,
      ]);
      expect(log).toEqual(expected.flat());
      expect(slabs.map(({ payload }) => payload.length)).toEqual(slabs.map((_, i) => 4 * (1 + 6000 * i)));
      expect(slabs.every(({ payload, segment }) => payload.every((byte) => byte === segment))).toBe(true);
    }
    for (const kind of ['control', 'slab', 'blob'] as const) {
      expect(near.bytesReceived[kind]).toBe(kind === 'control' ? far.bytesSent[kind] : near.bytesSent[kind]);
    }
    expect(near.bytesSent.slab).toBe(10 * 32 + 4 * (10 + 6000 * 45));
  });

  it('keeps what comes before there are handlers, and does not read on beyond a limit', async () => {
    const { near, far } = await connected();
    const count = 100;
    for (let i = 0; i < count; i++) far.sendSlab(slab(i, 2 ** 18));
    expect(await settled(() => far.buffered)).toBeGreaterThan(2 ** 20);
    const { log } = await received(near, count);
    expect(log).toEqual(Array.from({ length: count }, (_, segment) => ({ segment })));
    expect(await settled(() => far.buffered)).toBe(0);
  });

  it('sends a blob in chunks, whole and in order, from a source that answers late', async () => {
    const { near, far } = await connected();
    const bytes = Uint8Array.from({ length: 1_300_001 }, (_, i) => i * 7);
    const got = new Uint8Array(bytes.length);
    const done = later<void>();
    far.handle({
      message: () => done.resolve(),
      slab() {},
      blob: ({ transfer, offset, payload }) => got.set(payload, transfer === 9 ? offset : -1),
      closed() {},
    });
    const progress: number[] = [];
    const read = async (offset: number, length: number) => bytes.subarray(offset, offset + length);
    await near.sendBlob(9, { length: bytes.length, read }, (sent) => progress.push(sent));
    await near.sendBlob(10, zeros(0));
    near.send(samples.ready);
    await done.promise;
    expect(Buffer.compare(got, bytes)).toBe(0);
    expect(progress).toEqual([524_288, 1_048_576, 1_300_001]);
  });

  it('sends a blob at the pace of the reader', async () => {
    const { near, far } = await connected();
    const length = 48 * 2 ** 20;
    const there = received(far, length / 2 ** 19);
    far.pause();
    let passed = 0;
    let most = 0;
    const sent = near.sendBlob(1, zeros(length), (bytes) => {
      passed = bytes;
      most = Math.max(most, near.buffered);
    });
    expect(await settled(() => passed)).toBeLessThan(length);
    expect(near.buffered).toBeGreaterThan(0);
    far.resume();
    await sent;
    await there;
    expect(passed).toBe(length);
    expect(most).toBeLessThan(4.1 * 2 ** 20);
  });

  it('says how much was not sent when it breaks', async () => {
    const { near, far } = await connected();
    const { closed } = recorded(near);
    far.pause();
    const length = 48 * 2 ** 20;
    let passed = 0;
    const sent = near.sendBlob(1, zeros(length), (bytes) => {
      passed = bytes;
    });
    const failure = sent.catch((error) => error);
    await settled(() => passed);
    far.terminate();
    const error = (await closed) as WireError;
    expect(error).toBeInstanceOf(WireError);
    const [, unsent] = /: connection (?:lost|failed) \(.*\), ([\d,]+) bytes unsent$/.exec(error.problem)!;
    expect(Number(unsent.replaceAll(',', ''))).toBeGreaterThan(length - passed);
    expect(await failure).toBe(error);
    near.send(samples.ready);
    await expect(near.sendBlob(2, zeros(5))).rejects.toBe(error);
  });

  it('tells both sides when one closes it, after everything was read', async () => {
    const { near, far } = await connected();
    const [here, there] = [recorded(near), recorded(far)];
    near.sendSlab(slab(1, 2 ** 18));
    near.send(samples.bye);
    await near.close();
    expect(await here.closed).toBeUndefined();
    expect(await there.closed).toMatchObject({ problem: expect.stringMatching(/: closed the connection$/) });
    expect(there.log).toEqual([{ segment: 1 }, samples.bye]);
  });

  it('passes a refusal on to the other side as its error', async () => {
    for (const [final, type] of [
      [true, RefusedError],
      [false, WireError],
    ] as const) {
      const { near, far } = await connected();
      const there = recorded(far);
      await near.refuse('numerics: \u001b[31mab12 is not cd34', 'use --allow-mixed-numerics', final);
      const error = await there.closed;
      expect(error).toBeInstanceOf(type);
      expect(error!.problem).toMatch(/^127\.0\.0\.1:\d+ refuses: numerics: {2}\[31mab12 is not cd34$/);
      expect(error!.remedy).toBe('use --allow-mixed-numerics');
    }
  });

  const damaged = (frame: Buffer, at: number) => {
    frame[at] ^= 4;
    return frame;
  };
  it.each([
    ['a damaged message', damaged(encodeControl(samples.compute), 30), /checksum \(CRC-32\) of a control frame/],
    ['a damaged slab', damaged(inOne(slab(1, 64)), 9), /a slab frame has a header whose checksum \(CRC-32\) is wrong/],
    ['an unknown message', encodeControl({ kind: 'run' } as never), /kind: "run" is not one of/],
    ['a text', 'hello', /sent a text/],
    ['more than any frame may have', Buffer.alloc(9 * 2 ** 20), /Max payload size exceeded/],
  ])('ends with %s, and tells who sent it', async (_, bytes, problem) => {
    const { url, next } = await host();
    const [{ connection }, socket] = await Promise.all([next(), puppet(url)]);
    const { closed, log } = recorded(connection);
    const answers: Buffer[] = [];
    socket.on('message', (data) => answers.push(data as Buffer));
    socket.on('error', () => {});
    const gone = once(socket, 'close');
    socket.send(bytes);
    socket.send(encodeControl(samples.ready));
    const error = await closed;
    expect(error).toBeInstanceOf(WireError);
    expect(error!.problem).toMatch(problem);
    await gone;
    expect(log).toEqual([]);
    const told = answers.map((answer) => decodeFrame(answer));
    const isTold = !problem.source.includes('Max payload');
    expect(told).toMatchObject(
      isTold ? [{ message: { kind: 'refused', problem: expect.stringMatching(problem) } }] : [],
    );
  });

  it('passes on a message that comes twice once, and ends when one is missing', async () => {
    const { url, next } = await host();
    const [{ connection }, socket] = await Promise.all([next(), puppet(url)]);
    const { closed, log } = recorded(connection);
    socket.on('error', () => {});
    for (const number of [1, 1, 2, 1, 4]) socket.send(encodeControl({ kind: 'linked', ids: [number] }, number));
    expect((await closed)!.problem).toMatch(/sent message 4 where message 3 was due/);
    expect(log).toMatchObject([{ ids: [1] }, { ids: [2] }]);
  });

  it('ends with an error of the protocol that a handler finds', async () => {
    const { near, far } = await connected();
    const [here, there] = [later(), recorded(far)];
    near.handle({
      message() {
        throw new WireError('applied.round: 9 is not the round 8', 'none');
      },
      slab() {},
      blob() {},
      closed: here.resolve,
    });
    far.send(samples.applied);
    expect(await here.promise).toMatchObject({
      problem: expect.stringMatching(/: applied\.round: 9 is not the round 8$/),
    });
    expect(await there.closed).toMatchObject({ problem: expect.stringMatching(/refuses: applied\.round/) });
  });

  it('passes nothing on behind the end, of what came before there were handlers either', async () => {
    const { near, far } = await connected();
    for (let round = 0; round < 3; round++) far.send({ ...samples.applied, round });
    await settled(() => near.bytesReceived.control);
    const seen: unknown[] = [];
    near.handle({
      message(message) {
        seen.push(message);
        throw new WireError('applied.round: 0 is over', 'none');
      },
      slab() {},
      blob() {},
      closed: (error) => seen.push(error?.problem),
    });
    expect(seen).toEqual([{ ...samples.applied, round: 0 }, expect.stringMatching(/applied\.round: 0 is over$/)]);
    await near.close();
  });
});

describe('signs of life', () => {
  it('tell the time to the other side and back, and its clock', async () => {
    const { near, far } = await connected();
    expect([near.roundTrip, near.clockOffset]).toEqual([undefined, undefined]);
    const log = recorded(near).log;
    for (const connection of [near, far]) connection.watch(0.5);
    recorded(far);
    while (near.roundTrip === undefined || far.roundTrip === undefined) await pause(20);
    expect(near.roundTrip).toBeGreaterThan(0);
    // Both are this process's clock, and no answer is older than its question.
    expect(Math.abs(near.clockOffset!)).toBeLessThanOrEqual(near.roundTrip / 2);
    expect(log).toEqual([]);
  });

  it('end the connection when nothing comes', async () => {
    const { url, next } = await host();
    const [{ connection }] = await Promise.all([next(), puppet(url)]);
    const { closed } = recorded(connection);
    connection.watch(0.2);
    const error = await closed;
    expect(error).toBeInstanceOf(WireError);
    expect(error!.problem).toMatch(/: no sign of life for \d\.\d s$/);
  });

  it('are missed from a process that is stopped', async () => {
    const { url, next } = await host();
    const program = `
      const [{ dial }, [url, token, identity]] = [await import(process.argv[1]), process.argv.slice(2)];
      const { connection } = await dial(url, { token, identity: JSON.parse(identity) });
      connection.handle({ message() {}, slab() {}, blob() {}, closed() {} });
      connection.watch(2);`;
    const module = compiled('src/wire/dial.js').href;
    const parameters = [module, url, token, JSON.stringify(workerIdentity)];
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program, ...parameters], {
      stdio: 'inherit',
    });
    children.push(child);
    const { connection } = await next();
    const { closed } = recorded(connection);
    connection.watch(0.6);
    await pause(300);
    // This side's own absence is not the other side's.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    await pause(100);
    expect(await Promise.race([closed, 'open'])).toBe('open');
    child.kill('SIGSTOP');
    expect(((await closed) as WireError).problem).toMatch(/no sign of life for \d+\.\d s/);
  });

  it('are any bytes, such as those of one frame over a slow line', async () => {
    const { url, next } = await host();
    const [{ connection }, socket] = await Promise.all([next(), puppet(url)]);
    const { promise, resolve } = later<unknown>();
    const handlers = { message() {}, slab: resolve, blob() {}, closed: resolve };
    connection.handle(handlers);
    connection.watch(0.4);
    const payload = inOne(slab(7, 64));
    // One masked WebSocket frame, a few bytes at a time; the mask is zero.
    const frame = Buffer.concat([Buffer.of(0x82, 0x80 | payload.length, 0, 0, 0, 0), payload]);
    const { _socket: raw } = socket as unknown as { _socket: NodeJS.WritableStream };
    for (let at = 0; at < frame.length; at += 10) {
      raw.write(frame.subarray(at, at + 10));
      await pause(60);
    }
    expect(await promise).toMatchObject({ segment: 7 });
  });

  it('are not asked for while this side does not read', async () => {
    const { url, next } = await host();
    const [{ connection }] = await Promise.all([next(), puppet(url)]);
    const { closed } = recorded(connection);
    connection.pause();
    connection.watch(0.1);
    await pause(300);
    expect(await Promise.race([closed, 'open'])).toBe('open');
    connection.resume();
    expect(((await closed) as WireError).problem).toMatch(/no sign of life/);
  });

  it('leave no timer behind', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate/.test(name)).length;
    const before = timers();
    const { near, far } = await connected();
    const [here, there] = [recorded(near), recorded(far)];
    for (const connection of [near, far]) connection.watch(60);
    await near.close();
    await Promise.all([here.closed, there.closed]);
    expect(timers()).toBe(before);
  });
});
