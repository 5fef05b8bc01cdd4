/** This process as a worker of a world: its pool, and the all-reduce that adds up its sums with those of the others. */
import { WireError } from '../errors.js';
import type { MetricTotals } from '../evaluate/output-metrics.js';
import { NORM_BLOCK } from '../reduce/norm.js';
import type { ParameterExchange, ShardedStep } from '../reduce/parameter-exchange.js';
import { partIn } from '../reduce/parts.js';
import type { AllReducePlan } from '../reduce/plan.js';
import {
  checkShares,
  type ParameterRange,
  type ParameterShare,
  rangeBefore,
  updatedBy,
  updatesAll,
} from '../reduce/shares.js';
import { checkBatches, checkTask } from './check-task.js';
import type { ThreadPool } from './pool.js';
import type { RoundOptions, UpdateOptions } from './pool-options.js';
import type { Computed, ComputeTask, EvaluationBatch, RoundUpdate, TotalSquares, Worker } from './round-worker.js';
import { runParts } from './run-parts.js';

/** What it asks of the all-reduce among the members of a world. */
interface Reducing {
  /**
   * @param own byte offsets of the sums that this member holds
   * @returns the sum of squares of the total gradient, once that is there
   */
  begin(
    plan: AllReducePlan,
    own: readonly { readonly low: number; readonly high: number; readonly offset: number }[],
  ): Promise<number>;
  /** Byte offset of the total. */
  readonly place: number;
  /** Sums of squares of the total by blocks, of what a member updates. */
  blocksOf(shares: readonly ParameterShare[], id: number): Float64Array;
  /** The total was agreed on and is about to be applied. */
  commit(): void;
}

/** That of a coordinator without threads only lends its memory, to the all-reduce. */
type MemberPool = ThreadPool<RoundOptions> | ThreadPool<UpdateOptions>;

const isComputing = (pool: MemberPool): pool is ThreadPool<RoundOptions> => pool.options.use === 'rounds';

export class Member implements Worker {
  readonly id: number;
  readonly name: string;
  readonly #pool: MemberPool;
  readonly #allReduce: Reducing;
  readonly #parameters: ParameterExchange;
  /** What of the parameters the optimizer state is here of, where it is sharded. */
  #held: readonly ParameterRange[] = [];
  readonly #parts: ReturnType<typeof runParts>;
  /** Settles when the pool has done all that it was asked for; and all of it that comes before an exchange. */
  #idle: Promise<unknown> = Promise.resolve();
  #ready: Promise<unknown> = Promise.resolve();
  /** Settles when what this member updates in the step that was committed last is updated; and when nobody reads it any more. */
  #updated: Promise<unknown> = Promise.resolve();
  #shown: Promise<unknown> = Promise.resolve();
  /** The round under way, and the last one that was applied. */
  #round = -1;
  #applied = -1;

  constructor(id: number, name: string, pool: MemberPool, allReduce: Reducing, parameters: ParameterExchange) {
    this.id = id;
    this.name = name;
    this.#pool = pool;
    this.#allReduce = allReduce;
    this.#parameters = parameters;
    this.#parts = runParts(pool.options);
  }

  get threads(): number {
    return this.#pool.threads;
  }

