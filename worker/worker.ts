/** The worker program: join, serve, come back when the connection is lost, leave when it is told to. */
import { randomUUID } from 'node:crypto';
import { hostname, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataConfig } from '../src/config/data.js';
import type { IgnoredClasses } from '../src/config/heads.js';
import { examplesFingerprint } from '../src/data/fingerprint.js';
import { type NumericFingerprint, numericFingerprint } from '../src/engine/onnx/numerics.js';
import { RunFailedError, WireError } from '../src/errors.js';
import { hostIdentity } from '../src/ground/host-identity.js';
import { StepCount } from '../src/pool/step-count.js';
import { threadsOf } from '../src/pool/thread-count.js';
import { dial } from '../src/wire/dial.js';
import type { RunEnding } from '../src/wire/messages.js';
import type { Transport } from '../src/wire/transport.js';
import { transportOf } from '../src/wire/transports.js';
import { coordinatorUrl, isEncrypted } from '../src/wire/url.js';
import { Holdings } from './holdings.js';
import { type Kept, Membership } from './membership.js';
import { Peers } from './peers.js';
import type { WorkerReporter } from './worker-events.js';

/** Whose run to take part in, and what this machine gives to it. */
export interface WorkerOptions {
  /** Where the coordinator listens: ws://host:port, wss://host:port or host:port; mpi://host:port within an MPI job. */
  readonly url: string;
  /** Default: none. */
  readonly token?: string;
  /** In reports; default: the name of this machine. */
  readonly name?: string;
  /** Which rank of a job this is, from 0, and of how many, where a launcher has started it; rank 0 takes each in once. Default: none. */
  readonly rank?: { readonly number: number; readonly size: number };
  /** Engine threads; default: one a core, and one where a device computes, which has no more. The result does not depend on it. */
  readonly threads?: number;
  /**
   * Workers that have the same one add up among themselves before anything goes to others; default: $LOCKSTEP_HOST_ID, or what
   * stands for this machine and its network namespace.
   */
  readonly hostId?: string;
  /** PEM of the only authority, or certificate, that is trusted under wss. */
  readonly ca?: string;
  /** Where other workers link up; `host` defaults to the address by which the coordinator is reached. */
  readonly peer?: {
    readonly host?: string;
    readonly port?: number;
    /** Where others reach that port, if not there: host:port. */
    readonly advertise?: string;
    /** PEM; without it, a worker under wss sends its sums through the coordinator only. */
    readonly tls?: { readonly cert: string; readonly key: string };
  };
  /** Bytes of features that may be held in memory; default: half of the machine's. */
  readonly memory?: number;
  /** Folder where data sets are kept; default: the system's place for caches. */
  readonly cache?: string;
  /** A copy of the data that this machine has: sections of a config. */
  readonly local?: { readonly data: DataConfig; readonly seed: number; readonly ignoreClass?: IgnoredClasses };
  /** How the coordinator and other workers are reached; default: by MPI where the URL begins with mpi, else by WebSocket. All of a run use the same. */
  readonly transport?: Transport;
  /** Seconds without a coordinator, or without being admitted, after which it gives up; 0 for never. Default: 600. */
  readonly timeout?: number;
  /** Leaves after the step under way. */
  readonly signal?: AbortSignal;
  /** Takes what the worker tells, as it happens. */
  readonly report?: WorkerReporter;
}

type Settled = WorkerOptions &
  Required<Pick<WorkerOptions, 'token' | 'name' | 'threads' | 'transport' | 'timeout' | 'signal' | 'report'>>;

const settle = (options: WorkerOptions): Settled => ({
  ...options,
  token: options.token ?? '',
  name: options.name ?? hostname(),
  threads: threadsOf(options.threads),
  transport: options.transport ?? transportOf(options.url),
  timeout: options.timeout ?? defaultTimeout,
  signal: options.signal ?? new AbortController().signal,
  report: options.report ?? (() => {}),
});

/** As long as torchrun waits for a run to come together. */
const defaultTimeout = 600;

/** Milliseconds between two attempts to join: the first, and the longest. */
const [shortestPause, longestPause] = [250, 5000];

/** Random, so that workers that lost their coordinator together do not all come back at once. */
const pauseAfter = (attempts: number): number =>
  Math.min(longestPause, shortestPause * 2 ** Math.min(attempts, 10)) * (0.75 + Math.random() / 2);

/**
 * Works for a coordinator until its run is over or `signal` asks it to leave. Waits for one that is not there yet, and for one
 * that was lost, as long as `timeout` says.
 * @throws LockstepError on bad input, when the coordinator does not admit it, and when there is none within that time; RunFailedError
 *   when the coordinator has failed
 */
export async function work(given: WorkerOptions): Promise<void> {
  const options = settle(given);
  const { report, signal } = options;
  const started = performance.now();
  coordinatorUrl(options.url, options.transport.schemes, options.ca);
  const numerics = numericFingerprint();
  const local = options.local && (await loadLocal(options.local, signal));
  const holdings = new Holdings(options.cache, options.memory ?? totalmem() / 2, local, report);
  const worker = new Joining(options, numerics, holdings);
  try {
    const { reason, outcome } = await worker.run();
    if (outcome === 'failed') {
      throw new RunFailedError(
        `the run has failed: ${reason}`,
        'the coordinator says what to do; nothing is wrong with this worker',
      );
    }
    report({
      event: 'end',
      reason: signal.aborted ? 'left' : reason,
      outcome,
      steps: worker.steps,
      seconds: (performance.now() - started) / 1000,
    });
  } finally {
    await worker.close();
    holdings.close();
  }
}

