/** Who computes which shards of a step: by measured speed, in whole shards. The bits do not depend on it. */
import { partsBy } from '../../src/ground/parts-by.js';
import type { TreeNode } from '../../src/reduce/tree.js';

/** What an assignment needs to know of a worker. */
export interface Capacity {
  readonly threads: number;
  /** Milliseconds that a thread takes for a shard; undefined before it has been seen. */
  readonly shardMilliseconds: number | undefined;
  /** What tells the hosts of workers apart. */
  readonly host: string;
}

/** Shards, or replicas, that a worker computes; none where low is high. */
export interface Assigned<Element> extends TreeNode {
  readonly worker: Element;
}

/** Where workers are, and how fast. */
export interface Capacities<Element> {
  readonly pace: { capacityOf(worker: Element): Omit<Capacity, 'host'> };
  hostOf(worker: Element): string;
}

/** `assign`, of workers as a world knows them. */
export function assignTo<Element>(
  shards: number,
  workers: readonly Element[],
  world: Capacities<Element>,
): Assigned<Element>[] {
  const capacities = workers.map((worker) => ({ ...world.pace.capacityOf(worker), host: world.hostOf(worker) }));
  const ranges = assign(shards, capacities);
  return workers.map((worker, i) => ({ worker, ...ranges[i] }));
}

/** Whether something has been dealt to these workers, in their order. */
export const isDealtTo = <Element>(
  dealt: readonly { readonly worker: Element }[],
  workers: readonly Element[],
): boolean => dealt.length === workers.length && workers.every((worker, i) => dealt[i].worker === worker);

interface Lane {
  readonly threads: number;
  readonly milliseconds: number;
  /** Its place among the workers. */
  readonly place: number;
}

/**
 * Hands out the shards one by one, each to whoever would be done with it first. Workers of a host have neighbouring shards, and
 * hosts are divided where the tree has large nodes, so that a host has few sums to send: as far as the step does not
 * take longer for it.
 *
 * @returns the shards [low, high) of each worker, empty for some where workers are many or slow
 */
export function assign(shards: number, workers: readonly Capacity[]): TreeNode[] {
  const known = workers.flatMap(({ shardMilliseconds }) => shardMilliseconds ?? []);
  // Who has not been seen is taken for as fast as the others are on average.
  const usual = known.length > 0 ? known.reduce((a, b) => a + b, 0) / known.length : 1;
  const lanes = workers.map(({ threads, shardMilliseconds: milliseconds = usual }, place) => ({
    threads,
    milliseconds,
    place,
  }));
  const counts = deal(shards, lanes);
  const longest = Math.max(...lanes.map((lane, i) => finish(lane, counts[i])));
  const hosts = partsBy(lanes, ({ place }) => workers[place].host);
  const dealt = hosts.map((host) => host.reduce((sum, { place }) => sum + counts[place], 0));
  const most = hosts.map((host, i) => Math.max(dealt[i], capacityWithin(longest, host)));
  const ranges: TreeNode[] = [];
  let low = 0;
  for (const [i, border] of align(shards, dealt, most).entries()) {
    const host = hosts[i];
    for (const [lane, count] of deal(border - low, host).entries()) {
      ranges[host[lane].place] = { low, high: low + count };
      low += count;
    }
  }
  return ranges;
}

/** Milliseconds until a worker has done so many shards. */
const finish = ({ threads, milliseconds }: Lane, shards: number): number => Math.ceil(shards / threads) * milliseconds;

/** How many shards each worker computes. */
function deal(shards: number, workers: readonly Lane[]): number[] {
  const counts = workers.map(() => 0);
  const next = (i: number) => finish(workers[i], counts[i] + 1);
  for (let shard = 0; shard < shards; shard++) {
    let best = 0;
    for (let i = 1; i < workers.length; i++) if (next(i) < next(best)) best = i;
    counts[best]++;
  }
  return counts;
}

/** How many shards workers have done after so many milliseconds. */
function capacityWithin(time: number, workers: readonly Lane[]): number {
  // Quotients of what are multiples may be rounded down.
  const each = ({ threads, milliseconds }: Lane) => threads * Math.floor((time / milliseconds) * (1 + 1e-9));
  return workers.reduce((sum, worker) => sum + each(worker), 0);
}

/**
 * Moves the borders between hosts to where the tree is divided highest up, the nearest of several such places.
 * @param dealt shards that each host has
 * @param most shards that each may have
 * @returns the shard at which each host's end
 */
function align(shards: number, dealt: readonly number[], most: readonly number[]): number[] {
  const borders: number[] = [];
  let [low, planned] = [0, 0];
  let later = most.reduce((sum, count) => sum + count, 0);
  for (const [i, count] of dealt.entries()) {
    planned += count;
    later -= most[i];
    const [from, to] = [Math.max(low, shards - later), Math.min(shards, low + most[i])];
    low = i === dealt.length - 1 ? shards : mostAligned(from, to, Math.min(Math.max(planned, from), to));
    borders.push(low);
  }
  return borders;
}

/** Of the whole numbers [from, to], one that the largest power of two divides, near `wanted`. */
function mostAligned(from: number, to: number, wanted: number): number {
  let best = wanted;
  for (let size = 2; size <= to; size *= 2) {
    const [below, above] = [Math.floor(wanted / size) * size, Math.ceil(wanted / size) * size];
    const fitting = [below, above].filter((at) => at >= from && at <= to && at > 0);
    if (fitting.length === 0) break;
    best = fitting.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a));
  }
  return best;
}