  /** @throws WireError when the task makes no sense or its round is over, EngineError when its sums do not fit into memory */
  compute(task: ComputeTask): Promise<Computed> {
    return this.#inTurn(async () => {
      const pool = this.#computing;
      checkTask(pool.options, task);
      this.#enter(task.round);
      const computed = await pool.compute(task);
      if (task.local.length > 0) pool.replicas?.computed(task.nodes);
      return computed;
    }, task.continues);
  }

  /**
   * Waits for the pool but does not keep it: while an all-reduce cannot end because a member was lost, the pool computes
   * that member's nodes, and another attempt takes its place.
   * @throws WireError when the round is over
   */
  async allReduce(plan: AllReducePlan): Promise<TotalSquares> {
    await this.#ready.catch(() => {});
    this.#enter(plan.round);
    const { members, shares } = plan;
    const nodes = members.find(({ id }) => id === this.id)?.nodes ?? [];
    const squares = await this.#allReduce.begin(
      plan,
      nodes.map(({ low, high }) => ({ low, high, offset: this.#pool.slotOf({ low, high }) })),
    );
    return shares && !updatesAll(shares) ? { squares, blocks: this.#allReduce.blocksOf(shares, this.id) } : { squares };
  }

  /**
   * Where the optimizer state is sharded, updates its share and resolves when it has those of the others.
   * @throws WireError when the round is over, or the state is not here
   */
  commit({ sharded, part, mixing, skipped = 0, isSkipped = false, ...update }: RoundUpdate): Promise<void> {
    // Who asks from now on is shown what comes of this.
    const shown = this.#shown;
    let updated = () => {};
    this.#updated = new Promise<void>((resolve) => {
      updated = resolve;
    });
    const committed = this.#inTurn(async () => {
      await shown;
      this.#enter(update.round);
      if (sharded) this.#checkHeld(sharded);
      const ranges = partIn(this.#parts, part);
      const { state, trainable } = this.#pool.options.layout;
      const changed = ranges && [...ranges, { from: trainable, to: state }];
      this.#applied = update.round;
      this.#allReduce.commit();
      const replicas = this.#pool.replicas?.commit();
      const taken = { ...update, round: update.round - skipped };
      const { place } = this.#allReduce;
      const apply = async (piece?: ParameterRange) =>
        isSkipped ? undefined : this.#pool.apply(taken, place, piece ? [piece] : changed);
      if (sharded) {
        const exchange = this.#parameters.exchange(update.round, sharded, apply);
        exchange.updated.then(updated, updated);
        await exchange.complete;
      } else await apply();
      if (mixing === undefined) return;
      const merged = ranges ?? [{ from: 0, to: trainable }];
      this.#pool.replicas?.merge(replicas ?? [], this.#pool.parameters, merged, mixing);
    });
    return committed.finally(updated);
  }

  /**
   * Takes the optimizer state of a range of the parameters, as it is after `round`.
   * @param bytes of one slab after the other
   * @throws WireError when they are not as many, or the round is another one
   */
  hold(round: number, { from, to }: ParameterRange, bytes: Uint8Array): Promise<void> {
    return this.read(round, async () => {
      const { slots } = this.#pool;
      const each = (to - from) * 4;
      if (to > this.#pool.options.layout.trainable || bytes.length !== each * slots.length) {
        throw new WireError(
          `${bytes.length} bytes came as the optimizer state of the parameters [${from}, ${to})`,
          'the coordinator must run the same version of Lockstep',
        );
      }
      for (const [i, { buffer, byteOffset }] of slots.entries()) {
        new Uint8Array(buffer, byteOffset + from * 4, each).set(bytes.subarray(i * each, (i + 1) * each));
      }
      this.#held = [...this.#held, { from, to }];
    });
  }

  /** Gives up the wait for parameters of others. */
  abort(error: Error): void {
    this.#parameters.abort(error);
  }

  /** @throws WireError when the state of what is to be updated here is not here; the coordinator has all */
  #checkHeld({ shares }: ShardedStep): void {
    if (this.id === 0) return;
    const { trainable, state } = this.#pool.options.layout;
    // To the coordinator falls what was dealt to a member that is lost.
    checkShares(shares, state, NORM_BLOCK);
    const updating = updatedBy(shares, this.id).map((share) => rangeBefore(share, trainable));
    const without = updating.find(
      ({ from, to }) => from < to && !this.#held.some((held) => held.from === from && held.to === to),
    );
    if (without) {
      throw new WireError(
        `an update of the parameters [${without.from}, ${without.to}) was asked for, whose optimizer state is not here`,
        'the coordinator must run the same version of Lockstep',
      );
    }
    // What is not updated now is old from here on.
    this.#held = updating;
  }

  /** The pool holds other parameters now: those after `round`, which may be an earlier one than it has seen. */
  restart(round: number): void {
    this.#round = round;
    this.#applied = round;
    this.#held = [];
    this.#pool.replicas?.forget();
    this.#parameters.restart(round);
  }

  /** Looks at the pool between two commands, the second of which waits. @throws WireError unless its parameters are those after `round` */
  read<Result>(round: number, look: () => Promise<Result>): Promise<Result> {
    return this.#inTurn(async () => {
      this.#checkApplied(round);
      return look();
    });
  }

  #checkApplied(round: number): void {
    if (round === this.#applied) return;
    throw new WireError(
      `the parameters after round ${round} were asked for, and these are those after round ${this.#applied}`,
      'the coordinator must run the same version of Lockstep',
    );
  }

  /**
   * As `read`, of what this member updates alone: others need not have sent what they do yet, and the next update waits.
   * @throws WireError unless it is as after `round`
   */
  readUpdated<Result>(round: number, look: () => Promise<Result>): Promise<Result> {
    const result = this.#updated.then(() => {
      this.#checkApplied(round);
      return look();
    });
    const before = this.#shown;
    this.#shown = result.catch(() => {}).then(() => before);
    return result;
  }

  /** @throws WireError when the batches are none of the data set */
  evaluate(batches: readonly EvaluationBatch[]): Promise<MetricTotals> {
    return this.#inTurn(async () => {
      const pool = this.#computing;
      checkBatches(pool.options, batches);
      return pool.evaluateBatches(batches);
    });
  }

  get #computing(): ThreadPool<RoundOptions> {
    if (isComputing(this.#pool)) return this.#pool;
    throw new Error('this pool was started for updates only');
  }

  /** Threads do one thing at a time, in the order in which it was asked for; what failed does not hold up the rest. */
  #inTurn<Result>(command: () => Promise<Result>, isBeside = false): Promise<Result> {
    const result = this.#idle.catch(() => {}).then(command);
    this.#idle = result;
    if (!isBeside) this.#ready = result;
    return result;
  }

  #enter(round: number): void {
    if (round < this.#round || round <= this.#applied) {
      throw new WireError(
        `round ${round} was asked for after round ${Math.max(this.#round, this.#applied)}`,
        'rounds follow one another: start the worker again',
      );
    }
    this.#round = round;
  }
}
