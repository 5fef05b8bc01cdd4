/** Serves one connection to a coordinator: receives job, data and parameters, and does what rounds ask for. */

import { metaOf, packedHeader } from '../src/data/packed.js';
import { EngineError, type LockstepError, WireError } from '../src/errors.js';
import { sha256 } from '../src/ground/checksum.js';
import { cachedExamples } from '../src/pool/row-cache.js';
import type { StepCount } from '../src/pool/step-count.js';
import type { Landing } from '../src/reduce/landings.js';
import type { AllReducePlan } from '../src/reduce/plan.js';
import type { SlabFrame, SlabParts } from '../src/reduce/slab-frame.js';
import { asProse } from '../src/wire/checks.js';
import type { Connection } from '../src/wire/connection.js';
import type { Job } from '../src/wire/job.js';
import { decodeJob } from '../src/wire/job-codec.js';
import type { Fetch, Message, RunEnding, Transfer } from '../src/wire/messages.js';
import { decodeRows } from '../src/wire/rows-blob.js';
import { liveState } from '../src/wire/state-blob.js';
import { type Delivered, Deliveries } from './deliveries.js';
import type { Holdings } from './holdings.js';
import type { Peers } from './peers.js';
import { type Replica, rowCacheCapacity, startReplica, stateAskedFor } from './replica.js';
import type { WorkerReporter } from './worker-events.js';

/** What outlives a connection: a worker that comes back has its threads and its job still. */
export interface Kept {
  replica?: Replica & { readonly sha256: string; readonly data: string };
  /** The connection that there is now. */
  connection?: Connection;
  membership?: Membership;
}

export interface MembershipOptions {
  readonly id: number;
  readonly name: string;
  readonly threads: number;
  readonly holdings: Holdings;
  readonly peers: Peers;
  readonly kept: Kept;
  /** Of the steps of all connections. */
  readonly count: StepCount;
  readonly report: WorkerReporter;
}

export class Membership {
  /** Resolves with a goodbye; rejects when the connection is lost. */
  readonly ended: Promise<RunEnding>;
  readonly #connection: Connection;
  readonly #options: MembershipOptions;
  #job: { readonly job: Job; readonly sha256: string } | undefined;
  readonly #deliveries: Deliveries;
  /** State transfers that were sent. */
  #sent = 0;
  /** The all-reduce that was asked for last. */
  #plan: AllReducePlan | undefined;
  #isSynced = false;
  /** What was asked for is done in order, where one thing needs the other. */
  #turn: Promise<void> = Promise.resolve();
  #bye!: (ending: RunEnding) => void;
  #lost!: (error: LockstepError) => void;
  #over = false;

  constructor(connection: Connection, options: MembershipOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#deliveries = new Deliveries(options, () => this.#replica());
    this.ended = new Promise((resolve, reject) => {
      this.#bye = resolve;
      this.#lost = reject;
    });
    connection.handle({
      message: (message) => this.#receive(message),
      slab: (frame) => this.slab(0, frame),
      landing: () => this.landing(),
      blob: (frame) => {
        const delivered = this.#deliveries.take(frame);
        if (delivered) this.#arrived(delivered);
      },
      closed: (error) => this.#closed(error),
    });
  }

  /** Whether it has been given the parameters: from then on it takes part. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** A piece of a sum, from the coordinator or a peer. @throws WireError when it breaks the protocol */
  slab(from: number, frame: SlabFrame): void {
    const { allReduce, parameters } = this.#replica();
    (frame.kind === 'parameters' ? parameters : allReduce).receive(from, frame);
  }

  /** Where sums of the coordinator or a peer could be received. */
  landing(): Landing | undefined {
    return this.#options.kept.replica?.landings.take();
  }

  /** Asks to be let go after the round. */
  drain(): void {
    this.#connection.send({ kind: 'drain' });
  }

  linked(ids: readonly number[]): void {
    this.#connection.send({ kind: 'linked', ids });
  }

  peerLost(id: number, reason: string): void {
    this.#connection.send({ kind: 'peerLost', id, round: this.#plan?.round ?? 0, reason: asProse(reason) });
  }

