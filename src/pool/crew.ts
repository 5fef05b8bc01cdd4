/** The threads of a pool as one: each is given the same task, and all are waited for. */
import '../engine/onnx/telemetry.js';
import { Piscina } from 'piscina';
import { refusedAtRun } from '../engine/onnx/refused.js';
import { computedIdError, tablesIn } from '../model/computed-ids.js';
import { AbortedError, type Control } from './control.js';
import type { PoolSpec } from './shared-state.js';
import type { Task } from './task.js';

export class Crew {
  readonly #spec: PoolSpec;
  readonly #control: Control;
  readonly #piscina: Piscina;
  /** Tasks under way. */
  #tasks = 0;

  constructor(spec: PoolSpec, control: Control) {
    this.#spec = spec;
    this.#control = control;
    this.#piscina = new Piscina({
      filename: new URL('./thread.js', import.meta.url).href,
      minThreads: spec.threads,
      maxThreads: spec.threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      workerData: spec,
      recordTiming: false,
    });
  }

  /** Gives every thread the task and waits for all; when one fails, frees the others from their barrier. */
  async run(task: Task): Promise<void> {
    this.#control.begin();
    this.#tasks++;
    const runs = Array.from({ length: this.#spec.threads }, (_, rank) =>
      this.#piscina.run({ rank, task }).catch((error: unknown) => {
        this.#control.abort();
        throw error;
      }),
    );
    const outcomes = await Promise.allSettled(runs);
    this.#tasks--;
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as Error);
    // Errors from a thread are copies that have lost their class.
    const cause = failures.find(({ message }) => message !== AbortedError.reason);
    if (failures.length > 0)
      throw computedIdError(cause, tablesIn(this.#spec.layout)) ?? refusedAtRun(cause) ?? cause ?? failures[0];
  }

  /** Ends the threads; those that are at work are cut off. */
  async close(): Promise<void> {
    // Where they are, what their engines hold is freed with the process.
    if (this.#tasks === 0) await this.run({ kind: 'stop' }).catch(() => {});
    await this.#piscina.destroy();
  }
}
