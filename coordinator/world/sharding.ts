/**
 * Optimizer state that is sharded over the workers: who has which share, and help where a worker is not sent what others have updated.
 * The coordinator has the state of all, as it has to for checkpoints: nobody's loss costs anything.
 * Rajbhandari et al., "ZeRO: memory optimizations toward training trillion parameter models" (2020), stage 1.
 */
import type { ClusterConfig } from '../../src/config/cluster.js';
import { ConfigError } from '../../src/errors.js';
import { createOptimizer } from '../../src/optimizer/create-optimizer.js';
import type { Update } from '../../src/optimizer/decide.js';
import { averageMomentum } from '../../src/optimizer/weight-average.js';
import type { TrainingOptions } from '../../src/pool/pool-options.js';
import type { RoundUpdate } from '../../src/pool/round-worker.js';
import {
  dealShares,
  exceptOf,
  type ParameterExchange,
  type ParameterShare,
  type ShardedStep,
} from '../../src/reduce/parameter-exchange.js';
import { bytesSource } from '../../src/wire/blob.js';
import type { RemoteWorker } from './remote.js';
import type { World } from './world.js';

/** @throws ConfigError when the state of this optimizer cannot be sharded */
export function checkSharding(
  { optimizerState, sync }: ClusterConfig,
  { optimizer, layout }: Pick<TrainingOptions, 'optimizer' | 'layout'>,
): void {
  if (optimizerState === 'replicated') return;
  const refuse = (problem: string, remedy: string) => {
    throw new ConfigError(`cluster.optimizerState: sharded: ${problem}`, remedy);
  };
  if (sync !== 'step') {
    refuse(
      'with cluster.sync.local the optimizer of a replica begins each round anew',
      'leave cluster.optimizerState out: nothing of it is kept from round to round',
    );
  }
  const [name] = Object.keys(optimizer);
  if (averageMomentum(optimizer) !== undefined) {
    refuse(
      `optimizer.${name}.emaMomentum keeps an average of all weights, by which every worker validates`,
      'leave emaMomentum out, or use cluster.optimizerState: replicated',
    );
  }
  const { slots, pieces } = createOptimizer(optimizer, layout);
  if (slots.length === 0) {
    refuse(`optimizer ${name} keeps no state`, 'leave cluster.optimizerState out: there is nothing to shard');
  }
  // What is not a number for each parameter, or is updated by whole weights, cannot be cut anywhere.
  if (slots.some(({ length }) => length !== layout.trainable) || pieces.some(({ cost }) => cost !== undefined)) {
    refuse(
      `optimizer ${name} updates whole weights, and its state cannot be cut`,
      'use adam, adamw, lion, momentum, rmsprop or adagrad, or cluster.optimizerState: replicated',
    );
  }
}

export interface ShardingOptions {
  readonly world: Pick<World, 'followers' | 'linked' | 'reach' | 'committed' | 'totals'>;
  /** The coordinator's replica, which is looked at between two steps. */
  readonly self: { read(round: number, look: () => Promise<void>): Promise<void> };
  readonly parameters: Pick<ParameterExchange, 'send'>;
  /** Of the coordinator: the state of all. */
  readonly slots: readonly Float32Array[];
  readonly trainable: number;
  /** Milliseconds after which the coordinator sends what others have not. */
  readonly patience: number;
}

export class Sharding {
  readonly #options: ShardingOptions;
  /** Who has which share, in the order of the parameters. */
  #dealt: readonly { readonly worker: RemoteWorker; readonly share: ParameterShare }[] = [];
  /** The step that was committed last. */
  #last: { readonly round: number; readonly step: ShardedStep } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ShardingOptions) {
    this.#options = options;
  }

  /** Deals out the state anew where other workers are there than before. To be called before a commit. */
  async deal(): Promise<void> {
    const { world, slots, trainable } = this.#options;
    if (this.#isDealt(this.#active())) return;
    await world.reach();
    const workers = this.#active();
    const shares = dealShares(
      trainable,
      workers.map(({ id }) => id),
    );
    const before = this.#dealt;
    this.#dealt = workers.map((worker, i) => ({ worker, share: shares[i] }));
    for (const { worker, share } of this.#dealt) {
      const { from, to } = share;
      world.totals.holds(worker, slots.length * (to - from) * 4);
      const held = before.find((each) => each.worker === worker)?.share;
      if (from === to || (held?.from === from && held.to === to)) continue;
      const parts = slots.map(
        ({ buffer, byteOffset }) => new Uint8Array(buffer, byteOffset + from * 4, (to - from) * 4),
      );
      // One that is lost meanwhile is told of by the world.
      worker
        .transfer('slots', bytesSource(Buffer.concat(parts)), '', world.committed - 1, undefined, { from, to })
        .catch(() => {});
    }
  }

  /** Who updates what in a step that is about to be committed. */
  commit(update: Update): RoundUpdate {
    // The next update changes what they still wait for.
    this.#help(() => true);
    const { world, trainable, patience } = this.#options;
    const followers = world.followers();
    const isHere = (worker: RemoteWorker) => followers.includes(worker);
    const owners = this.#dealt.filter(({ worker }) => isHere(worker)).map(({ worker }) => worker);
    const shares =
      owners.length === 0
        ? dealShares(trainable, [0])
        : this.#dealt.map(({ worker, share }) => (isHere(worker) ? share : { ...share, id: 0 }));
    const linked = world.linked(owners) ? owners : [];
    const idsOf = (workers: readonly RemoteWorker[]) => workers.map(({ id }) => id);
    const others = followers.filter((worker) => !linked.includes(worker));
    const step = { shares, linked: idsOf(linked), others: idsOf(others) };
    this.#last = { round: update.round, step };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#help(() => true), patience).unref();
    return { ...update, sharded: step };
  }

  /** A worker is gone: what it has updated may not have reached the others. */
  lost({ id }: { readonly id: number }): void {
    if (this.#last?.step.linked.includes(id)) this.#help(() => true);
  }

  /** A link between two workers is gone. */
  cut(one: number, other: number): void {
    this.#help(({ id }) => id === one || id === other);
  }

  close(): void {
    clearTimeout(this.#timer);
  }

  /** Sends workers that have not done the last step all that others have updated in it; what they have already, they drop. */
  #help(whom: (worker: RemoteWorker) => boolean): void {
    const { world, self, parameters } = this.#options;
    if (!this.#last) return;
    const { round, step } = this.#last;
    const late = world
      .followers()
      .filter((worker) => step.linked.includes(worker.id) && worker.standing.owes(round) && whom(worker));
    if (late.length === 0) return;
    self
      .read(round, async () => {
        for (const { id } of late) parameters.send(round, exceptOf(step.shares, id), [id]);
      })
      // The run is over, or goes on from elsewhere.
      .catch(() => {});
  }

  #active(): RemoteWorker[] {
    return this.#options.world.followers().filter(({ standing }) => standing.state === 'active');
  }

  #isDealt(active: readonly RemoteWorker[]): boolean {
    return active.length === this.#dealt.length && active.every((worker, i) => this.#dealt[i].worker === worker);
  }
}
