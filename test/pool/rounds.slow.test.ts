/** Rounds: steps whose nodes are computed by several pools come to the bits of one pool that takes the same steps by itself. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { batchOf, evaluationBatches } from '../../src/data/geometry.js';
import { metaOf } from '../../src/data/packed.js';
import { epochOrder } from '../../src/data/sampler.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { learningRateOf, type Update } from '../../src/optimizer/decide.js';
import type { ThreadPool } from '../../src/pool/pool.js';
import type { MemberPoolOptions, RoundOptions, UpdateOptions } from '../../src/pool/pool-options.js';
import type { ComputeTask } from '../../src/pool/round-worker.js';
import { cachedExamples } from '../../src/pool/row-cache.js';
import { partsOf } from '../support/parts.js';
import { type PoolSetup, poolSetup, sumOf, taskOf, treeSum } from '../support/pools.js';
import { bits } from '../support/slabs.js';

let setup: PoolSetup;
/** What steps on one thread came to. */
let wanted: Replica;

interface Replica {
  readonly slabs: number[][];
  readonly losses: number[];
}

const all = Int32Array.from({ length: 200 }, (_, i) => i);
const training = all.subarray(0, 90);
const orderOf = (epoch: number) => epochOrder(training, 3, epoch);
const slabsOf = (pool: Pick<ThreadPool, 'parameters' | 'slots'>) => [pool.parameters, ...pool.slots].map(bits);

function updateOf(round: number, count: number): Update {
  const learningRate = learningRateOf(setup.options, round, 1);
  return { round, learningRate, gradientScale: 1 / count, stateScale: 1 / count };
}

async function trainAlone(threads: number): Promise<Replica> {
  const pool = await setup.startTraining(threads);
  const losses: number[] = [];
  for (let epoch = 0; epoch < 2; epoch++) {
    await pool.train(epoch, orderOf(epoch), 0, 3);
    losses.push(...pool.stepLosses);
  }
  return { slabs: slabsOf(pool), losses };
}

/**
 * Takes all steps of the run in rounds.
 * @param boundary shards before it are computed by the first pool, the others by the second
 * @param send puts the rows of a task where its pool finds them
 */
async function trainTogether(
  [first, second]: ThreadPool<RoundOptions>[],
  boundary: number,
  {
    others = [],
    send = () => {},
  }: { others?: ThreadPool<UpdateOptions>[]; send?: (pool: ThreadPool<RoundOptions>, task: ComputeTask) => void } = {},
): Promise<number[]> {
  const { geometry, layout } = setup.options;
  const { stepsPerEpoch } = geometry;
  const losses: number[] = [];
  for (let round = 0; round < 2 * stepsPerEpoch; round++) {
    const [epoch, step] = [Math.floor(round / stepsPerEpoch), round % stepsPerEpoch];
    const { count } = batchOf(geometry, step);
    const order = orderOf(epoch);
    const tasks = [
      taskOf(setup.options, order, epoch, step, 0, boundary),
      taskOf(setup.options, order, epoch, step, boundary, 4),
    ];
    send(first, tasks[0]);
    send(second, tasks[1]);
    const computed = await Promise.all([first.compute(tasks[0]), second.compute(tasks[1])]);
    expect(computed.map(({ used }) => used)).toEqual(tasks.map(({ rows }) => rows));
    const sums = new Map<string, Float32Array>();
    tasks.forEach(({ nodes }, i) => {
      for (const node of nodes) sums.set(`${node.low}-${node.high}`, sumOf([first, second][i], node, layout.state));
    });
    const total = treeSum(sums, { low: 0, high: 4 });
    const everyone: ThreadPool<MemberPoolOptions>[] = [first, second, ...others];
    for (const pool of everyone) new Float32Array(pool.memory.buffer, pool.total, layout.state).set(total);
    await Promise.all(everyone.map((pool) => pool.apply(updateOf(round, count), pool.total)));
    losses.push(computed.flatMap(({ losses }) => losses).reduce((a, b) => a + b) / count);
  }
  return losses;
}

beforeAll(async () => {
  setup = await poolSetup();
  wanted = await trainAlone(1);
});
afterAll(() => setup.close());

it('is the same as steps on three threads', async () => {
  expect(await trainAlone(3)).toEqual(wanted);
});

it.each([
  { boundary: 2, threads: [1, 3] },
  { boundary: 3, threads: [2, 1] },
  { boundary: 1, threads: [1, 1] },
])('splits the tree at $boundary between pools of $threads threads', async ({ boundary, threads }) => {
  const pools = await Promise.all(threads.map((count) => setup.startRounds(count)));
  expect(await trainTogether(pools, boundary)).toEqual(wanted.losses);
  for (const pool of pools) expect(slabsOf(pool)).toEqual(wanted.slabs);
});

