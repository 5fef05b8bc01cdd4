/**
 * A step as a graph: gates at processes, and messages between gates. A gate opens once all that it needs is there; then
 * its work is done by its process, one thing after the other, and its messages are sent.
 */

/** What a process does at a gate, in the units of `Costs`. */
export interface GateWork {
  readonly shards?: number;
  readonly examples?: number;
  /** Bytes of parameters that are updated, and of sums that are added in memory. */
  readonly updated?: number;
  readonly added?: number;
  readonly barriers?: number;
}

/** Where processes run. */
export interface ProcessPlace {
  /** Processes of one host share its cores. */
  readonly host: number;
  /** Processes of one link share its bandwidth; messages between them do not cross it. */
  readonly link: number;
}

/** Gates whose times are of interest: of each worker, where a phase begins and where it ends. */
export interface Phases {
  readonly compute: number[];
  readonly update: number[];
  readonly exchange: { readonly begin: number; readonly end: number }[];
}

export class Course {
  readonly places: ProcessPlace[] = [];
  /** Of each gate: its process, how many arrivals it needs, and its work. */
  readonly processes: number[] = [];
  readonly needs: number[] = [];
  readonly works: (GateWork | undefined)[] = [];
  /** Of each message: between which gates, its bytes, and the messages that it stands for; none is free of cost. */
  readonly from: number[] = [];
  readonly to: number[] = [];
  readonly bytes: number[] = [];
  readonly frames: number[] = [];
  readonly phases: Phases = { compute: [], update: [], exchange: [] };
  /** The gate that opens first, and the one with which the step ends. */
  first = 0;
  last = 0;

  process(host: number, link: number): number {
    return this.places.push({ host, link }) - 1;
  }

  /** A gate that needs nothing so far. */
  gate(process: number, work?: GateWork): number {
    this.processes.push(process);
    this.needs.push(0);
    return this.works.push(work) - 1;
  }

  message(from: number, to: number, bytes: number, frames = 1): void {
    this.from.push(from);
    this.to.push(to);
    this.bytes.push(bytes);
    this.frames.push(frames);
    this.needs[to]++;
  }

  /** One gate after another, without a message. */
  follow(from: number, to: number): void {
    this.message(from, to, 0, 0);
  }
}
