/** Parameters that members have updated for each other: all have all of them, whatever comes early, twice or from whom; what is wrong is refused. */
import { describe, expect, it } from 'vitest';
import { WireError } from '../../src/errors.js';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import { NORM_BLOCK } from '../../src/reduce/norm.js';
import { ParameterExchange } from '../../src/reduce/parameter-exchange.js';
import { LARGEST_SEGMENT } from '../../src/reduce/segments.js';
import { checkShares, dealShares as dealUnits, updatedBy } from '../../src/reduce/shares.js';
import { openSlab } from '../../src/reduce/slab-frame.js';
import { settled } from '../support/rosters.js';
import { inOne } from '../support/slab-frames.js';

const trainable = 2 * LARGEST_SEGMENT + 48;
const start = 64;
const dealShares = (floats: number, ids: readonly number[], seconds?: readonly number[]) =>
  dealUnits(floats, NORM_BLOCK, ids, seconds);
/** The share is updated already. */
const updated = async () => {};
const numberAt = (i: number) => Math.fround(Math.sin(i));

interface Sent {
  readonly from: number;
  readonly to: number;
  readonly bytes: Buffer;
}

/** Members that have updated their shares, and what they have sent. */
function members(ids: readonly number[], shares = dealShares(trainable, ids)) {
  const sent: Sent[] = [];
  const refused: string[] = [];
  const each = new Map(
    [0, ...ids].map((self) => {
      const memory = new WebAssembly.Memory({ initial: 40, maximum: 40, shared: true });
      const parameters = new Float32Array(memory.buffer, start, trainable);
      for (const { from, to } of updatedBy(shares, self)) for (let i = from; i < to; i++) parameters[i] = numberAt(i);
      const exchange = new ParameterExchange({
        ...{ self, memory, kernels: loadUpdateKernels(memory), parameters: start, changing: trainable, ahead: 2 },
        isNear: (id) => id === self,
        send: (to, frame) => sent.push({ from: self, to, bytes: inOne(frame) }),
        refused: (from, { problem }) => refused.push(`${from}: ${problem}`),
      });
      return [self, { exchange, parameters }] as const;
    }),
  );
  const deliver = () => {
    for (const { from, to, bytes } of sent.splice(0)) each.get(to)!.exchange.receive(from, openSlab(bytes));
  };
  /** From the owners, and of what is passed on. */
  const allSent = async () => {
    const all: Sent[] = [];
    for (let i = 0; i < 3; i++) {
      await settled();
      all.push(...sent);
      deliver();
    }
    return all;
  };
  const missing = (id: number) => each.get(id)!.parameters.findIndex((value, i) => value !== numberAt(i));
  return { shares, sent, refused, deliver, allSent, missing, of: (id: number) => each.get(id)!.exchange };
}

describe('shares', () => {
  it.each([1, 2, 3, 7])('of %i members are all parameters, and equal', (count) => {
    const shares = dealShares(
      trainable,
      Array.from({ length: count }, (_, i) => i + 1),
    );
    expect(() => checkShares(shares, trainable, NORM_BLOCK)).not.toThrow();
    const sizes = shares.map(({ from, to }) => to - from);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(NORM_BLOCK);
  });

  it.each([
    [[{ id: 1, from: 0, to: NORM_BLOCK }]],
    [[{ id: 1, from: 0, to: trainable + 16 }]],
    [[{ id: 1, from: NORM_BLOCK, to: trainable }]],
    [
      [
        { id: 1, from: 0, to: 16 },
        { id: 2, from: 16, to: trainable },
      ],
    ],
  ])('%j are refused', (shares) => {
    expect(() => checkShares(shares, trainable, NORM_BLOCK)).toThrow(WireError);
  });
});

