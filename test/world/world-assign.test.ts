/** Shards go to workers so that a step ends as early as it can; how fast they are is measured, and hoped for. */
import { describe, expect, it } from 'vitest';
import { assign, type Capacity } from '../../coordinator/world/assign.js';
import { Speeds } from '../../coordinator/world/speeds.js';
import { randomNumbers } from '../support/all-reduces.js';

const countsOf = (shards: number, workers: readonly Capacity[]) =>
  assign(shards, workers).map(({ low, high }) => high - low);

/** Milliseconds until the last of them is done. */
const makespan = (counts: readonly number[], workers: readonly Capacity[]) =>
  Math.max(...counts.map((count, i) => Math.ceil(count / workers[i].threads) * workers[i].shardMilliseconds!));

/** All ways to share `shards` out among `workers`. */
function* compositions(shards: number, workers: number): Generator<number[]> {
  if (workers === 1) yield [shards];
  else
    for (let first = 0; first <= shards; first++) {
      for (const rest of compositions(shards - first, workers - 1)) yield [first, ...rest];
    }
}

describe('an assignment', () => {
  const random = randomNumbers(5);
  const cases = Array.from({ length: 300 }, () => ({
    shards: 1 + random(9),
    workers: Array.from({ length: 1 + random(4) }, () => ({
      threads: 1 + random(3),
      shardMilliseconds: 1 + random(50),
      host: `host ${random(3)}`,
    })),
  }));

  it('gives out every shard once, in one piece for each worker, and for each host', () => {
    for (const { shards, workers } of cases) {
      const ranges = assign(shards, workers);
      expect(ranges).toHaveLength(workers.length);
      let next = 0;
      const order = [...ranges.keys()].toSorted(
        (a, b) => ranges[a].low - ranges[b].low || ranges[a].high - ranges[b].high,
      );
      for (const { low, high } of order.map((i) => ranges[i])) {
        expect(low).toBe(next);
        expect(high).toBeGreaterThanOrEqual(low);
        next = high;
      }
      expect(next).toBe(shards);
      const hosts = order.filter((i) => ranges[i].high > ranges[i].low).map((i) => workers[i].host);
      const runs = hosts.filter((host, i) => host !== hosts[i - 1]);
      expect(runs).toEqual([...new Set(hosts)]);
    }
  });

  it('divides hosts where the tree has large nodes, as far as nobody is done later for it', () => {
    const host = (name: string, workers: number) =>
      Array.from({ length: workers }, () => ({ threads: 1, shardMilliseconds: 10, host: name }));
    /** Where the shards of each host end. */
    const borders = (shards: number, ...hosts: Capacity[][]) => {
      const ranges = assign(shards, hosts.flat());
      return hosts.map((workers) => ranges.splice(0, workers.length).at(-1)!.high);
    };
    // Three and three would do five and three of eight: one sum more for each host.
    expect(borders(8, host('a', 3), host('b', 3))).toEqual([4, 8]);
    expect(borders(16, host('a', 2), host('b', 4))).toEqual([4, 16]);
    expect(borders(6, host('a', 2), host('b', 2))).toEqual([4, 6]);
    // Each has to have as many as it has for the step to end in time.
    expect(borders(9, host('a', 1), host('b', 2))).toEqual([3, 9]);
    expect(borders(12, host('a', 1), host('b', 1), host('c', 2))).toEqual([3, 6, 12]);
  });

  it('has neighbouring shards for workers of a host that did not join one after the other', () => {
    const on = (host: string) => ({ threads: 1, shardMilliseconds: 10, host });
    expect(assign(8, [on('a'), on('b'), on('a'), on('b')])).toEqual([
      { low: 0, high: 2 },
      { low: 4, high: 6 },
      { low: 2, high: 4 },
      { low: 6, high: 8 },
    ]);
  });

  it('ends as early as any', () => {
    for (const { shards, workers } of cases) {
      const least = Math.min(...[...compositions(shards, workers.length)].map((counts) => makespan(counts, workers)));
      expect(makespan(countsOf(shards, workers), workers)).toBe(least);
    }
  });

  it('takes workers that it knows nothing of for as fast as the others on average', () => {
    const known = { threads: 1, shardMilliseconds: 10, host: 'a' };
    const unknown = { threads: 1, shardMilliseconds: undefined, host: 'a' };
    expect(countsOf(8, [known, unknown])).toEqual([4, 4]);
    expect(countsOf(8, [unknown, unknown])).toEqual([4, 4]);
    expect(countsOf(9, [unknown, { ...unknown, threads: 2 }])).toEqual([3, 6]);
    expect(countsOf(8, [{ ...known, shardMilliseconds: 2 }, unknown, { ...known, shardMilliseconds: 6 }])).toEqual([
      5, 2, 1,
    ]);
  });

  it('leaves out who is too slow to help', () => {
    expect(
      countsOf(2, [
        { threads: 1, shardMilliseconds: 100, host: 'a' },
        { threads: 2, shardMilliseconds: 10, host: 'b' },
      ]),
    ).toEqual([0, 2]);
  });
});

describe('a speed', () => {
  it('is not that of the first time, when engines prepare themselves', () => {
    const speeds = new Speeds();
    speeds.seen('a', 1000);
    expect([speeds.get('a'), speeds.expected('a')]).toEqual([undefined, undefined]);
    speeds.seen('a', 10);
    expect(speeds.get('a')).toBe(10);
  });

  it('follows what is measured, smoothly', () => {
    const speeds = new Speeds();
    for (const milliseconds of [1, 10, 20]) speeds.seen('a', milliseconds);
    expect(speeds.get('a')).toBeCloseTo(13, 10);
    for (let i = 0; i < 50; i++) speeds.seen('a', 40);
    expect(speeds.get('a')).toBeCloseTo(40, 3);
  });

  it('is hoped to get better while it is not measured, so that nobody is left out for good', () => {
    const speeds = new Speeds();
    for (let i = 0; i < 6; i++) speeds.seen('slow', 100);
    const expected = Array.from({ length: 200 }, () => speeds.expected('slow')!);
    expect(expected[0]).toBe(100);
    expect(expected).toEqual([...expected].sort((a, b) => b - a));
    expect(expected.at(-1)!).toBeLessThan(5);
    // Which is no measurement.
    expect(speeds.get('slow')).toBe(100);
    speeds.seen('slow', 100);
    expect(speeds.expected('slow')).toBeCloseTo(100, 10);
  });

  it('is hoped to get better sooner when it has been measured but a few times', () => {
    const speeds = new Speeds();
    for (const milliseconds of [1, 100]) speeds.seen('young', milliseconds);
    const expected = Array.from({ length: 20 }, () => speeds.expected('young')!);
    expect(expected[0]).toBe(100);
    expect(expected[11]).toBeLessThan(10);
  });
});
