/**
 * Along which edges one segment of the gradient travels. Partial sums go up a spanning tree of the members to its root,
 * the total comes down the same edges. The bits of the total are those of the tree over the shards, whatever the edges.
 */
import { partsBy } from '../ground/parts-by.js';
import { hostOf, type PlanMember, type TreeAlgorithm } from './plan.js';

/** Parent of a root. */
export const ROOT = -1;

/**
 * The spanning tree of one segment. Members of a host that hold sums are joined first, by recursive halving and doubling (see
 * `attach`), so that each host has one root, and a segment goes from host to host as if each were a single member.
 *
 * star: the coordinator is the root of all; roots of hosts, and members of its own host, are its children. butterfly: roots
 * of hosts are joined as members of a host are; a coordinator without sums is a child of its host's root, or where that has
 * none, of the root of all. In both, other members without sums are children of the coordinator, which is the first member
 * where it takes part.
 *
 * @param at coordinate of the segment in the slab, from 0 to 1
 * @returns for each member, by its place in the list, the place of its parent; `ROOT` for the root
 */
export function spanningTree(algorithm: TreeAlgorithm, members: readonly PlanMember[], at: number): number[] {
  const parents = members.map(() => 0);
  const rootOf = (host: readonly number[], within: number) => attach(host, within, parents, (place) => place);
  const hosts = holdersByHost(members);
  const isNear = ([place]: readonly number[]) => hostOf(members[place]) === hostOf(members[0]);
  if (algorithm === 'star') {
    for (const host of hosts) if (!isNear(host)) parents[rootOf(host, at)] = 0;
    parents[0] = ROOT;
    return parents;
  }
  // Where a coordinator that holds nothing has the total from.
  let nearest: number | undefined;
  const root = attach(hosts, at, parents, (host, within) => {
    const own = rootOf(host, within);
    if (isNear(host)) nearest = own;
    return own;
  });
  if (members[0].nodes.length === 0) parents[0] = nearest ?? root;
  parents[root] = ROOT;
  return parents;
}

/** Places of the members that hold sums: hosts, and the members of each, in the order of their shards. */
function holdersByHost(members: readonly PlanMember[]): number[][] {
  const first = (place: number) => Math.min(...members[place].nodes.map(({ low }) => low));
  const holders = [...members.keys()].filter((place) => members[place].nodes.length > 0);
  const ordered = holders.toSorted((a, b) => first(a) - first(b));
  return partsBy(ordered, (place) => hostOf(members[place]));
}

/**
 * Where in the slab a segment would lie whose root in a butterfly is a given member; undefined for one without sums.
 * @param part from 0 to 1: the member is the root of many, along different trees
 */
export function coordinateOf(members: readonly PlanMember[], id: number, part: number): number | undefined {
  const hosts = holdersByHost(members);
  for (const [place, host] of hosts.entries()) {
    const rank = host.findIndex((each) => members[each].id === id);
    if (rank >= 0) return (place + (rank + part) / host.length) / hosts.length;
  }
  return undefined;
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
 * @param group ordered by shards, so that what a group holds folds well
 * @param at coordinate of the segment in the slab, from 0 to 1; only plain divisions, the same on every machine
 * @param rootOf place of the member that an element of the group has for a root, for the part of the coordinate that is left
 */
function attach<Element>(
  group: readonly Element[],
  at: number,
  parents: number[],
  rootOf: (element: Element, at: number) => number,
): number {
  if (group.length === 1) return rootOf(group[0], at);
  const middle = 2 ** (31 - Math.clz32(group.length - 1));
  const border = middle / group.length;
  const [left, right] = [group.slice(0, middle), group.slice(middle)];
  const inLeft = at < border;
  const within = inLeft ? at / border : (at - border) / (1 - border);
  const root = attach(inLeft ? left : right, within, parents, rootOf);
  parents[attach(inLeft ? right : left, within, parents, rootOf)] = root;
  return root;
}
