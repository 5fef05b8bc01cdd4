/** The exchange of gradients between members: whoever holds what, and in whatever order frames come, the bits are the tree's. */
import { describe, expect, it } from 'vitest';
import { agreedBlocks } from '../../coordinator/world/agreed-squares.js';
import { WireError } from '../../src/errors.js';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import { NORM_BLOCK, normBlocks, sumSquares, totalSquares } from '../../src/reduce/norm.js';
import type { AllReducePlan } from '../../src/reduce/plan.js';
import { SEGMENT } from '../../src/reduce/segments.js';
import { dealShares, updatedBy } from '../../src/reduce/shares.js';
import { openSlab } from '../../src/reduce/slab-frame.js';
import { deal, Gradients, randomNumbers, World } from '../support/all-reduces.js';
import { reseal } from '../support/slab-frames.js';
import { makeSlabs } from '../support/slabs.js';

const layout = { trainable: SEGMENT * 2 + 4096 + 160, state: SEGMENT * 2 + 4096 + 208 };
const algorithms = ['star', 'butterfly'] as const;

const equal = (a: Float32Array, b: Float32Array): boolean =>
  Buffer.from(a.slice().buffer).equals(Buffer.from(b.slice().buffer));

const planOf = (
  members: AllReducePlan['members'],
  shards: number,
  changes: Partial<AllReducePlan> = {},
): AllReducePlan => ({
  round: 0,
  attempt: 0,
  algorithm: 'star',
  precision: 'float32',
  shards,
  members,
  ...changes,
});

/** The norm as the threads of one machine compute it. */
function norm(total: Float32Array): number {
  const { memory, offsets, views } = makeSlabs(1, layout.state);
  views[0].set(total);
  const sums = new Float64Array(normBlocks(layout.trainable));
  sumSquares(loadUpdateKernels(memory), offsets[0], layout.trainable, 0, sums.length, sums);
  return Math.sqrt(totalSquares(sums));
}

function expectTotal(world: World, plan: AllReducePlan, gradients: Gradients, squares: readonly number[]): void {
  const total = gradients.sum({ low: 0, high: plan.shards });
  for (const { id } of plan.members) {
    const member = world.members.get(id)!;
    expect(equal(member.total, total)).toBe(true);
    expect(member.exchange.waitingFor()).toEqual([]);
  }
  expect(new Set(squares).size).toBe(1);
  expect(Math.sqrt(squares[0])).toBe(norm(total));
}

/** Of the four rounds that members of any number go through. */
const rounds = [8, 7, 11, 1].map((shards, round) => ({
  shards,
  gradients: new Gradients(shards, layout.state, round + 1),
}));