it('applies steps without an engine, and has no thread that computes', async () => {
  const pools = [await setup.startRounds(2), await setup.startRounds(1)];
  const other = await setup.startUpdates();
  expect(other.threads).toBe(0);
  await trainTogether(pools, 2, { others: [other] });
  expect(slabsOf(other)).toEqual(wanted.slabs);
});

it('reads rows that arrive before each task', async () => {
  const { options } = setup;
  const { features, targets, weights } = partsOf(options.examples);
  const width = 64;
  const rowsOf = (bytes: Uint8Array, rowBytes: number, rows: Int32Array) =>
    Uint8Array.from([...rows].flatMap((row) => [...bytes.subarray(row * rowBytes, (row + 1) * rowBytes)]));
  const send = ({ rowCache }: ThreadPool<RoundOptions>, task: ComputeTask) => {
    const missing = rowCache!.missing(Int32Array.from(task.rows.flatMap(({ rows }) => [...rows])));
    rowCache!.put(missing, [
      rowsOf(features as Uint8Array, width, missing),
      rowsOf(new Uint8Array(targets.buffer), 4, missing),
      rowsOf(new Uint8Array(weights!.buffer), 4, missing),
    ]);
  };
  const start = (threads: number, capacity: number) => {
    const examples = cachedExamples(metaOf(options.examples), capacity);
    return setup.startRounds(threads, { examples, rowCache: { capacity } });
  };
  // Half a batch each: as few rows as a task can have, and a few more.
  const pools = [await start(2, 16), await start(1, 21)];
  expect(await trainTogether(pools, 2, { send })).toEqual(wanted.losses);
  for (const pool of pools) expect(slabsOf(pool)).toEqual(wanted.slabs);
  const task = taskOf(options, orderOf(0), 9, 0, 0, 2);
  await expect(pools[0].compute(task)).rejects.toThrow('was not sent');
  // What could not be read does not stay.
  send(pools[0], task);
  await pools[0].compute(task);
});

it('keeps the sums of a round until the next one', async () => {
  const { options } = setup;
  const { state } = options.layout;
  const [pool, other] = [await setup.startRounds(2), await setup.startRounds(3)];
  const order = orderOf(0);
  const task = (low: number, high: number, step = 0) => taskOf(options, order, 0, step, low, high);
  const whole = await other.compute(task(0, 4));
  const sum = (low: number, high: number) => sumOf(pool, { low, high }, state);
  const losses = [];
  const before: Float32Array[] = [];
  for (const [low, high] of [
    [1, 2],
    [2, 4],
    [0, 1],
  ]) {
    losses.push((await pool.compute(task(low, high))).losses);
    before.push(sum(low, high).slice());
  }
  expect([losses[2], losses[0], losses[1]].flat()).toEqual(whole.losses);
  const held = [
    [1, 2],
    [2, 4],
    [0, 1],
  ].map(([low, high]) => sum(low, high));
  expect(held.map(bits)).toEqual(before.map(bits));
  const sums = new Map([
    ['1-2', held[0]],
    ['2-4', held[1]],
    ['0-1', held[2]],
  ]);
  expect(bits(treeSum(sums, { low: 0, high: 4 }))).toEqual(bits(sumOf(other, { low: 0, high: 4 }, state)));
  // Asked again, a shard has the same sum.
  await pool.compute(task(1, 2));
  expect(bits(sum(1, 2))).toEqual(bits(before[0]));
  // A range that is no node comes as several; the next round forgets the last.
  const { nodes, losses: two, phases, milliseconds } = await pool.compute(task(1, 3, 1));
  expect(nodes).toEqual([
    { low: 1, high: 2 },
    { low: 2, high: 3 },
  ]);
  expect(two).toHaveLength(2);
  expect(phases.compute).toBeGreaterThan(0);
  expect(Object.values(phases).reduce((a, b) => a! + b!, 0)).toBeLessThanOrEqual(milliseconds);
  expect(() => pool.slotOf({ low: 2, high: 4 })).toThrow('[2, 4)');
});

it('evaluates batches anywhere', async () => {
  const { metrics, geometry } = setup.options;
  const [alone, first, second] = [await setup.startTraining(1), await setup.startRounds(2), await setup.startRounds(3)];
  const rows = all.toReversed();
  const batches = evaluationBatches(geometry, rows.length).map(({ start, count }, batch) => ({
    batch,
    bucket: 0,
    rows: rows.subarray(start, start + count),
  }));
  const parts = [await first.evaluateBatches(batches.slice(0, 2)), await second.evaluateBatches(batches.slice(2))];
  const sums = new RunMetrics(metrics).merged(Float64Array.from(parts.flatMap(({ sums }) => [...sums])));
  const counts = parts[0].counts.map((count, i) => count + parts[1].counts[i]);
  const kept = Float32Array.from(parts.flatMap(({ kept }) => [...kept]));
  expect(counts[0]).toBeGreaterThan(0);
  expect({ sums, counts, kept }).toEqual(await alone.evaluate(rows));
});
