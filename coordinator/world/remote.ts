/** A machine behind a socket as a Worker: commands go out as messages, answers settle promises, a loss fails them all. */
import { type LockstepError, WireError } from '../../src/errors.js';
import type { MetricTotals } from '../../src/evaluate/output-metrics.js';
import type { Update } from '../../src/optimizer/decide.js';
import type { Computed, ComputeTask, EvaluationBatch, Worker } from '../../src/pool/worker.js';
import type { AllReducePlan } from '../../src/reduce/plan.js';
import type { SlabParts } from '../../src/reduce/slab-frame.js';
import { type BlobSink, type BlobSource, bytesSource } from '../../src/wire/blob.js';
import type { Connection } from '../../src/wire/connection.js';
import type { BlobFrame } from '../../src/wire/frame.js';
import { Incoming } from '../../src/wire/incoming.js';
import type { Hello, Message, Transfer, TransferKind } from '../../src/wire/messages.js';
import { type ReplicaState, stateSink } from '../../src/wire/state-blob.js';
import { checkComputed } from './answer.js';
import { PeerLostError } from './round.js';

export type RemoteState =
  | 'joining' // gets job and data
  | 'ready' // waits for the parameters of the next step
  | 'syncing' // gets them
  | 'active'
  | 'detached' // so far behind that it has to be synced again
  | 'draining'
  | 'lost';

