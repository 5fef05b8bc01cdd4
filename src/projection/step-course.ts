/** One step of a run as a graph, as coordinator and workers go through it: assign and update, compute, all-reduce, confirm. */

import {
  type AllReduceShape,
  addButterfly,
  addStar,
  addTree,
  cutSlab,
  type ReducingMember,
} from './all-reduce-cost.js';
import { Course } from './course.js';
import type { Reduction } from './scenario.js';

/** What a step is the same for, whatever it costs. */
export interface StepShape {
  readonly workers: number;
  readonly reduction: Reduction | 'threads';
  /** Whether the coordinator is one of the workers. */
  readonly coordinatorComputes: boolean;
  /** Of the gradient slab. */
  readonly bytes: number;
  /** Of a step, dealt to the workers as evenly as whole shards allow. */
  readonly examples: number;
  readonly shards: number;
  /** Where everybody is: on one machine, each process with a link of its own or none; or on hosts of so many workers. */
  readonly hosts: 'one machine' | 'one machine, links' | { readonly workers: number };
}

/** Bytes of messages that carry no sums; plans of an all-reduce name every member besides. */
const controlBytes = 200;
const planBytesPerMember = 30;

/** Messages of a step that are simulated at most, as long as each segment or group of segments goes by itself. */
const mostMessages = 16_000;
const mostWaves = 16;
/** Through one member everything flows: unless it sends while it receives, that takes up to twice as long. */
const fewestWaves = 4;

export function stepCourse(shape: StepShape): Course {
  const course = new Course();
  if (shape.reduction === 'threads') addThreads(course, shape);
  else addRound(course, shape, shape.reduction);
  return course;
}

interface Share {
  readonly examples: number;
  readonly shards: number;
}

function shareOf({ workers, examples, shards }: StepShape, worker: number): Share {
  const own = Math.floor(((worker + 1) * shards) / workers) - Math.floor((worker * shards) / workers);
  return { examples: (examples * own) / shards, shards: own };
}

/** Threads of one process, which share their memory: each reduces and updates a slice of its own. */
function addThreads(course: Course, shape: StepShape): void {
  const { workers, bytes } = shape;
  const processes = Array.from({ length: workers }, () => course.process(0, 0));
  course.first = course.gate(processes[0]);
  const computed = course.gate(processes[0], { barriers: 1 });
  course.last = course.gate(processes[0]);
  for (const [worker, process] of processes.entries()) {
    const compute = course.gate(process, shareOf(shape, worker));
    const reduce = course.gate(process, { added: ((workers - 1) * bytes) / workers });
    const update = course.gate(process, { updated: bytes / workers });
    course.follow(course.first, compute);
    course.follow(compute, computed);
    course.follow(computed, reduce);
    course.follow(reduce, update);
    course.follow(update, course.last);
    course.phases.compute.push(compute);
    course.phases.exchange.push({ begin: reduce, end: reduce });
    course.phases.update.push(update);
  }
}

/** A round over sockets, as coordinator/world/round.ts plays it. */
function addRound(course: Course, shape: StepShape, reduction: Reduction): void {
  const { workers, coordinatorComputes, bytes, hosts } = shape;
  const [main, pool] = [course.process(0, 0), course.process(0, 0)];
  course.first = course.gate(main);
  course.last = course.gate(main);
  const computed = course.gate(main);
  course.follow(course.first, computed);
  if (coordinatorComputes) {
    const own = addLane(course, pool, bytes, shareOf(shape, 0));
    course.follow(course.first, own.update);
    course.follow(own.done, computed);
  }
  const coordinator = { process: main, host: 0, begin: computed, end: course.last };
  const remote = workers - (coordinatorComputes ? 1 : 0);
  const lanes = reduction === 'hierarchical' && typeof hosts === 'object' ? Math.min(hosts.workers, remote) : 1;
  const members = Math.ceil(remote / lanes);
  const followers: ReducingMember[] = [];
  for (let i = 0; i < members; i++) {
    const host = typeof hosts === 'object' ? 1 + Math.floor((i * lanes) / hosts.workers) : 0;
    const place = hosts === 'one machine' ? 0 : hosts === 'one machine, links' ? i + 1 : host;
    const own = Math.min(lanes, remote - i * lanes);
    const processes = Array.from({ length: own }, () => course.process(host, place));
    const shares = processes.map((_, lane) => shareOf(shape, workers - remote + i * lanes + lane));
    const order = course.gate(processes[0]);
    // The end of one step and the beginning of the next.
    course.message(course.first, order, controlBytes, 2);
    const done = addHost(course, processes, order, bytes, shares);
    course.message(done, computed, controlBytes);
    const begin = course.gate(processes[0]);
    const end = course.gate(processes[0]);
    course.message(computed, begin, controlBytes + planBytesPerMember * members);
    course.message(end, course.last, controlBytes);
    course.phases.exchange.push({ begin, end });
    followers.push({ process: processes[0], host, begin, end });
  }
  const holders = coordinatorComputes ? [coordinator, ...followers] : followers;
  const slab = cutSlab(bytes, holders.length, wavesOf(holders.length, reduction));
  addAllReduce(course, reduction, { holders, coordinator, slab });
}

function addAllReduce(course: Course, reduction: Reduction, reduced: AllReduceShape): void {
  const { holders, coordinator } = reduced;
  const remote = holders.filter((member) => member !== coordinator);
  // With one worker there is nothing to share out.
  if (reduction === 'star' || remote.length < 2) addStar(course, reduced);
  else if (reduction === 'tree') addTree(course, reduced);
  else addButterfly(course, reduced);
}

function wavesOf(members: number, reduction: Reduction): number {
  const flat = reduction === 'star' || reduction === 'tree';
  const hops = flat ? 1 : Math.ceil(Math.log2(members + 1));
  const affordable = Math.floor(mostMessages / (2 * members * hops));
  return Math.min(Math.max(flat ? fewestWaves : 1, affordable), mostWaves);
}

/** The threads of a worker: each updates its part and computes its share; then they add up. Returns the gate after that. */
function addHost(
  course: Course,
  processes: readonly number[],
  order: number,
  bytes: number,
  shares: readonly Share[],
): number {
  const lanes = processes.map((process, lane) => addLane(course, process, bytes / processes.length, shares[lane]));
  for (const { update } of lanes) course.follow(order, update);
  if (processes.length === 1) return lanes[0].done;
  const [all, done] = [course.gate(processes[0]), course.gate(processes[0])];
  for (const [i, process] of processes.entries()) {
    const add = course.gate(process, { added: ((processes.length - 1) * bytes) / processes.length });
    course.follow(lanes[i].done, all);
    course.follow(all, add);
    course.follow(add, done);
  }
  return done;
}

function addLane(
  course: Course,
  process: number,
  updated: number,
  share: Share,
): { readonly update: number; readonly done: number } {
  const update = course.gate(process, { updated });
  course.phases.update.push(update);
  const compute = course.gate(process, share);
  course.follow(update, compute);
  course.phases.compute.push(compute);
  return { update, done: compute };
}
