/**
 * Optimizer state that is sharded over the workers: who has which share, and help where a worker is not sent what others have updated.
 * The coordinator has the state of all, as it has to for checkpoints: nobody's loss costs anything. Where everything goes through
 * it anyway, it updates for all, and workers have no state.
 * Rajbhandari et al., "ZeRO: memory optimizations toward training trillion parameter models" (2020), stage 1.
 */
import type { ClusterConfig } from '../../src/config/cluster.js';
import { ConfigError } from '../../src/errors.js';
import { partsBy } from '../../src/ground/parts-by.js';
import { createOptimizer } from '../../src/optimizer/create-optimizer.js';
import type { Update } from '../../src/optimizer/decide.js';
import { averageMomentum } from '../../src/optimizer/weight-average.js';
import type { TrainingOptions } from '../../src/pool/pool-options.js';
import type { RoundUpdate } from '../../src/pool/round-worker.js';
import type { ParameterExchange, ShardedStep } from '../../src/reduce/parameter-exchange.js';
import { type AllReduceLayout, shareUnit } from '../../src/reduce/segments.js';
import { dealShares, exceptOf, type ParameterShare, rangeBefore } from '../../src/reduce/shares.js';
import { bytesSource } from '../../src/wire/blob.js';
import { isDealtTo } from './assign.js';
import type { RemoteWorker } from './remote.js';
import type { World } from './world.js';

