/**
 * Processor time. A process does one thing after the other. Where a host has a core for each of its processes, they do not
 * disturb each other; otherwise those that have something to do share the cores evenly at every moment, as the
 * operating system sees to.
 */
import type { ProcessPlace } from './course.js';

/** A process whose thing at hand is done once the virtual time of its host has come to `finish`. */
interface Busy {
  readonly process: number;
  readonly finish: number;
}

interface Shared {
  readonly cores: number;
  /** Seconds of work that each of the busy processes has been given, up to `at`. */
  virtual: number;
  at: number;
  busy: Busy[];
  /** When the next of them is done, if nothing changes before. */
  next: number;
}

interface Queued {
  readonly seconds: number;
  readonly task: number;
}

export interface CoresOptions {
  readonly places: readonly ProcessPlace[];
  /** Of every host. */
  readonly cores: number;
  /** Told of a task that is done; maybe ahead of the moment at which it is, where that is certain. */
  readonly done: (task: number, time: number) => void;
  /** Asks for a call of `check` at that time. */
  readonly plan: (host: number, time: number) => void;
}

export class Cores {
  readonly #options: CoresOptions;
  readonly #shared = new Map<number, Shared>();
  readonly #free: Float64Array;
  readonly #queues: Queued[][];
  /** Seconds of work of each process so far. */
  readonly busy: Float64Array;

  constructor(options: CoresOptions) {
    const { places, cores } = options;
    this.#options = options;
    this.#free = new Float64Array(places.length);
    this.busy = new Float64Array(places.length);
    const counts = new Map<number, number>();
    for (const { host } of places) counts.set(host, (counts.get(host) ?? 0) + 1);
    for (const [host, count] of counts) {
      if (count > cores) this.#shared.set(host, { cores, virtual: 0, at: 0, busy: [], next: Number.POSITIVE_INFINITY });
    }
    this.#queues = this.#shared.size > 0 ? places.map(() => []) : [];
  }

  /** From `time` on, or once the process has done what it was given before. Nothing comes before what is under way. */
  run(process: number, time: number, seconds: number, task: number): void {
    this.busy[process] += seconds;
    const shared = this.#shared.get(this.#options.places[process].host);
    if (!shared) {
      const done = Math.max(time, this.#free[process]) + seconds;
      this.#free[process] = done;
      this.#options.done(task, done);
      return;
    }
    this.#queues[process].push({ seconds, task });
    if (this.#queues[process].length > 1) return;
    this.#advance(shared, time);
    this.#start(shared, process);
    this.#replan(this.#options.places[process].host, shared);
  }

  /** It is the time that was asked for; no longer the right one, maybe. */
  check(host: number, time: number): void {
    const shared = this.#shared.get(host)!;
    if (time !== shared.next) return;
    this.#advance(shared, time);
    const first = shared.busy.reduce((least, each) => (each.finish < least.finish ? each : least));
    shared.busy = shared.busy.filter((each) => each !== first);
    const queue = this.#queues[first.process];
    const { task } = queue.shift()!;
    if (queue.length > 0) this.#start(shared, first.process);
    this.#replan(host, shared);
    this.#options.done(task, time);
  }

  #start(shared: Shared, process: number): void {
    shared.busy.push({ process, finish: shared.virtual + this.#queues[process][0].seconds });
  }

  #advance(shared: Shared, time: number): void {
    shared.virtual += (time - shared.at) * rateOf(shared);
    shared.at = time;
  }

  #replan(host: number, shared: Shared): void {
    if (shared.busy.length === 0) {
      shared.next = Number.POSITIVE_INFINITY;
      return;
    }
    const first = Math.min(...shared.busy.map(({ finish }) => finish));
    shared.next = shared.at + Math.max(0, first - shared.virtual) / rateOf(shared);
    this.#options.plan(host, shared.next);
  }
}

/** Of the work of a busy process, per second. */
const rateOf = ({ cores, busy }: Shared): number => Math.min(1, cores / Math.max(1, busy.length));
