/**
 * One step over the world: compute → all-reduce, and again where a worker is lost on the way. It waits for events and for the
 * clock alone, changes no parameters, and ends when all who gave sums, and the coordinator where it takes part, hold the total.
 */
import type { AllReducePlan } from '../../src/reduce/plan.js';
import { AllReduceAttempts, type AllReduceAttemptsOptions } from './all-reduce-attempts.js';
import { BesideSteps } from './beside.js';
import { Computing, lossesByShard, type RoundLosses, type RoundTask } from './computing.js';
import { Mailbox } from './mailbox.js';
import type { ReplicaKeeper } from './replica-keeper.js';
import type { RoundEvent } from './round-events.js';

export interface RoundResult extends RoundLosses {
  /** Of the steps that replicas took while the sums were exchanged. */
  readonly beside: RoundLosses | undefined;
  /** Sum of squares of the total gradient; not finite when the run diverges. */
  readonly squares: number;
  readonly algorithm: AllReducePlan['algorithm'];
  /** Who has which part of the total, where not all have all. */
  readonly shares: AllReducePlan['shares'];
  readonly attempts: number;
  /** Workers whose sums went into the total, and all who hold it now. */
  readonly contributors: number;
  readonly members: number;
  readonly holders: ReadonlySet<object>;
}

interface WorldRoundOptions extends AllReduceAttemptsOptions {
  /** Where replicas take local steps. */
  readonly keeper?: Pick<ReplicaKeeper, 'deal' | 'owners'>;
  /** Where optimizer state is sharded. */
  readonly sharding?: { deal(): Promise<void> };
}

/** @throws StoppedError when the run is to be stopped while too few workers are there, StateLostError when steps are to be computed again */
export async function runRound(task: RoundTask, options: WorldRoundOptions): Promise<RoundResult> {
  const { roster, clock, keeper, sharding } = options;
  await roster.enough();
  // Who follows is known from here on: others come between two rounds.
  await sharding?.deal();
  await keeper?.deal();
  const mail = new Mailbox<RoundEvent>(clock);
  const forget = roster.onLoss((worker) => mail.put({ kind: 'lost', worker }));
  let steps: BesideSteps | undefined;
  try {
    const computing = new Computing(task, roster, clock, mail, keeper?.owners);
    const attempts = new AllReduceAttempts(task, options, mail, computing);
    for (;;) {
      await computing.done();
      const attempt = attempts.next();
      // Everybody has been asked for the sums first.
      if (task.beside && keeper) steps ??= new BesideSteps(task.beside, roster, keeper.owners);
      const { squares, algorithm, shares } = await attempt;
      const { count, members: holders } = attempts;
      if (squares === undefined) continue;
      const { holdings } = computing;
      const sums = lossesByShard(
        task,
        holdings.map((held) => ({ ...held, low: held.node.low })),
      );
      const beside = await steps?.done();
      return {
        ...sums,
        used: beside ? [...sums.used, ...beside.used] : sums.used,
        beside,
        squares,
        algorithm,
        shares,
        attempts: count,
        contributors: new Set(holdings.map(({ worker }) => worker.id)).size,
        members: holders.size,
        holders,
      };
    }
  } finally {
    await steps?.settled();
    forget();
  }
}
