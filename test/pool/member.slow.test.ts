/** This process as a worker of a world: commands in their order, sums of its own nodes to the all-reduce, no round twice. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MetricTotals } from '../../src/evaluate/output-metrics.js';
import { Member } from '../../src/pool/member.js';
import type { ComputeTask } from '../../src/pool/round-worker.js';
import { becomeMember } from '../../src/pool/world-member.js';
import type { AllReducePlan } from '../../src/reduce/plan.js';
import { type PoolSetup, poolSetup, sumOf, taskOf } from '../support/pools.js';
import { bits } from '../support/slabs.js';

let setup: PoolSetup;
const order = Int32Array.from({ length: 90 }, (_, i) => i);
const task = (step: number, low = 0, high = 4) => taskOf(setup.options, order, 0, step, low, high);
const whole = { low: 0, high: 4 };
const update = (round: number) => ({ round, learningRate: 0.01, gradientScale: 1 / 32, stateScale: 1 / 32 });
const planOf = (round: number, ...nodes: { low: number; high: number }[]): AllReducePlan => ({
  round,
  attempt: 0,
  algorithm: 'star',
  precision: 'float32',
  shards: 4,
  members: [
    { id: 0, nodes: [] },
    { id: 7, nodes },
  ],
});

beforeAll(async () => {
  setup = await poolSetup();
});
afterAll(() => setup.close());

/** A member whose all-reduce finds its own sum of the whole step to be the total. */
async function makeMember() {
  const pool = await setup.startRounds(2);
  const log: string[] = [];
  let end: ((squares: number) => void) | undefined;
  const allReduce = {
    begin(plan: AllReducePlan, own: readonly { low: number; high: number; offset: number }[]): Promise<number> {
      log.push(`begin ${plan.round}: ${own.map(({ low, high }) => `${low}-${high}`)}`);
      for (const { low, high, offset } of own) {
        if (low > 0 || high < 4) return new Promise((resolve) => (end = resolve));
        const sum = new Float32Array(pool.memory.buffer, offset, setup.options.layout.state);
        new Float32Array(pool.memory.buffer, pool.total, sum.length).set(sum);
      }
      return Promise.resolve(own.length);
    },
    place: pool.total,
    blocksOf: () => new Float64Array(),
    commit: () => log.push('commit'),
  };
  // Nothing is sharded here.
  const parameters = becomeMember(pool, { id: 7, name: 'seven', send: () => {}, refused: () => {} }).parameters;
  const member = new Member(7, 'seven', pool, allReduce, parameters);
  return { member, pool, log, endAllReduce: (squares: number) => end!(squares) };
}

it('does one thing after the other, however fast they are asked for', async () => {
  const [patient, hasty] = [await makeMember(), await makeMember()];
  const batches = [{ batch: 0, bucket: 0, rows: order.slice(0, 30) }];
  const results: MetricTotals[] = [];
  const all: Promise<unknown>[] = [];
  for (const step of [0, 1]) {
    await patient.member.compute(task(step));
    await patient.member.allReduce(planOf(step, whole));
    await patient.member.commit(update(step));
    results.push(await patient.member.evaluate(batches));
  }
  // The coordinator commits only what has been exchanged.
  const [{ member }] = [hasty];
  for (const step of [0, 1]) {
    all.push(member.compute(task(step)));
    const squares = member.allReduce(planOf(step, whole));
    all.push(squares);
    await squares;
    all.push(member.commit(update(step)), member.evaluate(batches));
  }
  const done = await Promise.all(all);
  expect([done[3], done[7]]).toEqual(results);
  expect(bits(hasty.pool.parameters)).toEqual(bits(patient.pool.parameters));
  expect(bits(hasty.pool.parameters)).not.toEqual(bits(setup.parameters));
  expect(hasty.log).toEqual(['begin 0: 0-4', 'commit', 'begin 1: 0-4', 'commit']);
});

