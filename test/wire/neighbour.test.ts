/** Slabs between processes of one machine are read from the memory of who sends them, and only from there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { isSlab } from '../../src/wire/frame.js';
import { foreignMemory } from '../../src/wire/neighbour/foreign-memory.js';
import { NeighbourChannel } from '../../src/wire/neighbour/neighbour-channel.js';
import { encodeNeighbourWord } from '../../src/wire/neighbour/neighbour-words.js';
import { OwnSeal, SealedMemory } from '../../src/wire/neighbour/seal.js';
import type { Channel, ChannelEvents, OpenChannel } from '../../src/wire/transport.js';
import { eventually } from '../support/eventually.js';
import { inProcess } from '../support/in-process.js';
import { slab } from '../support/lines.js';
import { skipIf } from '../support/skip-if.js';

const linux = skipIf(process.platform !== 'linux' && 'slabs read from memory: needs process_vm_readv of Linux');
const nothing = () => {};
const channels: Channel[] = [];
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const channel of channels.splice(0)) channel.terminate();
});

const socket = (localPort: number, remotePort: number, remoteAddress = '127.0.0.1') =>
  ({ localAddress: '127.0.0.1', localPort, remoteAddress, remotePort }) as Socket;

/** Both ends of a line inside this process, what the far one is given, and what goes to it by socket. */
async function pair(nearEnd: Socket, farEnd: Socket) {
  const bySocket: Buffer[] = [];
  const came: Buffer[] = [];
  const problems: string[] = [];
  const events: ChannelEvents = {
    arrived: nothing,
    frame: (frame) => came.push(frame),
    landed: nothing,
    landing: () => undefined,
    unreadable: (problem) => problems.push(problem),
    failed: (problem) => problems.push(problem),
    closed: nothing,
  };
  const watched =
    (open: OpenChannel): OpenChannel =>
    (told) =>
      open({ ...told, frame: (frame) => [bySocket.push(Buffer.from(frame)), told.frame(frame)] });
  const { port, close } = await inProcess.accept(
    { address: 'here', port: 0, patience: 10 },
    { came: (open) => channels.push(new NeighbourChannel(farEnd, false, watched(open), events)), failed: nothing },
  );
  let near!: Channel;
  await inProcess.connect(new URL(`here://here:${port}`), undefined, new AbortController().signal, (open) => {
    near = new NeighbourChannel(nearEnd, true, open, { ...events, frame: nothing });
  });
  const [far] = channels;
  channels.push(near);
  await close();
  far.admitted();
  near.admitted();
  // What two sides have to say before they know each other takes some turns of the event loop.
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  const send = async (segment: number, bytes: number) => {
    const { header, payload } = slab(segment, bytes);
    randomFillSync(payload);
    await new Promise<void>((sent) => near.sendSlab(header, payload, () => sent()));
    return Buffer.concat([header, payload]);
  };
  return { near, far, send, came, bySocket, problems };
}

