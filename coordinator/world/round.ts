/**
 * One step over the world: compute → exchange, and again where a worker is lost on the way. It waits for events and for
 * the clock alone, changes no parameters, and ends when every worker that takes part holds the total.
 */
import type { Computed, ComputeTask, RowsAt, Worker } from '../../src/pool/worker.js';
import type { AllReducePlan } from '../../src/reduce/plan.js';
import { type TreeNode, treeNodes } from '../../src/reduce/tree.js';
import { assign, type Capacity } from './assign.js';
import type { Clock } from './clock.js';
import { Mailbox } from './mailbox.js';

/** What a round asks of the world. */
export interface Crew {
  /** The coordinator. */
  readonly self: Worker;
  /** Whether the coordinator keeps up with the parameters too. */
  readonly selfKeepsUp: boolean;
  /** Workers that can be given shards now; the coordinator first, if it computes. */
  able(): readonly Worker[];
  /** Workers that could compute once they have done what they are busy with. */
  present(): readonly Worker[];
  /** All workers that keep up with the parameters, without the coordinator. */
  followers(): readonly Worker[];
  /** Waits until there are workers enough. @throws StoppedError when the run is to be stopped instead */
  enough(): Promise<void>;
  capacityOf(worker: Worker): Capacity;
  /** Milliseconds after which a worker is late with so many shards of such effort; infinite while nothing is known. */
  patienceWith(worker: Worker, shards: number, effort: number): number;
  /** Remembers how fast a worker was, and how many milliseconds passed here from the question to its answer. */
  learn(worker: Worker, computed: Computed, elapsed: number, effort: number): void;
  /** Whether these workers all have links to each other. */
  linked(workers: readonly Worker[]): boolean;
  /** Some link does not do what it is there for: none counts until workers tell of theirs anew. */
  unlink(): void;
  /** Declares a worker lost. */
  lose(worker: Worker, reason: string): void;
  /** Calls back for each worker that is lost, until the function returned is called. */
  onLoss(lost: (worker: Worker) => void): () => void;
  /** Bytes that have come for the coordinator in the exchange under way. */
  received(): number;
  /** Who the coordinator itself waits for in the exchange under way. */
  owing(): readonly { readonly id: number; readonly bytes: number }[];
}

export interface RoundTask extends Omit<ComputeTask, 'nodes' | 'rows'> {
  /** Shards that hold examples. */
  readonly shards: number;
  /** What a shard of this step takes, in those of the longest bucket. */
  readonly effort: number;
  /** Rows of a node's shards. */
  rowsOf(node: TreeNode): readonly RowsAt[];
  /** Rows that these nodes will have in the next step, for workers that are sent them ahead. */
  nextRowsOf(node: TreeNode): readonly Int32Array[];
}

export interface RoundOptions {
  readonly crew: Crew;
  readonly clock: Clock;
  readonly precision: AllReducePlan['precision'];
  readonly algorithm: 'auto' | AllReducePlan['algorithm'];
  /** Bytes of the slab that is exchanged. */
  readonly bytes: number;
  /** Milliseconds that an exchange may make no progress, besides the time that its bytes need. */
  readonly silence: number;
}

export interface RoundResult {
  /** Sum of the losses of each shard, and what it adds to the divisor of the step. */
  readonly losses: Float64Array;
  readonly divisors: Float64Array;
  /** Sum of squares of the total gradient; not finite when the run diverges. */
  readonly squares: number;
  readonly used: readonly RowsAt[];
  readonly algorithm: AllReducePlan['algorithm'];
  readonly attempts: number;
  /** Workers whose sums went into the total, and all who hold it now. */
  readonly contributors: number;
  readonly members: number;
}

/** Thrown by `Worker.exchange` when not the worker but its link to a peer was lost. */
export class PeerLostError extends Error {}

type Event =
  | {
      readonly kind: 'computed';
      readonly worker: Worker;
      readonly nodes: readonly TreeNode[];
      readonly computed: Computed;
    }
  | { readonly kind: 'reduced'; readonly worker: Worker; readonly attempt: number; readonly squares: number }
  | { readonly kind: 'broken'; readonly worker: Worker; readonly attempt: number; readonly error: unknown }
  | { readonly kind: 'lost'; readonly worker: Worker }
  | { readonly kind: 'failed'; readonly error: unknown };

interface Holding {
  readonly node: TreeNode;
  readonly worker: Worker;
  readonly losses: readonly number[];
  readonly divisors: readonly number[];
  readonly used: readonly RowsAt[];
}

