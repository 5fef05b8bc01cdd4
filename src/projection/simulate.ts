/**
 * A discrete-event simulation of one step. A message costs either end processor time, per message and per byte, and
 * crosses the links of sender and receiver, each of which carries one message after the other in each direction: alone it
 * takes latency + bytes / bandwidth, as in R. W. Hockney, "The communication challenge for MPP" (1994). What shares a core
 * or a link waits.
 */
import { Cores } from './cores.js';
import type { Costs } from './cost.js';
import type { Course, GateWork } from './course.js';
import { EventHeap } from './heap.js';

export interface Network {
  /** Bytes a second of a link, each way; infinite where nothing limits. */
  readonly bandwidth: number;
  /** Seconds one way. */
  readonly latency: number;
}

/** Of one step, in seconds; phases are means over the workers, from beginning to end. */
export interface SimulatedStep {
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
  run(computing: readonly number[] = this.computing): SimulatedStep {
    const plan = { starts: this.#starts, order: this.#order, sharesLink: this.#sharesLink, links: this.#links };
    const seconds = Float64Array.from(this.#work);
    for (const [i, gate] of this.#course.phases.compute.entries()) seconds[gate] += computing[i];
    return new StepRun(this.#course, this.#options, plan, seconds).run();
  }
}

/** What a course comes to, the same for every run of it. */
interface CoursePlan {
  /** Messages by the gate that they leave from: those of gate g are order[starts[g]] to order[starts[g + 1] - 1]. */
  readonly starts: Int32Array;
  readonly order: Int32Array;
  /** Whether several processes share a link: then messages must ask for it in the order of their times. */
  readonly sharesLink: Uint8Array;
  readonly links: number;
}

/** One step under way. */
class StepRun {
  readonly #course: Course;
  readonly #options: SimulationOptions;
  readonly #plan: CoursePlan;
  /** Of each gate's work. */
  readonly #seconds: Float64Array;
  /** Arrivals that each gate still needs; when the last one came, and when its work was done. */
  readonly #left: Int32Array;
  readonly #opened: Float64Array;
  readonly #done: Float64Array;
  /** When each link is free in each direction, and the bytes that went through it. */
  readonly #outFree: Float64Array;
  readonly #inFree: Float64Array;
  readonly #outBytes: Float64Array;
  readonly #inBytes: Float64Array;
  readonly #heap = new EventHeap();
  readonly #cores: Cores;

  constructor(course: Course, options: SimulationOptions, plan: CoursePlan, seconds: Float64Array) {
    this.#course = course;
    this.#options = options;
    this.#plan = plan;
    this.#seconds = seconds;
    const { places, needs, processes } = course;
    this.#left = Int32Array.from(needs);
    [this.#opened, this.#done] = [new Float64Array(processes.length), new Float64Array(processes.length)];
    const ofLinks = () => new Float64Array(plan.links);
    [this.#outFree, this.#inFree, this.#outBytes, this.#inBytes] = [ofLinks(), ofLinks(), ofLinks(), ofLinks()];
    this.#cores = new Cores({
      places,
      cores: options.cores,
      done: (task, time) => this.#finish(task, time),
      plan: (host, time) => this.#heap.push(time, host * kinds + check),
    });
  }

  run(): SimulatedStep {
    this.#open(this.#course.first, 0);
    const heap = this.#heap;
    while (heap.size > 0) {
      const event = heap.pop();
      this.#handle(event % kinds, Math.floor(event / kinds), heap.time);
    }
    return this.#times();
  }

  #handle(kind: number, id: number, time: number): void {
    if (kind === check) this.#cores.check(id, time);
    else if (kind === sent) this.#transmit(id, time);
    else if (kind === delivered) this.#process(this.#course.to[id], time, id, receive);
    else this.#receive(id, time);
  }

  #arrive(gate: number, time: number): void {
    // Things that are certain are told ahead of their time: the last one told need not be the last one to happen.
    this.#opened[gate] = Math.max(this.#opened[gate], time);
    if (--this.#left[gate] === 0) this.#open(gate, this.#opened[gate]);
  }

  #open(gate: number, time: number): void {
    const seconds = this.#seconds[gate];
    if (seconds > 0) this.#cores.run(this.#course.processes[gate], time, seconds, gate * 3 + work);
    else this.#leave(gate, time);
  }

  #leave(gate: number, time: number): void {
    const { starts, order } = this.#plan;
    const { frames, to } = this.#course;
    this.#done[gate] = time;
    for (let at = starts[gate]; at < starts[gate + 1]; at++) {
      const message = order[at];
      if (frames[message] === 0) this.#arrive(to[message], time);
      else this.#process(gate, time, message, send);
    }
  }

  /** The process of a gate handles a message. */
  #process(gate: number, time: number, message: number, task: number): void {
    const { processes, frames, bytes } = this.#course;
    const { costs } = this.#options;
    const seconds = frames[message] * costs.message + bytes[message] * costs.byte;
    this.#cores.run(processes[gate], time, seconds, message * 3 + task);
  }

  #finish(task: number, time: number): void {
    const { processes, from, to } = this.#course;
    const [kind, id] = [task % 3, Math.floor(task / 3)];
    if (kind === work) this.#leave(id, time);
    else if (kind === receive) this.#arrive(to[id], time);
    else if (this.#plan.sharesLink[processes[from[id]]]) this.#heap.push(time, id * kinds + sent);
    else this.#transmit(id, time);
  }

  #transmit(message: number, time: number): void {
    const { places, processes, from, to, bytes } = this.#course;
    const { network, costs } = this.#options;
    const [out, into] = [places[processes[from[message]]].link, places[processes[to[message]]].link];
    if (out === into) {
      this.#heap.push(time + costs.wake, message * kinds + delivered);
      return;
    }
    const start = Math.max(this.#outFree[out], time);
    this.#outFree[out] = start + bytes[message] / network.bandwidth;
    this.#outBytes[out] += bytes[message];
    this.#heap.push(start + network.latency, message * kinds + arrived);
  }

  /** A message has come to the link of its receiver. */
  #receive(message: number, time: number): void {
    const { places, processes, to, bytes } = this.#course;
    const { network, costs } = this.#options;
    const into = places[processes[to[message]]].link;
    this.#inFree[into] = Math.max(this.#inFree[into], time) + bytes[message] / network.bandwidth;
    this.#inBytes[into] += bytes[message];
    this.#heap.push(this.#inFree[into] + costs.wake, message * kinds + delivered);
  }

  #times(): SimulatedStep {
    const { processes, phases, last } = this.#course;
    const [done, opened] = [this.#done, this.#opened];
    const took = (gates: readonly number[]) => mean(gates.map((gate) => done[gate] - opened[gate]));
    return {
      step: done[last],
      compute: took(phases.compute),
      exchange: mean(phases.exchange.map(({ begin, end }) => done[end] - opened[begin])),
      update: took(phases.update),
      busy: mean(phases.compute.map((gate) => this.#cores.busy[processes[gate]])),
      busiestLinkBytes: Math.max(...this.#outBytes, ...this.#inBytes),
    };
  }
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function workSeconds({ updated = 0, added = 0, barriers = 0 }: GateWork, costs: Costs): number {
  return updated * costs.update + added * costs.memory + barriers * costs.barrier;
}

function computeSeconds({ shards = 0, examples = 0 }: GateWork, costs: Costs): number {
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
