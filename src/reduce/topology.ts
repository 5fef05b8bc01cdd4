/**
 * Along which edges one segment of the gradient travels. Partial sums go up a spanning tree of the members to its root,
 * the total comes down the same edges. The bits of the total are those of the tree over the shards, whatever the edges.
 */
import type { AllReducePlan, PlanMember } from './plan.js';

/** Parent of a root. */
export const ROOT = -1;

/**
 * The spanning tree of one segment.
 *
 * star: the coordinator is the root, everybody else its child. butterfly: recursive halving and doubling among the
 * members that hold sums, see `attach`; a coordinator without sums is a child of the root. In both, other members
 * without sums are children of the coordinator, which is the first member where it takes part.
 *
 * @param segments how many segments the slab has
 * @returns for each member, by its place in the list, the place of its parent; `ROOT` for the root
 */
export function spanningTree(
  algorithm: AllReducePlan['algorithm'],
  members: readonly PlanMember[],
  segment: number,
  segments: number,
): number[] {
  const parents = members.map(() => 0);
  parents[0] = ROOT;
  if (algorithm === 'butterfly') {
    const first = (place: number) => Math.min(...members[place].nodes.map(({ low }) => low));
    const holders = [...members.keys()].filter((place) => members[place].nodes.length > 0);
    const ordered = holders.toSorted((a, b) => first(a) - first(b));
    const root = attach(ordered, (segment + 0.5) / segments, parents);
    if (members[0].nodes.length === 0) parents[0] = root;
    parents[root] = ROOT;
  }
  return parents;
}

/**
 * Joins a group into one tree and returns its root: vector halving with distance doubling of Thakur, Rabenseifner and
 * Gropp, "Optimization of collective communication operations in MPICH" (2005), told from one piece of the vector. The
 * group splits in two, and each side has a root for the piece; that of the side on which the piece's coordinate lies gets
 * what the other has. Among 2^k members, partners differ in one bit of their rank, and neighbours exchange first: their
 * sums fold.
 *
 * A piece's root is every member equally often, so each member sends partial sums of (n - 1) / n of the slab and receives
 * as much of the total. What it receives as partial sums and passes on as total adds up to the sum of 1 / |G| over its
 * groups G: (n - 1) / n among 2^k members, and otherwise close to it since the left side is the largest power of two.
 *
 * @param group places of members, ordered by their shards, so that what a group holds folds well
 * @param at coordinate of the segment in the slab, from 0 to 1; only plain divisions, the same on every machine
 */
function attach(group: readonly number[], at: number, parents: number[]): number {
  if (group.length === 1) return group[0];
  const middle = 2 ** (31 - Math.clz32(group.length - 1));
  const border = middle / group.length;
  const [left, right] = [group.slice(0, middle), group.slice(middle)];
  const inLeft = at < border;
  const within = inLeft ? at / border : (at - border) / (1 - border);
  const root = attach(inLeft ? left : right, within, parents);
  parents[attach(inLeft ? right : left, within, parents)] = root;
  return root;
}
