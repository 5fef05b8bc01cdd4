/** Where the time of every worker goes: for the summary at the end, and for the trace. */

import { phaseNames } from '../../src/pool/spec.js';
import type { Computed, Worker } from '../../src/pool/worker.js';
import type { Message } from '../../src/wire/messages.js';
import type { Timeline } from '../training/timeline.js';
import type { RemoteWorker } from './remote.js';
import type { WorkerTotals } from './worker-totals.js';

export class Activity {
  readonly #tally: WorkerTotals;
  readonly #trace: Timeline | undefined;

  constructor(tally: WorkerTotals, trace: Timeline | undefined) {
    this.#tally = tally;
    this.#trace = trace;
  }

  /** News from a remote worker. */
  message(worker: RemoteWorker, message: Message): void {
    const ago = (worker.connection.roundTrip ?? 0) / 2;
    if (message.kind === 'computed') this.#computed(worker, message, ago, message.round);
    if (message.kind === 'reduced') this.#exchanged(worker, message.milliseconds, ago, message.round, message.bytes);
    // Whoever confirms that it has the parameters has updated nothing.
    if (message.kind === 'applied' && worker.state !== 'syncing')
      this.#updated(worker, message.milliseconds, ago, message.round);
    if (message.kind === 'evaluated') this.#trace?.span(worker, 'validate', message.milliseconds, ago);
  }

  /** The coordinator's own work, measured. @param sent bytes that its exchange under way has sent */
  observe(self: Worker, sent: () => number): Worker {
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
      compute: (task) => timed(self.compute(task), (_, computed) => this.#computed(self, computed, 0, task.round)),
      allReduce: (plan) =>
        timed(self.allReduce(plan), (milliseconds) => this.#exchanged(self, milliseconds, 0, plan.round, sent())),
      commit: (update) =>
        timed(self.commit(update), (milliseconds) => this.#updated(self, milliseconds, 0, update.round)),
      evaluate: (batches) =>
        timed(self.evaluate(batches), (milliseconds) => this.#trace?.span(self, 'validate', milliseconds, 0)),
    };
  }

  /** The coordinator was sent the parameters as they are after `round`. */
  fetched(self: Worker, milliseconds: number, round: number): void {
    this.#trace?.span(self, 'fetch', milliseconds, 0, { step: round + 1 });
  }

  #computed(worker: Worker, { milliseconds, phases, nodes }: Omit<Computed, 'used'>, ago: number, round: number): void {
    const shards = nodes.map(({ low, high }) => `${low}-${high - 1}`).join(' ');
    this.#trace?.span(worker, 'compute', milliseconds, ago, { step: round + 1, shards });
    let left = milliseconds;
    for (const phase of phaseNames) {
      const took = phases[phase] ?? 0;
      if (took > 0) this.#trace?.span(worker, phase, took, ago + left - took, { step: round + 1 });
      left -= took;
    }
  }

  #exchanged(worker: Worker, milliseconds: number, ago: number, round: number, bytes: number): void {
    this.#tally.exchanged(worker, milliseconds, bytes);
    this.#trace?.span(worker, 'exchange', milliseconds, ago, { step: round + 1, bytes });
  }

  #updated(worker: Worker, milliseconds: number, ago: number, round: number): void {
    this.#tally.updated(worker, milliseconds);
    this.#trace?.span(worker, 'update', milliseconds, ago, { step: round + 1 });
  }
}
