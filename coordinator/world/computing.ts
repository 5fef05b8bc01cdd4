/** The computing of a round: who was asked for which nodes of the step's tree, and who holds their sums. */
import {
  type Computed,
  type ComputeTask,
  leavesOf,
  lossesEach,
  type RowsAt,
  type Worker,
} from '../../src/pool/round-worker.js';
import { type TreeNode, treeNodes } from '../../src/reduce/tree.js';
import { type Assigned, assignTo } from './assign.js';
import type { Clock } from './clock.js';
import type { Mailbox } from './mailbox.js';
import type { StateLostError } from './own-state.js';
import { lostReplica } from './replica-keeper.js';
import type { Roster } from './roster.js';
import type { RoundEvent } from './round-events.js';

export interface RoundTask extends Omit<ComputeTask, 'nodes' | 'rows'> {
  /** Shards that hold examples; or replicas, where the round is local steps. */
  readonly shards: number;
  /** What a shard of this step takes, in those of the longest bucket. */
  readonly effort: number;
  /** The steps that come later, while what these came to is exchanged. */
  readonly beside?: Omit<RoundTask, 'beside'>;
  /** Rows of a node's shards. */
  rowsOf(node: TreeNode): readonly RowsAt[];
  /** Rows that these nodes will have in the next step, for workers that are sent them ahead. */
  nextRowsOf(node: TreeNode): readonly Int32Array[];
}

/** A node whose sum a worker holds. */
export interface Holding {
  readonly node: TreeNode;
  readonly worker: Worker;
  readonly losses: readonly number[];
  readonly divisors: readonly number[];
  readonly used: readonly RowsAt[];
}

/** Nodes that a worker was asked for. */
interface Outstanding {
  readonly worker: Worker;
  readonly nodes: readonly TreeNode[];
  /** When the worker is late. */
  readonly deadline: number;
}

/** What of it a worker is asked for. */
export function taskOf(task: RoundTask, nodes: readonly TreeNode[]): ComputeTask {
  const { shards, effort, beside, rowsOf, nextRowsOf, ...asked } = task;
  return { ...asked, nodes, rows: nodes.flatMap((node) => rowsOf(node)) };
}

export interface RoundLosses {
  /** Sum of the losses of each shard, and what it adds to the divisor of the step; of replicas, of each of their steps. */
  readonly losses: Float64Array;
  readonly divisors: Float64Array;
  readonly used: readonly RowsAt[];
}

/** What all came to. @param computed of some shards from `low` on, or replicas */
export function lossesByShard(
  task: RoundTask,
  computed: readonly (Pick<Computed, 'losses' | 'divisors' | 'used'> & Pick<TreeNode, 'low'>)[],
): RoundLosses {
  const each = lossesEach(task);
  const [losses, divisors] = [new Float64Array(task.shards * each), new Float64Array(task.shards * each)];
  for (const one of computed) {
    losses.set(one.losses, one.low * each);
    divisors.set(one.divisors, one.low * each);
  }
  return { losses, divisors, used: computed.flatMap(({ used }) => used) };
}

const keyOf = ({ low, high }: TreeNode): string => `${low}-${high}`;

export class Computing {
  readonly #task: RoundTask;
  readonly #roster: Roster;
  readonly #clock: Clock;
  readonly #mail: Mailbox<RoundEvent>;
  readonly #lost = new Set<Worker>();
  readonly #nodes: readonly TreeNode[];
  readonly #holders = new Map<string, Holding>();
  readonly #owners: readonly Assigned<Worker>[] | undefined;
  #outstanding: Outstanding[] = [];

  /**
   * Shares the shards out among those who are able.
   * @param owners of replicas, which nobody else can compute
   */
  constructor(
    task: RoundTask,
    roster: Roster,
    clock: Clock,
    mail: Mailbox<RoundEvent>,
    owners?: readonly Assigned<Worker>[],
  ) {
    this.#task = task;
    this.#owners = owners;
    this.#roster = roster;
    this.#clock = clock;
    this.#mail = mail;
    const shares = (owners ?? assignTo(task.shards, roster.able(), roster)).map(({ worker, low, high }) => ({
      worker,
      nodes: treeNodes(low, high, task.shards),
    }));
    this.#nodes = shares.flatMap(({ nodes }) => nodes);
    for (const { worker, nodes } of shares) this.#give(worker, nodes);
  }

