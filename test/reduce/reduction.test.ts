/** The reduction plan: for every number of ranks the same sum in the same order, and no slot used for two things. */
import { describe, expect, it } from 'vitest';
import { loadUpdateKernels } from '../../src/kernels/load-kernels.js';
import {
  nodePlan,
  type RankStep,
  type ReductionPlan,
  reductionPlan,
  type TreeNode,
  treeNodes,
} from '../../src/reduce/tree.js';
import { bits, makeSlabs, randomFloats } from '../support/slabs.js';

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
const MAX_SHARDS = 17;
const MAX_RANKS = 8;

/** The tree itself, from the root down: the sum over [low, low + size), size a power of two, cut off at `end`. */
function tree(low: number, size: number, end: number): string | undefined {
  if (low >= end) return undefined;
  if (size === 1) return `${low}`;
  const left = tree(low, size / 2, end);
  const right = tree(low + size / 2, size / 2, end);
  return right === undefined ? left : `(${left}+${right})`;
}

/** Steps of all ranks, interleaved in different ways: rank after rank, the last rank first, or one step each in turn. */
function orders(steps: ReductionPlan['steps']): { rank: number; step: RankStep }[][] {
  const lists = steps.map((list, rank) => list.map((step) => ({ rank, step })));
  const longest = Math.max(...lists.map(({ length }) => length));
  const turns = upTo(longest).flatMap((turn) => lists.flatMap((list) => list.slice(turn - 1, turn)));
  return [lists.flat(), lists.toReversed().flat(), turns];
}

type Executable = Pick<ReductionPlan, 'steps' | 'final' | 'slots'>;

/** Runs a plan on expressions; throws where a slot is overwritten in use, read when empty, or taken by another rank. */
function run(plan: Executable, order: { rank: number; step: RankStep }[]) {
  const slots: (string | undefined)[] = new Array(plan.slots).fill(undefined);
  const owner: (number | undefined)[] = new Array(plan.slots).fill(undefined);
  const shards: number[][] = plan.steps.map(() => []);
  const add = (from: number, to: number) => {
    if (from === to || slots[from] === undefined || slots[to] === undefined) throw new Error(`add ${from} to ${to}`);
    slots[to] = `(${slots[to]}+${slots[from]})`;
    slots[from] = undefined;
  };
  for (const { rank, step } of order) {
    for (const slot of 'compute' in step ? [step.into] : [step.add, step.to]) {
      if (slot >= plan.slots || (owner[slot] ?? rank) !== rank) throw new Error(`rank ${rank} uses slot ${slot}`);
      owner[slot] = rank;
    }
    if ('compute' in step) {
      if (slots[step.into] !== undefined) throw new Error(`slot ${step.into} is in use`);
      slots[step.into] = `${step.compute}`;
      shards[rank].push(step.compute);
    } else add(step.add, step.to);
  }
  for (const step of plan.final) add(step.add, step.to);
  const left = new Map(slots.flatMap((value, slot) => (value === undefined ? [] : [[slot, value] as const])));
  return { left, shards };
}

function execute(plan: ReductionPlan, order: { rank: number; step: RankStep }[]): { sum: string; shards: number[][] } {
  const { left, shards } = run(plan, order);
  if (left.size !== 1 || !left.has(plan.total)) throw new Error(`slots ${[...left]}, the total is ${plan.total}`);
  return { sum: left.get(plan.total)!, shards };
}

describe('reductionPlan', () => {
  it.each(upTo(MAX_SHARDS))('adds %i shards along one tree on any number of ranks', (shards) => {
    const wanted = tree(0, 32, shards);
    for (const ranks of upTo(MAX_RANKS)) {
      const plan = reductionPlan(shards, ranks);
      for (const order of orders(plan.steps)) {
        const { sum, shards: assigned } = execute(plan, order);
        expect(sum).toBe(wanted);
        assigned.forEach((list, rank) => {
          const from = Math.floor((rank * shards) / ranks);
          const to = Math.floor(((rank + 1) * shards) / ranks);
          expect(list).toEqual(upTo(shards).flatMap((n) => (n - 1 >= from && n - 1 < to ? [n - 1] : [])));
        });
      }
    }
  });

  it('writes the tree out for six shards on two ranks', () => {
    const plan = reductionPlan(6, 2);
    expect(plan).toEqual({
      steps: [
        [
          { compute: 0, into: 0 },
          { compute: 1, into: 1 },
          { add: 1, to: 0 },
          { compute: 2, into: 1 },
        ],
        [
          { compute: 3, into: 2 },
          { compute: 4, into: 3 },
          { compute: 5, into: 4 },
          { add: 4, to: 3 },
        ],
      ],
      final: [
        { add: 2, to: 1 },
        { add: 1, to: 0 },
        { add: 3, to: 0 },
      ],
      slots: 5,
      total: 0,
    });
    expect(execute(plan, orders(plan.steps)[0]).sum).toBe('(((0+1)+(2+3))+(4+5))');
  });

  it('needs about log2 of the shards in slots', () => {
    for (const shards of upTo(300)) {
      expect(reductionPlan(shards, 1).slots).toBeLessThanOrEqual(Math.floor(Math.log2(shards)) + 1);
    }
    expect(reductionPlan(64, 4).slots).toBe(4 * 5);
    expect(reductionPlan(96, 3).slots).toBe(3 * 6);
    for (const ranks of upTo(MAX_RANKS)) {
      const most = Math.ceil(300 / ranks);
      expect(reductionPlan(300, ranks).slots).toBeLessThanOrEqual(ranks * (2 * Math.floor(Math.log2(most)) + 1));
    }
  });

  it('gives the same float32 bits on any number of ranks', () => {
    const length = 64;
    const leaves = upTo(MAX_SHARDS).map((seed) => randomFloats(seed, length));
    const total = (plan: ReductionPlan): number[] => {
      const { memory, offsets, views } = makeSlabs(plan.slots, length);
      const kernels = loadUpdateKernels(memory);
      for (const step of [...plan.steps.flat(), ...plan.final]) {
        if ('compute' in step) views[step.into].set(leaves[step.compute]);
        else kernels.add(offsets[step.to], offsets[step.add], length);
      }
      return bits(views[plan.total]);
    };
    for (const shards of upTo(MAX_SHARDS)) {
      const wanted = total(reductionPlan(shards, 1));
      for (const ranks of upTo(MAX_RANKS)) expect(total(reductionPlan(shards, ranks))).toEqual(wanted);
    }
    // The order matters: from left to right the same leaves have another sum.
    const sequential = leaves.reduce((sum, leaf) => sum.map((value, index) => value + leaf[index]));
    expect(bits(sequential)).not.toEqual(total(reductionPlan(MAX_SHARDS, 1)));
  });
});

