/** What a run over several workers tells besides: who joins, leaves and waits, and what each has done (events.ts has the rest). */
import type { MovementPrecision } from '../config/cluster.js';

/** Once, when workers can join. */
export interface ListeningEvent {
  event: 'listening';
  url: string;
  /** What to run on another machine; on this one where `local` is true. null where the ranks of a job come by themselves. */
  join: string | null;
  /** Whether only this machine can connect. */
  local: boolean;
  /** What else there is to know of joining. */
  note: string | null;
  /** Workers that the run waits for. */
  minimum: number;
}

/** One worker as the coordinator sees it. */
export interface WorkerInfo {
  id: number;
  name: string;
  address: string;
  threads: number;
  state: string;
  /** null before it has computed. */
  examplesPerSecond: number | null;
  /** Part of the last step that was its, from 0 to 1. */
  share: number;
  /** Milliseconds; null for the coordinator itself and before the first answer. */
  roundTrip: number | null;
  /** Of optimizer state that it has. */
  optimizerBytes: number;
}

/** When somebody joins, leaves or is lost, and after each epoch. */
export interface WorldEvent {
  event: 'world';
  workers: WorkerInfo[];
  /** Bytes that the coordinator has exchanged with workers so far, those that are gone included. */
  bytesSent: number;
  bytesReceived: number;
}

/** What happened to a worker. */
export interface WorkerEvent {
  event: 'worker';
  change: 'joined' | 'returned' | 'active' | 'lost' | 'left' | 'refused' | 'detached';
  name: string;
  address: string;
  /** Steps committed by then. */
  step: number;
  /** Why, and what it was doing; null where there is nothing to say. */
  reason: string | null;
}

/** How far a worker has got with what it is sent before it can take part. */
export interface TransferEvent {
  event: 'transfer';
  name: string;
  what: string;
  bytes: number;
  total: number;
}

/** The run waits for workers. */
export interface WaitingEvent {
  event: 'waiting';
  step: number;
  present: number;
  minimum: number;
  /** Workers that were lost and may come back. */
  away: string[];
}

/** What a worker did for the run, at its end. */
export interface WorkerSummary {
  name: string;
  address: string;
  threads: number;
  /** Shards that it computed, and steps that it took part in. */
  shards: number;
  steps: number;
  computeSeconds: number;
  exchangeSeconds: number;
  /** With the exchange of parameters, where optimizer state is sharded. */
  updateSeconds: number;
  /** Of optimizer state that it had at last. */
  optimizerBytes: number;
  bytesSent: number;
  bytesReceived: number;
  timesLost: number;
}

/** A worker of the world as it is now, with what it has done so far. */
export type WorkerStanding = WorkerInfo & Partial<WorkerSummary>;

/** Before `end`, of a run over a world. */
export interface SummaryEvent {
  event: 'summary';
  steps: number;
  /** Bytes of gradients that crossed sockets in a step, on average, and the fewest that could have. */
  bytesPerStep: number;
  fewestBytesPerStep: number;
  /** On how many hosts workers were; and bytes of gradients that went from one to another in a step, on average. */
  hosts: number;
  bytesBetweenHosts: number;
  workers: WorkerSummary[];
  /** Whether all workers calculate alike; and the precision of gradients on the wire. */
  reproducible: boolean;
  precision: string;
  /** Of the factors in which gradients crossed the network; null where they did whole. */
  rank: number | null;
  /** Who adds them up: Lockstep along its tree, or MPI. */
  sums: 'tree' | 'mpi';
  optimizerState: 'replicated' | 'sharded';
  /**
   * Local steps between two exchanges, replicas that take them, parts that are exchanged in turn, steps taken meanwhile, and to what
   * movements are rounded; null where each round is one step of all.
   */
  local: {
    steps: number;
    replicas: number;
    parts: number;
    overlap: number;
    quantize: MovementPrecision | null;
  } | null;
}