  get holdings(): readonly Holding[] {
    return [...this.#holders.values()];
  }

  /** Nodes whose sums a worker holds, in the order of the tree. */
  heldBy({ id }: Worker): TreeNode[] {
    const held = this.holdings.filter(({ worker }) => worker.id === id);
    return held.map(({ node }) => node).sort((a, b) => a.low - b.low);
  }

  isLost(worker: Worker): boolean {
    return this.#lost.has(worker);
  }

  /**
   * Resolves when each node is held by a worker that is there.
   * @throws StoppedError as `Roster.enough` does, StateLostError when a worker is lost that owned replicas and all others are done
   */
  async done(): Promise<void> {
    for (;;) {
      const missing = this.#nodes.filter((node) => !this.#holders.has(keyOf(node)));
      if (missing.length === 0) return;
      const promised = new Set(this.#outstanding.flatMap(({ nodes }) => nodes.map(keyOf)));
      const orphans = missing.filter((node) => !promised.has(keyOf(node)));
      if (this.#owners && orphans.length > 0 && this.#outstanding.length === 0) throw this.#lostReplicas(orphans);
      if (!this.#owners && orphans.length > 0 && !this.#adopt(orphans)) {
        await this.#roster.enough();
        continue;
      }
      const event = await this.#mail.take(Math.min(...this.#outstanding.map((each) => this.#dueAt(each))));
      if (event) this.handle(event);
      else this.#double();
    }
  }

  /** @throws what the coordinator itself has failed with */
  handle(event: RoundEvent): void {
    if (event.kind === 'computed') this.#hold(event);
    else if (event.kind === 'lost') this.forget(event.worker);
    else if (event.kind === 'failed') throw event.error;
  }

  /** What a lost worker held, or was asked for, is to be computed again. */
  forget(worker: Worker): void {
    this.#lost.add(worker);
    this.#outstanding = this.#outstanding.filter((each) => each.worker !== worker);
    for (const [key, holding] of this.#holders) if (holding.worker === worker) this.#holders.delete(key);
  }

  /** What goes wrong in the coordinator ends the run; a remote worker that fails is lost, and the world says so. */
  failed(worker: Worker, error: unknown): void {
    if (worker === this.#roster.self) this.#mail.put({ kind: 'failed', error });
  }

  #give(worker: Worker, nodes: readonly TreeNode[]): void {
    if (nodes.length === 0) return;
    const [roster, clock] = [this.#roster, this.#clock];
    const { effort } = this.#task;
    const given = clock.now();
    const deadline = given + roster.pace.patienceWith(worker, this.#load(worker) + leavesOf(nodes), effort);
    this.#outstanding.push({ worker, nodes, deadline });
    const task = taskOf(this.#task, nodes);
    const next = nodes.flatMap((node) => this.#task.nextRowsOf(node));
    worker.compute(task).then(
      (computed) => {
        // Whether the answer still counts or not: else who is always too late would be asked for as much again.
        roster.pace.learn(worker, computed, clock.now() - given, effort);
        this.#mail.put({ kind: 'computed', worker, nodes, computed });
      },
      (error: unknown) => this.failed(worker, error),
    );
    worker.prefetch?.(next);
  }

  /** Gives nodes that nobody computes to whoever has least to do; false where nobody is left. */
  #adopt(nodes: readonly TreeNode[]): boolean {
    for (const node of nodes) {
      const present = this.#roster.present().filter((worker) => !this.#lost.has(worker));
      if (present.length === 0) return false;
      // One that is busy with an earlier step may never come to this one.
      const able = new Set(this.#roster.able());
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
    return this.#outstanding
      .filter((each) => each.worker === worker)
      .reduce((sum, { nodes }) => sum + leavesOf(nodes), 0);
  }

  #lostReplicas([{ low }]: readonly TreeNode[]): StateLostError {
    return lostReplica(this.#owners!.find((each) => each.low <= low && low < each.high)!.worker);
  }

  #dueAt(one: Outstanding): number {
    if (this.#owners) return Number.POSITIVE_INFINITY;
    return this.#alone(one).length === 0 || this.#idle().length === 0 ? Number.POSITIVE_INFINITY : one.deadline;
  }

  /** Nodes that nobody holds, and nobody else was asked for. */
  #alone(one: Outstanding): TreeNode[] {
    const others = this.#outstanding.filter((each) => each !== one).flatMap(({ nodes }) => nodes.map(keyOf));
    return one.nodes.filter((node) => !this.#holders.has(keyOf(node)) && !others.includes(keyOf(node)));
  }

  #idle(): Worker[] {
    const busy = new Set(this.#outstanding.map(({ worker }) => worker));
    return this.#roster.able().filter((worker) => !busy.has(worker) && !this.#lost.has(worker));
  }

  /** Asks idle workers too for nodes of late ones: the answers are the same, and the first one counts. */
  #double(): void {
    const now = this.#clock.now();
    for (const late of this.#outstanding.filter(({ deadline }) => deadline <= now)) {
      const idle = this.#idle();
      if (idle.length === 0) return;
      this.#give(idle[0], this.#alone(late));
    }
  }

  #hold({ worker, nodes, computed }: Extract<RoundEvent, { kind: 'computed' }>): void {
    this.#outstanding = this.#outstanding.filter((each) => each.worker !== worker || each.nodes !== nodes);
    if (this.#lost.has(worker)) return;
    let place = 0;
    const each = lossesEach(this.#task);
    for (const node of nodes) {
      const end = place + (node.high - node.low) * each;
      const [losses, divisors] = [computed.losses.slice(place, end), computed.divisors.slice(place, end)];
      place = end;
      if (this.#holders.has(keyOf(node))) continue;
      const inside = ({ start }: RowsAt) => this.#task.rowsOf(node).some((rows) => rows.start === start);
      this.#holders.set(keyOf(node), { node, worker, losses, divisors, used: computed.used.filter(inside) });
    }
  }
}
