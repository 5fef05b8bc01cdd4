/**
 * A discrete-event simulation of one step. A message costs either end processor time, per message and per byte, and
 * crosses the links of sender and receiver, each of which carries one message after the other in each direction: alone it
 * takes latency + bytes / bandwidth, as in R. W. Hockney, "The communication challenge for MPP" (1994). What shares a core
 * or a link waits.
 */
import { Cores } from './cores.js';
import type { Costs } from './cost.js';
import type { Course, Work } from './course.js';
import { EventHeap } from './heap.js';

export interface Network {
  /** Bytes a second of a link, each way; infinite where nothing limits. */
  readonly bandwidth: number;
  /** Seconds one way. */
  readonly latency: number;
}

/** Of one step, in seconds; phases are means over the workers, from beginning to end. */
export interface StepTimes {
  readonly step: number;
  readonly compute: number;
  readonly exchange: number;
  readonly update: number;
  /** Seconds of work, mean over the processes that compute. */
  readonly busy: number;
  /** Bytes through the busiest direction of any link. */
  readonly busiestLinkBytes: number;
}

export interface SimulationOptions {
  readonly network: Network;
  readonly costs: Costs;
  /** Of every host. */
  readonly cores: number;
}

/** Events are numbers: what happens, and to which message or host. */
const [arrived, delivered, sent, check] = [0, 1, 2, 3];
const kinds = 4;
/** So are tasks of processes: a message to send or take in, or the work of a gate. */
const [send, receive, work] = [0, 1, 2];

export class Simulation {
  readonly #course: Course;
  readonly #options: SimulationOptions;
  /** Messages by the gate that they leave from: those of gate g are #order[#starts[g]] to #order[#starts[g + 1] - 1]. */
  readonly #starts: Int32Array;
  readonly #order: Int32Array;
  /** Seconds of a gate's work without computing, and of computing. */
  readonly #work: Float64Array;
  readonly #compute: Float64Array;
  /** Whether several processes share a link: then messages must ask for it in the order of their times. */
  readonly #sharesLink: Uint8Array;
  readonly #links: number;

  constructor(course: Course, options: SimulationOptions) {
    this.#course = course;
    this.#options = options;
    const { places, needs, from, works, processes } = course;
    this.#starts = new Int32Array(needs.length + 1);
    for (const gate of from) this.#starts[gate + 1]++;
    for (let gate = 0; gate < needs.length; gate++) this.#starts[gate + 1] += this.#starts[gate];
    const next = this.#starts.slice();
    this.#order = new Int32Array(from.length);
    for (let message = 0; message < from.length; message++) this.#order[next[from[message]]++] = message;
    const slowdown = contentionOf(course, options);
    this.#work = Float64Array.from(works, (each) => (each ? workSeconds(each, options.costs) : 0));
    this.#compute = Float64Array.from(works, (each, gate) =>
      each ? computeSeconds(each, options.costs) * slowdown(places[processes[gate]].host) : 0,
    );
    this.#links = 1 + places.reduce((most, { link }) => Math.max(most, link), 0);
    const users = new Int32Array(this.#links);
    for (const { link } of places) users[link]++;
    this.#sharesLink = Uint8Array.from(places, ({ link }) => (users[link] > 1 ? 1 : 0));
  }

  /** Seconds that each worker computes when nothing delays it, in the order of `course.phases.compute`. */
  get computing(): number[] {
    return this.#course.phases.compute.map((gate) => this.#compute[gate]);
  }

