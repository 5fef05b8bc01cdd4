/** Where may be listened by WebSocket, and that strangers take neither memory nor places. Over real sockets. */
import { once } from 'node:events';
import { request } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ConfigError, RefusedError, WireError } from '../../../src/errors.js';
import { decodeFrame, encodeControl } from '../../../src/wire/frame.js';
import { listen } from '../../../src/wire/listen.js';
import { protocolVersion } from '../../../src/wire/messages.js';
import { webSocket } from '../../../src/wire/websocket/websocket.js';
import { certificate, hasOpenssl, signed } from '../../support/certificates.js';
import { call, host, join, later, received, token, workerIdentity } from '../../support/connections.js';
import { eventually } from '../../support/eventually.js';
import { temporaryFolder } from '../../support/folder.js';
import { samples } from '../../support/messages.js';
import { skipIf } from '../../support/skip-if.js';

const strangers: (Socket | WebSocket)[] = [];
afterEach(() => {
  for (const stranger of strangers.splice(0)) stranger instanceof WebSocket ? stranger.terminate() : stranger.destroy();
});

/** A TCP connection that says `text`; its end is not an error. */
function stranger(port: number, text = ''): { socket: Socket; closed: Promise<unknown> } {
  const socket = connect(port, '127.0.0.1', () => socket.write(text));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.on('error', () => {});
  strangers.push(socket);
  socket.resume();
  return { socket, closed };
}

/** A WebSocket that has got its challenge. */
async function challenged(url: string): Promise<{ socket: WebSocket; closed: Promise<unknown>; answers: Buffer[] }> {
  const socket = new WebSocket(url, { perMessageDeflate: false });
  strangers.push(socket);
  const answers: Buffer[] = [];
  socket.on('error', () => {});
  socket.on('message', (data) => answers.push(data as Buffer));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await once(socket, 'message');
  return { socket, closed, answers };
}

const messagesIn = (answers: readonly Buffer[]) =>
  answers.map((answer) => {
    const frame = decodeFrame(answer);
    return frame.kind === 'control' ? frame.message : frame.kind;
  });

const isStillServing = async (url: string) => {
  const { welcome } = await join(url);
  expect(welcome.id).toBe(1);
};

