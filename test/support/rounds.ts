/** What is seen of a step over workers that answer when a test says so. */
import { expect } from 'vitest';
import type { RoundResult } from '../../coordinator/world/round.js';
import type { AllReducePlan } from '../../src/reduce/plan.js';
import type { FakeRoster, FakeWorker } from './rosters.js';

/** Who holds which shards by the last plan that a worker was sent. */
export function holdings({ exchanging }: FakeWorker): Record<number, string> {
  const plan = exchanging.at(-1)!.question;
  const text = (nodes: AllReducePlan['members'][number]['nodes']) =>
    nodes.map(({ low, high }) => `${low}-${high - 1}`).join(' ');
  return Object.fromEntries(plan.members.map(({ id, nodes }) => [id, text(nodes)]));
}

/** Confirms the exchange that everybody is at. */
export async function reduceAll({ self, remotes }: FakeRoster): Promise<void> {
  for (const worker of [self, ...remotes]) await worker.reduces();
}

/** What a round comes to, whatever happened in it. */
export function expectWhole({ losses, squares, used }: RoundResult, shards = 8): void {
  expect([...losses]).toEqual(Array.from({ length: shards }, (_, i) => i + 1));
  expect(squares).toBe(9);
  const rows = used.flatMap((each) => [...each.rows]).sort((a, b) => a - b);
  expect(rows).toEqual(Array.from({ length: 10 * shards }, (_, i) => i));
}
