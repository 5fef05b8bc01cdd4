/** The simulation of a step against closed forms, where there are such, and what must hold whatever it costs. */
import { describe, expect, it } from 'vitest';
import type { Costs } from '../../src/projection/cost.js';
import type { Reduction } from '../../src/projection/scenario.js';
import { type Network, type SimulatedStep, Simulation } from '../../src/projection/simulate.js';
import { type StepShape, stepCourse } from '../../src/projection/step-course.js';

const nothing: Costs = {
  shard: 0,
  example: 0,
  contention: 0,
  update: 0,
  memory: 0,
  barrier: 0,
  message: 0,
  wake: 0,
  byte: 0,
};
const segment = 4 * 65_536;
const bandwidth = 1e8;
/** Seconds of a segment on a link. */
const piece = segment / bandwidth;

const shapeOf = (workers: number, reduction: StepShape['reduction'], bytes: number): StepShape => ({
  workers,
  reduction,
  bytes,
  coordinatorComputes: false,
  examples: workers,
  shards: workers,
  hosts: { workers: 1 },
});

function simulate(shape: StepShape, network: Network, costs: Partial<Costs> = {}, cores = 4): SimulatedStep {
  return new Simulation(stepCourse(shape), { network, costs: { ...nothing, ...costs }, cores }).run();
}

/** Messages of a step without sums, one after the other: assign, computed, exchange, reduced. */
const control = 4;

describe('the time of a step', () => {
  it('has no exchange with one worker, who has all sums', () => {
    const { exchange, step } = simulate(shapeOf(1, 'star', segment), { bandwidth, latency: 0.01 });
    expect(exchange).toBe(0);
    expect(step).toBeCloseTo(control * 0.01, 4);
  });

  it('of an exchange is latency and bytes over bandwidth, there and back', () => {
    const { exchange } = simulate(shapeOf(2, 'star', segment), { bandwidth, latency: 0.01 });
    // Both sums come over one link, and the total goes to one after the other.
    expect(exchange).toBeCloseTo(2 * 0.01 + 2 * piece + (piece + 2 * piece) / 2, 4);
  });

  it('by star is that of the sums of all workers over the one link of the coordinator, there and back', () => {
    const { step, busiestLinkBytes } = simulate(shapeOf(8, 'star', segment), { bandwidth, latency: 0.001 });
    expect(step).toBeCloseTo((control + 2) * 0.001 + 2 * 8 * piece, 3);
    expect(busiestLinkBytes / (8 * segment)).toBeCloseTo(1, 2);
  });

  it('by star is hardly more than that of one direction where many segments come while others go', () => {
    const { step } = simulate(shapeOf(8, 'star', 64 * segment), { bandwidth, latency: 0 });
    expect(step / (8 * 64 * piece)).toBeGreaterThan(1);
    expect(step / (8 * 64 * piece)).toBeLessThan(1.1);
  });

  it('by tree grows with the logarithm of the workers', () => {
    for (const depth of [1, 2, 5]) {
      // Each level waits for two children, one after the other, on either way.
      const { step } = simulate(shapeOf(2 ** (depth + 1) - 1, 'tree', segment), { bandwidth, latency: 0.001 });
      const level = 0.001 + 2 * piece;
      expect(step / (control * 0.001 + 2 * depth * level)).toBeCloseTo(1, 1);
    }
  });

  it('by butterfly is that of 2 (n - 1) / n of the slab', () => {
    for (const workers of [4, 8, 16]) {
      const shape = { ...shapeOf(workers, 'butterfly', 64 * segment), coordinatorComputes: true };
      const { step, busiestLinkBytes } = simulate(shape, { bandwidth, latency: 0 });
      const bytes = (2 * (workers - 1) * 64 * segment) / workers;
      expect(busiestLinkBytes / bytes).toBeCloseTo(1, 2);
      expect(step / (bytes / bandwidth)).toBeGreaterThan(0.99);
      expect(step / (bytes / bandwidth)).toBeLessThan(1.15);
    }
  });

  it('by butterfly takes 2 log2 n messages one after the other', () => {
    const { exchange } = simulate(shapeOf(16, 'butterfly', 16 * segment), { bandwidth: 1e15, latency: 0.001 });
    expect(exchange).toBeCloseTo(2 * 4 * 0.001, 6);
  });

  it('of hosts with several workers has their slab cross the network once, be they threads or processes', () => {
    const bytes = 64 * segment;
    const crossing = (reduction: Reduction, workers: number) => {
      const shape = { ...shapeOf(16, reduction, bytes), hosts: { workers } };
      return simulate(shape, { bandwidth, latency: 0 }).busiestLinkBytes / bytes;
    };
    // Into the coordinator's host, from each of the others.
    expect([1, 2, 4].map((workers) => crossing('star', workers))).toEqual([16, 8, 4].map((n) => expect.closeTo(n, 1)));
    // 2 (n - 1) / n of the slab for n hosts.
    for (const reduction of ['butterfly', 'hierarchical'] as const) {
      expect([2, 4].map((workers) => crossing(reduction, workers))).toEqual(
        [8, 4].map((n) => expect.closeTo((2 * (n - 1)) / n, 1)),
      );
    }
  });
});

