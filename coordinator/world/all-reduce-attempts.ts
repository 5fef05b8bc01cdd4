/**
 * The all-reduce of a round: attempt by attempt, until all who gave sums hold the same total. A link that breaks, a
 * worker that is lost or one that holds another total makes another attempt necessary, on another way or without it.
 */

import { WireError } from '../../src/errors.js';
import { grouped } from '../../src/ground/units.js';
import type { TotalSquares, Worker } from '../../src/pool/round-worker.js';
import { totalSquares } from '../../src/reduce/norm.js';
import { type AllReducePlan, type PlanMember, usesLinks } from '../../src/reduce/plan.js';
import type { PowerSgdRule } from '../../src/reduce/power-sgd.js';
import { type ParameterShare, updatedBy, updatesAll } from '../../src/reduce/shares.js';
import { agreedBlocks, agreedSquares } from './agreed-squares.js';
import type { Clock } from './clock.js';
import type { Computing, RoundTask } from './computing.js';
import { numberHosts } from './hosts.js';
import type { Mailbox } from './mailbox.js';
import { PeerLostError, type Roster } from './roster.js';
import type { RoundEvent } from './round-events.js';

export interface AllReduceAttemptsOptions {
  readonly roster: Roster;
  readonly clock: Clock;
  readonly precision: AllReducePlan['precision'];
  readonly algorithm: 'auto' | AllReducePlan['algorithm'];
  /** Whether the coordinator and these workers are all processes of one MPI job. */
  readonly isWholeJob: (followers: readonly Worker[]) => boolean;
  /** Bytes of a sum on the wire. */
  readonly bytes: number;
  /** Of a gradient that travels in factors. */
  readonly compression?: Compression;
  /**
   * Where optimizer state is sharded: the shares as those of some workers update them who have one.
   * @throws StateLostError when nobody of them has the state of one
   */
  readonly shares?: (present: readonly Worker[]) => readonly ParameterShare[];
  /** Milliseconds that an exchange may make no progress, besides the time that its bytes need. */
  readonly silence: number;
  /** Number of the first attempt: higher where the round is computed again, so that nobody takes one for the other. */
  readonly firstAttempt?: number;
}

export interface Compression {
  readonly rule: PowerSgdRule;
  /** Bytes of a sum on the wire in the warm-up. */
  readonly wholeBytes: number;
  /** Who had the factors of the last round that was committed. A worker that comes back is another one. */
  warmed: ReadonlySet<object>;
}

/** What an attempt came to: without `squares`, another one is needed. */
interface Attempt {
  readonly algorithm: AllReducePlan['algorithm'];
  /** Who has which part of the total, where not all have all. */
  readonly shares?: readonly ParameterShare[];
  /** Sum of squares of the total gradient. */
  readonly squares?: number;
}

/** Bytes a second below which a link is taken for stalled. */
const slowestLink = 1e6;
/** Below this a butterfly has nothing to share out. */
const smallSlab = 1 << 20;

/** Whether a butterfly is wanted where workers have links. */
export const wantsButterfly = ({ algorithm, bytes }: Pick<AllReduceAttemptsOptions, 'algorithm' | 'bytes'>): boolean =>
  algorithm === 'butterfly' || (algorithm !== 'star' && bytes >= smallSlab);

export class AllReduceAttempts {
  readonly #round: number;
  readonly #shards: number;
  readonly #part: number | undefined;
  readonly #options: AllReduceAttemptsOptions;
  readonly #mail: Mailbox<RoundEvent>;
  readonly #computing: Computing;
  #next: number;
  #members: ReadonlySet<object> = new Set();
  /** Workers cannot reach each other, or disagree: everything goes through the coordinator. */
  #starOnly = false;

  constructor(
    { round, shards, part }: Pick<RoundTask, 'round' | 'shards' | 'part'>,
    options: AllReduceAttemptsOptions,
    mail: Mailbox<RoundEvent>,
    computing: Computing,
  ) {
    this.#round = round;
    this.#shards = shards;
    this.#part = part;
    this.#options = options;
    this.#mail = mail;
    this.#computing = computing;
    this.#next = options.firstAttempt ?? 0;
  }

