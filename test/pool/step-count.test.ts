/** Which steps a worker took part in: one that it was asked for in several pieces is one step. */
import { expect, it } from 'vitest';
import { StepCount } from '../../src/pool/step-count.js';

const local = Array.from({ length: 3 }, (_, step) => ({ step, rate: 1 }) as never);

it('counts a step once, however many of its shards came later', () => {
  const count = new StepCount();
  for (const round of [0, 1, 1, 1, 4]) count.add({ round, local: [] });
  expect(count.steps).toBe(3);
});

it('counts a step again that is computed anew, after the run went back', () => {
  const count = new StepCount();
  for (const round of [0, 1, 2, 1, 2]) count.add({ round, local: [] });
  expect(count.steps).toBe(5);
});

it('counts each local step of a round, and those that replicas take while it is exchanged', () => {
  const count = new StepCount();
  count.add({ round: 2, local });
  count.add({ round: 2, local: local.slice(1), continues: true });
  expect(count.steps).toBe(5);
});
