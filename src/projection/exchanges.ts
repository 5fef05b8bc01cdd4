/** How sums travel: the messages of an exchange, from gates where members hold their own sums to gates where they hold the total. */
import { spanningTree } from '../reduce/topology.js';
import type { Course } from './course.js';

/** A member of an exchange. */
export interface Member {
  readonly process: number;
  /** The gate at which it may begin, and the one at which it holds the total. */
  readonly begin: number;
  readonly end: number;
}

export interface Exchanged {
  /** Those that hold sums; they may include the coordinator. */
  readonly holders: readonly Member[];
  /** The first member of the world, holder or not. */
  readonly coordinator: Member;
  readonly bytes: number;
  /** Pieces of the slab that travel each by itself. */
  readonly segments: number;
  /** Groups of segments that are followed one by one: each travels as a whole, but for itself. */
  readonly waves: number;
}

/** Segments that are told apart at most; more are taken together. Then roots differ in load by less than a tenth. */
const mostSegments = 64;

export function addStar(course: Course, { holders, coordinator, bytes, segments, waves }: Exchanged): void {
  const others = holders.filter(({ process }) => process !== coordinator.process);
  for (let wave = 0; wave < waves; wave++) {
    const total = course.gate(coordinator.process);
    course.follow(coordinator.begin, total);
    course.follow(total, coordinator.end);
    for (const { begin } of others) course.message(begin, total, bytes / waves, segments / waves);
    for (const { end } of others) course.message(total, end, bytes / waves, segments / waves);
  }
}

/**
 * A tree in which each member has two children, the same for all segments, which follow each other through it. A
 * coordinator without sums is one more child of the root.
 */
export function addTree(course: Course, { holders, coordinator, bytes, segments, waves }: Exchanged): void {
  const send = (from: number, to: number) => course.message(from, to, bytes / waves, segments / waves);
  for (let wave = 0; wave < waves; wave++) {
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
    if (holders.includes(coordinator)) continue;
    send(down[0], coordinator.end);
    course.follow(coordinator.begin, coordinator.end);
  }
}

/**
 * Recursive halving and doubling as the program does it, see reduce/topology.ts. What goes from one member to another in
 * a wave is one message.
 */
export function addButterfly(course: Course, exchanged: Exchanged): void {
  const { holders, segments, waves } = exchanged;
  const pieces = Math.min(segments, Math.max(mostSegments, waves));
  const world = [[], ...holders].map((_, i) => ({ id: i, nodes: i === 0 ? [] : [{ low: i - 1, high: i }] }));
  for (let wave = 0; wave < waves; wave++) {
    // How many pieces go from whom to whom: the key is child * holders + parent.
    const edges = new Map<number, number>();
    const roots = new Map<number, number>();
    for (let piece = wave; piece < pieces; piece += waves) {
      const parents = spanningTree('butterfly', world, piece, pieces);
      for (let child = 0; child < holders.length; child++) {
        const parent = parents[child + 1] - 1;
        if (parent >= 0) count(edges, child * holders.length + parent);
        else count(roots, child);
      }
    }
    addWave(course, exchanged, pieces, edges, roots);
  }
}

const count = (counts: Map<number, number>, key: number): void => {
  counts.set(key, (counts.get(key) ?? 0) + 1);
};

function addWave(
  course: Course,
  { holders, coordinator, bytes, segments }: Exchanged,
  pieces: number,
  edges: ReadonlyMap<number, number>,
  roots: ReadonlyMap<number, number>,
): void {
  const send = (from: number, to: number, count: number) =>
    course.message(from, to, (bytes * count) / pieces, (segments * count) / pieces);
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
  for (const [key, count] of edges) {
    const [child, parent] = [Math.floor(key / holders.length), key % holders.length];
    const depth = meetingOf(child, parent, holders.length);
    send(ladders[child].up[depth + 1], ladders[parent].up[depth], count);
    send(ladders[parent].down[depth], ladders[child].down[depth + 1], count);
  }
  if (holders.includes(coordinator)) return;
  course.follow(coordinator.begin, coordinator.end);
  for (const [root, count] of roots) send(ladders[root].down[0], coordinator.end, count);
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