linux.it('large slabs are read, small ones and all else go by socket, and all come in order', async () => {
  const { near, send, came, bySocket } = await pair(socket(1, 2), socket(2, 1));
  const other = Buffer.from([1, 2, 3]);
  const sent = [send(1, 200_000), send(2, 4_000)];
  near.send(other, nothing);
  sent.push(send(3, 1_000_000));
  const slabs = await Promise.all(sent);
  await eventually('all have come', () => came.length === 4);
  expect(Buffer.concat(came).equals(Buffer.concat([slabs[0], slabs[1], other, slabs[2]]))).toBe(true);
  expect(bySocket.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(5_000);
});

it.each([
  ['to another machine', socket(1, 2, '10.0.0.2'), socket(2, 1, '10.0.0.3')],
  ['with something between its ends', socket(1, 2), socket(3, 4)],
])('over a line %s all goes by socket', async (_, near, far) => {
  const { send, came, bySocket, problems } = await pair(near, far);
  const sent = await send(1, 200_000);
  await eventually('it has come', () => came.length === 1);
  expect(came[0].equals(sent)).toBe(true);
  expect(bySocket.filter(([first]) => isSlab(first))).toHaveLength(1);
  expect(problems).toEqual([]);
});

linux.it('memory is read only of who has shown it, and no longer once that is wiped', () => {
  const memory = foreignMemory()!;
  const [nonce, other] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
  const seal = new OwnSeal();
  const at = memory.address(seal.show(nonce, { near: 'a', far: 'b' }));
  const from = Buffer.from(new SharedArrayBuffer(4096)).fill(7);
  const to = Buffer.from(new SharedArrayBuffer(4096));
  const place = { at: memory.address(from), bytes: from.length };
  const isRead = (pid: number, asked: Uint8Array, near = 'b') =>
    new SealedMemory(memory, pid, at, asked, { near, far: 'a' }).read([place], [to]);
  expect(isRead(process.pid, nonce)).toBe(true);
  expect(to.equals(from)).toBe(true);
  expect(isRead(process.pid, other)).toBe(false);
  // A third process that is shown this memory knows it by another line.
  expect(isRead(process.pid, nonce, 'c')).toBe(false);
  // No process has that number.
  expect(isRead(2 ** 30, nonce)).toBe(false);
  seal.wipe();
  expect(isRead(process.pid, nonce)).toBe(false);
});

linux.it('a slab that nobody has shown, or that is none, is refused', async () => {
  const { near, far, problems } = await pair(socket(1, 2), socket(3, 4));
  const header = new Uint8Array(32);
  near.send(encodeNeighbourWord({ kind: 'slab', bytes: 64, at: 1n, header }), nothing);
  await eventually('it is refused', () => problems.length === 1);
  expect(problems[0]).toContain('64 bytes of a slab');
  far.terminate();
});

/** A process that holds memory full of sevens and shows its seal; it does nothing else. */
async function holder(nonce: Uint8Array, bytes: number) {
  const program = `
    const koffi = require('koffi');
    const seal = new Uint8Array(new SharedArrayBuffer(32));
    const all = new Uint8Array(new SharedArrayBuffer(${bytes})).fill(7);
    process.stdin.once('data', (shown) => {
      seal.set(shown);
      process.stdout.write(JSON.stringify([seal, all].map((each) => String(koffi.address(each)))) + '\\n');
    });`;
  const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] });
  children.push(child);
  // What it shows is made here, as its own code would: of the line as it sees it.
  const mine = new OwnSeal();
  child.stdin.write(mine.show(nonce, { near: 'b', far: 'a' }) as Uint8Array);
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const [seal, at] = (JSON.parse(String(said)) as string[]).map(BigInt);
  return { child, memory: new SealedMemory(foreignMemory()!, child.pid!, seal, nonce, { near: 'a', far: 'b' }), at };
}

linux.it(
  'a process that stands still is read as ever, and of one that is killed meanwhile nothing is taken for whole',
  async () => {
    const bytes = 32 << 20;
    const { child, memory, at } = await holder(new Uint8Array(32).fill(3), bytes);
    const to = Buffer.from(new SharedArrayBuffer(bytes));
    const isWhole = () => to.equals(Buffer.alloc(bytes, 7));
    child.kill('SIGSTOP');
    expect(memory.read([{ at, bytes }], [to])).toBe(true);
    expect(isWhole()).toBe(true);
    // Another process kills it, as this one only reads from here on.
    spawn('sh', ['-c', `sleep 0.05; kill -9 ${child.pid}`]);
    for (to.fill(0); memory.read([{ at, bytes }], [to]); to.fill(0)) expect(isWhole()).toBe(true);
    await once(child, 'exit');
    expect(memory.read([{ at, bytes: 64 }], [to.subarray(0, 64)])).toBe(false);
  },
);