describe.each(algorithms)('%s', (algorithm) => {
  it.each([1, 2, 3, 4, 5, 6])('gives %i members on any hosts the bits of one, round after round', async (n) => {
    const ids = Array.from({ length: n }, (_, i) => (i === 0 ? 0 : i + 2));
    const world = new World(ids, layout);
    for (const [round, { shards, gradients }] of rounds.entries()) {
      const random = randomNumbers(n * 100 + round);
      const dealt = deal(ids, shards, random, round % 2 === 0);
      const members = dealt.map((member, i) => ({ ...member, host: ids[random(i + 1)] }));
      const plan = planOf(members, shards, { round, algorithm });
      const squares = await world.exchange(plan, gradients, random);
      expectTotal(world, plan, gradients, squares);
    }
  });

  it('reaches a coordinator without threads, and members without shards', async () => {
    const world = new World([0, 1, 2, 3, 4], layout);
    const gradients = new Gradients(6, layout.state, 3);
    const dealt = deal([1, 3, 4], 6, randomNumbers(8), true);
    const nodes = (id: number) => dealt.find((member) => member.id === id)?.nodes ?? [];
    const members = [0, 1, 2, 3, 4].map((id) => ({ id, nodes: nodes(id) }));
    const plan = planOf(members, 6, { algorithm });
    expectTotal(world, plan, gradients, await world.exchange(plan, gradients, randomNumbers(9)));
    expect(world.members.get(2)!.exchange.bytesSent).toBe(0);
    expect(world.members.get(2)!.exchange.bytesReceived).toBe(layout.state * 4);
  });

  it('is repeated without a lost member, by others who hold its shards, from slots that are as they were', async () => {
    const world = new World([0, 1, 2, 3], layout);
    const gradients = new Gradients(8, layout.state, 4);
    const two = (...lows: number[]) => lows.map((low) => ({ low, high: low + 2 }));
    const first = planOf(
      [0, 1, 2, 3].map((id) => ({ id, nodes: two(id * 2) })),
      8,
      { algorithm },
    );
    const began = first.members.map(({ id, nodes }) => world.members.get(id)!.begin(first, nodes, gradients));
    const failures = Promise.allSettled(began);
    const slots = world.members.get(1)!.slots(1);
    const random = randomNumbers(6);
    // Member 3 dies: nothing from it arrives any more.
    const isLost = ({ from, to }: { from: number; to: number }) => from === 3 || to === 3;
    for (let i = 0; i < 4; i++) {
      const at = world.queue.findIndex((delivery) => !isLost(delivery));
      if (at < 0) break;
      const [delivery] = world.queue.splice(at, 1);
      world.members.get(delivery.to)!.receive(delivery);
    }
    expect(world.members.get(0)!.exchange.waitingFor().length).toBeGreaterThan(0);
    const lost = new WireError('member 3 is lost', 'start it again');
    for (const id of [0, 1, 2]) world.members.get(id)!.exchange.abort(lost);
    world.members.get(3)!.exchange.abort(lost);
    world.members.delete(3);
    expect((await failures).map((result) => result.status === 'rejected' && result.reason)).toEqual([
      lost,
      lost,
      lost,
      lost,
    ]);
    expect(
      world.members
        .get(1)!
        .slots(1)
        .every((slot, i) => equal(slot, slots[i])),
    ).toBe(true);
    // Frames of the first attempt are still on their way.
    world.queue = world.queue.filter((delivery) => delivery.to !== 3);
    expect(world.queue.length).toBeGreaterThan(0);
    const members = [
      { id: 0, nodes: two(0) },
      { id: 1, nodes: two(2, 6) },
      { id: 2, nodes: two(4) },
    ];
    const second = planOf(members, 8, { algorithm, attempt: 1 });
    const late = world.queue.map(({ frame }) => ({ frame, copy: Buffer.from(frame) }));
    expectTotal(world, second, gradients, await world.exchange(second, gradients, random));
    expect(late.every(({ frame, copy }) => frame.equals(copy))).toBe(true);
  });

  it('lets a run diverge: numbers that are not finite reach everybody, and are counted', async () => {
    const world = new World([0, 1], layout);
    const members = [0, 1].map((id) => ({ id, nodes: [{ low: id, high: id + 1 }] }));
    const squares = await world.exchange(
      planOf(members, 2, { algorithm }),
      new Gradients(2, layout.state, 1, 1e38),
      randomNumbers(2),
    );
    expect(squares.map(Number.isFinite)).toEqual([false, false]);
    const { nonFinite } = world.members.get(0)!.exchange;
    expect(nonFinite.get(1)).toBeGreaterThan(0);
  });
});

