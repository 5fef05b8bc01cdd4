/** A machine behind a connection as a Worker: what it is asked for goes out, and what it answers is received here. */

import { type LockstepError, WireError } from '../../src/errors.js';
import type { MetricTotals } from '../../src/evaluate/output-metrics.js';
import { grouped } from '../../src/ground/units.js';
import type {
  Computed,
  ComputeTask,
  EvaluationBatch,
  RoundUpdate,
  TotalSquares,
  Worker,
} from '../../src/pool/round-worker.js';
import type { Landing } from '../../src/reduce/landings.js';
import type { AllReducePlan } from '../../src/reduce/plan.js';
import { checkedHeader, type SlabFrame, type SlabParts } from '../../src/reduce/slab-frame.js';
import type { BlobSource } from '../../src/wire/blob.js';
import type { Connection } from '../../src/wire/connection.js';
import type { Failed, Hello, Message, PeerLost, RunEnding, TransferKind } from '../../src/wire/messages.js';
import type { ReplicaState } from '../../src/wire/state-blob.js';
import type { Activity } from './activity.js';
import { Outbox, type PackRows, type TransferPart } from './outbox.js';
import { Questions } from './questions.js';
import { Standing } from './standing.js';

/** Whom a remote worker tells what has changed; everything else that it sends settles what it was asked for. */
export interface RemoteHandlers {
  readonly activity: Activity;
  /** A worker has said something: it may be able to compute now. */
  spoke(): void;
  /** A worker has the parameters, and takes part from now on. */
  activated(worker: RemoteWorker): void;
  /** A worker wants to leave. */
  leaving(worker: RemoteWorker): void;
  /** A worker cannot do what it was asked for. */
  failed(worker: RemoteWorker, failure: Failed): void;
  /** A worker's link to another one broke in the middle of their all-reduce. */
  cutOff(worker: RemoteWorker, from: PeerLost): void;
  /** A worker has no link to another one any more. */
  cut(worker: RemoteWorker, from: PeerLost): void;
  /** A worker's connection has ended. */
  ended(worker: RemoteWorker, error: LockstepError): void;
  /** A piece of a sum has come from a worker. */
  receive(worker: RemoteWorker, frame: SlabFrame): void;
  /** Where sums could be received. */
  landing(): Landing | undefined;
}

/** What a worker is sent, for people. */
const transferred: Readonly<Record<TransferKind, string>> = {
  job: 'the job',
  data: 'data',
  rows: 'data',
  state: 'parameters',
  slots: 'its share of the optimizer state',
  replica: 'the state of a replica',
};

/** What a worker ends with, where it would otherwise come back. */
export function sayGoodbye(connection: Connection, ending: RunEnding): Promise<void> {
  connection.send({ kind: 'bye', ...ending });
  return connection.close();
}

export class RemoteWorker implements Worker {
  readonly id: number;
  readonly name: string;
  readonly threads: number;
  readonly host: string;
  /** Tells a worker that comes back from a new one. */
  readonly membership: string;
  readonly rank: Hello['rank'];
  /** Where other workers reach it. */
  readonly peer: string | null;
  readonly connection: Connection;
  readonly standing: Standing;
  /** Peers that it has a link to. */
  links: ReadonlySet<number> = new Set();
  readonly #outbox: Outbox;
  readonly #questions = new Questions();
  /** Whether the all-reduce under way cannot end without it. */
  #contributes = false;
  #doing = 'joining';