/** All nodes of the tree over `shards`, from the root down. */
function everyNode(low: number, size: number, end: number): TreeNode[] {
  if (low >= end) return [];
  const node = { low, high: Math.min(low + size, end) };
  return size === 1 ? [node] : [node, ...everyNode(low, size / 2, end), ...everyNode(low + size / 2, size / 2, end)];
}

describe('treeNodes', () => {
  it.each(upTo(MAX_SHARDS))('makes up any range of %i shards of as few nodes as can be', (shards) => {
    const nodes = everyNode(0, 32, shards);
    for (const low of upTo(shards).map((n) => n - 1)) {
      for (const high of upTo(shards).filter((n) => n > low)) {
        const parts = treeNodes(low, high, shards);
        for (const part of parts) expect(nodes).toContainEqual(part);
        expect(parts.map((part) => part.low)).toEqual([low, ...parts.slice(0, -1).map((part) => part.high)]);
        expect(parts.at(-1)!.high).toBe(high);
        // The fewest: those inside the range whose parent is not.
        const inside = nodes.filter((node) => node.low >= low && node.high <= high);
        const largest = inside.filter(
          (node) =>
            !inside.some(
              (other) =>
                other.low <= node.low && other.high >= node.high && (other.low < node.low || other.high > node.high),
            ),
        );
        expect(parts).toHaveLength(new Set(largest.map((node) => node.low)).size);
      }
    }
  });

  it('names them', () => {
    expect(treeNodes(1, 3, 4)).toEqual([
      { low: 1, high: 2 },
      { low: 2, high: 3 },
    ]);
    expect(treeNodes(4, 6, 6)).toEqual([{ low: 4, high: 6 }]);
    expect(treeNodes(3, 11, 16).map(({ low, high }) => high - low)).toEqual([1, 4, 2, 1]);
    expect(treeNodes(2, 2, 4)).toEqual([]);
  });
});

describe('nodePlan', () => {
  const random = (() => {
    const floats = randomFloats(9, 20_000);
    let next = 0;
    return (below: number) => Math.floor(((floats[next++] + 1) / 2) * below) % below;
  })();

  /** Disjoint ranges of shards in any order, neighbours among them. */
  function someRanges(shards: number): TreeNode[] {
    const ranges: TreeNode[] = [];
    for (let low = random(3); low < shards; ) {
      const high = Math.min(shards, low + 1 + random(6));
      ranges.splice(random(ranges.length + 1), 0, { low, high });
      low = high + random(3) * random(2);
    }
    return ranges;
  }

  it.each(upTo(60))('comes to the sum of each node, whoever computes what: plan %i', (shards) => {
    const ranges = someRanges(shards);
    const nodes = ranges.flatMap(({ low, high }) => treeNodes(low, high, shards));
    const wanted = nodes.map(({ low, high }) => tree(low, 2 ** Math.ceil(Math.log2(high - low)), high));
    for (const ranks of upTo(MAX_RANKS)) {
      const plan = nodePlan(ranges, shards, ranks);
      expect(plan.nodes.map(({ low, high }) => ({ low, high }))).toEqual(nodes);
      for (const order of orders(plan.steps)) {
        const { left, shards: computed } = run(plan, order);
        expect(plan.nodes.map(({ slot }) => left.get(slot))).toEqual(wanted);
        expect(left.size).toBe(nodes.length);
        const all = nodes.flatMap(({ low, high }) => upTo(high - low).map((n) => low + n - 1));
        expect(computed.flat()).toEqual(all);
        const sizes = computed.map(({ length }) => length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(plan.slots).toBeLessThanOrEqual(all.length);
      }
    }
  });

  it('keeps neighbours apart that were asked for apart', () => {
    const { nodes, final } = nodePlan(
      [
        { low: 0, high: 1 },
        { low: 1, high: 2 },
      ],
      2,
      1,
    );
    expect(nodes).toEqual([
      { low: 0, high: 1, slot: 0 },
      { low: 1, high: 2, slot: 1 },
    ]);
    expect(final).toEqual([]);
    // Nor does the first node of another order belong to the next.
    expect(
      nodePlan(
        [
          { low: 0, high: 1 },
          { low: 2, high: 4 },
        ],
        4,
        1,
      ).nodes,
    ).toHaveLength(2);
  });
});