describe('an exchange', () => {
  it('gives everybody all, from peers or from the coordinator, early or late, once or twice', async () => {
    const world = members([1, 2, 3, 4], dealShares(trainable, [1, 2, 3]));
    const step = { shares: world.shares, hosts: [[1, 2, 3]], others: [4] };
    const first = [0, 1].map((id) => world.of(id).exchange(5, step, updated).complete);
    await settled();
    world.sent.push(...world.sent);
    world.deliver();
    const rest = [2, 3, 4].map((id) => world.of(id).exchange(5, step, updated).complete);
    await settled();
    world.deliver();
    await Promise.all([...first, ...rest]);
    expect([1, 2, 3, 4].map(world.missing)).toEqual([-1, -1, -1, -1]);
    expect(world.refused).toEqual([]);
  });

  it('sends each host every number of others once; members of it share out what they pass on', async () => {
    const hosts = [[1, 4, 6], [2, 5], [3]];
    const ids = [1, 2, 3, 4, 5];
    const world = members([...ids, 6], dealShares(trainable, [...ids, 0]));
    const ends = [0, ...ids, 6].map(
      (id) => world.of(id).exchange(0, { shares: world.shares, hosts, others: [] }, updated).complete,
    );
    const sent = await world.allSent();
    await Promise.all(ends);
    expect([...ids, 6].map(world.missing)).toEqual([-1, -1, -1, -1, -1, -1]);
    const hostOf = (id: number) => hosts.findIndex((host) => host.includes(id));
    const payload = (of: (one: Sent) => boolean) =>
      sent.filter(of).reduce((sum, { bytes }) => sum + bytes.length - 32, 0);
    const shareOf = (host: readonly number[]) =>
      world.shares.filter(({ id }) => host.includes(id)).reduce((sum, { from, to }) => sum + to - from, 0);
    for (const [i, host] of hosts.entries()) {
      const crossed = payload(({ from, to }) => hostOf(to) === i && hostOf(from) !== i);
      expect(crossed).toBe(4 * (trainable - shareOf(host)));
      // Each of its members has all that it has not updated, and nothing twice.
      for (const id of host) expect(payload(({ to }) => to === id)).toBe(4 * (trainable - shareOf([id])));
    }
    // The first two of the largest host each pass something on.
    for (const id of [1, 4])
      expect(payload(({ from, to }) => from === id && hostOf(to) === 0)).toBeGreaterThan(2 * 4 * shareOf([id]));
  });

  it.each([
    { hosts: [[1, 2, 3, 4]] },
    {
      hosts: [
        [1, 2],
        [3, 4],
      ],
    },
    { hosts: [[1, 3], [2], [4]] },
  ])('over $hosts sends nothing to who has the second copy, and everybody has all', async ({ hosts }) => {
    const ids = [1, 2, 3, 4];
    const shares = dealShares(trainable, ids, [2, 3, 4, 1]);
    const world = members(ids, shares);
    const pieces: number[] = [];
    const ends = ids.map((id) => {
      const { updated: mine, complete } = world.of(id).exchange(0, { shares, hosts, others: [] }, async (piece) => {
        if (id === 2) pieces.push(piece!.from);
      });
      return Promise.all([mine, complete]);
    });
    const sent = await world.allSent();
    await Promise.all(ends);
    expect(ids.map(world.missing)).toEqual([-1, -1, -1, -1]);
    expect(world.refused).toEqual([]);
    // What others wait for comes first.
    expect(pieces).toEqual([shares[1].from, shares[0].from]);
    const received = (id: number) =>
      sent.filter(({ to }) => to === id).reduce((sum, { bytes }) => sum + bytes.length - 32, 0);
    const updatedFloats = (id: number) => updatedBy(shares, id).reduce((sum, { from, to }) => sum + to - from, 0);
    for (const id of ids) expect(received(id)).toBe(4 * (trainable - updatedFloats(id)));
  });

  it('goes on where who would have passed something on is gone', async () => {
    const world = members([1, 2, 3], dealShares(trainable, [1, 2, 3]));
    const step = { shares: world.shares, hosts: [[1], [2, 3]], others: [] };
    const ends = [0, 1, 3].map((id) => world.of(id).exchange(0, step, updated).complete);
    await settled();
    world.deliver();
    expect(world.missing(3)).not.toBe(-1);
    world.of(0).send(0, [world.shares[0], world.shares[1]], [3]);
    world.of(0).send(0, [world.shares[1]], [1]);
    world.deliver();
    await Promise.all(ends);
    expect([1, 3].map(world.missing)).toEqual([-1, -1]);
  });

  it('whose member is gone ends with what the coordinator sends', async () => {
    const world = members([1, 2, 3]);
    const step = { shares: world.shares, hosts: [[1, 2, 3]], others: [] };
    const ends = [0, 1, 2].map((id) => world.of(id).exchange(0, step, updated).complete);
    await settled();
    world.deliver();
    expect([1, 2].map(world.missing)).toEqual([world.shares[2].from, world.shares[2].from]);
    world.of(0).send(0, [world.shares[2]], [1, 2]);
    world.deliver();
    await Promise.all(ends);
    expect([1, 2].map(world.missing)).toEqual([-1, -1]);
  });

  it('has the coordinator send what nobody else has', async () => {
    const [one, two] = dealShares(trainable, [1, 2]);
    const world = members([1], [one, { ...two, id: 0 }]);
    const step = { shares: world.shares, hosts: [[1]], others: [] };
    const ends = [1, 0].map((id) => world.of(id).exchange(0, step, updated).complete);
    await settled();
    world.deliver();
    await Promise.all(ends);
    expect(world.missing(1)).toBe(-1);
  });

  it('that is given up rejects, and one that is overtaken resolves', async () => {
    const world = members([1, 2]);
    const step = { shares: world.shares, hosts: [[1, 2]], others: [] };
    const given = world.of(1).exchange(0, step, updated).complete;
    world.of(1).abort(new Error('the line is gone'));
    await expect(given).rejects.toThrow('the line is gone');
    const overtaken = world.of(1).exchange(1, step, updated).complete;
    world.of(1).restart(3);
    await overtaken;
  });

  it.each<[string, (bytes: Buffer) => Buffer, RegExp]>([
    ['a changed number', (bytes) => bytes.fill(1, 40, 41), /its checksum is wrong/],
    ['half of a piece', (bytes) => bytes.subarray(0, bytes.length / 2 + 16), /expected \d+ numbers/],
  ])('does not take %s', async (_, damage, problem) => {
    const world = members([1, 2]);
    const step = { shares: world.shares, hosts: [[1, 2]], others: [] };
    void world.of(1).exchange(0, step, updated).complete;
    void world.of(2).exchange(0, step, updated).complete;
    await settled();
    const frame = world.sent.find(({ to }) => to === 1)!;
    expect(() => world.of(1).receive(2, openSlab(damage(Buffer.from(frame.bytes))))).toThrow(problem);
    expect(() => world.of(2).receive(1, openSlab(frame.bytes))).toThrow(/no piece begins there/);
    expect(() => world.of(0).receive(1, openSlab(frame.bytes))).toThrow(/the coordinator needs none/);
  });

  it('updates piece by piece while those of others come, and sends each only then', async () => {
    const world = members([1, 2], dealUnits(2 * LARGEST_SEGMENT + 48, LARGEST_SEGMENT, [2, 1]));
    const step = { shares: world.shares, hosts: [[1, 2]], others: [] };
    const pieces: number[] = [];
    let finish = () => {};
    const end = world.of(1).exchange(0, step, ({ from } = { from: -1, to: -1 }) => {
      pieces.push(from);
      return new Promise((resolve) => {
        finish = resolve;
      });
    });
    void world.of(2).exchange(0, step, updated).complete;
    await settled();
    expect(world.sent.map(({ from }) => from)).toEqual([2]);
    world.deliver();
    expect(world.missing(1)).toBe(-1);
    finish();
    await settled();
    // The second is updated while the first goes out.
    expect([pieces, world.sent.length]).toEqual([[LARGEST_SEGMENT, 2 * LARGEST_SEGMENT], 1]);
    finish();
    await end;
    expect(world.sent.map(({ from }) => from)).toEqual([1, 1]);
  });

  it('copies into a buffer again once all have been sent what was in it', async () => {
    const world = members([1, 2, 3]);
    const payloads: { readonly buffer: unknown; readonly sent?: () => void }[] = [];
    const memory = new WebAssembly.Memory({ initial: 40, maximum: 40, shared: true });
    const exchange = new ParameterExchange({
      ...{ self: 1, memory, kernels: loadUpdateKernels(memory), parameters: start, changing: trainable, ahead: 2 },
      isNear: () => true,
      send: (_, { payload, sent }) => payloads.push({ buffer: payload.buffer, sent }),
      refused: () => {},
    });
    const sendShare = () => exchange.send(0, [world.shares[0]], [2, 3]);
    sendShare();
    payloads[0].sent!();
    sendShare();
    payloads[1].sent!();
    sendShare();
    const [first, , second, , third] = payloads.map(({ buffer }) => buffer);
    expect(second).not.toBe(first);
    expect(third).toBe(first);
  });

  it('keeps no more of what comes too early than it was told to', async () => {
    const world = members([1, 2]);
    void world.of(2).exchange(9, { shares: world.shares, hosts: [[1, 2]], others: [] }, updated).complete;
    await settled();
    const frames = [...world.sent];
    expect(() => {
      for (let i = 0; i < 6; i++) for (const { bytes } of frames) world.of(1).receive(2, openSlab(bytes));
    }).toThrow(/more than/);
  });
});
