/** What a worker was asked and has not answered: an answer settles its question, a loss fails them all. */
import { type LockstepError, WireError } from '../../src/errors.js';
import type { MetricTotals } from '../../src/evaluate/output-metrics.js';
import type { Computed, ComputeTask, TotalSquares, Worker } from '../../src/pool/round-worker.js';
import { type AllReducePlan, usesLink } from '../../src/reduce/plan.js';
import type { ParameterRange } from '../../src/reduce/shares.js';
import type { BlobSink } from '../../src/wire/blob.js';
import type { BlobFrame } from '../../src/wire/frame.js';
import { Incoming } from '../../src/wire/incoming.js';
import type { ComputedMessage, Evaluated, PeerLost, Reduced, Transfer } from '../../src/wire/messages.js';
import { type ReplicaState, stateSink } from '../../src/wire/state-blob.js';
import { checkComputed } from './answer.js';
import type { TransferPart } from './outbox.js';
import { PeerLostError } from './roster.js';

interface Question<T> {
  /** What the worker does to answer, for people. */
  readonly doing: string;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

const dropped = 'this worker is dropped';

export class Questions {
  readonly #computing: (Question<Computed> & { readonly task: ComputeTask })[] = [];
  #reducing: (Question<TotalSquares> & { readonly plan: AllReducePlan; answered: boolean }) | undefined;
  readonly #evaluating = new Map<number, Question<MetricTotals>>();
  #fetching:
    | (Question<void> & { readonly round: number; readonly part: TransferPart; readonly state: ReplicaState })
    | undefined;
  readonly #incoming = new Incoming<BlobSink>();
  #evaluations = 0;

  /** Whether there is something that it still computes. */
  get isComputing(): boolean {
    return this.#computing.length > 0;
  }

  /** What the worker is at, for people: the oldest question, not the last one. */
  get doing(): string | undefined {
    return (this.#computing[0] ?? this.#evaluating.values().next().value)?.doing;
  }

  compute(doing: string, task: ComputeTask): Promise<Computed> {
    return new Promise((resolve, reject) => this.#computing.push({ doing, resolve, reject, task }));
  }

  /** The attempt before, if there is one, is given up. */
  allReduce(doing: string, plan: AllReducePlan): Promise<TotalSquares> {
    this.#reducing?.reject(new PeerLostError('another attempt has begun'));
    return new Promise((resolve, reject) => {
      this.#reducing = { doing, resolve, reject, plan, answered: false };
    });
  }

  /** @returns the number of the question, and its answer */
  evaluate(doing: string): { request: number; totals: Promise<MetricTotals> } {
    const request = this.#evaluations++;
    const totals = new Promise<MetricTotals>((resolve, reject) => {
      this.#evaluating.set(request, { doing, resolve, reject });
    });
    return { request, totals };
  }

  /** @param state is written into as the answer arrives */
  fetch(doing: string, round: number, state: ReplicaState, part: TransferPart): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#fetching = { doing, resolve, reject, round, part, state };
    });
  }

  /** @returns what was asked @throws WireError when nothing was, or something else */
  computed({ kind, round, ...computed }: ComputedMessage): ComputeTask {
    const { task, resolve } = asked(this.#computing[0], kind);
    checkComputed(task, round, computed);
    this.#computing.shift();
    resolve(computed);
    return task;
  }

  /** @returns false for one of an attempt that was given up: it may have come to its end all the same */
  reduced({ round, attempt, squares, blocks }: Reduced): boolean {
    const reducing = this.#reducing;
    if (!reducing || reducing.answered || reducing.plan.round !== round || reducing.plan.attempt !== attempt) {
      return false;
    }
    reducing.answered = true;
    reducing.resolve({ squares, blocks });
    return true;
  }

  /**
   * @param worker that says so
   * @returns whether the all-reduce under way breaks by it
   * @throws WireError when its link is the one to the coordinator
   */
  peerLost({ id, round, reason }: PeerLost, { id: self, name }: Pick<Worker, 'id' | 'name'>): boolean {
    if (id === 0) throw new WireError(`it refuses what it was sent: ${reason}`, dropped);
    const { plan, reject } = this.#reducing ?? {};
    // Of what needs no links: else a worker could have the same exchange repeated for ever.
    if (round !== plan?.round || !usesLink(plan, self, id)) return false;
    reject!(new PeerLostError(`${name} has lost its link to worker ${id}: ${reason}`));
    return true;
  }

  /** @throws WireError when it was not asked */
  evaluated({ kind, request, sums, counts, kept }: Evaluated): void {
    const { resolve } = asked(this.#evaluating.get(request), kind);
    this.#evaluating.delete(request);
    resolve({ sums, counts, kept });
  }

  /** The parameters that it was asked for follow. @throws WireError when it was not, or was asked for others */
  transfer(transfer: Transfer): void {
    const { round, part, state } = asked(this.#fetching, transfer.kind);
    const what = part.replica === undefined ? 'state' : 'replica';
    const isPart = transfer.replica === part.replica && isSame(transfer.range, part.range);
    if (transfer.what !== what || transfer.round !== round || !isPart) {
      throw new WireError(`transfer: ${transfer.what} of round ${transfer.round} was not asked for`, dropped);
    }
    this.#incoming.expect(transfer, stateSink(state, transfer.bytes));
  }

  /** A piece of them. @throws WireError when no transfer is under way, or it is not the piece that is due */
  blob(frame: BlobFrame): void {
    const arriving = this.#incoming.take(frame);
    if (arriving?.received !== arriving?.transfer.bytes) return;
    this.#fetching?.resolve();
    this.#fetching = undefined;
  }

  fail(error: LockstepError): void {
    for (const { reject } of [...this.#computing, ...this.#evaluating.values()]) reject(error);
    this.#reducing?.reject(error);
    this.#fetching?.reject(error);
  }
}

const isSame = (one: ParameterRange | undefined, other: ParameterRange | undefined): boolean =>
  one?.from === other?.from && one?.to === other?.to;

function asked<Asked>(question: Asked | undefined, kind: string): Asked {
  if (question) return question;
  throw new WireError(`${kind}: it was not asked for`, dropped);
}