/** @throws ConfigError when the state of this optimizer cannot be sharded */
export function checkSharding(
  { optimizerState, sync, compression }: ClusterConfig,
  { optimizer, layout }: Pick<TrainingOptions, 'optimizer' | 'layout'>,
): void {
  if (optimizerState === 'replicated') return;
  const refuse = (problem: string, remedy: string) => {
    throw new ConfigError(`cluster.optimizerState: sharded: ${problem}`, remedy);
  };
  if (sync !== 'step') {
    refuse(
      'with cluster.sync.local each replica has an optimizer of its own, whose state is with whoever computes it',
      'leave cluster.optimizerState out',
    );
  }
  if (compression) {
    refuse(
      'with cluster.compression the total is made of factors, which every worker needs all of',
      'leave one of the two out',
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
  readonly world: Pick<World, 'followers' | 'linked' | 'hostOf' | 'reach' | 'committed' | 'totals'>;
  /** The coordinator's replica, which is looked at between two steps. */
  readonly self: { read(round: number, look: () => Promise<void>): Promise<void> };
  readonly parameters: Pick<ParameterExchange, 'send' | 'takeSent'>;
  /** Of the coordinator: the state of all. */
  readonly slots: readonly Float32Array[];
  readonly layout: AllReduceLayout;
  readonly precision: ClusterConfig['precision'];
  /** Whether sums go between workers where those have links. */
  readonly butterfly: boolean;
  /** Milliseconds after which the coordinator sends what others have not. */
  readonly patience: number;
}

/** A worker, and what it has the state of as after the last step. */
interface Dealt {
  readonly worker: RemoteWorker;
  readonly share: ParameterShare;
}

export class Sharding {
  readonly #options: ShardingOptions;
  /** In the order of the parameters: all of them, or nothing. */
  #dealt: readonly Dealt[] = [];
  /** Workers whose state is older. */
  readonly #stale = new Set<RemoteWorker>();
  /** The step that was committed last. */
  #last: { readonly round: number; readonly step: ShardedStep } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ShardingOptions) {
    this.#options = options;
  }

  /** Adds what the coordinator has sent of updated parameters to what workers have. */
  count(): void {
    this.#options.world.totals.crossed(this.#options.parameters.takeSent());
  }

  /** Deals out the state anew where other workers are there than before, or some have not updated what is theirs. To be called before a step. */
  async deal(): Promise<void> {
    const { world, layout, precision } = this.#options;
    if (this.#stale.size === 0 && isDealtTo(this.#dealt, this.#owners())) return;
    await world.reach();
    const workers = this.#owners();
    const shares = dealShares(
      layout.state,
      shareUnit(precision),
      workers.map(({ id }) => id),
    );
    const before = this.#dealt;
    this.#dealt = workers.map((worker, i) => ({ worker, share: shares[i] }));
    for (const { worker } of before) if (!workers.includes(worker)) world.totals.holds(worker, 0);
    for (const dealt of this.#dealt) {
      const held = before.find(({ worker }) => worker === dealt.worker)?.share;
      const isHeld = held?.from === dealt.share.from && held.to === dealt.share.to;
      if (!isHeld || this.#stale.has(dealt.worker)) this.#hand(dealt);
    }
    this.#stale.clear();
  }

  #hand({ worker, share }: Dealt): void {
    const { world, slots, layout } = this.#options;
    const { from, to } = rangeBefore(share, layout.trainable);
    world.totals.holds(worker, slots.length * (to - from) * 4);
    if (from === to) return;
    const parts = slots.map(({ buffer, byteOffset }) => new Uint8Array(buffer, byteOffset + from * 4, (to - from) * 4));
    // One that is lost meanwhile is told of by the world.
    worker
      .transfer('slots', bytesSource(Buffer.concat(parts)), '', world.committed - 1, undefined, { range: { from, to } })
      .catch(() => {});
  }

  /**
   * The shares of a step; those of workers that are not present, or have no state, are the coordinator's: one that came back since is known by
   * the same id, and has none.
   */
  sharesAmong(present: readonly { readonly id: number }[]): readonly ParameterShare[] {
    const { layout } = this.#options;
    if (this.#dealt.length === 0) return [{ id: 0, from: 0, to: layout.state }];
    return this.#dealt.map(({ worker, share }) => (present.includes(worker) ? share : { ...share, id: 0 }));
  }

  /** Who updates what in a step that is about to be committed. @param shares as its total was scattered */
  commit(update: Update, shares: readonly ParameterShare[]): RoundUpdate {
    // The next update changes what they still wait for.
    this.#help(() => true);
    const { world, patience } = this.#options;
    const followers = world.followers();
    const isHere = (id: number) => this.#dealt.some(({ worker }) => worker.id === id && followers.includes(worker));
    const updating = shares.map((share) => (isHere(share.id) ? share : { ...share, id: 0 }));
    const owners = followers.filter(({ id }) => updating.some((share) => share.id === id));
    const linked = world.linked(owners) ? owners : [];
    const idsOf = (workers: readonly RemoteWorker[]) => workers.map(({ id }) => id);
    const hosts = partsBy(linked, (worker) => world.hostOf(worker)).map(idsOf);
    const others = followers.filter((worker) => !linked.includes(worker));
    const step = { shares: updating, hosts, others: idsOf(others) };
    for (const { worker } of this.#dealt) if (!owners.includes(worker)) this.#stale.add(worker);
    this.#last = { round: update.round, step };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#help(() => true), patience).unref();
    return { ...update, sharded: step };
  }

  /** A worker is gone: what it has updated may not have reached the others. */
  lost({ id }: { readonly id: number }): void {
    if (this.#hostsWith(id).length > 0) this.#help(() => true);
  }

  /** A link between two workers is gone: what one of them would have passed on to others of its host may be missing too. */
  cut(one: number, other: number): void {
    const without = [...this.#hostsWith(one), ...this.#hostsWith(other)].flat();
    this.#help(({ id }) => without.includes(id));
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
      .filter((worker) => this.#hostsWith(worker.id).length > 0 && worker.standing.owes(round) && whom(worker));
    if (late.length === 0) return;
    self
      .read(round, async () => {
        for (const { id } of late) parameters.send(round, exceptOf(step.shares, id), [id]);
      })
      // The run is over, or goes on from elsewhere.
      .catch(() => {});
  }

  /** Hosts of a worker that the last step was exchanged with: one, or none. */
  #hostsWith(id: number): ShardedStep['hosts'] {
    return this.#last?.step.hosts.filter((host) => host.includes(id)) ?? [];
  }

  /** Workers that can have shares: none where their sums go through the coordinator. */
  #owners(): RemoteWorker[] {
    const { world, butterfly } = this.#options;
    const active = world.followers().filter(({ standing }) => standing.state === 'active');
    return butterfly && active.length > 1 && world.linked(active) ? active : [];
  }
}
