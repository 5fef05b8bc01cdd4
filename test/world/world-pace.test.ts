/** How long a round waits for a worker: by what it took before, by what others took, and without knowing anything. */
import { expect, it } from 'vitest';
import { Pace } from '../../coordinator/world/pace.js';
import { FakeWorker } from '../support/rosters.js';

const geometry = { batchSize: 32, shards: 4 };

/** A worker of two threads that took 10 ms a shard, and as long on the way; times of the first task are left out. */
function seen(worker = new FakeWorker(1, 2)) {
  const pace = new Pace(3, geometry);
  const computed = { nodes: [{ low: 0, high: 4 }], losses: [1, 2, 3, 4], divisors: [], phases: {}, used: [] };
  for (const milliseconds of [900, 20, 20]) pace.learn(worker, { ...computed, milliseconds }, milliseconds + 10, 1);
  return { pace, worker };
}

it('counts replicas of many steps by their number, one at a time', () => {
  const pace = new Pace(3, { batchSize: 32, shards: 4 }, () => 1);
  const worker = new FakeWorker(1, 2);
  const computed = { nodes: [{ low: 0, high: 2 }], losses: new Array(20).fill(1), divisors: [], phases: {}, used: [] };
  for (const milliseconds of [900, 200, 200]) pace.learn(worker, { ...computed, milliseconds }, milliseconds, 10);
  // Two replicas, of ten steps each: 10 ms a step of 8 examples.
  expect(pace.capacityOf(worker).threads).toBe(1);
  expect(pace.examplesPerSecond(worker)).toBeCloseTo(800);
  expect(pace.patienceWith(worker, 2, 10)).toBeCloseTo(250 + 3 * 200);
});

it('waits long while nobody has answered', () => {
  const { worker } = seen();
  const pace = new Pace(3, geometry);
  expect(pace.patienceWith(worker, 4, 1)).toBe(30_000);
  expect(pace.capacityOf(worker)).toEqual({ threads: 2, shardMilliseconds: undefined });
  expect(pace.examplesPerSecond(worker)).toBe(null);
});

it('waits so many times what it took a worker before, and a little', () => {
  const { pace, worker } = seen();
  expect(pace.patienceWith(worker, 4, 1)).toBeCloseTo(250 + 3 * (2 * 10 + 10));
  expect(pace.patienceWith(worker, 5, 1)).toBeCloseTo(250 + 3 * (3 * 10 + 10));
  // Sequences of half the length.
  expect(pace.patienceWith(worker, 4, 0.5)).toBeCloseTo(250 + 3 * (10 + 10));
});

it('takes a worker that it does not know for as slow as the slowest, and waits longer', () => {
  const { pace } = seen();
  expect(pace.patienceWith(new FakeWorker(2, 1), 4, 1)).toBeCloseTo(2000 + 3 * (4 * 10));
});

it('knows how many examples a worker computes in a second', () => {
  const { pace, worker } = seen();
  // Two threads, each 100 shards of 8 examples.
  expect(pace.examplesPerSecond(worker)).toBeCloseTo(1600);
});
