/** Along which edges a segment travels: every tree spans its world, and the load is shared. */
import { describe, expect, it } from 'vitest';
import { hostOf, type PlanMember } from '../../src/reduce/plan.js';
import { routesOf } from '../../src/reduce/routes.js';
import { coordinateOf, ROOT, spanningTree } from '../../src/reduce/topology.js';
import { treeNodes } from '../../src/reduce/tree.js';

const upTo = (n: number) => Array.from({ length: n }, (_, index) => index + 1);
const algorithms = ['star', 'butterfly'] as const;

/** Members who hold one shard each, in the given order of shards; undefined for one without. */
const members = (shards: readonly (number | undefined)[]): PlanMember[] =>
  shards.map((shard, place) => ({
    id: place * 10,
    nodes: shard === undefined ? [] : [{ low: shard, high: shard + 1 }],
  }));

/** Steps from a member to the root. */
function depth(parents: readonly number[], place: number): number {
  let steps = 0;
  for (let at = place; parents[at] !== ROOT; at = parents[at]) {
    if (++steps > parents.length) throw new Error(`no way from ${place} to the root in ${parents}`);
  }
  return steps;
}

describe.each(algorithms)('%s', (algorithm) => {
  it('spans every world of up to 17, with a coordinator and members that hold nothing', () => {
    for (const n of upTo(17)) {
      const worlds = [upTo(n), upTo(n).toReversed(), [undefined, ...upTo(n)], [undefined, 4, undefined, ...upTo(n)]];
      for (const world of [...worlds, [...upTo(n), undefined]]) {
        for (const segments of [1, 2, 7, 16]) {
          for (let segment = 0; segment < segments; segment++) {
            const parents = spanningTree(algorithm, members(world), (segment + 0.5) / segments);
            expect(parents.filter((parent) => parent === ROOT).length).toBe(1);
            const deepest = Math.max(...parents.map((_, place) => depth(parents, place)));
            // Those without sums hang on the coordinator, which may hang on the root.
            expect(deepest).toBeLessThanOrEqual(algorithm === 'star' ? 1 : Math.ceil(Math.log2(n + 1)) + 2);
            world.forEach((shard, place) => {
              expect(shard === undefined && parents.slice(1).includes(place) && place !== 0).toBe(false);
              if (shard === undefined && place !== 0) expect(parents[place]).toBe(0);
            });
          }
        }
      }
    }
  });
});

describe('star', () => {
  it('has the coordinator at its root, whatever it holds', () => {
    for (const world of [[1, 2, 3], [undefined, 1, 2], [3, undefined, 1], [1]]) {
      expect(spanningTree('star', members(world), 0.7)).toEqual(world.map((_, place) => (place === 0 ? ROOT : 0)));
    }
  });
});

describe('butterfly', () => {
  it.each([2, 4, 8, 16])('is recursive halving among %i: partners differ in one bit of their rank', (n) => {
    for (let segment = 0; segment < n * 4; segment++) {
      const parents = spanningTree('butterfly', members(upTo(n)), (segment + 0.5) / (n * 4));
      const root = Math.floor(segment / 4);
      parents.forEach((parent, rank) => {
        // Neighbours exchange first: a rank is out of it at the first bit in which it differs from the root.
        const differ = rank ^ root;
        const expected = rank === root ? ROOT : rank ^ (differ & -differ);
        expect(parent).toBe(expected);
      });
    }
  });

  it('makes each member the root of as many segments, and shares the bytes', () => {
    for (const n of upTo(17)) {
      const segments = n * 60;
      const roots = new Array(n).fill(0);
      const children = new Array(n).fill(0);
      for (let segment = 0; segment < segments; segment++) {
        spanningTree('butterfly', members(upTo(n)), (segment + 0.5) / segments).forEach((parent, place) => {
          if (parent === ROOT) roots[place]++;
          else children[parent]++;
        });
      }
      const isPower = Number.isInteger(Math.log2(n));
      for (const place of roots.keys()) {
        // Partial sums sent and totals received: the slab but for the segments whose root it is.
        expect(Math.abs(roots[place] / segments - 1 / n)).toBeLessThanOrEqual(1 / 60 / n);
        // Both ways, in slabs: the total, and a partial sum of every child.
        const load = 1 - roots[place] / segments + children[place] / segments;
        const mean = (2 * (n - 1)) / n;
        if (isPower) expect(load).toBeCloseTo(mean, 10);
        else expect(load).toBeLessThanOrEqual(mean * 1.13);
      }
    }
  });

  it('orders members by their shards, not by their ids', () => {
    // Ranks by shard: member 2, member 0, member 1. The pair of the first two is the larger half.
    const parents = spanningTree('butterfly', members([5, 9, 2]), 0.1);
    expect(parents).toEqual([2, 2, ROOT]);
  });
});