  /** Attempts so far. */
  get count(): number {
    return this.#next - (this.#options.firstAttempt ?? 0);
  }
  /** Workers that the last one had, who hold its total. */
  get members(): ReadonlySet<object> {
    return this.#members;
  }

  /** One attempt: `squares` is undefined where another one is needed. */
  async next(): Promise<Attempt> {
    const { clock, roster, silence, bytes } = this.#options;
    const plan = this.#plan();
    const { algorithm, attempt, shares } = plan;
    const byId = new Map([roster.self, ...roster.followers()].map((worker) => [worker.id, worker]));
    for (const { id } of plan.members) this.#ask(byId.get(id)!, plan);
    this.#members = new Set(plan.members.map(({ id }) => byId.get(id)!));
    // Of what only workers update, the squares are with them.
    const isScattered = shares !== undefined && !updatesAll(shares);
    const isTaking = ({ id, nodes }: PlanMember) =>
      isScattered || id === roster.self.id || nodes.length > 0 || algorithm === 'mpi';
    const taking = plan.members.filter(isTaking);
    const contributors = new Set(taking.map(({ id }) => id));
    const waiting = new Set(contributors);
    const results = new Map<number, TotalSquares>();
    const patience = silence + (bytes / slowestLink) * 1000 * plan.members.length;
    let deadline = clock.now() + patience;
    let received = roster.allReduce.bytesReceived;
    while (waiting.size > 0) {
      const event = await this.#mail.take(deadline);
      if (!event && roster.allReduce.bytesReceived !== received) {
        // Slow, but it moves.
        received = roster.allReduce.bytesReceived;
        deadline = clock.now() + patience;
        continue;
      }
      if (!event) {
        if (algorithm === 'mpi') throw this.#stuck(nameOf(byId, waiting), 'did not end it');
        this.#blame(plan, waiting);
        return { algorithm };
      }
      this.#computing.handle(event);
      if (event.kind === 'reduced' && event.attempt === attempt) {
        results.set(event.worker.id, event.total);
        waiting.delete(event.worker.id);
      }
      // What it held has to be computed again, and sums may have been on their way through it.
      if (event.kind === 'lost' && contributors.has(event.worker.id)) {
        if (algorithm === 'mpi') throw this.#stuck(event.worker.name, 'is lost');
        return { algorithm };
      }
      if (event.kind !== 'broken' || event.attempt !== attempt) continue;
      if (event.error instanceof PeerLostError) {
        this.#starOnly = true;
        return { algorithm };
      }
      this.#computing.failed(event.worker, event.error);
    }
    return { squares: this.#agreed(plan, results), algorithm, shares };
  }

  #ask(worker: Worker, plan: AllReducePlan): void {
    const { attempt } = plan;
    worker.allReduce(plan).then(
      (total) => this.#mail.put({ kind: 'reduced', worker, attempt, total }),
      (error: unknown) => this.#mail.put({ kind: 'broken', worker, attempt, error }),
    );
  }

