/** Where the time of every worker goes: for the summary at the end, and for the trace. */

import { phaseNames } from '../../src/pool/pool-options.js';
import { type Computed, type ComputeTask, leavesOf, type Worker } from '../../src/pool/round-worker.js';
import type { Timeline } from '../training/timeline.js';
import type { SentBytes, WorkerTotals } from './worker-totals.js';

/** Counts what it sends. */
export interface ExchangeCounts {
  readonly bytesSent: number;
  readonly bytesBetweenHosts: number;
}

const sentBy = ({ bytesSent: bytes, bytesBetweenHosts }: ExchangeCounts): SentBytes => ({ bytes, bytesBetweenHosts });

const nothing: SentBytes = { bytes: 0, bytesBetweenHosts: 0 };

export class Activity {
  readonly #totals: WorkerTotals;
  readonly #trace: Timeline | undefined;

  constructor(totals: WorkerTotals, trace: Timeline | undefined) {
    this.#totals = totals;
    this.#trace = trace;
  }

  /** The coordinator's own work, measured. @param sent by its exchange under way */
  observe(self: Worker, sent: ExchangeCounts): Worker {
    const timed = async <T>(work: Promise<T>, done: (milliseconds: number, result: T) => void): Promise<T> => {
      const started = performance.now();
      const result = await work;
      done(performance.now() - started, result);
      return result;
    };
    return {
      id: self.id,
      name: self.name,
      threads: self.threads,
      compute: (task) => timed(self.compute(task), (_, computed) => this.computed(self, computed, task, 0)),
      allReduce: (plan) =>
        timed(self.allReduce(plan), (milliseconds) => this.reduced(self, milliseconds, plan.round, sentBy(sent), 0)),
      // What it sends of parameters is counted by whoever shares them out.
      commit: (update) =>
        timed(self.commit(update), (milliseconds) => this.updated(self, milliseconds, update.round, nothing, 0)),
      evaluate: (batches) => timed(self.evaluate(batches), (milliseconds) => this.evaluated(self, milliseconds, 0)),
    };
  }

  /** The coordinator was sent the parameters as they are after `round`. */
  fetched(self: Worker, milliseconds: number, round: number): void {
    this.#trace?.span(self, 'fetch', milliseconds, 0, { step: round + 1 });
  }

  /** @param ago milliseconds since it was done, here and below: as long as the answer took to come */
  computed(worker: Worker, computed: Omit<Computed, 'used'>, task: ComputeTask, ago: number): void {
    const { round, continues } = task;
    const { milliseconds, phases, nodes } = computed;
    // Replicas that only go on have been counted.
    this.#totals.computed(worker, milliseconds, continues ? 0 : leavesOf(nodes), task);
    const shards = nodes.map(({ low, high }) => `${low}-${high - 1}`).join(' ');
    this.#trace?.span(worker, 'compute', milliseconds, ago, { step: round + 1, shards });
    let left = milliseconds;
    for (const phase of phaseNames) {
      const took = phases[phase] ?? 0;
      if (took > 0) this.#trace?.span(worker, phase, took, ago + left - took, { step: round + 1 });
      left -= took;
    }
  }

  reduced(worker: Worker, milliseconds: number, round: number, sent: SentBytes, ago: number): void {
    this.#totals.exchanged(worker, milliseconds, sent);
    this.#trace?.span(worker, 'exchange', milliseconds, ago, { step: round + 1, bytes: sent.bytes });
  }

  /** @param sent of updated parameters */
  updated(worker: Worker, milliseconds: number, round: number, sent: SentBytes, ago: number): void {
    this.#totals.updated(worker, milliseconds, sent);
    this.#trace?.span(worker, 'update', milliseconds, ago, { step: round + 1 });
  }

  evaluated(worker: Worker, milliseconds: number, ago: number): void {
    this.#trace?.span(worker, 'validate', milliseconds, ago);
  }
}