async function loadLocal({ data, seed, ignoreClass }: NonNullable<WorkerOptions['local']>, signal: AbortSignal) {
  // Late: readers of every format, which most workers never need.
  const { loadDataset } = await import('../src/data/load-data.js');
  const { examples } = await loadDataset(data, seed, { signal, ignoreClass });
  return { examples, sha256: await examplesFingerprint(examples) };
}

/** The wait for a coordinator: says from time to time that it goes on, and ends. */
class Wait {
  readonly #options: Settled;
  readonly #started = performance.now();
  #told: number | undefined;

  constructor(options: Settled) {
    this.#options = options;
  }

  get #seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** Until the next attempt, the last of which is made when the time is up. */
  async pause(attempts: number): Promise<void> {
    const { timeout, signal } = this.#options;
    const left = timeout > 0 ? timeout - this.#seconds : Number.POSITIVE_INFINITY;
    await sleep(Math.min(pauseAfter(attempts), 1000 * left), undefined, { signal }).catch(() => {});
  }

  /** @throws WireError when it has been long enough */
  tell({ problem, remedy }: WireError): void {
    const { url, timeout, report } = this.#options;
    const seconds = this.#seconds;
    if (timeout > 0 && seconds >= timeout) {
      throw new WireError(
        `no coordinator at ${url} has let this worker take part for ${Math.round(seconds)} s: ${problem}`,
        `${remedy}; a longer --timeout, or --timeout 0, waits on`,
      );
    }
    if (this.#told !== undefined && seconds - this.#told < Math.min(60, Math.max(10, this.#told))) return;
    this.#told = seconds;
    report({ event: 'connecting', url, reason: problem, seconds: Math.round(seconds), timeout });
  }
}

const toldToLeave: RunEnding = { reason: 'it was told to leave', outcome: 'unfinished' };

/** Joins again and again. */
class Joining {
  readonly #options: Settled;
  readonly #numerics: NumericFingerprint;
  readonly #holdings: Holdings;
  readonly #membership = randomUUID();
  readonly #kept: Kept = {};
  readonly #count = new StepCount();
  #peers: Peers | undefined;
  /** Whether it came so far, in the last connection, that it took part in the run. */
  #took = false;

  constructor(options: Settled, numerics: NumericFingerprint, holdings: Holdings) {
    this.#options = options;
    this.#numerics = numerics;
    this.#holdings = holdings;
  }

  /** Steps that it took part in, over all connections. */
  get steps(): number {
    return this.#count.steps;
  }

  async run(): Promise<RunEnding> {
    const { signal } = this.#options;
    let attempts = 0;
    let wait = new Wait(this.#options);
    while (!signal.aborted) {
      this.#took = false;
      try {
        return await this.#once();
      } catch (error) {
        if (signal.aborted) break;
        if (!(error instanceof WireError)) throw error;
        // One that worked starts over; one that is sent away again and again is to be patient.
        if (this.#took) {
          attempts = 0;
          wait = new Wait(this.#options);
        }
        wait.tell(error);
        await wait.pause(attempts++);
      }
    }
    return toldToLeave;
  }

  async close(): Promise<void> {
    await this.#kept.connection?.close();
    await this.#peers?.close();
    await this.#kept.replica?.pool.close();
  }

  /** One connection, from its beginning to its end. @throws WireError when it was lost or could not be made */
  async #once(): Promise<RunEnding> {
    const { transport, url, token, ca, name, threads, report, signal } = this.#options;
    this.#peers ??= await this.#openPeers();
    const { connection, welcome } = await dial(transport, url, {
      token,
      ca,
      signal,
      identity: this.#identity(this.#peers),
    });
    const { id, silence } = welcome;
    this.#peers.join(id, silence);
    connection.watch(silence);
    report({ event: 'joined', url, id, name, threads });
    const own = { holdings: this.#holdings, peers: this.#peers, kept: this.#kept, count: this.#count };
    const parts = { id, name, threads, ...own, report };
    const membership = new Membership(connection, parts);
    this.#kept.connection = connection;
    this.#kept.membership = membership;
    const leave = () => membership.drain();
    signal.addEventListener('abort', leave);
    if (signal.aborted) leave();
    try {
      return await membership.ended;
    } catch (error) {
      // What ends the worker is told as it ends.
      if (error instanceof WireError) report({ event: 'lost', reason: error.problem });
      if (signal.aborted) return toldToLeave;
      throw error;
    } finally {
      signal.removeEventListener('abort', leave);
      this.#took = membership.isSynced;
      this.#kept.membership = undefined;
      this.#peers.part();
    }
  }

  #identity(peers: Peers) {
    const { name, rank = null, threads, hostId } = this.#options;
    const { engine, processor, hash } = this.#numerics;
    return {
      kind: 'hello' as const,
      name,
      membership: this.#membership,
      rank,
      threads,
      host: hostIdentity(hostId),
      engine,
      processor,
      numerics: hash,
      peer: peers.address,
      data: this.#holdings.fingerprints(),
      local: this.#holdings.local,
    };
  }

  async #openPeers(): Promise<Peers> {
    const { transport, url, token, ca, signal, peer = {} } = this.#options;
    const place = coordinatorUrl(url, transport.schemes, ca);
    const host = peer.host ?? (await transport.ownHost(place, signal));
    const secure = isEncrypted(place.href, transport.schemes);
    const peers = new Peers(
      { ...peer, transport, port: peer.port ?? 0, host, token, ca, secure },
      {
        slab: (from, frame) => this.#kept.membership?.slab(from, frame),
        landing: () => this.#kept.membership?.landing(),
        changed: () => this.#kept.membership?.linked(peers.ids),
        lost: (id, reason) => this.#kept.membership?.peerLost(id, reason),
      },
    );
    await peers.open();
    return peers;
  }
}