  #plan(): AllReducePlan {
    const { roster, precision, compression } = this.#options;
    const nodesOf = (worker: Worker) => this.#computing.heldBy(worker);
    const followers = roster.followers().filter((worker) => !this.#computing.isLost(worker));
    const holds = (worker: Worker) => nodesOf(worker).length > 0;
    const hosts = numberHosts(roster, followers, holds, !this.#starOnly);
    const memberOf = (worker: Worker) => ({ id: worker.id, host: hosts.get(worker.id)!, nodes: nodesOf(worker) });
    const holders = followers.filter(holds);
    const byLibrary = this.#options.algorithm === 'mpi' && followers.length > 0 && this.#options.isWholeJob(followers);
    const dealt = this.#options.shares?.(followers);
    const owners = followers.filter(({ id }) => dealt && updatedBy(dealt, id).length > 0);
    const pays = dealt ? owners.length > 0 : holders.length > 1;
    const linked = pays && roster.linked([...new Set([...holders, ...owners])]);
    const butterfly = linked && !this.#starOnly && wantsButterfly(this.#options);
    // Whoever has sums or shares can do without the coordinator; others get the total through it, for links they may have none.
    const isEach = dealt ? butterfly : holders.length === followers.length && (butterfly || holders.length === 1);
    const alone = !byLibrary && !roster.selfKeepsUp && isEach;
    const members = (alone ? followers : [roster.self, ...followers]).map(memberOf);
    return {
      round: this.#round,
      attempt: this.#next++,
      shards: this.#shards,
      ...(this.#part !== undefined && { part: this.#part }),
      precision,
      members,
      algorithm: byLibrary ? 'mpi' : butterfly ? 'butterfly' : 'star',
      // In a star the coordinator has the total before anybody, and updates for all.
      ...(dealt && { shares: butterfly ? dealt : [{ id: roster.self.id, from: 0, to: dealt.at(-1)!.to }] }),
      ...(compression && {
        warm: [roster.self, ...holders].every((worker) => !holds(worker) || compression.warmed.has(worker)),
      }),
    };
  }

  /** MPI has no way to give up a sum: who has begun it is of no use any more. */
  #stuck(who: string, what: string): WireError {
    const error = new WireError(
      `the sum of step ${grouped(this.#round + 1)} by MPI cannot end: ${who} ${what}`,
      'resume the run, which goes on from its newest checkpoint, or from its start where it has none yet; with cluster.allReduce: auto it goes on without workers that are lost',
    );
    this.#options.roster.allReduce.abort(error);
    return error;
  }

  /** Nothing moves: give up links between workers first, then the workers that owe the coordinator something. */
  #blame(plan: AllReducePlan, waiting: ReadonlySet<number>): void {
    const { roster } = this.#options;
    if (usesLinks(plan)) {
      this.#starOnly = true;
      // Else every step would wait as long.
      roster.unlink();
      return;
    }
    const owing = roster.allReduce.waitingFor();
    const byId = new Map(roster.followers().map((worker) => [worker.id, worker]));
    const late = owing.length > 0 ? owing : [...waiting].map((id) => ({ id, bytes: 0 }));
    for (const { id, bytes } of late) {
      const worker = byId.get(id);
      if (!worker) continue;
      this.#computing.forget(worker);
      roster.lose(worker, bytes > 0 ? `it owes ${grouped(bytes)} bytes` : 'it does not confirm the total');
    }
  }

  /**
   * Every replica has to come to the same total. A worker that has another one than the coordinator is dropped; where the
   * coordinator has none, it adds up itself what they send next time.
   */
  #agreed({ shares }: AllReducePlan, results: ReadonlyMap<number, TotalSquares>): number | undefined {
    const { roster } = this.#options;
    const own = results.get(roster.self.id)?.squares;
    if (own === undefined) {
      const agreed = shares ? agreedBlocks(shares, results) : agreedSquares([...results.values()]);
      this.#starOnly ||= agreed === undefined;
      return agreed;
    }
    const expected = (id: number) => (shares ? totalSquares(roster.allReduce.blocksOf(shares, id)) : own);
    const told = roster.followers().filter(({ id }) => results.has(id));
    const wrong = told.filter(({ id }) => !Object.is(results.get(id)!.squares, expected(id)));
    for (const worker of wrong) {
      const { id } = worker;
      this.#computing.forget(worker);
      roster.lose(
        worker,
        `its total gradient has the squared norm ${results.get(id)!.squares}, the coordinator's ${expected(id)}`,
      );
    }
    return wrong.length === 0 ? own : undefined;
  }
}

const nameOf = (workers: ReadonlyMap<number, Worker>, ids: ReadonlySet<number>): string =>
  [...ids].map((id) => workers.get(id)!.name).join(', ');