it('computes more nodes of a round while an all-reduce cannot end', async () => {
  const { member, pool, log, endAllReduce } = await makeMember();
  const { state } = setup.options.layout;
  await member.compute(task(0, 0, 2));
  const stuck = member.allReduce(planOf(0, { low: 0, high: 2 }));
  const first = sumOf(pool, { low: 0, high: 2 }, state);
  const before = bits(first);
  await member.compute(task(0, 2, 4));
  expect(bits(first)).toEqual(before);
  expect(log).toEqual(['begin 0: 0-2']);
  endAllReduce(5);
  expect((await stuck).squares).toBe(5);
  // Who computed nothing has nothing to give.
  expect((await member.allReduce({ ...planOf(0), attempt: 1 })).squares).toBe(0);
});

it('goes on after a command that failed', async () => {
  const { member } = await makeMember();
  await expect(member.allReduce(planOf(0, whole))).rejects.toThrow('[0, 4) was not computed');
  await expect(member.compute({ ...task(0), rows: [] })).rejects.toThrow('came with a task over the places 0 to 31');
  expect((await member.compute(task(0))).losses).toHaveLength(4);
});

it('refuses what would read memory that is not there', async () => {
  const { member } = await makeMember();
  const compute = (change: Partial<ComputeTask>) => expect(member.compute({ ...task(2), ...change })).rejects;
  await compute({ step: 3, round: 3 }).toThrow('round 3 is not step 3 of epoch 0');
  await compute({ round: 1 }).toThrow('round 1 is not step 2 of epoch 0');
  await compute({ nodes: [{ low: 1, high: 3 }] }).toThrow('shards [1, 3) are no node of the tree over 4');
  await compute({ nodes: [whole, { low: 1, high: 2 }] }).toThrow('shards [1, 2) are no node');
  await compute({ nodes: [{ low: 0, high: 8 }] }).toThrow('shards [0, 8) are no node');
  await compute({ bucket: 1 }).toThrow('bucket 1 of sequences is none of the 1 of the job');
  const beyond = [{ batch: 0, bucket: 1, rows: order.slice(0, 3) }];
  await expect(member.evaluate(beyond)).rejects.toThrow('bucket 1 of sequences is none of the 1 of the job');
  const rows = (start: number, count: number) => ({ start, rows: order.slice(0, count) });
  await compute({ rows: [rows(64, 25)] }).toThrow('rows of the places 64 to 88 of the epoch came with a task over');
  await compute({ rows: [rows(64, 20), rows(86, 4)] }).toThrow('rows of the places 64 to 83, 86 to 89 of the epoch');
  await compute({ rows: [rows(64, 20), rows(84, 7)] }).toThrow('over the places 64 to 89');
  const wrong = order.slice(0, 26).fill(200, 5, 6);
  await compute({ rows: [{ start: 64, rows: wrong }] }).toThrow('example 200 is none of the 200');
  await compute({ rows: [{ start: 64, rows: wrong.fill(-1) }] }).toThrow('example -1 is none of the 200');
  expect((await member.compute({ ...task(2), rows: [rows(84, 6), rows(64, 20)] })).losses).toHaveLength(4);
  const evaluate = (...batches: Int32Array[]) =>
    expect(member.evaluate(batches.map((rows, batch) => ({ batch, bucket: 0, rows })))).rejects;
  await evaluate(order.slice(0, 31)).toThrow('evaluation batch 0 has 31 examples, not 1 to 30');
  await evaluate(order.slice(0, 3), order.slice(0, 0)).toThrow('evaluation batch 1 has 0 examples');
  await evaluate(Int32Array.from([200])).toThrow('example 200');
  await evaluate(...Array.from({ length: 8 }, () => order.slice(0, 1))).toThrow('8 evaluation batches came');
});

it('refuses rounds that go backwards', async () => {
  const { member } = await makeMember();
  await member.compute(task(1));
  const backwards = (round: number, last: number) => `round ${round} was asked for after round ${last}`;
  await expect(member.compute(task(0))).rejects.toThrow(backwards(0, 1));
  await expect(member.allReduce(planOf(0, whole))).rejects.toThrow(backwards(0, 1));
  await member.allReduce(planOf(1, whole));
  await member.commit(update(1));
  await expect(member.commit(update(1))).rejects.toThrow(backwards(1, 1));
  await expect(member.compute(task(1))).rejects.toThrow(backwards(1, 1));
  expect(member.threads).toBe(2);
});
