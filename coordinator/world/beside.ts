/** The steps that replicas take while what they have learned before is exchanged. */
import type { Computed, Worker } from '../../src/pool/round-worker.js';
import { treeNodes } from '../../src/reduce/tree.js';
import type { Assigned } from './assign.js';
import { lossesByShard, type RoundLosses, type RoundTask, taskOf } from './computing.js';
import { lostReplica } from './replica-keeper.js';
import type { Roster } from './roster.js';

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
  async done(): Promise<RoundLosses> {
    const computed = (await this.#asked).map((result, i) => {
      const { worker, low } = this.#owners[i];
      if (result.status === 'rejected') throw worker === this.#roster.self ? result.reason : lostReplica(worker);
      return { ...result.value, low };
    });
    return lossesByShard(this.#task, computed);
  }
}
