/** How sums travel: the messages of an all-reduce, from gates where members hold their own sums to gates where they hold the total. */
import { partsBy } from '../ground/parts-by.js';
import type { TreeAlgorithm } from '../reduce/plan.js';
import { segmentFloats } from '../reduce/segments.js';
import { ROOT, spanningTree } from '../reduce/topology.js';
import type { Course } from './course.js';

/** A member of an all-reduce. */
export interface ReducingMember {
  readonly process: number;
  /** Members of one host add up among themselves first. */
  readonly host: number;
  /** The gate at which it may begin, and the one at which it holds the total. */
  readonly begin: number;
  readonly end: number;
}

export interface AllReduceShape {
  /** Those that hold sums; they may include the coordinator. */
  readonly holders: readonly ReducingMember[];
  /** The first member of the world, holder or not. */
  readonly coordinator: ReducingMember;
  readonly slab: Slab;
}

/** How the slab is cut. */
export interface Slab {
  /** Bytes of the pieces that each have a way of their own: segments, or as many together as `segments` says. */
  readonly pieces: readonly number[];
  readonly segments: number;
  /** Every so many pieces travel together. */
  readonly waves: number;
}

/** Pieces that are told apart at most: then roots of a butterfly differ in load by less than a tenth. */
const mostPieces = 64;

/**
 * @param holders members with sums
 * @param waves as many as are wanted; there are no more than pieces
 */
export function cutSlab(bytes: number, holders: number, waves: number): Slab {
  const segmentBytes = 4 * segmentFloats(bytes / 4, holders);
  const all = Math.max(1, Math.ceil(bytes / segmentBytes));
  const count = Math.min(all, Math.max(mostPieces, waves));
  const sizeOf = (i: number) => (all > count ? bytes / count : Math.min(segmentBytes, bytes - i * segmentBytes));
  const pieces = Array.from({ length: count }, (_, i) => sizeOf(i));
  return { pieces, segments: all / count, waves: Math.min(waves, count) };
}

/** For each wave, the numbers of its pieces. */
function wavesOf({ pieces, waves }: Slab): number[][] {
  const numbers = [...pieces.keys()];
  return Array.from({ length: waves }, (_, wave) => numbers.filter((piece) => piece % waves === wave));
}

/** Bytes and messages of some pieces. */
type LinkLoad = [bytes: number, frames: number];

const loadOf = ({ pieces, segments }: Slab, numbers: readonly number[]): LinkLoad => [
  numbers.reduce((sum, number) => sum + pieces[number], 0),
  numbers.length * segments,
];

export function addStar(course: Course, reduced: AllReduceShape): void {
  const { holders, coordinator, slab } = reduced;
  // A worker that has all sums needs nobody.
  if (holders.length === 1) {
    course.follow(holders[0].begin, holders[0].end);
    course.follow(coordinator.begin, coordinator.end);
    return;
  }
  const isHolder = holders.some(({ process }) => process === coordinator.process);
  const members = isHolder ? holders : [coordinator, ...holders];
  addAlong(course, 'star', { members, holders, slab });
}

/** A tree in which each member has two children, the same for all segments, which follow each other through it. */
export function addTree(course: Course, { holders, coordinator, slab }: AllReduceShape): void {
  for (const numbers of wavesOf(slab)) {
    const load = loadOf(slab, numbers);
    const send = (from: number, to: number) => course.message(from, to, ...load);
    const up = holders.map(({ process }) => course.gate(process));
    const down = holders.map(({ process }) => course.gate(process));
    course.follow(up[0], down[0]);
    for (const [i, { begin, end }] of holders.entries()) {
      course.follow(begin, up[i]);
      course.follow(down[i], end);
      if (i === 0) continue;
      const parent = (i - 1) >> 1;
      send(up[i], up[parent]);
      send(down[parent], down[i]);
    }
  }
  course.follow(coordinator.begin, coordinator.end);
}

export function addButterfly(course: Course, { holders, coordinator, slab }: AllReduceShape): void {
  addAlong(course, 'butterfly', { members: holders, holders, slab });
  course.follow(coordinator.begin, coordinator.end);
}

interface Trees {
  /** In a star the coordinator is the first. */
  readonly members: readonly ReducingMember[];
  readonly holders: readonly ReducingMember[];
  readonly slab: Slab;
}

