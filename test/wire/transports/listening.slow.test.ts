/** Who is let in, over every transport: who knows the token and says what is due, in time and in few words. */
import { describe, expect, it } from 'vitest';
import { RefusedError, WireError } from '../../../src/errors.js';
import { encodeControl } from '../../../src/wire/frame.js';
import { generateToken } from '../../../src/wire/handshake.js';
import { listen } from '../../../src/wire/listen.js';
import { protocolVersion } from '../../../src/wire/messages.js';
import { urlTo } from '../../../src/wire/url.js';
import { call, later, received, recorded, token, workerIdentity } from '../../support/connections.js';
import { linesOver } from '../../support/lines.js';
import { samples } from '../../support/messages.js';
import { transports } from '../../support/transports.js';

const nothing = () => {};

describe.each(transports)('over %s a listener', (_, transport) => {
  const { host, join, stranger } = linesOver(transport);
  const isStillServing = async (url: string) => expect((await join(url)).welcome.id).toBe(1);

  it('gives away who knows the token, with what it said of itself, and welcomes it', async () => {
    const { url, next } = await host();
    const [{ hello, connection }, { welcome, connection: far }] = await Promise.all([next(), join(url)]);
    expect(hello).toMatchObject({ ...workerIdentity });
    expect(welcome).toMatchObject({ id: 1, silence: 10 });
    expect([connection.host, connection.address].join()).toMatch(/^(.+),\1:\d+$/);
    const there = received(far, 1);
    connection.send(samples.compute);
    expect((await there).log).toEqual([samples.compute]);
  });

  it('loses nothing that is sent right behind the welcome, however large', async () => {
    const big = { ...samples.evaluated, sums: new Float64Array(50_000) };
    const { url } = await host({}, ({ welcome, connection }) => {
      welcome(1, 10);
      connection.send(big);
      connection.send(samples.bye);
      void connection.close();
    });
    const { connection } = await join(url);
    await expect.poll(() => connection.bytesReceived.control).toBeGreaterThan(400_000);
    expect((await received(connection, 2)).log).toEqual([big, samples.bye]);
  });

  it('refuses a wrong token, and both sides know why', async () => {
    const { url, refusals } = await host();
    const error = await call(url, { token: generateToken(), identity: workerIdentity }, transport).catch((e) => e);
    expect(error).toBeInstanceOf(RefusedError);
    expect(error.problem).toMatch(/^127\.0\.0\.1:\d+ refuses: the two sides do not have the same token$/);
    const problem = expect.stringMatching(/^\S+:\d+: the two sides do not have the same token$/);
    await expect.poll(() => refusals).toEqual([problem]);
  });

  it('is not trusted without the token', async () => {
    const { url } = await host({}, ({ connection }) => connection.send(samples.welcome));
    await expect(join(url)).rejects.toThrow(/do not have the same token/);
  });

  it('lets the caller be refused for other reasons', async () => {
    const { url, refusals } = await host({}, ({ connection }) => {
      void connection.refuse('engine: onnx 1 is not onnx 2', 'install the same version', true);
    });
    await expect(join(url)).rejects.toThrow(/refuses: engine: onnx 1 is not onnx 2: install the same version/);
    await expect(join(url)).rejects.toThrow(RefusedError);
    expect(refusals).toEqual([]);
  });

  it.each([
    ['another greeting', encodeControl(samples.peerHello), /sent "peerHello" instead of "hello"/],
    ['a message that is not its turn', encodeControl(samples.ready), /sent "ready" instead of "hello"/],
    [
      'another version',
      encodeControl({ ...samples.hello, protocol: protocolVersion + 7 }),
      /of the protocol, this side/,
    ],
    ['a frame of data', Buffer.from('02', 'hex'), /a slab frame is cut off/],
    ['rubbish', Buffer.from('GET / HTTP/1.1'), /a frame is of kind 71/],
    ['much', Buffer.alloc(300_000, 1), /sent more than 65536 bytes before it was admitted/],
  ])('drops a stranger that sends %s', async (_, bytes, problem) => {
    const { url, refusals } = await host();
    const { channel, closed } = await stranger(url);
    channel.send(Buffer.from(bytes), nothing);
    await closed;
    await expect.poll(() => refusals).toEqual([expect.stringMatching(problem)]);
    await isStillServing(url);
  });

  it('drops a stranger that does not answer the challenge in time', async () => {
    const patience = 0.5;
    const { url, refusals } = await host({ patience });
    await (await stranger(url)).closed;
    await expect.poll(() => refusals).toEqual([expect.stringMatching(/connection lost/)]);
    // On a busy machine who knows the token may be late, too.
    const joined = (): ReturnType<typeof join> => join(url).catch(joined);
    const { connection } = await joined();
    const { closed } = recorded(connection);
    // Who is admitted has all the time there is.
    await new Promise((resolve) => setTimeout(resolve, 2 * patience * 1000));
    expect(await Promise.race([closed, 'open'])).toBe('open');
  });

  it('that does not welcome is given up', async () => {
    const { url } = await host({}, () => {});
    await expect(join(url, { patience: 0.3 })).rejects.toThrow(/did not answer within 0\.3 s/);
    const leaving = new AbortController();
    const attempt = expect(join(url, { signal: leaving.signal })).rejects.toThrow(/it was told to leave/);
    setImmediate(() => leaving.abort());
    await attempt;
  });

  it('closes its connections with itself', async () => {
    const { listener, next, url } = await host();
    const [, { connection }] = await Promise.all([next(), join(url)]);
    const { closed } = await stranger(url);
    const ended = recorded(connection);
    await listener.close();
    await closed;
    expect(await ended.closed).toMatchObject({ problem: expect.stringMatching(/closed the connection/) });
    await expect(join(url)).rejects.toThrow(/cannot connect to 127\.0\.0\.1:\d+ \(.*\)/);
    await expect(join(url)).rejects.toThrow(WireError);
  });

  it('takes a port once, and frees it', async () => {
    const { listener } = await host();
    const again = () => host({ port: listener.port });
    await expect(again()).rejects.toThrow(/:\d+ is in use: choose another port/);
    await listener.close();
    await (await again()).listener.close();
  });

  it('is made for peers too', async () => {
    const arrived = later<number>();
    const listener = await listen<'peerHello'>(
      transport,
      { host: '127.0.0.1', port: 0, token, expects: 'peerHello' },
      {
        arrived({ hello, welcome }) {
          welcome(4, 5);
          arrived.resolve(hello.id);
        },
        refused() {},
      },
    );
    const url = urlTo(`127.0.0.1:${listener.port}`, transport.schemes, false);
    const { welcome } = await call(url, { token, identity: { kind: 'peerHello', id: 3 } }, transport);
    expect([await arrived.promise, welcome.id]).toEqual([3, 4]);
    await listener.close();
  });
});