describe('a reduce-scatter', () => {
  const shards = 8;
  const gradients = new Gradients(shards, layout.state, 7);
  const total = gradients.sum({ low: 0, high: shards });
  /** Each member has the bits of its share, and the coordinator has all. */
  const expectShares = (world: World, plan: AllReducePlan, squares: readonly number[]) => {
    for (const [place, { id }] of plan.members.entries()) {
      const member = world.members.get(id)!;
      for (const { from, to } of updatedBy(plan.shares!, id))
        expect(equal(member.total.subarray(from, to), total.subarray(from, to))).toBe(true);
      expect(squares[place]).toBe(totalSquares(world.members.get(0)!.exchange.blocksOf(plan.shares!, id)));
      expect(member.exchange.waitingFor()).toEqual([]);
      expect(member.refusals).toEqual([]);
    }
    expect(Math.sqrt(squares[plan.members.findIndex(({ id }) => id === 0)])).toBe(norm(total));
  };

  it.each([
    ['workers and a coordinator without threads', [1, 2, 3, 4], [1, 2, 3, 4]],
    ['a coordinator with threads', [0, 1, 2], [1, 2]],
    ['workers without sums, who have shares', [1, 3], [1, 2, 3, 4]],
    ["a worker that is lost, whose share is the coordinator's", [1, 2, 4], [1, 2, 0, 4]],
    ['one worker that has all sums', [2], [1, 2, 3]],
  ])('of %s gives each its share', async (_, holders, owners) => {
    const ids = [...new Set([0, ...holders, ...owners])];
    const world = new World(ids, layout);
    for (const round of [0, 1, 2]) {
      const random = randomNumbers(50 + round);
      const dealt = deal(holders, shards, random, round % 2 === 0);
      const members = ids.map((id) => ({ id, nodes: dealt.find((member) => member.id === id)?.nodes ?? [] }));
      const plan = planOf(members, shards, {
        ...{ round, algorithm: 'butterfly' },
        shares: dealShares(layout.state, NORM_BLOCK, owners),
      });
      expectShares(world, plan, await world.exchange(plan, gradients, random));
    }
  });

  it.each([
    ['all of whom have sums', [1, 2, 3, 4]],
    ['one of whom has none', [1, 2, 4]],
  ])('among workers alone, %s, gives each its share and its second copy', async (_, holders) => {
    const ids = [1, 2, 3, 4];
    const world = new World(ids, layout);
    for (const round of [0, 1, 2]) {
      const random = randomNumbers(80 + round);
      const dealt = deal(holders, shards, random, round % 2 === 0);
      const members = ids.map((id) => ({ id, nodes: dealt.find((member) => member.id === id)?.nodes ?? [] }));
      const seconds = [2, 3, 4, 1];
      const plan = planOf(members, shards, {
        ...{ round, algorithm: 'butterfly' },
        shares: dealShares(layout.state, NORM_BLOCK, ids, seconds),
      });
      await world.exchange(plan, gradients, random);
      const whole = new Map(
        ids.map((id) => [id, { squares: 0, blocks: world.members.get(id)!.exchange.blocksOf(plan.shares!, id) }]),
      );
      expect(Math.sqrt(agreedBlocks(plan.shares!, whole)!)).toBe(norm(total));
      for (const id of ids) {
        const member = world.members.get(id)!;
        expect([member.refusals, member.exchange.waitingFor()]).toEqual([[], []]);
        for (const { from, to } of updatedBy(plan.shares!, id))
          expect(equal(member.total.subarray(from, to), total.subarray(from, to))).toBe(true);
      }
    }
  });

  it('of a star leaves all to the coordinator', async () => {
    const world = new World([0, 1, 2], layout);
    const members = deal([0, 1, 2], shards, randomNumbers(4), true);
    const plan = planOf(members, shards, { shares: dealShares(layout.state, NORM_BLOCK, [0]) });
    expectShares(world, plan, await world.exchange(plan, gradients, randomNumbers(5)));
    expect(world.members.get(1)!.exchange.bytesReceived).toBe(0);
  });

  it('sends (n - 1) / n of a slab, and the share to the coordinator', async () => {
    const even = { trainable: SEGMENT * 4, state: SEGMENT * 4 };
    const world = new World([0, 1, 2, 3, 4], even);
    const nodes = (id: number) => (id === 0 ? [] : [{ low: id * 2 - 2, high: id * 2 }]);
    const members = [0, 1, 2, 3, 4].map((id) => ({ id, nodes: nodes(id) }));
    const shares = dealShares(even.state, NORM_BLOCK, [1, 2, 3, 4]);
    const plan = planOf(members, 8, { algorithm: 'butterfly', shares });
    await world.exchange(plan, new Gradients(8, even.state, 1), randomNumbers(3));
    const slab = even.state * 4;
    // Each sends another half of its sums, then a quarter.
    expect(shares.map(({ id }) => world.members.get(id)!.exchange.bytesSent)).toEqual(shares.map(() => slab));
    expect(world.members.get(0)!.exchange.bytesReceived).toBe(slab);
  });

  it.each([
    ['that are not all', [{ id: 1, from: 0, to: NORM_BLOCK }], /the shares of a step are not the floats/],
    [
      'without a coordinator',
      dealShares(layout.state, NORM_BLOCK, [1, 2]),
      /leaves out the coordinator, who is to have shares/,
    ],
  ])('with shares %s is not followed', async (_, shares, problem) => {
    const world = new World([1, 2], layout);
    const plan = planOf(deal([1, 2], shards, randomNumbers(1), true), shards, { algorithm: 'butterfly', shares });
    await expect(world.members.get(1)!.begin(plan, plan.members[0].nodes, gradients)).rejects.toThrow(problem);
  });
});