  /** @param computing instead of `this.computing` */
  run(computing: readonly number[] = this.computing): StepTimes {
    const { places, processes, from, to, bytes, frames, phases, first, last } = this.#course;
    const { network, costs, cores: coreCount } = this.#options;
    const [left, opened, done] = [
      Int32Array.from(this.#course.needs),
      new Float64Array(processes.length),
      new Float64Array(processes.length),
    ];
    const own = new Float64Array(processes.length);
    for (const [i, gate] of phases.compute.entries()) own[gate] = computing[i];
    const [outFree, inFree, outBytes, inBytes] = [0, 1, 2, 3].map(() => new Float64Array(this.#links));
    const heap = new EventHeap();
    const secondsOf = (message: number) => frames[message] * costs.message + bytes[message] * costs.byte;

    const arrive = (gate: number, time: number): void => {
      // Things that are certain are told ahead of their time: the last one told need not be the last one to happen.
      opened[gate] = Math.max(opened[gate], time);
      if (--left[gate] === 0) open(gate, opened[gate]);
    };
    const open = (gate: number, time: number): void => {
      const seconds = this.#work[gate] + own[gate];
      if (seconds > 0) cores.run(processes[gate], time, seconds, gate * 3 + work);
      else leave(gate, time);
    };
    const leave = (gate: number, time: number): void => {
      done[gate] = time;
      for (let at = this.#starts[gate]; at < this.#starts[gate + 1]; at++) {
        const message = this.#order[at];
        if (frames[message] === 0) arrive(to[message], time);
        else cores.run(processes[gate], time, secondsOf(message), message * 3 + send);
      }
    };
    const transmit = (message: number, time: number): void => {
      const [out, into] = [places[processes[from[message]]].link, places[processes[to[message]]].link];
      if (out === into) {
        heap.push(time + costs.wake, message * kinds + delivered);
        return;
      }
      const start = Math.max(outFree[out], time);
      outFree[out] = start + bytes[message] / network.bandwidth;
      outBytes[out] += bytes[message];
      heap.push(start + network.latency, message * kinds + arrived);
    };
    const finish = (task: number, time: number): void => {
      const [kind, id] = [task % 3, Math.floor(task / 3)];
      if (kind === work) leave(id, time);
      else if (kind === receive) arrive(to[id], time);
      else if (this.#sharesLink[processes[from[id]]]) heap.push(time, id * kinds + sent);
      else transmit(id, time);
    };
    const cores = new Cores({
      places,
      cores: coreCount,
      done: finish,
      plan: (host, time) => heap.push(time, host * kinds + check),
    });

    open(first, 0);
    while (heap.size > 0) {
      const event = heap.pop();
      const { time } = heap;
      const [kind, id] = [event % kinds, Math.floor(event / kinds)];
      if (kind === check) cores.check(id, time);
      else if (kind === sent) transmit(id, time);
      else if (kind === delivered) cores.run(processes[to[id]], time, secondsOf(id), id * 3 + receive);
      else {
        const into = places[processes[to[id]]].link;
        inFree[into] = Math.max(inFree[into], time) + bytes[id] / network.bandwidth;
        inBytes[into] += bytes[id];
        heap.push(inFree[into] + costs.wake, id * kinds + delivered);
      }
    }
    const took = (gates: readonly number[]) => mean(gates.map((gate) => done[gate] - opened[gate]));
    return {
      step: done[last],
      compute: took(phases.compute),
      exchange: mean(phases.exchange.map(({ begin, end }) => done[end] - opened[begin])),
      update: took(phases.update),
      busy: mean(phases.compute.map((gate) => cores.busy[processes[gate]])),
      busiestLinkBytes: Math.max(...outBytes, ...inBytes),
    };
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function workSeconds({ updated = 0, added = 0, barriers = 0 }: Work, costs: Costs): number {
  return updated * costs.update + added * costs.memory + barriers * costs.barrier;
}

function computeSeconds({ shards = 0, examples = 0 }: Work, costs: Costs): number {
  return shards * costs.shard + examples * costs.example;
}

/** How much longer computing takes on a host, all of whose workers compute at once. */
function contentionOf({ places, processes, phases }: Course, { costs, cores }: SimulationOptions) {
  const computing = new Map<number, number>();
  for (const gate of phases.compute) {
    const { host } = places[processes[gate]];
    computing.set(host, (computing.get(host) ?? 0) + 1);
  }
  return (host: number): number => {
    const others = Math.min(computing.get(host) ?? 1, cores) - 1;
    return 1 + (others > 0 ? (costs.contention * others) / (cores - 1) : 0);
  };
}
