/** Which road a frame takes on a line over MPI, and what is said about it on the other one. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isSlab } from '../../../src/wire/frame.js';
import { decodeSaid, encodeSaid, type Said } from '../../../src/wire/mpi/message.js';
import { MpiChannel } from '../../../src/wire/mpi/mpi-channel.js';
import { type MpiWorld, mpiWorld } from '../../../src/wire/mpi/mpi-world.js';
import type { Channel, ChannelEvents, OpenChannel } from '../../../src/wire/transport.js';
import { inProcess } from '../../support/in-process.js';
import { slab } from '../../support/lines.js';
import { beMpiJob, withoutMpi } from '../../support/mpi.js';
import { skipIf } from '../../support/skip-if.js';

const nothing = () => {};
const channels: Channel[] = [];
afterEach(() => {
  for (const channel of channels.splice(0)) channel.terminate();
});

/** Both ends of a line inside this process, and all that goes by socket from the first to the second. */
async function pair(dress: (open: OpenChannel, isCaller: boolean) => OpenChannel) {
  const bySocket: Buffer[] = [];
  const came: number[] = [];
  const events = (note: (frame: Uint8Array) => void): ChannelEvents => ({
    arrived: nothing,
    frame: note,
    landed: note,
    landing: () => undefined,
    unreadable: nothing,
    failed: nothing,
    closed: nothing,
  });
  const watched =
    (open: OpenChannel): OpenChannel =>
    (events) => {
      const channel = open(events);
      const send = (frame: Uint8Array, sent: () => void) => {
        bySocket.push(Buffer.from(frame));
        channel.send(frame, sent);
      };
      const sendSlab: Channel['sendSlab'] = (header, payload, sent) => {
        bySocket.push(Buffer.concat([header, payload]));
        channel.sendSlab(header, payload, sent);
      };
      return { ...channel, send, sendSlab };
    };
  const { port, close } = await inProcess.accept(
    { address: 'here', port: 0, patience: 10 },
    { came: (open) => channels.push(dress(open, false)(events((frame) => came.push(frame.length)))), failed: nothing },
  );
  let near!: Channel;
  await inProcess.connect(new URL(`here://here:${port}`), undefined, new AbortController().signal, (open) => {
    near = dress(watched(open), true)(events(nothing));
  });
  channels.push(near);
  await close();
  const [far] = channels;
  near.admitted();
  far.admitted();
  return { near, far, bySocket, came };
}

/** What goes by socket is there in the next turn of the event loop: after these the other side has been called, and has answered. */
async function answered(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate);
}

const said = (frames: readonly Buffer[]) => frames.flatMap((frame) => decodeSaid(frame) ?? []);

