/** What rounds and evaluations ask of the world. */
import type { Computed, Worker } from '../../src/pool/round-worker.js';
import type { ParameterShare } from '../../src/reduce/shares.js';
import type { Capacity } from './assign.js';

/** Thrown by `Worker.allReduce` when not the worker but its link to a peer was lost. */
export class PeerLostError extends Error {}

export interface Roster {
  /** The coordinator. */
  readonly self: Worker;
  /** Whether the coordinator keeps up with the parameters too. */
  readonly selfKeepsUp: boolean;
  readonly pace: {
    capacityOf(worker: Worker): Omit<Capacity, 'host'>;
    /** Milliseconds after which a worker is late with so many shards of such effort; infinite where it never is. */
    patienceWith(worker: Worker, shards: number, effort: number): number;
    /** Remembers how fast a worker was, and how many milliseconds passed here from the task to its answer. */
    learn(worker: Worker, computed: Computed, elapsed: number, effort: number): void;
  };
  /** The coordinator's part in the exchange under way. */
  readonly allReduce: {
    /** Bytes that have come for it. */
    readonly bytesReceived: number;
    /** Who owes it something. */
    waitingFor(): readonly { readonly id: number; readonly bytes: number }[];
    /** Sums of squares by blocks, of what a member updates of the total. */
    blocksOf(shares: readonly ParameterShare[], id: number): Float64Array;
    /** Gives it up. */
    abort(error: Error): void;
  };
  /** Workers that can be given shards now; the coordinator first, if it computes. */
  able(): readonly Worker[];
  /** Workers that could compute once they have done what they are busy with. */
  present(): readonly Worker[];
  /** All workers that keep up with the parameters, without the coordinator. */
  followers(): readonly Worker[];
  /** Waits until there are workers enough. @throws StoppedError when the run is to be stopped instead */
  enough(): Promise<void>;
  /** Hash of the host that a worker is on. */
  hostOf(worker: Worker): string;
  /** Whether these workers all have links to each other. */
  linked(workers: readonly Worker[]): boolean;
  /** Some link does not do what it is there for: none counts until workers tell of theirs anew. */
  unlink(): void;
  /** Declares a worker lost. */
  lose(worker: Worker, reason: string): void;
  /** Calls back for each worker that is lost, until the function returned is called. */
  onLoss(lost: (worker: Worker) => void): () => void;
}