  /** @param hasWorked whether it took part before it was lost, and is back now */
  constructor(id: number, hello: Hello, name: string, connection: Connection, hasWorked: boolean) {
    this.id = id;
    this.name = name;
    this.threads = hello.threads;
    this.host = hello.host;
    this.membership = hello.membership;
    this.rank = hello.rank;
    this.peer = hello.peer;
    this.connection = connection;
    this.standing = new Standing(hasWorked);
    this.#outbox = new Outbox(connection, (what) => {
      this.#doing = `receiving ${transferred[what]}`;
    });
  }

  /** From now on it is listened to. To be called once. */
  open(handlers: RemoteHandlers): void {
    this.connection.handle({
      message: (message) => {
        this.#receive(message, handlers);
        handlers.spoke();
      },
      slab: (frame) => handlers.receive(this, frame),
      landing: () => handlers.landing(),
      blob: (frame) => this.#questions.blob(frame),
      closed: (error) => handlers.ended(this, error ?? new WireError('the connection was closed', 'it can join again')),
    });
  }

  /** What the worker is doing now, for people. */
  get doing(): string {
    return this.#questions.doing ?? this.#doing;
  }
  /** Whether it still computes something. */
  get isComputing(): boolean {
    return this.#questions.isComputing;
  }
  /** Bytes that wait to be sent to it. */
  get backlog(): number {
    return this.#outbox.backlog;
  }

  compute(task: ComputeTask): Promise<Computed> {
    const shards = task.nodes.map(({ low, high }) => `${low}-${high - 1}`).join(', ');
    return this.#ask(`computing shards ${shards} of step ${grouped(task.round + 1)}`, (doing) => {
      const computed = this.#questions.compute(doing, task);
      const rows = task.rows.map(({ rows }) => rows);
      this.#outbox.sendAfter(rows, { kind: 'compute', ...task });
      return computed;
    });
  }

  /** Sends the rows of a step that it will probably be asked for. */
  prefetch(rows: readonly Int32Array[]): void {
    this.#outbox.prefetch(rows);
  }

  allReduce(plan: AllReducePlan): Promise<TotalSquares> {
    this.#contributes = plan.members.some(({ id, nodes }) => id === this.id && nodes.length > 0);
    return this.#ask(`exchanging gradients of step ${grouped(plan.round + 1)}`, (doing) => {
      const squares = this.#questions.allReduce(doing, plan);
      this.#outbox.send({ kind: 'allReduce', ...plan });
      return squares;
    });
  }

  async commit(update: RoundUpdate): Promise<void> {
    this.#doing = `committing step ${grouped(update.round + 1)}`;
    this.standing.commit(update.round);
    this.#outbox.send({ kind: 'commit', ...update });
  }

  evaluate(batches: readonly EvaluationBatch[]): Promise<MetricTotals> {
    return this.#ask('validating', (doing) => {
      const { request, totals } = this.#questions.evaluate(doing);
      const rows = batches.map(({ rows }) => rows);
      this.#outbox.sendAfter(rows, { kind: 'evaluate', request, batches });
      return totals;
    });
  }

  /**
   * Writes its parameters and slots after `round` into `state`: all, or those of a range; or the optimizer state of a replica.
   * @throws WireError when it is lost before all have come
   */
  fetch(round: number, state: ReplicaState, part: TransferPart = {}): Promise<void> {
    return this.#ask('sending its parameters', (doing) => {
      const fetched = this.#questions.fetch(doing, round, state, part);
      this.#outbox.send({ kind: 'fetch', round, ...part });
      return fetched;
    });
  }

  send(message: Message): void {
    this.#outbox.send(message);
  }

  sendSlab(frame: SlabParts): void {
    // Nobody waits for one that only follows, and the next round writes where this payload lies, unless it is one that stays until it is sent.
    const kept = () => ({ header: checkedHeader(frame), payload: new Uint8Array(frame.payload) });
    this.#outbox.sendSlab(this.#contributes || frame.sent ? frame : kept());
  }

  /** See Outbox. */
  transfer(
    what: TransferKind,
    source: BlobSource,
    sha256: string,
    round: number,
    progress?: (bytes: number) => void,
    part?: TransferPart,
  ): Promise<void> {
    return this.#outbox.transfer(what, source, sha256, round, progress, part);
  }

  /** The worker has no copy of the data: it is sent the rows of each task. */
  feed(pack: PackRows): void {
    this.#outbox.feed(pack);
  }

  /** The last thing that it hears, whatever it is being sent. */
  dismiss(ending: RunEnding): Promise<void> {
    return sayGoodbye(this.connection, ending);
  }

  /** The worker is lost: everything that it was asked for fails. */
  fail(error: LockstepError): void {
    this.standing.lose();
    this.#outbox.close();
    this.#questions.fail(error);
  }

  /** @throws WireError when it answers nothing that it was asked, or not what it was asked */
  #receive(message: Message, handlers: RemoteHandlers): void {
    const { activity } = handlers;
    const ago = (this.connection.roundTrip ?? 0) / 2;
    switch (message.kind) {
      case 'ready':
        this.standing.ready();
        break;
      case 'linked':
        this.links = new Set(message.ids);
        break;
      case 'computed':
        activity.computed(this, message, this.#questions.computed(message), ago);
        break;
      case 'reduced':
        if (this.#questions.reduced(message)) {
          activity.reduced(this, message.milliseconds, message.round, message, ago);
        }
        break;
      case 'applied':
        // Whoever confirms that it has the parameters has updated nothing.
        if (this.standing.apply(message.round)) handlers.activated(this);
        else activity.updated(this, message.milliseconds, message.round, message, ago);
        break;
      case 'evaluated':
        this.#questions.evaluated(message);
        activity.evaluated(this, message.milliseconds, ago);
        break;
      case 'transfer':
        this.#questions.transfer(message);
        break;
      case 'peerLost':
        if (this.#questions.peerLost(message, this)) handlers.cutOff(this, message);
        handlers.cut(this, message);
        break;
      case 'drain':
        handlers.leaving(this);
        break;
      case 'failed':
        handlers.failed(this, message);
        break;
      default:
        throw new WireError(`a worker does not send ${message.kind}`, 'this worker is dropped');
    }
  }

  /** @throws WireError when it is lost */
  #ask<T>(doing: string, ask: (doing: string) => Promise<T>): Promise<T> {
    this.#doing = doing;
    if (this.standing.state === 'lost')
      return Promise.reject(new WireError(`${this.name} is lost`, 'others take over'));
    return ask(doing);
  }
}