skipIf(withoutMpi).describe('a line over MPI', () => {
  let world: MpiWorld;
  beforeAll(async () => {
    beMpiJob();
    world = await mpiWorld();
  });

  const carried = (open: OpenChannel, isCaller: boolean) => (events: ChannelEvents) =>
    new MpiChannel(Promise.resolve(world), isCaller, open, events);

  it('sends slabs by MPI between processes of one job, and says so once and not slab by slab', async () => {
    const { near, bySocket, came } = await pair(carried);
    await expect.poll(() => said(bySocket).map(({ kind }) => kind)).toEqual(['meet']);
    await answered();
    for (let i = 0; i < 50; i++) {
      const { header, payload } = slab(i, 4 * (1 + 5000 * (i % 3)));
      near.sendSlab(header, payload, nothing);
    }
    await expect.poll(() => came.length).toBe(50);
    expect(came).toEqual(Array.from({ length: 50 }, (_, i) => 32 + 4 * (1 + 5000 * (i % 3))));
    // When nothing comes any more, the other side looks no longer.
    await expect.poll(() => said(bySocket).at(-1)).toEqual({ kind: 'sent', count: 50, rests: true });
    expect(said(bySocket).filter(({ kind }) => kind === 'sent').length).toBeLessThan(25);
    expect(bySocket.filter((frame) => isSlab(frame[0]))).toEqual([]);
    // It has to be told of the next one.
    const { header, payload } = slab(1, 64);
    near.sendSlab(header, payload, nothing);
    expect(said(bySocket).at(-1)).toEqual({ kind: 'sent', count: 51, rests: false });
    await expect.poll(() => came.length).toBe(51);
  });

  it('sends slabs by socket to a process of another job', async () => {
    const other = Object.create(world, { job: { value: new Uint8Array(16) }, takeTag: { value: () => 1 } }) as MpiWorld;
    const { near, bySocket, came } = await pair(
      (open, isCaller) => (events) => new MpiChannel(Promise.resolve(isCaller ? world : other), isCaller, open, events),
    );
    await answered();
    const { header, payload } = slab(1, 4000);
    near.sendSlab(header, payload, nothing);
    await expect.poll(() => came).toEqual([4032]);
    expect(bySocket.map((frame) => isSlab(frame[0]))).toEqual([false, true]);
  });

  it('takes a slab that was sent right behind the word that they go by MPI', async () => {
    const { header, payload } = slab(1, 4000);
    const came: number[] = [];
    await pair((open, isCaller) => (events) => {
      if (isCaller) return carried(open, isCaller)({ ...events, frame: (frame) => came.push(frame.length) });
      const hasty: OpenChannel = (inner) => {
        const socket = open(inner);
        const send: Channel['send'] = (frame, sent) => {
          socket.send(frame, sent);
          if (decodeSaid(Buffer.from(frame))?.kind === 'meet') {
            queueMicrotask(() => channel.sendSlab(header, payload, nothing));
          }
        };
        return { ...socket, send };
      };
      const channel = carried(hasty, isCaller)(events);
      return channel;
    });
    await expect.poll(() => came).toEqual([4032]);
  });

  it('says nothing of MPI to one that has not called by it', async () => {
    const { near, far, bySocket } = await pair((open, isCaller) => (isCaller ? open : carried(open, isCaller)));
    let heard = 0;
    const { header, payload } = slab(1, 4000);
    far.sendSlab(header, payload, () => heard++);
    near.sendSlab(header, payload, nothing);
    await expect.poll(() => heard).toBe(1);
    expect(bySocket.map((frame) => isSlab(frame[0]))).toEqual([true]);
  });

  it('ends with a slab that is larger than any', async () => {
    const problems: string[] = [];
    const { near } = await pair((open, isCaller) => (events) => {
      const failed = (problem: string) => problems.push(problem);
      return carried(open, isCaller)({ ...events, failed });
    });
    await answered();
    const { header } = slab(1, 0);
    near.sendSlab(header, new Uint8Array(2 ** 20 + 4), nothing);
    await expect.poll(() => problems).toEqual(['a slab of 1048580 bytes was announced by MPI']);
  });

  it('ends while a thread waits inside of MPI, which may be for ever', async () => {
    const ends: string[] = [];
    const { near } = await pair((open, isCaller) => (events) => {
      const closed = (problem: string) => ends.push(problem);
      return carried(open, isCaller)(isCaller ? events : { ...events, closed });
    });
    await answered();
    let leave!: () => void;
    const inside = world.alone(new Promise<void>((left) => (leave = left)));
    near.close('done');
    await expect.poll(() => ends).toEqual(['closed the connection']);
    leave();
    await inside;
  });
});

describe('what is said by socket about slabs', () => {
  it.each<Said>([
    { kind: 'meet', rank: 70_000, tag: 32_767, job: Buffer.from(Array.from({ length: 16 }, (_, i) => i)) },
    { kind: 'sent', count: 2 ** 32 - 1, rests: true },
    { kind: 'sent', count: 0, rests: false },
    { kind: 'end', count: 7 },
    { kind: 'tired' },
  ])('arrives as it was: %j', (one) => {
    expect(decodeSaid(encodeSaid(one))).toEqual(one);
  });

  it.each([
    ['another kind', Buffer.alloc(28, 9)],
    ['another length', Buffer.from([9, 2])],
    ['a control frame', Buffer.alloc(28, 1)],
  ])('is no frame of %s', (_, bytes) => {
    expect(decodeSaid(bytes)).toBeUndefined();
  });
});
