/** What is of WebSocket alone in a connection: messages that are none of ours, pieces of frames, and processes that stop. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { WireError } from '../../../src/errors.js';
import { decodeFrame, encodeControl } from '../../../src/wire/frame.js';
import { CallerHandshake } from '../../../src/wire/handshake.js';
import { host, later, recorded, token, workerIdentity } from '../../support/connections.js';
import { quiet, slab } from '../../support/lines.js';
import { samples } from '../../support/messages.js';
import { compiled } from '../../support/package.js';
import { inOne } from '../../support/slab-frames.js';

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

describe('a connection by WebSocket', () => {
  it.each([
    ['a text', 'hello', /sent a text/, 1008],
    ['more than any frame may have', Buffer.alloc(9 * 2 ** 20), /Max payload size exceeded/, 1009],
  ])('ends with %s, and tells who sent it', async (_, bytes, problem, expected) => {
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
    const [code] = await gone;
    expect(log).toEqual([]);
    const told = answers.map((answer) => decodeFrame(answer));
    const refusal = { message: { kind: 'refused', problem: expect.stringMatching(problem) } };
    expect(told).toMatchObject(expected === 1008 ? [refusal] : []);
    if (expected === 1008) expect(code).toBe(1008);
  });
});

describe('signs of life by WebSocket', () => {
  it('are missed from a process that is stopped', async () => {
    const { url, next } = await host();
    const program = `
      const [modules, [url, token, identity]] = [process.argv.slice(1, 3), process.argv.slice(3)];
      const [{ dial }, { webSocket }] = await Promise.all(modules.map((module) => import(module)));
      const { connection } = await dial(webSocket, url, { token, identity: JSON.parse(identity) });
      connection.handle({ message() {}, slab() {}, blob() {}, closed() {} });
      connection.watch(2);`;
    const modules = ['dial.js', 'websocket/websocket.js'].map((name) => compiled(`src/wire/${name}`).href);
    const parameters = [...modules, url, token, JSON.stringify(workerIdentity)];
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program, ...parameters], {
      stdio: 'inherit',
    });
    children.push(child);
    const { connection } = await next();
    const { closed } = recorded(connection);
    connection.watch(0.6);
    // Nothing happens within this time, which is the point; so it is below.
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
    connection.handle(quiet({ slab: resolve, closed: resolve }));
    connection.watch(1.2);
    const payload = inOne(slab(7, 64));
    // One masked WebSocket frame, a few bytes at a time; the mask is zero.
    const frame = Buffer.concat([Buffer.of(0x82, 0x80 | payload.length, 0, 0, 0, 0), payload]);
    const { _socket: raw } = socket as unknown as { _socket: NodeJS.WritableStream };
    for (let at = 0; at < frame.length; at += 4) {
      raw.write(frame.subarray(at, at + 4));
      // A slow link: longer in all than the silence that ends a connection.
      await pause(60);
    }
    expect(await promise).toMatchObject({ segment: 7 });
  });
});
