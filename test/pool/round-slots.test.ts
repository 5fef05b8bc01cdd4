/** Gradient slots of a round: no sum is overwritten while its round lasts, and memory is the only limit. */
import { expect, it } from 'vitest';
import type { RoundOptions, TrainingOptions } from '../../src/pool/pool-options.js';
import { RoundSlots } from '../../src/pool/round-slots.js';
import { allocateShared } from '../../src/pool/shared-state.js';
import { nodePlan, type TreeNode } from '../../src/reduce/tree.js';
import { lcg } from '../support/engines.js';

const shards = 8;
const node = (low: number, high: number): TreeNode => ({ low, high });

function compute(slots: RoundSlots, round: number, ...nodes: TreeNode[]): number[] {
  const plan = nodePlan(nodes, shards, 3);
  const taken = slots.take(round, plan);
  slots.hold(plan, taken);
  return taken;
}

it('has room for every shard by itself, in any order', () => {
  const random = lcg(8);
  const slots = new RoundSlots(Array.from({ length: shards }, (_, i) => 64 * i));
  for (let round = 0; round < 50; round++) {
    const left = Array.from({ length: shards }, (_, i) => node(i, i + 1));
    const held = new Map<TreeNode, number>();
    while (left.length > 0) {
      const nodes = Array.from({ length: 1 + random() * Math.min(3, left.length) }, () =>
        left.splice(random() * left.length, 1),
      ).flat();
      const taken = compute(slots, round, ...nodes);
      expect(taken.filter((offset) => [...held.values()].includes(offset))).toEqual([]);
      for (const one of nodes) held.set(one, slots.offsetOf(one));
      for (const [one, offset] of held) expect(slots.offsetOf(one)).toBe(offset);
    }
    expect(new Set(held.values()).size).toBe(shards);
  }
});

it('gives the slot of a sum to the same shards, and all to the next round', () => {
  const slots = new RoundSlots([0, 64, 128]);
  compute(slots, 4, node(0, 2));
  compute(slots, 4, node(4, 5));
  // Three shards in three slots: only if those of [0, 2) are free again.
  compute(slots, 4, node(0, 1), node(1, 2));
  expect(() => slots.offsetOf(node(0, 2))).toThrow('the sum of shards [0, 2) was not computed in round 4');
  expect(() => compute(slots, 4, node(6, 8))).toThrow(
    'round 4 needs 5 gradient slabs on this worker, and 3 fit into the 4 GiB',
  );
  compute(slots, 5, node(6, 8));
  expect(() => slots.offsetOf(node(4, 5))).toThrow('in round 5');
});

it('takes what fits beside everything else', () => {
  const options = (state: number, use: 'training' | 'rounds') =>
    ({
      use,
      layout: { tensors: [], trainable: state, state, length: state },
      geometry: { training: 64, batchSize: 64, shards: 64, epochs: 1, stepsPerEpoch: 1, evaluationBatch: 128 },
      optimizer: { sgd: { learningRate: 1 } },
      threads: 1,
      largestEvaluation: 0,
      metrics: [{ target: 'targets', factor: 1, metrics: [], outputs: 1, places: 1, classes: false, binary: false }],
    }) as unknown as TrainingOptions | RoundOptions;
  const offsets = (...of: Parameters<typeof options>) => allocateShared(options(...of), 1, 7).offsets;
  expect(offsets(1024, 'training').gradients).toHaveLength(7);
  expect(offsets(1024, 'rounds').gradients).toHaveLength(64);
  // Of 4 GiB, 16 slabs of 256 MiB: parameters, total, what the all-reduce works in, and 13 sums.
  const large = offsets(2 ** 26, 'rounds');
  expect(large.gradients).toHaveLength(13);
  const starts = [large.parameters, large.total, large.scratch];
  expect(starts).toEqual([0, 1, 2].map((i) => i * 2 ** 28));
  expect(large.gradients).toEqual(large.gradients.map((_, i) => large.gradients[0] + i * 2 ** 28));
  expect(large.gradients[0]).toBeGreaterThan(large.scratch);
  expect(() => offsets(2 ** 27, 'rounds')).toThrow('more than the 4 GiB');
});