  /** A member, or the coordinator itself, sent something wrong. */
  blame(from: number, error: WireError): void {
    if (from === 0) this.#failed('all-reduce', error);
    else this.peerLost(from, error.problem);
  }

  #receive(message: Message): void {
    switch (message.kind) {
      case 'transfer':
        this.#deliveries.expect(message);
        break;
      case 'useData':
        this.#inTurn('begin', () => this.#useData(message.sha256, false));
        break;
      case 'world':
        this.#options.peers.meet(message);
        this.linked(this.#options.peers.ids);
        break;
      case 'compute':
        this.#answer('compute', async ({ member, job }) => {
          const { used, ...computed } = await member.compute(message);
          this.#options.count.add(message);
          this.#connection.send({ kind: 'computed', round: message.round, ...computed, used: job.ledger ? used : [] });
        });
        break;
      case 'allReduce':
        this.#allReduce(message);
        break;
      case 'commit':
        this.#answer('commit', async ({ member, parameters }) => {
          const started = performance.now();
          await member.commit(message);
          const milliseconds = performance.now() - started;
          this.#connection.send({ kind: 'applied', round: message.round, ...parameters.takeSent(), milliseconds });
        });
        break;
      case 'fetch':
        this.#answer('send the parameters', (replica) => this.#sendState(replica, message));
        break;
      case 'evaluate':
        this.#answer('evaluate', async ({ member }) => {
          const started = performance.now();
          const totals = await member.evaluate(message.batches);
          const milliseconds = performance.now() - started;
          this.#connection.send({ kind: 'evaluated', request: message.request, ...totals, milliseconds });
        });
        break;
      case 'bye':
        this.#over = true;
        this.#bye(message);
        break;
      default:
        throw new WireError(`a coordinator does not send ${message.kind}`, 'run the same version on both sides');
    }
  }

  /** Does it now, because commands keep their own order, and tells the coordinator when it cannot be done. */
  #answer(phase: string, work: (replica: Replica) => Promise<void>): void {
    const replica = this.#replica();
    work(replica).catch((error: unknown) => this.#failed(phase, error));
  }

  #allReduce(plan: Extract<Message, { kind: 'allReduce' }>): void {
    const { round, attempt } = plan;
    this.#plan = plan;
    const started = performance.now();
    this.#answer('all-reduce', async ({ member, allReduce }) => {
      const total = await member.allReduce(plan).catch((error: unknown) => {
        // Another attempt may have taken its place, or the connection is gone.
        if (this.#plan !== plan || this.#over) return undefined;
        throw error;
      });
      if (total === undefined) return;
      const milliseconds = performance.now() - started;
      const { bytesSent: bytes, bytesBetweenHosts } = allReduce;
      this.#connection.send({ kind: 'reduced', round, attempt, ...total, bytes, bytesBetweenHosts, milliseconds });
    });
  }

  #failed(phase: string, error: unknown): void {
    if (!(error instanceof Error)) throw error;
    if (!this.#over) this.#connection.send({ kind: 'failed', phase, message: asProse(error.message) });
  }

  #arrived({ transfer: { what, sha256, round, range }, bytes }: Delivered): void {
    if (what === 'job') {
      if (this.#job) throw new WireError('a second job came', 'connect again');
      this.#job = { job: decodeJob(bytes!), sha256 };
      if (this.#job.job.placement === 'stream') this.#inTurn('begin', () => this.#start('stream', undefined));
    } else if (what === 'data') this.#inTurn('begin', () => this.#useData(sha256, true));
    else if (what === 'rows') this.#keepRows(bytes!);
    else if (what === 'slots') this.#keepShare(round, range, bytes!);
    else if (what === 'state') this.#synced(round);
  }

  #keepShare(round: number, range: Transfer['range'], bytes: Uint8Array): void {
    if (!range) throw new WireError('optimizer state came without its range', 'connect again');
    this.#answer('keep its share', ({ member }) => member.hold(round, range, bytes));
  }

  /** The parameters are those after `round`: what follows goes on from there. */
  #synced(round: number): void {
    const { member, allReduce } = this.#replica();
    // One under way is that of a round which the run has gone back behind.
    this.#plan = undefined;
    allReduce.restart();
    member.restart(round);
    this.#isSynced = true;
    this.#connection.send({ kind: 'applied', round, bytes: 0, bytesBetweenHosts: 0, milliseconds: 0 });
  }

  /** As they are after `round`: whatever is asked for next waits until they are sent. */
  #sendState(own: Replica, { kind: _, round, ...part }: Fetch): Promise<void> {
    const send = async () => {
      const state = liveState(stateAskedFor(own, part));
      const transfer = ++this.#sent;
      const what = part.replica === undefined ? 'state' : 'replica';
      this.#connection.send({ kind: 'transfer', transfer, what, bytes: state.length, sha256: '', round, ...part });
      await this.#connection.sendBlob(transfer, state);
    };
    return part.range ? own.member.readUpdated(round, send) : own.member.read(round, send);
  }

  #keepRows(bytes: Uint8Array): void {
    const { job, pool } = this.#replica();
    const { rows, values } = decodeRows(bytes, job.examples);
    const raw = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    pool.rowCache!.put(rows, values.map(raw));
  }

  async #useData(fingerprint: string, received: boolean): Promise<void> {
    const examples = await this.#options.holdings.open(fingerprint, received);
    if (!examples) throw new WireError(`data set ${fingerprint} is not in the cache any more`, 'it is sent again');
    const expected = packedHeader(this.#job!.job.examples);
    if (!Buffer.from(packedHeader(metaOf(examples))).equals(expected)) {
      throw new WireError(`data set ${fingerprint} is not the one that the job describes`, 'start the run again');
    }
    await this.#start(fingerprint, examples);
  }

  /** Starts the threads, unless they are still there from the connection before. @param data fingerprint, or `stream` */
  async #start(data: string, examples: Parameters<typeof startReplica>[1] | undefined): Promise<void> {
    const { kept, id, name, threads, peers, report } = this.#options;
    if (!this.#job) throw new WireError('data came before the job', 'connect again');
    const { job } = this.#job;
    const identity = sha256(`${this.#job.sha256} ${id}`);
    if (kept.replica?.sha256 !== identity || kept.replica.data !== data) {
      await kept.replica?.pool.close();
      kept.replica = undefined;
      const rowCache = examples ? undefined : { capacity: rowCacheCapacity(job, threads) };
      const given = examples ?? cachedExamples(job.examples, rowCache!.capacity);
      if (!examples) report({ event: 'data', from: 'step by step' });
      const send = (to: number, frame: SlabParts) => {
        if (to === 0) this.#options.kept.connection?.sendSlab(frame);
        else if (!peers.send(to, frame)) this.#options.kept.membership?.peerLost(to, 'there is no link to it');
      };
      const refused = (from: number, error: WireError) => this.#options.kept.membership?.blame(from, error);
      const replica = await startReplica(job, given, { id, name, threads, rowCache, send, refused });
      kept.replica = { ...replica, sha256: identity, data };
    }
    this.#connection.send({ kind: 'ready' });
  }

  #replica(): Replica {
    const { replica } = this.#options.kept;
    if (replica && this.#job) return replica;
    throw new WireError('work came before the job and the data', 'connect again');
  }

  #inTurn(phase: string, work: () => Promise<void>): void {
    const begun = this.#turn.then(() => (this.#over ? undefined : work()));
    this.#turn = begun.catch((error: unknown) => {
      this.#failed(phase, error);
      // What this machine has not, it will not have when it comes again.
      if (error instanceof EngineError) this.#lost(error);
    });
  }

  #closed(error: LockstepError | undefined): void {
    this.#over = true;
    this.#deliveries.abort();
    const reason = error ?? new WireError('the coordinator closed the connection', 'it can be joined again');
    this.#options.kept.replica?.allReduce.abort(reason as WireError);
    this.#options.kept.replica?.member.abort(reason);
    this.#lost(reason);
  }
}
