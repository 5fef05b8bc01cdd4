/** The order of an epoch, and how it divides into steps and shards: every example exactly once. */
import { describe, expect, it } from 'vitest';
import { epochOrder, groupedOrder } from '../../src/data/sampler.js';

const range = (count: number, start = 0) => Int32Array.from({ length: count }, (_, i) => start + i);

describe('epochOrder', () => {
  it('holds each example of the split exactly once', () => {
    const training = Int32Array.from([3, 5, 8, 13, 21, 34, 55]);
    for (let epoch = 0; epoch < 20; epoch++) {
      expect(epochOrder(training, 42, epoch).sort()).toEqual(training);
    }
    expect(training).toEqual(Int32Array.from([3, 5, 8, 13, 21, 34, 55]));
  });

  it('is the same for the same seed and epoch, whatever was asked before', () => {
    const first = epochOrder(range(1000), 7, 3);
    epochOrder(range(500), 1, 1);
    expect(epochOrder(range(1000), 7, 3)).toEqual(first);
  });

  it('differs between epochs and between seeds', () => {
    const orders = [
      [0, 0],
      [0, 1],
      [1, 0],
      [2 ** 31, 0],
      [2 ** 32, 0],
    ].map(([seed, epoch]) => epochOrder(range(100), seed, epoch).join());
    expect(new Set(orders).size).toBe(5);
  });

  it('makes every order equally likely', () => {
    const seen = new Map<string, number>();
    const draws = 24_000;
    for (let epoch = 0; epoch < draws; epoch++) {
      const order = epochOrder(range(4), epoch % 10, Math.floor(epoch / 10)).join();
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(24);
    const expected = draws / 24;
    const chiSquare = [...seen.values()].reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 23 degrees of freedom: 49.7 is exceeded once in a thousand.
    expect(chiSquare).toBeLessThan(49.7);
  });

  it('puts every example at every place equally often', () => {
    const size = 20;
    const counts = new Float64Array(size * size);
    const draws = 8000;
    for (let epoch = 0; epoch < draws; epoch++) {
      epochOrder(range(size), 11, epoch).forEach((example, place) => {
        counts[place * size + example]++;
      });
    }
    const expected = draws / size;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    // 19 * 19 degrees of freedom: mean 361, standard deviation 27.
    expect(chiSquare).toBeGreaterThan(361 - 4 * 27);
    expect(chiSquare).toBeLessThan(361 + 4 * 27);
  });
});

describe('groupedOrder', () => {
  const buckets = {
    places: [2, 5, 9],
    full: 9,
    of: Uint8Array.from({ length: 500 }, (_, i) => (i % 10 === 3 ? 2 : i % 3 === 0 ? 1 : 0)),
  };
  const order = epochOrder(range(500), 7, 1);
  const grouped = (batchSize: number, epoch = 1) => groupedOrder(order, buckets, batchSize, 7, epoch);

  it('has each example once, and batches of one bucket but for those where one ends', () => {
    // 4 examples a batch: 125 batches, of which the first 50, the next 50 and the rest are sorted by themselves.
    for (const batchSize of [4, 7, 500]) expect(grouped(batchSize).toSorted()).toEqual(range(500));
    const mixed = Array.from({ length: 125 }, (_, batch) => {
      const own = grouped(4).subarray(4 * batch, 4 * batch + 4);
      return new Set(Array.from(own, (example) => buckets.of[example])).size > 1;
    });
    expect(mixed.filter(Boolean).length).toBeLessThanOrEqual(6);
    const before = new Set(order.subarray(0, 200));
    expect(
      grouped(4)
        .subarray(0, 200)
        .every((example) => before.has(example)),
    ).toBe(true);
  });

  it('shuffles batches and what is in them, and keeps the smaller batch at the end', () => {
    const bucketsOf = (of: Int32Array) => Array.from(of, (example) => buckets.of[example]);
    const first = bucketsOf(grouped(4).subarray(0, 200));
    expect(first).not.toEqual(first.toSorted());
    expect(grouped(4, 2)).not.toEqual(grouped(4));
    expect(grouped(4)).toEqual(grouped(4));
    // 500 = 71 * 7 + 3: the three longest of the last 21 batches.
    expect(bucketsOf(grouped(7).subarray(497))).toEqual([2, 2, 2]);
  });
});