interface Outstanding {
  readonly worker: Worker;
  readonly nodes: readonly TreeNode[];
  /** When the worker is late. */
  readonly deadline: number;
}

/** Bytes a second below which a link is taken for stalled. */
const slowestLink = 1e6;
/** Below this a butterfly has nothing to share out. */
const smallSlab = 1 << 20;

const keyOf = ({ low, high }: TreeNode): string => `${low}-${high}`;
const size = (nodes: readonly TreeNode[]): number => nodes.reduce((sum, { low, high }) => sum + high - low, 0);

export class Round {
  readonly #task: RoundTask;
  readonly #options: RoundOptions;
  readonly #mail: Mailbox<Event>;
  readonly #lost = new Set<Worker>();
  #nodes: readonly TreeNode[] = [];
  readonly #holders = new Map<string, Holding>();
  #outstanding: Outstanding[] = [];
  #attempt = 0;
  /** Of the last exchange. */
  #members = 0;
  /** Workers cannot reach each other, or disagree: everything goes through the coordinator. */
  #starOnly = false;

  constructor(task: RoundTask, options: RoundOptions) {
    this.#task = task;
    this.#options = options;
    this.#mail = new Mailbox(options.clock);
  }

  /** @throws StoppedError when the run is to be stopped while too few workers are there */
  async run(): Promise<RoundResult> {
    const { crew } = this.#options;
    await crew.enough();
    const forget = crew.onLoss((worker) => this.#mail.put({ kind: 'lost', worker }));
    try {
      return await this.#run();
    } finally {
      forget();
    }
  }

  async #run(): Promise<RoundResult> {
    const { crew } = this.#options;
    const able = crew.able();
    const ranges = assign(
      this.#task.shards,
      able.map((worker) => crew.capacityOf(worker)),
    );
    const shares = ranges.map(({ low, high }) => treeNodes(low, high, this.#task.shards));
    this.#nodes = shares.flat();
    for (const [i, worker] of able.entries()) this.#give(worker, shares[i]);
    for (;;) {
      await this.#compute();
      const { squares, algorithm } = await this.#exchange();
      if (squares !== undefined) return { ...this.#result(), squares, algorithm, attempts: this.#attempt };
    }
  }

  #give(worker: Worker, nodes: readonly TreeNode[]): void {
    if (nodes.length === 0) return;
    const { crew, clock } = this.#options;
    const { round, epoch, step, bucket, effort, rowsOf } = this.#task;
    const given = clock.now();
    const deadline = given + crew.patienceWith(worker, this.#load(worker) + size(nodes), effort);
    this.#outstanding.push({ worker, nodes, deadline });
    const task = { round, epoch, step, bucket, nodes, rows: nodes.flatMap((node) => rowsOf(node)) };
    const next = nodes.flatMap((node) => this.#task.nextRowsOf(node));
    worker.compute(task).then(
      (computed) => {
        // Whether the answer still counts or not: else who is always too late would be asked for as much again.
        crew.learn(worker, computed, clock.now() - given, effort);
        this.#mail.put({ kind: 'computed', worker, nodes, computed });
      },
      (error: unknown) => this.#failed(worker, error),
    );
    worker.prefetch?.(next);
  }

  /** What goes wrong here ends the run; a remote worker that fails is lost, and the world says so. */
  #failed(worker: Worker, error: unknown): void {
    if (worker === this.#options.crew.self) this.#mail.put({ kind: 'failed', error });
  }

  /** Until a living worker holds each node. */
  async #compute(): Promise<void> {
    for (;;) {
      const missing = this.#nodes.filter((node) => !this.#holders.has(keyOf(node)));
      if (missing.length === 0) return;
      const promised = new Set(this.#outstanding.flatMap(({ nodes }) => nodes.map(keyOf)));
      const orphans = missing.filter((node) => !promised.has(keyOf(node)));
      if (orphans.length > 0 && !this.#adopt(orphans)) {
        await this.#options.crew.enough();
        continue;
      }
      const event = await this.#mail.take(Math.min(...this.#outstanding.map((each) => this.#dueAt(each))));
      if (event) this.#handle(event);
      else this.#double();
    }
  }

  /** Gives nodes that nobody computes to whoever has least to do; false where nobody is left. */
  #adopt(nodes: readonly TreeNode[]): boolean {
    for (const node of nodes) {
      const present = this.#options.crew.present().filter((worker) => !this.#lost.has(worker));
      if (present.length === 0) return false;
      // One that is busy with an earlier step may never come to this one.
      const able = new Set(this.#options.crew.able());
      const load = (worker: Worker) => this.#load(worker) || (able.has(worker) ? 0 : Number.POSITIVE_INFINITY);
      this.#give(
        present.reduce((best, worker) => (load(worker) < load(best) ? worker : best)),
        [node],
      );
    }
    return true;
  }

  /** Shards that a worker has still to compute for this step. */
  #load(worker: Worker): number {
    return this.#outstanding.filter((each) => each.worker === worker).reduce((sum, { nodes }) => sum + size(nodes), 0);
  }

  #dueAt(one: Outstanding): number {
    return this.#alone(one).length === 0 || this.#idle().length === 0 ? Number.POSITIVE_INFINITY : one.deadline;
  }

  /** Nodes that nobody holds, and nobody else was asked for. */
  #alone(one: Outstanding): TreeNode[] {
    const others = this.#outstanding.filter((each) => each !== one).flatMap(({ nodes }) => nodes.map(keyOf));
    return one.nodes.filter((node) => !this.#holders.has(keyOf(node)) && !others.includes(keyOf(node)));
  }

  #idle(): Worker[] {
    const busy = new Set(this.#outstanding.map(({ worker }) => worker));
    return this.#options.crew.able().filter((worker) => !busy.has(worker) && !this.#lost.has(worker));
  }

  /** Has what is late computed by others too: the answers are the same, and the first one counts. */
  #double(): void {
    const now = this.#options.clock.now();
    for (const late of this.#outstanding.filter(({ deadline }) => deadline <= now)) {
      const idle = this.#idle();
      if (idle.length === 0) return;
      this.#give(idle[0], this.#alone(late));
    }
  }

