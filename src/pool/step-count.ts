/** Counts the steps that a worker took part in: the worker itself and the coordinator by one rule. */
import { type ComputeTask, lossesEach } from './round-worker.js';

export class StepCount {
  #steps = 0;
  #last = '';

  get steps(): number {
    return this.#steps;
  }

  /** Those of a task, of which something was computed: once, also where more shards of them came later, in place of somebody else. */
  add(task: Pick<ComputeTask, 'round' | 'continues' | 'local'>): void {
    const which = `${task.round}${task.continues ? ' continued' : ''}`;
    if (which !== this.#last) this.#steps += lossesEach(task);
    this.#last = which;
  }
}