describe('bytes', () => {
  it('are a slab each way for a worker in a star, and (n - 1) / n of it in a butterfly', async () => {
    const even = { trainable: SEGMENT * 4, state: SEGMENT * 4 };
    const slab = even.state * 4;
    for (const [algorithm, bytes] of [
      ['star', [slab, slab]],
      ['butterfly', [slab * 1.5, slab * 1.5]],
    ] as const) {
      const world = new World([0, 1, 2, 3], even);
      const members = [0, 1, 2, 3].map((id) => ({ id, nodes: [{ low: id * 2, high: id * 2 + 2 }] }));
      await world.exchange(planOf(members, 8, { algorithm }), new Gradients(8, even.state, 1), randomNumbers(3));
      const { bytesSent, bytesReceived } = world.members.get(3)!.exchange;
      expect([bytesSent, bytesReceived]).toEqual(bytes);
    }
  });

  it.each(['star', 'butterfly'] as const)(
    'between two hosts are two slabs in a %s, however many members',
    async (algorithm) => {
      const even = { trainable: SEGMENT * 8, state: SEGMENT * 8 };
      for (const each of [1, 2, 4]) {
        const ids = Array.from({ length: 2 * each }, (_, id) => id);
        const world = new World(ids, even);
        const size = 8 / each;
        const nodes = (id: number) => [{ low: id * size, high: (id + 1) * size }];
        const members = ids.map((id) => ({ id, host: id < each ? 0 : each, nodes: nodes(id) }));
        await world.exchange(planOf(members, 16, { algorithm }), new Gradients(16, even.state, 1), randomNumbers(3));
        const sums = (of: 'bytesSent' | 'bytesBetweenHosts') =>
          ids.reduce((sum, id) => sum + world.members.get(id)!.exchange[of], 0) / (4 * even.state);
        expect([each, sums('bytesBetweenHosts'), sums('bytesSent')]).toEqual([each, 2, 2 * (2 * each - 1)]);
      }
    },
  );
});