/** All ways to put members on hosts: the host of each is known by its first member. */
function* groupings(members: number, before: readonly number[] = []): Generator<number[]> {
  if (before.length === members) yield [...before];
  else for (const host of new Set([...before, before.length])) yield* groupings(members, [...before, host]);
}

/** Each member holds the next shards, hosts one after the other; a member without any is said by 0. */
function onHosts(hosts: readonly number[], shardsEach: readonly number[]): PlanMember[] {
  const shards = shardsEach.reduce((a, b) => a + b, 0);
  const order = [...hosts.keys()].toSorted((a, b) => hosts[a] - hosts[b] || a - b);
  const nodes = new Map<number, PlanMember['nodes']>();
  let low = 0;
  for (const id of order) {
    nodes.set(id, treeNodes(low, low + shardsEach[id], shards));
    low += shardsEach[id];
  }
  return hosts.map((host, id) => ({ id, host, nodes: nodes.get(id)! }));
}

describe.each(algorithms)('%s over hosts', (algorithm) => {
  const segments = 8;
  const places = Array.from({ length: segments }, (_, i) => ({ share: undefined, at: (i + 0.5) / segments }));
  // A member, its coordinator among them, has one shard, or every third two, or the coordinator none.
  const shares = [(_: number) => 1, (id: number) => (id % 3 === 0 ? 2 : 1), (id: number) => (id === 0 ? 0 : 1)];

  it('adds every shard up once, and no more crosses than between hosts of one member each', () => {
    for (const count of upTo(6)) {
      for (const hosts of groupings(count)) {
        for (const share of shares) {
          const shardsEach = hosts.map((_, id) => share(id));
          const shards = shardsEach.reduce((a, b) => a + b, 0);
          if (shards === 0) continue;
          const members = onHosts(hosts, shardsEach);
          const plan = { round: 0, attempt: 0, algorithm, precision: 'float32' as const, shards, members };
          const routes = members.map(({ id }) => routesOf(plan, id, places));
          for (let segment = 0; segment < segments; segment++) {
            const across = hosts.map(() => 0);
            members.forEach((member, place) => {
              const { parent, inputs, outputs } = routes[place][segment];
              expect(inputs.filter(({ from }) => from === member.id).length).toBe(member.nodes.length);
              if (parent === undefined) expect(outputs).toEqual([{ low: 0, high: shards }]);
              else if (hostOf(members[parent]) !== hostOf(member)) across[hostOf(member)]++;
              // What is sent is what is expected there: nothing is added twice, nothing is left out.
              if (parent === undefined) return;
              const taken = routes[parent][segment].inputs.filter(({ from }) => from === member.id);
              expect(taken.map(({ low, high }) => ({ low, high }))).toEqual(outputs);
            });
            // One member of each host has a line to another one, but of that with the root.
            const root = members.find((_, place) => routes[place][segment].parent === undefined)!;
            for (const host of new Set(hosts)) expect(across[host]).toBe(host === hostOf(root) ? 0 : 1);
          }
        }
      }
    }
  });

  it('has any member with sums as the root of a butterfly', () => {
    for (const hosts of groupings(6)) {
      const world = onHosts(
        hosts,
        hosts.map((_, id) => id % 3),
      );
      for (const { id, nodes } of world) {
        const at = [0.1, 0.5, 0.9].map((part) => coordinateOf(world, id, part));
        const roots = at.map((each) => each && spanningTree('butterfly', world, each).indexOf(ROOT));
        expect(roots).toEqual(at.map(() => (nodes.length > 0 ? id : undefined)));
      }
    }
  });

  it('is what it is without hosts where each member has its own', () => {
    for (const count of upTo(9)) {
      const world = members(upTo(count));
      const apart = world.map((member) => ({ ...member, host: member.id }));
      for (let segment = 0; segment < segments; segment++) {
        expect(spanningTree(algorithm, apart, (segment + 0.5) / segments)).toEqual(
          spanningTree(algorithm, world, (segment + 0.5) / segments),
        );
      }
    }
  });
});

it('shares the work of a host out among its members, in a star too', () => {
  const roots = new Map<number, number>();
  const world = onHosts([0, 1, 1, 1], [1, 1, 1, 1]);
  for (let segment = 0; segment < 9; segment++) {
    const top = spanningTree('star', world, (segment + 0.5) / 9).findIndex(
      (parent, place) => parent === 0 && place > 0,
    );
    roots.set(top, (roots.get(top) ?? 0) + 1);
  }
  expect(roots).toEqual(new Map([1, 2, 3].map((place) => [place, 3])));
});