interface Waiting<T> {
  /** What it is about, for people. */
  readonly doing: string;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export class RemoteWorker implements Worker {
  readonly id: number;
  readonly name: string;
  readonly threads: number;
  readonly membership: string;
  /** Where other workers reach it. */
  readonly peer: string | null;
  readonly connection: Connection;
  /** Packs rows for a worker that has no copy of the data. */
  feed: ((rows: Int32Array) => Promise<Uint8Array>) | undefined;
  state: RemoteState = 'joining';
  /** Peers that it has a link to. */
  links: ReadonlySet<number> = new Set();
  /** Whether it has taken part. */
  hasWorked = false;
  /** Whether it has been sent all that it needs to say that it is ready. */
  prepared = false;
  /** Since when it is left behind, as of `performance.now`. */
  detachedAt = 0;
  /** The round that it was last asked to commit, and the last that it did. */
  asked = -1;
  applied = -1;
  readonly #computing: (Waiting<Computed> & { readonly task: ComputeTask })[] = [];
  #exchanging: (Waiting<number> & { readonly plan: AllReducePlan; answered: boolean }) | undefined;
  readonly #evaluating = new Map<number, Waiting<MetricTotals>>();
  #fetching: (Waiting<void> & { readonly round: number; readonly state: ReplicaState }) | undefined;
  readonly #incoming = new Incoming<BlobSink>();
  /** What goes out when the blob under way is through: frames must not overtake it. */
  #held: { readonly send: () => void; readonly bytes: number }[] | undefined;
  #heldBytes = 0;
  /** Whether the exchange under way cannot end without it. */
  #contributes = false;
  /** Rows that it was sent for the last two tasks. */
  #lately: ReadonlySet<number>[] = [];
  #feeding: Promise<void> = Promise.resolve();
  #transfers = 0;
  #requests = 0;
  #doing = 'joining';

  constructor(id: number, hello: Hello, name: string, connection: Connection) {
    this.id = id;
    this.name = name;
    this.threads = hello.threads;
    this.membership = hello.membership;
    this.peer = hello.peer;
    this.connection = connection;
  }

  /** What it is doing now, for people: what it owes, for one that does not answer may be asked for more all the same. */
  get doing(): string {
    return (this.#computing[0] ?? this.#evaluating.values().next().value)?.doing ?? this.#doing;
  }
  /** Whether it still computes something. */
  get isComputing(): boolean {
    return this.#computing.length > 0;
  }
  /** Bytes that wait to be sent to it. */
  get backlog(): number {
    return this.#heldBytes + this.connection.buffered;
  }

  compute(task: ComputeTask): Promise<Computed> {
    this.#doing = `computing shards ${task.nodes.map(({ low, high }) => `${low}-${high - 1}`).join(', ')} of step ${task.round + 1}`;
    return this.#expect((waiting) => {
      this.#computing.push({ ...waiting, task });
      this.#fed(
        task.rows.map(({ rows }) => rows),
        () => this.connection.send({ kind: 'compute', ...task }),
      );
    });
  }

  /** Sends the rows of a step that it will probably be asked for. */
  prefetch(rows: readonly Int32Array[]): void {
    if (this.feed && this.state !== 'lost') this.#fed(rows, () => {});
  }

  allReduce(plan: AllReducePlan): Promise<number> {
    this.#exchanging?.reject(new PeerLostError('another attempt has begun'));
    this.#doing = `exchanging gradients of step ${plan.round + 1}`;
    this.#contributes = plan.members.some(({ id, nodes }) => id === this.id && nodes.length > 0);
    return this.#expect((waiting) => {
      this.#exchanging = { ...waiting, plan, answered: false };
      this.#out(() => this.connection.send({ kind: 'allReduce', ...plan }));
    });
  }

  async commit(update: Update): Promise<void> {
    this.#doing = `committing step ${update.round + 1}`;
    this.asked = update.round;
    this.#out(() => this.connection.send({ kind: 'commit', ...update }));
  }

  evaluate(batches: readonly EvaluationBatch[]): Promise<MetricTotals> {
    this.#doing = 'validating';
    const request = this.#requests++;
    return this.#expect((waiting) => {
      this.#evaluating.set(request, waiting);
      this.#fed(
        batches.map(({ rows }) => rows),
        () => this.connection.send({ kind: 'evaluate', request, batches }),
      );
    });
  }

  fetch(round: number, state: ReplicaState): Promise<void> {
    this.#doing = 'sending its parameters';
    return this.#expect((waiting) => {
      this.#fetching = { ...waiting, round, state };
      this.#out(() => this.connection.send({ kind: 'fetch', round }));
    });
  }

  /** @throws WireError when it was not asked for, or is not what was asked for */
  blob(frame: BlobFrame): void {
    const arriving = this.#incoming.take(frame);
    if (arriving?.received !== arriving?.transfer.bytes) return;
    this.#fetching?.resolve();
    this.#fetching = undefined;
  }

  send(message: Message): void {
    this.#out(() => this.connection.send(message));
  }

  /** The last thing that it hears, whatever it is being sent. */
  dismiss(reason: string): Promise<void> {
    this.connection.send({ kind: 'bye', reason });
    return this.connection.close();
  }

  sendSlab({ header, payload }: SlabParts): void {
    // Nobody waits for one that only follows, and the next round writes where this payload lies.
    const frame = { header, payload: this.#contributes ? payload : new Uint8Array(payload) };
    this.#out(() => this.connection.sendSlab(frame), payload.length);
  }

  /**
   * Sends a blob, and after it whatever is sent meanwhile.
   * @param round up to which the parameters in it are trained, where it holds some
   */
  async transfer(
    what: TransferKind,
    source: BlobSource,
    sha256: string,
    round: number,
    progress?: (bytes: number) => void,
  ): Promise<void> {
    this.#doing = what === 'state' ? 'receiving parameters' : `receiving ${what === 'job' ? 'the job' : 'data'}`;
    await new Promise<void>((resolve, reject) => {
      this.#out(() => this.#transfer({ what, sha256, round }, source, progress).then(resolve, reject));
    });
  }

  async #transfer(
    about: Pick<Transfer, 'what' | 'sha256' | 'round'>,
    source: BlobSource,
    progress?: (bytes: number) => void,
  ): Promise<void> {
    const transfer = ++this.#transfers;
    this.connection.send({ kind: 'transfer', transfer, bytes: source.length, ...about });
    this.#held = [];
    await this.connection.sendBlob(transfer, source, progress);
    const held = this.#held;
    this.#held = undefined;
    this.#heldBytes = 0;
    // One of these may be a blob again, and holds up the others.
    for (const { send, bytes } of held) this.#out(send, bytes);
  }

  /**
   * Settles what an answer belongs to.
   * @returns whether there was something to settle
   * @throws WireError when it answers nothing that was asked, or not what was asked
   */
  receive(message: Message): boolean {
    switch (message.kind) {
      case 'computed': {
        const { kind: _, round, ...computed } = message;
        const waiting = this.#answered(this.#computing[0], message.kind);
        checkComputed(waiting.task, round, computed);
        this.#computing.shift();
        waiting.resolve(computed);
        return true;
      }
      case 'reduced': {
        const exchanging = this.#exchanging;
        const { round, attempt } = exchanging?.plan ?? {};
        // An attempt that was given up may have come to its end all the same.
        if (!exchanging || exchanging.answered || message.round !== round || message.attempt !== attempt) return false;
        exchanging.answered = true;
        exchanging.resolve(message.squares);
        return true;
      }
      case 'peerLost': {
        if (message.id === 0)
          throw new WireError(`it refuses what it was sent: ${message.reason}`, 'this worker is dropped');
        const { plan, reject } = this.#exchanging ?? {};
        // A star needs no links: else a worker could have the same exchange repeated for ever.
        const matters = message.round === plan?.round && plan.algorithm === 'butterfly';
        if (!matters || !plan.members.some(({ id }) => id === message.id)) return false;
        reject!(new PeerLostError(`${this.name} has lost its link to worker ${message.id}: ${message.reason}`));
        return true;
      }
      case 'applied':
        if (message.round > this.asked || message.round < this.applied) {
          throw new WireError(`applied: round ${message.round} was not asked for`, 'this worker is dropped');
        }
        this.applied = message.round;
        return true;
      case 'transfer': {
        const { round, state } = this.#answered(this.#fetching, message.kind);
        if (message.what !== 'state' || message.round !== round) {
          throw new WireError(
            `transfer: ${message.what} of round ${message.round} was not asked for`,
            'this worker is dropped',
          );
        }
        this.#incoming.expect(message, stateSink(state, message.bytes));
        return true;
      }
      case 'evaluated': {
        const waiting = this.#answered(this.#evaluating.get(message.request), message.kind);
        this.#evaluating.delete(message.request);
        waiting.resolve({ sums: message.sums, counts: message.counts });
        return true;
      }
      default:
        throw new WireError(`a worker does not send ${message.kind}`, 'this worker is dropped');
    }
  }

  /** Fails everything that it was asked for. */
  fail(error: LockstepError): void {
    this.state = 'lost';
    for (const { reject } of [...this.#computing, ...this.#evaluating.values()]) reject(error);
    this.#exchanging?.reject(error);
    this.#fetching?.reject(error);
  }

  /** Sends what needs rows: after the rows, where it has not all of them. */
  #fed(needed: readonly Int32Array[], send: () => void): void {
    const { feed } = this;
    if (!feed) {
      this.#out(send);
      return;
    }
    const rows = this.#unsent(needed);
    this.#feeding = this.#feeding
      .then(async () => {
        if (rows.length > 0) {
          const bytes = await feed(rows);
          await this.transfer('rows', bytesSource(bytes), '', -1);
        }
        this.#out(send);
      })
      // Whoever waits for an answer is told by the connection that was lost.
      .catch(() => {});
  }

  /** Which rows it has not been sent lately: it keeps those of two steps. */
  #unsent(needed: readonly Int32Array[]): Int32Array {
    const rows = needed.flatMap((part) => [...part]);
    const unsent = rows.filter((row) => !this.#lately.some((sent) => sent.has(row)));
    this.#lately = [new Set(rows), ...this.#lately].slice(0, 2);
    return Int32Array.from(unsent);
  }

  #expect<T>(ask: (waiting: Waiting<T>) => void): Promise<T> {
    if (this.state === 'lost') return Promise.reject(new WireError(`${this.name} is lost`, 'others take over'));
    return new Promise<T>((resolve, reject) => ask({ doing: this.#doing, resolve, reject }));
  }

  #answered<T>(waiting: T | undefined, kind: string): T {
    if (waiting) return waiting;
    throw new WireError(`${kind}: it was not asked for`, 'this worker is dropped');
  }

  /** @param bytes of frames in it */
  #out(send: () => void, bytes = 0): void {
    if (this.state === 'lost') return;
    if (this.#held) {
      this.#held.push({ send, bytes });
      this.#heldBytes += bytes;
    } else send();
  }
}
