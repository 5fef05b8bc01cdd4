/** Gradients rounded to 16 or 8 bits on the wire: replicas stay identical, and what rounding loses is not lost for good. */
import { describe, expect, it } from 'vitest';
import type { AllReducePlan } from '../../src/reduce/plan.js';
import { SEGMENT, sumBytes } from '../../src/reduce/segments.js';
import { Gradients, randomNumbers, World } from '../support/all-reduces.js';

const layout = { trainable: SEGMENT + 4096, state: SEGMENT + 4096 + 160 };
const small = { trainable: 64, state: 64 };

/** Members with two shards each, neighbours. */
const pairs = (n: number, changes: Partial<AllReducePlan>): AllReducePlan => ({
  round: 0,
  attempt: 0,
  algorithm: 'star',
  precision: 'bfloat16',
  shards: 2 * n,
  members: Array.from({ length: n }, (_, id) => ({ id, nodes: [{ low: 2 * id, high: 2 * id + 2 }] })),
  ...changes,
});

/** Members with two shards each that have no edge in common. */
const apart = (n: number, changes: Partial<AllReducePlan>): AllReducePlan => ({
  ...pairs(n, changes),
  members: Array.from({ length: n }, (_, id) => ({ id, nodes: [id, id + n].map((low) => ({ low, high: low + 1 })) })),
});

const ids = (n: number) => Array.from({ length: n }, (_, id) => id);
const totals = (world: World) => [...world.members.values()].map(({ total }) => total.slice());

describe.each(['bfloat16', 'float16', 'int8'] as const)('%s', (precision) => {
  it.each(['star', 'butterfly'] as const)('leaves all members of a %s with the same bits', async (algorithm) => {
    for (const n of [2, 4]) {
      const world = new World(ids(n), layout);
      const again = new World(ids(n), layout);
      for (let round = 0; round < 4; round++) {
        const gradients = new Gradients(2 * n, layout.state, round + 7, 0.01);
        const plan = (round % 2 === 0 ? pairs : apart)(n, { algorithm, precision, round });
        const squares = await world.exchange(plan, gradients, randomNumbers(round));
        // In whatever order frames come.
        expect(await again.exchange(plan, gradients, randomNumbers(round + 50))).toEqual(squares);
        expect(new Set(squares).size).toBe(1);
        const [first, ...others] = [...totals(world), ...totals(again)];
        for (const other of others) expect(Buffer.from(other.buffer).equals(Buffer.from(first.buffer))).toBe(true);
        // The segment that holds state travels as it is; the other is rounded, but not far.
        const exact = gradients.sum({ low: 0, high: 2 * n });
        expect(first.subarray(SEGMENT)).toEqual(exact.subarray(SEGMENT));
        const rounded = first.subarray(0, SEGMENT);
        expect(rounded).not.toEqual(exact.subarray(0, SEGMENT));
        const worst = exact.subarray(0, SEGMENT).reduce((most, x, i) => Math.max(most, Math.abs(rounded[i] - x)), 0);
        expect(worst).toBeLessThan(30 * n * 2 ** -7);
        for (const { exchange } of [...world.members.values(), ...again.members.values()]) exchange.commit();
      }
    }
  });

  it(precision === 'int8' ? 'sends a quarter of the bytes, and scales' : 'sends half the bytes', async () => {
    const even = { trainable: SEGMENT * 2, state: SEGMENT * 2 };
    const world = new World(ids(2), even);
    await world.exchange(pairs(2, { precision }), new Gradients(4, even.state, 1), randomNumbers(1));
    const { bytesSent, bytesReceived } = world.members.get(1)!.exchange;
    const bytes = even.state * (precision === 'int8' ? 1 + 4 / 128 : 2);
    expect([bytesSent, bytesReceived]).toEqual([bytes, bytes]);
    expect(sumBytes(even, precision)).toBe(bytes);
  });

  it('gives a repeated exchange the bits of the first: residuals change on commit only', async () => {
    const world = new World(ids(3), small);
    const gradients = new Gradients(6, small.state, 2, 0.001);
    const exchange = (round: number, attempt: number) =>
      world.exchange(pairs(3, { precision, round, attempt }), gradients, randomNumbers(round + attempt));
    const [first] = await exchange(0, 0);
    expect((await exchange(0, 1))[0]).toBe(first);
    expect((await exchange(1, 0))[0]).toBe(first);
    for (const member of world.members.values()) member.exchange.commit();
    expect((await exchange(2, 0))[0]).not.toBe(first);
  });

  it.each(['star', 'butterfly'] as const)(
    'loses nothing in the long run through a %s, which it would without feedback',
    async (algorithm) => {
      const n = 3;
      const rounds = 400;
      const gradients = new Gradients(2 * n, small.state, 3, 0.001);
      const exact = gradients.sum({ low: 0, high: 2 * n });
      /** Error of the mean total of all rounds, mean over the slab. */
      const error = async (plan: typeof pairs, feedback: boolean): Promise<number> => {
        const world = new World(ids(n), small);
        const sum = new Float64Array(small.state);
        for (let round = 0; round < rounds; round++) {
          await world.exchange(plan(n, { algorithm, precision, round }), gradients, randomNumbers(round));
          world.members.get(0)!.total.forEach((value, i) => {
            sum[i] += value;
          });
          if (feedback) for (const { exchange } of world.members.values()) exchange.commit();
        }
        return sum.reduce((total, value, i) => total + Math.abs(value / rounds - exact[i]), 0) / small.state;
      };
      const scale = exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const one = { bfloat16: 2 ** -8, float16: 2 ** -11, int8: 1 / 127 }[precision];
      for (const plan of [pairs, apart]) {
        const [kept, lost] = [await error(plan, true), await error(plan, false)];
        expect(kept).toBeLessThan((scale * one * 4) / rounds);
        expect(lost).toBeGreaterThan(kept * 20);
      }
    },
  );
});