describe('a member', () => {
  const nodes = [0, 1, 2].map((id) => [{ low: id * 2, high: id * 2 + 2 }]);
  const members = nodes.map((own, id) => ({ id, nodes: own }));
  const gradients = new Gradients(6, layout.state, 5);
  const start = (earlyBytes?: number) => {
    const world = new World([0, 1, 2], layout, earlyBytes);
    const plan = planOf(members, 6);
    for (const id of [1, 2])
      world.members
        .get(id)!
        .begin(plan, nodes[id], gradients)
        .catch(() => {});
    return { world, plan, coordinator: world.members.get(0)! };
  };

  it('says who owes how much', () => {
    const { world, plan, coordinator } = start();
    void coordinator.begin(plan, nodes[0], gradients);
    const slab = layout.state * 4;
    expect(coordinator.exchange.waitingFor()).toEqual([
      { id: 1, bytes: slab },
      { id: 2, bytes: slab },
    ]);
    expect(world.members.get(1)!.exchange.waitingFor()).toEqual([{ id: 0, bytes: slab }]);
    coordinator.receive(world.queue.find(({ from }) => from === 2)!);
    expect(coordinator.exchange.waitingFor()[1]).toEqual({ id: 2, bytes: slab - SEGMENT * 4 });
  });

  it('drops frames of exchanges that are over, and takes no plan of them', async () => {
    const { world, coordinator } = start();
    const later = planOf(members, 6, { round: 2 });
    void coordinator.begin(later, nodes[0], gradients);
    for (const delivery of world.queue.filter(({ to }) => to === 0)) coordinator.receive(delivery);
    expect(coordinator.exchange.bytesReceived).toBe(0);
    await expect(coordinator.begin(planOf(members, 6, { round: 1, attempt: 9 }), nodes[0], gradients)).rejects.toThrow(
      /round 1, attempt 9, was asked for after round 2, attempt 0/,
    );
  });

  it('keeps early frames up to a limit for each sender', () => {
    const frameBytes = SEGMENT * 4 + 32;
    const { world, coordinator } = start(2 * frameBytes);
    for (const sender of [1, 2]) {
      const [first, second, third] = world.queue.filter(({ from }) => from === sender);
      for (const delivery of [first, second]) coordinator.receive(delivery);
      expect(() => coordinator.receive(third)).toThrow(
        /member [12] sent more than 524352 bytes, or \d+ frames, of round 0/,
      );
    }
  });

  it('tells who sent an early frame that breaks the protocol', () => {
    const { world, plan, coordinator } = start();
    coordinator.receive({ ...world.queue.find(({ from }) => from === 1)!, from: 2 });
    void coordinator.begin(plan, nodes[0], gradients);
    expect(coordinator.refusals.map(({ from }) => from)).toEqual([2]);
    expect(coordinator.refusals[0].error.message).toMatch(/member 2 .* expected a sum of shards \[4, 6\)/);
  });

  it('gives up an exchange when the next begins', async () => {
    const { coordinator, plan } = start();
    const first = coordinator.begin(plan, nodes[0], gradients);
    void coordinator.begin({ ...plan, attempt: 1 }, nodes[0], gradients);
    await expect(first).rejects.toThrow(/attempt 1, has taken its place/);
  });

  it.each([
    ['without all shards', members.slice(0, 2), /make \[0, 4\), not the shards \[0, 6\)/],
    ['with a shard twice', [...members, { id: 4, nodes: [{ low: 3, high: 4 }] }], /not the shards/],
    ['without it', [{ id: 5, nodes: [{ low: 0, high: 6 }] }], /leaves out member 0/],
    ['with a sum that it has not', [{ id: 0, nodes: [{ low: 0, high: 6 }] }], /asks for a sum of shards \[0, 6\)/],
  ])('follows no plan %s', async (_, wrong, message) => {
    const { coordinator } = start();
    const own = [{ ...nodes[0][0], offset: coordinator.total.byteOffset }];
    const result = coordinator.exchange.begin(planOf(wrong, 6), own);
    await expect(result).rejects.toThrow(WireError);
    await expect(result).rejects.toThrow(message);
  });

  it.each([
    ['a flipped bit', {}, /checksum \d+, got \d+/, 40],
    ['a segment that does not exist', { segment: 3 }, /expected segments \[0, 3\), got 3/],
    ['a segment of another length', { segment: 2 }, /expected 17216 bytes, got 262144/],
    ['a sum that is not its', { low: 0, high: 2 }, /expected a sum of shards \[2, 4\), got this one/],
    ['a total that is not its to send', { kind: 'total' }, /expected the total from nobody, got it from 1/],
  ] as const)('refuses %s by name', (_, changes, message, flip = undefined as number | undefined) => {
    const { world, plan, coordinator } = start();
    void coordinator.begin(plan, nodes[0], gradients);
    const delivery = world.queue.find(({ from }) => from === 1)!;
    const frame = Buffer.from(delivery.frame);
    reseal(frame, { ...openSlab(frame), ...changes });
    if (flip !== undefined) frame[flip] ^= 4;
    const receive = () => coordinator.receive({ ...delivery, frame });
    expect(receive).toThrow(WireError);
    expect(receive).toThrow(message);
    expect(receive).toThrow(/^member 1 sent a .* sum of shards \[\d, \d\), segment \d, round 0, attempt 0: /);
  });

  it('refuses another precision by name', () => {
    const { world, plan, coordinator } = start();
    void coordinator.begin(plan, nodes[0], gradients);
    // The last segment is short enough to be a whole one in halves.
    const delivery = world.queue.find(({ from, frame }) => from === 1 && openSlab(frame).segment === 2)!;
    const frame = Buffer.from(delivery.frame);
    reseal(frame, { ...openSlab(frame), precision: 'float16' });
    expect(() => coordinator.receive({ ...delivery, frame })).toThrow(/expected float32, got float16/);
  });

  it('refuses a total before it has sent what belongs to it, and one from a member that is not its parent', () => {
    const world = new World([0, 1, 2, 3], layout);
    const four = [0, 1, 2, 3].map((id) => ({ id, nodes: [{ low: id, high: id + 1 }] }));
    const plan = planOf(four, 4, { algorithm: 'butterfly' });
    for (const { id, nodes: own } of four)
      void world.members.get(id)!.begin(plan, own, new Gradients(4, layout.state, 6));
    // Segment 0 has its root at member 0, whose children are 1 and 2; 3 is a child of 2.
    const sample = world.queue.find(({ frame }) => openSlab(frame).segment === 0)!;
    const frame = Buffer.from(sample.frame);
    reseal(frame, { ...openSlab(frame), kind: 'total', low: 0, high: 4 });
    expect(() => world.members.get(2)!.receive({ from: 0, to: 2, frame })).toThrow(/expected the total after all sums/);
    expect(() => world.members.get(3)!.receive({ from: 1, to: 3, frame })).toThrow(/expected the total from 2/);
  });
});