/** The trees of the program, see reduce/topology.ts. What goes from one member to another in a wave is one message. */
function addAlong(course: Course, algorithm: TreeAlgorithm, { members, holders, slab }: Trees): void {
  const world = members.map((member, id) => {
    const shard = holders.indexOf(member);
    return { id, host: member.host, nodes: shard < 0 ? [] : [{ low: shard, high: shard + 1 }] };
  });
  const levels = levelsOf(algorithm, members);
  for (const numbers of wavesOf(slab)) {
    // Which pieces go from whom to whom: the key is child * members + parent.
    const edges = new Map<number, number[]>();
    for (const piece of numbers) {
      const parents = spanningTree(algorithm, world, (piece + 0.5) / slab.pieces.length);
      for (const [child, parent] of parents.entries()) {
        if (parent !== ROOT) add(edges, child * members.length + parent, piece);
      }
    }
    addWave(course, { members, levels, slab }, edges);
  }
}

function add(groups: Map<number, number[]>, key: number, piece: number): void {
  const group = groups.get(key);
  if (group) group.push(piece);
  else groups.set(key, [piece]);
}

/** A member takes part in the groups that it belongs to, from the smallest to all members, and then back. */
interface Levels {
  /** How many groups that are. */
  depthOf(member: number): number;
  /** In how many groups both are, before they are on different sides of one. */
  meetingOf(one: number, other: number): number;
}

function levelsOf(algorithm: TreeAlgorithm, members: readonly ReducingMember[]): Levels {
  const hosts = partsBy(members, ({ host }) => host);
  // Those of a host stand together.
  const places = hosts.flatMap((ranks, host) => ranks.map((_, rank) => ({ host, rank, size: ranks.length })));
  if (algorithm === 'star') {
    // All but the coordinator have it above them; on its own host that is all.
    return {
      depthOf: (i) => (i === 0 ? 0 : 1 + (places[i].host === 0 ? 0 : splitsOf(places[i].rank, places[i].size))),
      meetingOf: (one, other) =>
        other === 0 ? 0 : 1 + splitOf(places[one].rank, places[other].rank, places[one].size),
    };
  }
  const above = places.map(({ host }) => splitsOf(host, hosts.length));
  return {
    depthOf: (i) => above[i] + splitsOf(places[i].rank, places[i].size),
    meetingOf(one, other) {
      const [mine, theirs] = [places[one], places[other]];
      if (mine.host !== theirs.host) return splitOf(mine.host, theirs.host, hosts.length);
      return above[one] + splitOf(mine.rank, theirs.rank, mine.size);
    },
  };
}

function addWave(
  course: Course,
  { members, levels, slab }: Omit<Trees, 'holders'> & { readonly levels: Levels },
  edges: ReadonlyMap<number, number[]>,
): void {
  const send = (from: number, to: number, numbers: readonly number[]) =>
    course.message(from, to, ...loadOf(slab, numbers));
  const ladders = members.map(({ process, begin, end }, i) => {
    const depth = levels.depthOf(i);
    const up = Array.from({ length: depth + 1 }, () => course.gate(process));
    const down = Array.from({ length: depth + 1 }, () => course.gate(process));
    // up[d]: it holds the sums of its side of the group at depth d; up[0] those of all. down[d] on the way back.
    course.follow(begin, up[depth]);
    for (let d = depth; d > 0; d--) course.follow(up[d], up[d - 1]);
    course.follow(up[0], down[0]);
    for (let d = 0; d < depth; d++) course.follow(down[d], down[d + 1]);
    course.follow(down[depth], end);
    return { up, down };
  });
  for (const [key, numbers] of edges) {
    const [child, parent] = [Math.floor(key / members.length), key % members.length];
    const depth = levels.meetingOf(child, parent);
    send(ladders[child].up[depth + 1], ladders[parent].up[depth], numbers);
    send(ladders[parent].down[depth], ladders[child].down[depth + 1], numbers);
  }
}

/** The largest power of two below a number above 1: where a group is split. */
const middleOf = (size: number): number => 2 ** (31 - Math.clz32(size - 1));

/** How many times a group is split until a member is alone. */
function splitsOf(member: number, size: number): number {
  if (size === 1) return 0;
  const middle = middleOf(size);
  return 1 + (member < middle ? splitsOf(member, middle) : splitsOf(member - middle, size - middle));
}

/** After how many splits two members are on different sides of one. */
function splitOf(one: number, other: number, size: number): number {
  const middle = middleOf(size);
  if (one < middle !== other < middle) return 0;
  return one < middle ? 1 + splitOf(one, other, middle) : 1 + splitOf(one - middle, other - middle, size - middle);
}
