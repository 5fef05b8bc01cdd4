/** What each worker did for the run: counted as it happens, told at the end. */
import type { Worker } from '../../src/pool/round-worker.js';
import { StepCount } from '../../src/pool/step-count.js';
import type { WorkerSummary } from '../../src/report/world-events.js';
import type { Connection, Traffic } from '../../src/wire/connection.js';

/** A worker behind a connection. */
interface Remote extends Pick<Worker, 'name' | 'threads'> {
  readonly host: string;
  readonly connection: Pick<Connection, 'address' | 'bytesSent' | 'bytesReceived'>;
}

/** Of gradients, in an exchange. */
export interface SentBytes {
  readonly bytes: number;
  /** Of those, to other hosts. */
  readonly bytesBetweenHosts: number;
}

/** All of it. */
export interface OptimizerState {
  readonly bytes: number;
  readonly sharded: boolean;
}

type WorkerCounts = { -readonly [key in keyof WorkerSummary]: WorkerSummary[key] };

export class WorkerTotals {
  /** Of gradients, by all workers in exchanges, and of parameters that they updated for others. */
  readonly gradients = { bytes: 0, bytesBetweenHosts: 0 };
  readonly #state: OptimizerState;
  readonly #hosts = new Set<string>();
  readonly #counts = new Map<string, WorkerCounts>();
  readonly #steps = new Map<string, StepCount>();
  readonly #connections = new Map<string, Remote>();

  /**
   * @param self the coordinator, which is a worker too if it computes
   * @param host of the coordinator
   * @param optimizerState which workers have all of unless it is sharded
   */
  constructor(
    self: Worker,
    { host, optimizerState }: { readonly host: string; readonly optimizerState: OptimizerState },
  ) {
    this.#state = optimizerState;
    if (self.threads > 0) this.#hosts.add(host);
    this.#counts.set(self.name, empty(self.name, 'here', self.threads, optimizerState.bytes));
  }

  /** On how many hosts there were workers. */
  get hosts(): number {
    return this.#hosts.size;
  }

  /** A worker that comes back goes on with its counts. */
  add(worker: Remote): void {
    const { name, threads, host, connection } = worker;
    this.#hosts.add(host);
    if (!this.#counts.has(name))
      this.#counts.set(name, empty(name, connection.address, threads, this.#state.sharded ? 0 : this.#state.bytes));
    this.#connections.set(name, worker);
  }

  lost({ name, connection }: Remote, left: boolean): void {
    const counts = this.#counts.get(name)!;
    counts.bytesSent += total(connection.bytesSent);
    counts.bytesReceived += total(connection.bytesReceived);
    if (!left) counts.timesLost++;
    this.#connections.delete(name);
  }

  computed({ name }: Worker, milliseconds: number, shards: number, task: Parameters<StepCount['add']>[0]): void {
    const counts = this.#counts.get(name)!;
    const steps = this.#steps.get(name) ?? new StepCount();
    this.#steps.set(name, steps);
    steps.add(task);
    counts.steps = steps.steps;
    counts.shards += shards;
    counts.computeSeconds += milliseconds / 1000;
  }

  exchanged({ name }: Worker, milliseconds: number, { bytes, bytesBetweenHosts }: SentBytes): void {
    this.#counts.get(name)!.exchangeSeconds += milliseconds / 1000;
    this.crossed({ bytes, bytesBetweenHosts });
  }

  updated({ name }: Worker, milliseconds: number, sent: SentBytes): void {
    this.#counts.get(name)!.updateSeconds += milliseconds / 1000;
    this.crossed(sent);
  }

  crossed({ bytes, bytesBetweenHosts }: SentBytes): void {
    this.gradients.bytes += bytes;
    this.gradients.bytesBetweenHosts += bytesBetweenHosts;
  }

  /** @param bytes of optimizer state that it has now */
  holds({ name }: Pick<Worker, 'name'>, bytes: number): void {
    this.#counts.get(name)!.optimizerBytes = bytes;
  }

  /** Bytes of optimizer state that a worker has. */
  optimizerBytes(name: string): number {
    return this.#counts.get(name)?.optimizerBytes ?? 0;
  }

  /** Part of all shards so far that were a worker's, from 0 to 1. */
  share(name: string): number {
    const all = [...this.#counts.values()].reduce((sum, { shards }) => sum + shards, 0);
    return all === 0 ? 0 : (this.#counts.get(name)?.shards ?? 0) / all;
  }

  /** Bytes that crossed the connections of all workers so far. */
  get bytes(): { readonly bytesSent: number; readonly bytesReceived: number } {
    const all = this.summary();
    return {
      bytesSent: all.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
      bytesReceived: all.reduce((sum, { bytesReceived }) => sum + bytesReceived, 0),
    };
  }

  /** Every worker that there was, in the order in which they joined. */
  summary(): WorkerSummary[] {
    return [...this.#counts.values()].map((counts) => {
      const connection = this.#connections.get(counts.name)?.connection;
      const { bytesSent, bytesReceived } = counts;
      return {
        ...counts,
        bytesSent: bytesSent + (connection ? total(connection.bytesSent) : 0),
        bytesReceived: bytesReceived + (connection ? total(connection.bytesReceived) : 0),
      };
    });
  }
}

const total = ({ control, slab, blob }: Traffic): number => control + slab + blob;

const empty = (name: string, address: string, threads: number, optimizerBytes: number): WorkerCounts => ({
  name,
  address,
  threads,
  shards: 0,
  steps: 0,
  computeSeconds: 0,
  exchangeSeconds: 0,
  updateSeconds: 0,
  optimizerBytes,
  bytesSent: 0,
  bytesReceived: 0,
  timesLost: 0,
});