  #handle(event: Event): void {
    if (event.kind === 'computed') this.#hold(event);
    else if (event.kind === 'lost') this.#forget(event.worker);
    else if (event.kind === 'failed') throw event.error;
  }

  #hold({ worker, nodes, computed }: Extract<Event, { kind: 'computed' }>): void {
    this.#outstanding = this.#outstanding.filter((each) => each.worker !== worker || each.nodes !== nodes);
    if (this.#lost.has(worker)) return;
    let place = 0;
    for (const node of nodes) {
      const end = place + node.high - node.low;
      const [losses, divisors] = [computed.losses.slice(place, end), computed.divisors.slice(place, end)];
      place = end;
      if (this.#holders.has(keyOf(node))) continue;
      const inside = ({ start }: RowsAt) => this.#task.rowsOf(node).some((rows) => rows.start === start);
      this.#holders.set(keyOf(node), { node, worker, losses, divisors, used: computed.used.filter(inside) });
    }
  }

  #forget(worker: Worker): void {
    this.#lost.add(worker);
    this.#outstanding = this.#outstanding.filter((each) => each.worker !== worker);
    for (const [key, holding] of this.#holders) if (holding.worker === worker) this.#holders.delete(key);
  }

  /** One attempt: `squares` is undefined when somebody who takes part was lost. */
  async #exchange(): Promise<{ squares?: number; algorithm: AllReducePlan['algorithm'] }> {
    const { clock, crew, silence, bytes } = this.#options;
    const plan = this.#plan();
    const { algorithm, attempt } = plan;
    const byId = new Map([crew.self, ...crew.followers()].map((worker) => [worker.id, worker]));
    for (const { id } of plan.members) this.#ask(byId.get(id)!, plan);
    this.#members = plan.members.length;
    const taking = plan.members.filter(({ id, nodes }) => id === crew.self.id || nodes.length > 0);
    const contributors = new Set(taking.map(({ id }) => id));
    const waiting = new Set(contributors);
    const results = new Map<number, number>();
    const patience = silence + (bytes / slowestLink) * 1000 * plan.members.length;
    let deadline = clock.now() + patience;
    let received = crew.received();
    while (waiting.size > 0) {
      const event = await this.#mail.take(deadline);
      if (!event && crew.received() !== received) {
        // Slow, but it moves.
        received = crew.received();
        deadline = clock.now() + patience;
        continue;
      }
      if (!event) {
        this.#blame(plan, waiting);
        return { algorithm };
      }
      this.#handle(event);
      if (event.kind === 'reduced' && event.attempt === attempt) {
        results.set(event.worker.id, event.squares);
        waiting.delete(event.worker.id);
      }
      // What it held has to be computed again, and sums may have been on their way through it.
      if (event.kind === 'lost' && contributors.has(event.worker.id)) return { algorithm };
      if (event.kind !== 'broken' || event.attempt !== attempt) continue;
      if (event.error instanceof PeerLostError) {
        this.#starOnly = true;
        return { algorithm };
      }
      this.#failed(event.worker, event.error);
    }
    return { squares: this.#agreed(results), algorithm };
  }

  #ask(worker: Worker, plan: AllReducePlan): void {
    const { attempt } = plan;
    worker.allReduce(plan).then(
      (squares) => this.#mail.put({ kind: 'reduced', worker, attempt, squares }),
      (error: unknown) => this.#mail.put({ kind: 'broken', worker, attempt, error }),
    );
  }

  #plan(): AllReducePlan {
    const { crew, algorithm, precision, bytes } = this.#options;
    const nodesOf = ({ id }: Worker) =>
      [...this.#holders.values()]
        .filter(({ worker }) => worker.id === id)
        .map(({ node }) => node)
        .sort((a, b) => a.low - b.low);
    const followers = crew.followers().filter((worker) => !this.#lost.has(worker));
    const others = followers.map((worker) => ({ id: worker.id, nodes: nodesOf(worker) }));
    const holders = followers.filter((_, i) => others[i].nodes.length > 0);
    const wanted = algorithm === 'butterfly' || (algorithm === 'auto' && bytes >= smallSlab);
    const butterfly = wanted && !this.#starOnly && holders.length > 1 && crew.linked(holders);
    // Whoever has sums can do without the coordinator; others get the total through it, for links they may have none.
    const alone = !crew.selfKeepsUp && holders.length === followers.length && (butterfly || holders.length === 1);
    const members = alone ? others : [{ id: crew.self.id, nodes: nodesOf(crew.self) }, ...others];
    return {
      round: this.#task.round,
      attempt: this.#attempt++,
      shards: this.#task.shards,
      precision,
      members,
      algorithm: butterfly ? 'butterfly' : 'star',
    };
  }

  /** Nothing moves: give up links between workers first, then the workers that owe the coordinator something. */
  #blame({ algorithm }: AllReducePlan, waiting: ReadonlySet<number>): void {
    const { crew } = this.#options;
    if (algorithm === 'butterfly') {
      this.#starOnly = true;
      // Else every step would wait as long.
      crew.unlink();
      return;
    }
    const owing = crew.owing();
    const byId = new Map(crew.followers().map((worker) => [worker.id, worker]));
    const late = owing.length > 0 ? owing : [...waiting].map((id) => ({ id, bytes: 0 }));
    for (const { id, bytes } of late) {
      const worker = byId.get(id);
      if (!worker) continue;
      this.#forget(worker);
      crew.lose(worker, bytes > 0 ? `it owes ${bytes.toLocaleString('en-US')} bytes` : 'it does not confirm the total');
    }
  }

  /**
   * Every replica has to come to the same total. A worker that has another one than the coordinator is dropped; where the
   * coordinator has none, it adds up itself what they send next time.
   */
  #agreed(results: ReadonlyMap<number, number>): number | undefined {
    const { crew } = this.#options;
    const own = results.get(crew.self.id);
    if (own === undefined) {
      const [first, ...others] = results.values();
      if (others.every((squares) => Object.is(squares, first))) return first;
      this.#starOnly = true;
      return undefined;
    }
    const wrong = crew.followers().filter(({ id }) => results.has(id) && !Object.is(results.get(id), own));
    for (const worker of wrong) {
      this.#forget(worker);
      crew.lose(worker, `its total gradient has the squared norm ${results.get(worker.id)}, the coordinator's ${own}`);
    }
    return wrong.length === 0 ? own : undefined;
  }

  #result(): Pick<RoundResult, 'losses' | 'divisors' | 'used' | 'contributors' | 'members'> {
    const [losses, divisors] = [new Float64Array(this.#task.shards), new Float64Array(this.#task.shards)];
    const holdings = [...this.#holders.values()];
    for (const { node, ...own } of holdings) {
      losses.set(own.losses, node.low);
      divisors.set(own.divisors, node.low);
    }
    const contributors = new Set(holdings.map(({ worker }) => worker.id)).size;
    return { losses, divisors, used: holdings.flatMap(({ used }) => used), contributors, members: this.#members };
  }
}
