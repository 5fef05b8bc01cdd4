/** How sums travel: the messages of an all-reduce, from gates where members hold their own sums to gates where they hold the total. */
import { segmentFloats } from '../reduce/segments.js';
import { ROOT, spanningTree } from '../reduce/topology.js';
import type { Course } from './course.js';

/** A member of an all-reduce. */
export interface ReducingMember {
  readonly process: number;
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

export function addStar(course: Course, { holders, coordinator, slab }: AllReduceShape): void {
  const others = holders.filter(({ process }) => process !== coordinator.process);
  // A worker that has all sums needs nobody.
  if (holders.length === 1) {
    course.follow(holders[0].begin, holders[0].end);
    course.follow(coordinator.begin, coordinator.end);
    return;
  }
  for (const numbers of wavesOf(slab)) {
    const load = loadOf(slab, numbers);
    const total = course.gate(coordinator.process);
    course.follow(coordinator.begin, total);
    course.follow(total, coordinator.end);
    for (const { begin } of others) course.message(begin, total, ...load);
    for (const { end } of others) course.message(total, end, ...load);
  }
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

/**
 * Recursive halving and doubling as the program does it, see reduce/topology.ts. What goes from one member to another in
 * a wave is one message.
 */
export function addButterfly(course: Course, reduced: AllReduceShape): void {
  const { holders, slab } = reduced;
  const world = holders.map((_, i) => ({ id: i, nodes: [{ low: i, high: i + 1 }] }));
  for (const numbers of wavesOf(slab)) {
    // Which pieces go from whom to whom: the key is child * holders + parent.
    const edges = new Map<number, number[]>();
    for (const piece of numbers) {
      const parents = spanningTree('butterfly', world, (piece + 0.5) / slab.pieces.length);
      for (const [child, parent] of parents.entries()) {
        if (parent !== ROOT) add(edges, child * holders.length + parent, piece);
      }
    }
    addWave(course, reduced, edges);
  }
}

function add(groups: Map<number, number[]>, key: number, piece: number): void {
  const group = groups.get(key);
  if (group) group.push(piece);
  else groups.set(key, [piece]);
}

function addWave(
  course: Course,
  { holders, coordinator, slab }: AllReduceShape,
  edges: ReadonlyMap<number, number[]>,
): void {
  const send = (from: number, to: number, numbers: readonly number[]) =>
    course.message(from, to, ...loadOf(slab, numbers));
  // A member takes part in the groups that it belongs to, from the smallest to all members, and then back.
  const ladders = holders.map(({ process, begin, end }, i) => {
    const depth = depthOf(i, holders.length);
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
    const [child, parent] = [Math.floor(key / holders.length), key % holders.length];
    const depth = meetingOf(child, parent, holders.length);
    send(ladders[child].up[depth + 1], ladders[parent].up[depth], numbers);
    send(ladders[parent].down[depth], ladders[child].down[depth + 1], numbers);
  }
  course.follow(coordinator.begin, coordinator.end);
}

/** The largest power of two below a number above 1: where a group is split. */
const middleOf = (size: number): number => 2 ** (31 - Math.clz32(size - 1));

/** How many times a group is split until a member is alone. */
function depthOf(member: number, size: number): number {
  if (size === 1) return 0;
  const middle = middleOf(size);
  return 1 + (member < middle ? depthOf(member, middle) : depthOf(member - middle, size - middle));
}

/** After how many splits two members are on different sides of one. */
function meetingOf(one: number, other: number, size: number): number {
  const middle = middleOf(size);
  if (one < middle !== other < middle) return 0;
  return one < middle ? 1 + meetingOf(one, other, middle) : 1 + meetingOf(one - middle, other - middle, size - middle);
}