describe('a listener', () => {
  it('refuses another version of the protocol, and both sides know both versions', async () => {
    const { url, refusals } = await host();
    const { socket, answers, closed } = await challenged(url);
    socket.send(encodeControl({ ...samples.hello, protocol: protocolVersion + 7 }));
    await closed;
    const versions = expect.stringMatching(
      new RegExp(`version ${protocolVersion + 7} of the protocol, this side version ${protocolVersion}$`),
    );
    expect(messagesIn(answers)[1]).toMatchObject({ kind: 'refused', final: true, problem: versions });
    await expect.poll(() => refusals).toEqual([versions]);
  });

  it('hears out, as it closes, who is about to say who it is, and no others', async () => {
    const { url, listener, refusals } = await host();
    const { socket, answers, closed } = await challenged(url);
    const silent = await challenged(url);
    const gone = listener.close(0.5);
    socket.send(encodeControl({ ...samples.hello, protocol: protocolVersion + 7 }));
    await Promise.all([closed, silent.closed, gone]);
    expect(messagesIn(answers)[1]).toMatchObject({ kind: 'refused' });
    expect(messagesIn(silent.answers)).toHaveLength(1);
    expect(refusals[0]).toMatch(/version/);
  });

  it('refuses an overheard hello', async () => {
    const { url, refusals } = await host();
    const overheard = later<Buffer>();
    const eavesdropper = await host({}, () => {});
    const proxy = createServer((near) => {
      const far = connect(eavesdropper.listener.port, '127.0.0.1');
      for (const socket of [near, far]) strangers.push(socket.on('error', () => {}));
      far.pipe(near);
      near.pipe(far);
      let heard = Buffer.alloc(0);
      near.on('data', (piece: Buffer) => {
        heard = Buffer.concat([heard, piece]);
        const at = heard.indexOf('\r\n\r\n') + 4;
        // A masked frame with a 16-bit length and a mask of zeros.
        if (at > 3 && heard.length > at + 8) overheard.resolve(heard.subarray(at + 8));
      });
    });
    await once(proxy.listen(0, '127.0.0.1'), 'listening');
    const attempt = call(`127.0.0.1:${(proxy.address() as AddressInfo).port}`, { token, identity: workerIdentity });
    const hello = await overheard.promise;
    expect(decodeFrame(hello)).toMatchObject({ message: { kind: 'hello' } });
    const { socket, closed } = await challenged(url);
    socket.send(hello);
    await closed;
    await expect.poll(() => refusals).toEqual([expect.stringMatching(/the same token/)]);
    for (const each of strangers.splice(0)) each instanceof WebSocket ? each.terminate() : each.destroy();
    await expect(attempt).rejects.toThrow(WireError);
    proxy.close();
  });

  it('drops a stranger that sends a frame in many pieces, before they have taken much memory', async () => {
    const { url, refusals } = await host();
    const { socket, closed } = await challenged(url);
    const { _socket: raw } = socket as unknown as { _socket: Socket };
    raw.write(Buffer.of(0x82, 0xfe, 0xff, 0xff, 0, 0, 0, 0));
    let pieces = 0;
    while (!raw.destroyed && pieces < 60_000) {
      raw.write(Buffer.of(1));
      pieces++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    await closed;
    await expect.poll(() => refusals).toEqual([expect.stringMatching(/sent more than 65536 bytes/)]);
  });

  it.each([
    ['says nothing', ''],
    ['sends half a header', 'GET / HTTP/1.1\r\nHost: x\r\n'],
    ['asks for nothing', 'GET / HTTP/1.1\r\nHost: x\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n'],
    ['speaks no HTTP', '\u0016\u0003\u0001rubbish\r\n\r\n'],
    ['has a header without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}`],
  ])('drops a stranger that %s', async (_, text) => {
    const { listener, url } = await host({ patience: 1 });
    await stranger(listener.port, text).closed;
    await isStillServing(url);
  });

  it('lets those in who know the token while strangers hold hundreds of connections', async () => {
    const { listener, url } = await host();
    let dropped = 0;
    for (let i = 0; i < 200; i++) void stranger(listener.port, 'GET /').closed.then(() => dropped++);
    await eventually('136 strangers dropped', () => dropped >= 136);
    await isStillServing(url);
    await expect.poll(() => dropped).toBe(137);
  });

  it('lets no web page connect, which needs no token on loopback', async () => {
    const { url } = await host({ token: '' });
    const page = new WebSocket(url, { origin: 'https://example.com' });
    const [error] = await once(page, 'error');
    expect(error.message).toMatch(/socket hang up|ECONNRESET/);
    await join(url, { token: '' });
  });

  it('answers a browser that it is none for it', async () => {
    const { listener } = await host();
    const ask = request({ host: '127.0.0.1', port: listener.port }).end();
    const [response] = await once(ask, 'response');
    expect(response.statusCode).toBe(426);
    response.resume();
    await once(response, 'close');
  });

  it('closes its connections with itself', async () => {
    const { listener, next, url } = await host();
    const [, { connection }] = await Promise.all([next(), join(url)]);
    const { closed: first } = stranger(listener.port);
    const second = await challenged(url);
    const ended = later();
    connection.handle({ message() {}, slab() {}, blob() {}, closed: ended.resolve });
    await listener.close();
    await Promise.all([first, second.closed]);
    expect(await ended.promise).toMatchObject({ problem: expect.stringMatching(/closed the connection/) });
    await expect(join(url)).rejects.toThrow(/cannot connect to 127\.0\.0\.1:\d+ \(.*ECONNREFUSED.*\)/);
  });
});

describe('listening', () => {
  const visitors = { arrived() {}, refused() {} };
  const attempt = (options: object) =>
    listen(webSocket, { host: '127.0.0.1', port: 0, token, expects: 'hello', ...options }, visitors);

  it.each(['0.0.0.0', '::', '192.0.2.1'])('on %s without a token is refused', async (address) => {
    await expect(attempt({ host: address, token: '' })).rejects.toThrow(ConfigError);
    await expect(attempt({ host: address, token: '' })).rejects.toThrow(/without a token.*: set a token, or listen on/);
  });

  it.each(['127.0.0.1', '127.8.8.8', '::1', 'localhost'])('on %s needs no token', async (address) => {
    await (await attempt({ host: address, token: '' })).close();
  });

  it('says why it cannot', async () => {
    const { listener } = await host();
    await expect(attempt({ port: listener.port })).rejects.toThrow(/127\.0\.0\.1:\d+ is in use: choose another port/);
    await expect(attempt({ host: '192.0.2.1' })).rejects.toThrow(/192\.0\.2\.1 is not an address of this machine/);
    await expect(attempt({ host: 'no host' })).rejects.toThrow(/the host "no host" is not known here/);
    await expect(attempt({ tls: { cert: 'x', key: 'y' } })).rejects.toThrow(/certificate and key cannot be used/);
    await expect(attempt({ port: listener.port })).rejects.toThrow(ConfigError);
  });
});

describe('dialling', () => {
  it.each([
    '',
    'http://h:1',
    'ws://',
    'ws://h:0',
    'ws://h:99999',
    'h:1#x',
    'h:1/x',
    'ws://h:1/?x',
    'ws://user@h:1',
    'ws://:word@h:1',
  ])('%o is refused', async (url) => {
    await expect(join(url)).rejects.toThrow(ConfigError);
    await expect(join(url)).rejects.toThrow(`"${url}" is not the address of a coordinator: give ws://HOST:PORT`);
  });

  it('gives up a listener that says nothing', async () => {
    const server = createServer((socket) => void strangers.push(socket.on('error', () => {})));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(join(`127.0.0.1:${port}`, { patience: 0.2 })).rejects.toThrow(/did not answer within 0\.2 s/);
    server.close();
  });
});

skipIf(!hasOpenssl && 'there is no openssl to make certificates with').describe('with TLS', () => {
  const folder = temporaryFolder();

  it('connects to the pinned certificate alone, whatever name is in it', async () => {
    const own = certificate(folder, 'own');
    const other = certificate(folder, 'other');
    const { url, next } = await host({ tls: own });
    const [{ connection: near }, { connection: far }] = await Promise.all([next(), join(url, { ca: own.cert })]);
    const there = received(far, 1);
    near.send({ ...samples.evaluated, sums: new Float64Array(100_000) });
    expect((await there).log).toHaveLength(1);
    for (const options of [{ ca: other.cert }, {}]) {
      await expect(join(url, options)).rejects.toThrow(RefusedError);
      await expect(join(url, options)).rejects.toThrow(/the TLS certificate of 127\.0\.0\.1:\d+ is not trusted/);
    }
  });

  it('connects to what the pinned authority has signed, if the host is right', async () => {
    const authority = certificate(folder, 'authority');
    const right = await host({ tls: signed(folder, 'right', 'IP:127.0.0.1', authority) });
    const wrong = await host({ tls: signed(folder, 'wrong', 'IP:127.0.0.2', authority) });
    await join(right.url, { ca: authority.cert });
    // Without the authority, the certificate itself; then others of that authority are strangers.
    const own = signed(folder, 'right', 'IP:127.0.0.1', authority);
    const pinned = await host({ tls: own });
    await join(pinned.url, { ca: own.cert });
    await expect(join(right.url, { ca: own.cert })).rejects.toThrow(/is not trusted/);
    await expect(join(wrong.url, { ca: authority.cert })).rejects.toThrow(/is not trusted \(.*127\.0\.0\.1.*\)/);
  });

  it('says so when one side has none', async () => {
    const tls = certificate(folder, 'one');
    const [plain, secure] = [await host(), await host({ tls })];
    await expect(join(plain.url.replace('ws:', 'wss:'), { ca: tls.cert })).rejects.toThrow(
      /or connect with ws:\/\/ if/,
    );
    await expect(join(secure.url.replace('wss:', 'ws:'))).rejects.toThrow(/or connect with wss:\/\/ if it uses TLS/);
    await expect(join(plain.url, { ca: tls.cert })).rejects.toThrow(/without TLS, so a CA has no use: give wss:/);
    await expect(join(secure.url, { ca: 'x' })).rejects.toThrow(/the CA is not a certificate/);
  });

  it('drops a stranger that does not finish the handshake of TLS', async () => {
    const tls = certificate(folder, 'slow');
    const { listener, url } = await host({ tls, patience: 1 });
    await stranger(listener.port, '\u0016\u0003').closed;
    await join(url, { ca: tls.cert });
  });
});
