/** The steps that replicas take while what they have learned before is exchanged. */
import type { Computed, RowsAt, Worker } from '../../src/pool/round-worker.js';
import { treeNodes } from '../../src/reduce/tree.js';
import type { Assigned } from './assign.js';
import { type RoundTask, taskOf } from './computing.js';
import { lostReplica } from './replica-keeper.js';
import type { Roster } from './roster.js';

export interface LaterLosses {
  /** Of each replica, of each of these steps. */
  readonly losses: Float64Array;
  readonly divisors: Float64Array;
  readonly used: readonly RowsAt[];
}

/** Settles when nobody computes any more. */
export class BesideSteps {
  readonly #task: RoundTask;
  readonly #roster: Pick<Roster, 'self'>;
  readonly #asked: Promise<PromiseSettledResult<Computed>[]>;
  readonly #owners: readonly Assigned<Worker>[];

  /** Asks all of them. */
  constructor(task: RoundTask, roster: Pick<Roster, 'self'>, owners: readonly Assigned<Worker>[]) {
    this.#task = task;
    this.#roster = roster;
    this.#owners = owners.filter(({ low, high }) => low < high);
    this.#asked = Promise.allSettled(
      this.#owners.map(({ worker, low, high }) => {
        const nodes = treeNodes(low, high, task.shards);
        const computed = worker.compute(taskOf(task, nodes));
        worker.prefetch?.(nodes.flatMap((node) => task.nextRowsOf(node)));
        return computed;
      }),
    );
  }

  async settled(): Promise<void> {
    await this.#asked;
  }

  /** @throws StateLostError when one of them is lost, or what the coordinator itself has failed with */
  async done(): Promise<LaterLosses> {
    const { shards, local } = this.#task;
    const [losses, divisors] = [new Float64Array(shards * local.length), new Float64Array(shards * local.length)];
    const used: RowsAt[] = [];
    for (const [i, result] of (await this.#asked).entries()) {
      const { worker, low } = this.#owners[i];
      if (result.status === 'rejected') throw worker === this.#roster.self ? result.reason : lostReplica(worker);
      losses.set(result.value.losses, low * local.length);
      divisors.set(result.value.divisors, low * local.length);
      used.push(...result.value.used);
    }
    return { losses, divisors, used };
  }
}