describe('messages of sums', () => {
  it('are as few as can be, by tree and by butterfly, for any number of workers', () => {
    for (const reduction of ['tree', 'butterfly'] as const) {
      for (const workers of [2, 3, 6, 7, 12, 33]) {
        const shape = { ...shapeOf(workers, reduction, 10 * segment), coordinatorComputes: true };
        const { bytes } = stepCourse({ ...shape, hosts: { workers: workers % 4 || 1 } });
        const slabs = bytes.reduce((sum, each) => sum + each, 0) / (10 * segment);
        expect(slabs).toBeCloseTo(2 * (workers - 1), 1);
      }
    }
  });

  it('all arrive: every gate of a course opens', () => {
    const numbers = [1, 2, 3, 5, 8, 13, 64];
    for (const reduction of ['threads', 'star', 'tree', 'butterfly', 'hierarchical'] as const) {
      for (const workers of numbers) {
        const shape = { ...shapeOf(workers, reduction, 3 * segment), hosts: { workers: 3 } };
        const { step } = simulate(shape, { bandwidth, latency: 0.001 }, { example: 1 });
        expect(step).toBeGreaterThanOrEqual(1);
      }
    }
  });
});

describe('processor time', () => {
  const free = { bandwidth: Number.POSITIVE_INFINITY, latency: 0 };

  it('is shared by threads that are more than the cores', () => {
    const threads = (workers: number) => simulate(shapeOf(workers, 'threads', segment), free, { example: 1 }, 2).step;
    expect([1, 2, 3, 4].map(threads)).toEqual([1, 1, 1.5, 2].map((seconds) => expect.closeTo(seconds, 9)));
  });

  it('is shared by the processes of one machine, the coordinator among them if it computes', () => {
    for (const coordinatorComputes of [true, false]) {
      // Five replicas are updated on two cores, and then as many shares are computed; the coordinator has one or not.
      const shape = { ...shapeOf(5, 'star', segment), hosts: 'one machine' as const, coordinatorComputes };
      expect(simulate(shape, free, { example: 1 }, 2).step).toBeCloseTo(2.5, 9);
      expect(simulate(shape, free, { update: 1 / segment }, 2).step).toBeCloseTo(2.5, 9);
    }
  });

  it('of messages is that of the coordinator where all come to it', () => {
    const { step } = simulate(shapeOf(100, 'star', segment), free, { byte: 1e-9 }, 4);
    expect(step / (2 * 100 * segment * 1e-9)).toBeCloseTo(1, 1);
  });

  it('grows where all cores of a host compute', () => {
    const threads = (workers: number) =>
      simulate(shapeOf(workers, 'threads', segment), free, { example: 1, contention: 0.2 }, 2).step;
    expect([threads(1), threads(2)]).toEqual([1, expect.closeTo(1.2, 9)]);
  });
});

it('never is slower with more bandwidth or less latency', () => {
  const costs = { example: 1e-3, update: 1e-10, message: 1e-5, byte: 1e-9 };
  for (const reduction of ['star', 'tree', 'butterfly', 'hierarchical'] as Reduction[]) {
    const shape = { ...shapeOf(24, reduction, 20 * segment), hosts: { workers: 2 } };
    const step = (network: Network) => simulate(shape, network, costs).step;
    const faster = [1e6, 1e7, 1e8, 1e9, 1e10].map((bandwidth) => step({ bandwidth, latency: 1e-4 }));
    const nearer = [1e-1, 1e-2, 1e-3, 1e-4, 0].map((latency) => step({ bandwidth: 1e9, latency }));
    for (const steps of [faster, nearer]) expect(steps).toEqual(steps.toSorted((a, b) => b - a));
  }
});
