/**
 * Optimizer state that is sharded over the workers: who has which share, and help where a worker is not sent what others have updated.
 * Each share is there twice, so that nobody's loss costs a step. Three workers or more, of a coordinator that does not compute, have the second
 * copies: each that of the one before it. The coordinator then has part in no step. Else it has the second copy of all. Where everything
 * goes through it anyway, it updates for all, and workers have no state.
 * Rajbhandari et al., "ZeRO: memory optimizations toward training trillion parameter models" (2020), stage 1.
 */
import type { ClusterConfig } from '../../src/config/cluster.js';
import { partsBy } from '../../src/ground/parts-by.js';
import type { Update } from '../../src/optimizer/decide.js';
import type { RoundUpdate } from '../../src/pool/round-worker.js';
import type { ParameterExchange, ShardedStep } from '../../src/reduce/parameter-exchange.js';
import { type AllReduceLayout, shareUnit } from '../../src/reduce/segments.js';
import {
  dealShares,
  exceptOf,
  type ParameterShare,
  rangeBefore,
  updatedBy,
  updatesAll,
} from '../../src/reduce/shares.js';
import { stateIn, stateSource } from '../../src/wire/state-blob.js';
import { isDealtTo } from './assign.js';
import { type ShardedState, StateLostError, type StatePiece } from './own-state.js';
import type { RemoteWorker } from './remote.js';
import type { World } from './world.js';

export interface ShardingOptions {
  readonly world: Pick<World, 'followers' | 'linked' | 'hostOf' | 'reach' | 'committed' | 'totals' | 'lose'>;
  /** The coordinator's replica, which is looked at between two steps. */
  readonly self: { readonly threads: number; read(round: number, look: () => Promise<void>): Promise<void> };
  readonly own: Pick<ShardedState, 'round'> & { keepsUp: boolean };
  readonly parameters: Pick<ParameterExchange, 'send' | 'takeSent'>;
  /** Of the coordinator: the state of all, as far as it has it. */
  readonly slots: readonly Float32Array[];
  readonly layout: AllReduceLayout;
  readonly precision: ClusterConfig['precision'];
  /** Whether sums go between workers where those have links. */
  readonly butterfly: boolean;
  /** Milliseconds after which the coordinator sends what others have not. */
  readonly patience: number;
}

/** A worker and its share: it has the state of that, and of what it has the second copy of, as after the last step. */
interface Dealt {
  readonly worker: RemoteWorker;
  readonly share: ParameterShare;
  /** As often it had been sent the parameters by then. */
  readonly syncs: number;
}

const hasState = ({ worker, syncs }: Dealt): boolean => worker.standing.syncs === syncs;

const none = new Float32Array(0);

/** With fewer each would have all state. */
const fewestAlone = 3;

export class Sharding {
  readonly #options: ShardingOptions;
  /** In the order of the parameters: all of them, or nothing. */
  #dealt: readonly Dealt[] = [];
  /** Workers whose state is older. */
  readonly #stale = new Set<RemoteWorker>();
  /** The step that was committed last, and those who have updated something in it. */
  #last: { readonly round: number; readonly step: ShardedStep; readonly owners: readonly Dealt[] } | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Settles when nothing is read for who is late. */
  #helping: Promise<unknown> = Promise.resolve();

  constructor(options: ShardingOptions) {
    this.#options = options;
  }

  /** Adds what the coordinator has sent of updated parameters to what workers have. */
  count(): void {
    this.#options.world.totals.crossed(this.#options.parameters.takeSent());
  }

  /** Deals out the state anew where other workers are there than before, or some have not updated what is theirs. To be called before a step. */
  async deal(): Promise<void> {
    const { world, layout, precision, own } = this.#options;
    const owners = this.#owners();
    const isDealt = isDealtTo(this.#dealt, owners) && this.#dealt.every(hasState) && this.#stale.size === 0;
    if (isDealt && own.keepsUp !== this.#areAlone(owners)) return;
    await world.reach();
    const workers = this.#owners();
    const ids = workers.map(({ id }) => id);
    const isAlone = this.#areAlone(workers);
    const seconds = isAlone ? [...ids.slice(1), ids[0]] : undefined;
    const shares = dealShares(layout.state, shareUnit(precision), ids, seconds);
    const before = this.#dealt;
    this.#dealt = workers.map((worker, i) => ({ worker, share: shares[i], syncs: worker.standing.syncs }));
    own.keepsUp = !isAlone;
    for (const { worker } of before) if (!workers.includes(worker)) world.totals.holds(worker, 0);
    const sharesBefore = before.map(({ share }) => share);
    for (const worker of workers) {
      const isHolding = before.some((dealt) => dealt.worker === worker && hasState(dealt)) && !this.#stale.has(worker);
      this.#hand(worker, updatedBy(shares, worker.id), isHolding ? updatedBy(sharesBefore, worker.id) : []);
    }
    this.#stale.clear();
  }

  /** Sends a worker the state of what it is to update from now on, but for what it has of it. */
  #hand(worker: RemoteWorker, shares: readonly ParameterShare[], held: readonly ParameterShare[]): void {
    const { world, slots, layout } = this.#options;
    const ranges = shares.map((share) => rangeBefore(share, layout.trainable));
    world.totals.holds(worker, slots.length * ranges.reduce((floats, { from, to }) => floats + to - from, 0) * 4);
    for (const [i, { from, to }] of ranges.entries()) {
      if (from === to || held.some((one) => one.from === shares[i].from && one.to === shares[i].to)) continue;
      const range = { from, to };
      const source = stateSource(stateIn({ parameters: none, slots }, range));
      // One that is lost meanwhile is told of by the world.
      worker.transfer('slots', source, '', world.committed - 1, undefined, { range }).catch(() => {});
    }
  }

  /**
   * The shares of a step, as those who are present update them.
   * @throws StateLostError when there is nobody who has the state of one
   */
  sharesAmong(present: readonly { readonly id: number }[]): readonly ParameterShare[] {
    const { layout } = this.#options;
    if (this.#dealt.length === 0) return [{ id: 0, from: 0, to: layout.state }];
    return this.#dealt.map(({ share }) => this.#among(share, present));
  }

  /** One that came back since is known by the same id, and has no state. */
  #among({ id, second, from, to }: ParameterShare, present: readonly { readonly id: number }[]): ParameterShare {
    const isHere = (one: number | undefined) =>
      one === 0 ||
      this.#dealt.some((dealt) => dealt.worker.id === one && present.includes(dealt.worker) && hasState(dealt));
    const [first, other] = [id, second].filter(isHere);
    if (first !== undefined) return { id: first, ...(other !== undefined && { second: other }), from, to };
    throw new StateLostError('both workers that had a share of the optimizer state are gone');
  }

  /**
   * Makes ready for a commit. Workers must have sent what is read of the step before; and the coordinator's state is brought up to date where
   * it updates a step and had no part in those before: where sums went through it.
   * @throws StateLostError when there is nobody who has the state of a share
   */
  async follow(shares: readonly ParameterShare[]): Promise<void> {
    const { own, world } = this.#options;
    await this.#helping;
    if (updatesAll(shares) && !own.keepsUp) await world.reach();
  }

  /**
   * Who updates what in a step that is about to be committed.
   * @param shares as its total was scattered
   * @throws StateLostError when there is nobody any more who can update one
   */
  commit(update: Update, shares: readonly ParameterShare[]): RoundUpdate {
    // The next update changes what they still wait for.
    this.#help(() => true);
    const { world, own, patience } = this.#options;
    const followers = world.followers();
    const updating = shares.map((share) => this.#among(share, followers));
    const owners = followers.filter(({ id }) => updatedBy(updating, id).length > 0);
    const linked = world.linked(owners) ? owners : [];
    const idsOf = (workers: readonly RemoteWorker[]) => workers.map(({ id }) => id);
    const hosts = partsBy(linked, (worker) => world.hostOf(worker)).map(idsOf);
    const others = followers.filter((worker) => !linked.includes(worker));
    const step = { shares: updating, hosts, others: idsOf(others) };
    for (const { worker } of this.#dealt) if (!owners.includes(worker)) this.#stale.add(worker);
    const dealt = this.#dealt.filter(({ worker }) => owners.includes(worker));
    this.#last = { round: update.round, step, owners: dealt };
    own.keepsUp = updatesAll(updating);
    clearTimeout(this.#timer);
    // Of others a coordinator that updates nothing knows nothing.
    const waits = own.keepsUp || others.length === 0 ? patience : 0;
    this.#timer = setTimeout(() => this.#help(() => true), waits).unref();
    return { ...update, sharded: step };
  }

  /** Who has which part of the state, as after the last step. */
  pieces(): readonly StatePiece[] {
    const { step, owners, round } = this.#last ?? { step: { shares: [] }, owners: [], round: -1 };
    const isHolding = (dealt: Dealt) => hasState(dealt) && dealt.worker.standing.asked === round;
    const holding = new Map(owners.filter(isHolding).map(({ worker }) => [worker.id, worker]));
    // With more workers than can have something, some have nothing.
    const shares = step.shares.filter(({ from, to }) => from < to);
    return shares.map(({ id, second = id, from, to }) => ({
      range: { from, to },
      // One that was left behind answers late.
      holders: [...new Set([id, second])]
        .flatMap((one) => holding.get(one) ?? [])
        .sort((one, other) => Number(other.standing.follows) - Number(one.standing.follows)),
    }));
  }

  /** The run goes on from a step before, by the coordinator's state: nobody else has one of then. */
  restart(): void {
    clearTimeout(this.#timer);
    for (const { worker } of this.#dealt) this.#options.world.totals.holds(worker, 0);
    this.#dealt = [];
    this.#last = undefined;
    this.#stale.clear();
    this.#options.own.keepsUp = true;
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
    const { world, own, self, parameters } = this.#options;
    if (!this.#last) return;
    const { round, step } = this.#last;
    const isKept = updatesAll(step.shares);
    const helped = [...step.hosts.flat(), ...(isKept ? [] : step.others)];
    const late = world
      .followers()
      .filter((worker) => helped.includes(worker.id) && worker.standing.owes(round) && whom(worker));
    if (late.length === 0) return;
    const send = async () => {
      for (const { id } of late) parameters.send(round, exceptOf(step.shares, id), [id]);
    };
    if (isKept) {
      // The run is over, or goes on from elsewhere.
      self.read(round, send).catch(() => {});
      return;
    }
    // What is here already is about to change.
    const sent = own.round === round ? send() : world.reach().then(() => (own.round === round ? send() : undefined));
    this.#helping = sent.catch((error) => {
      // They would wait for ever.
      if (!(error instanceof StateLostError)) return;
      for (const worker of late) world.lose(worker, 'nobody has what it waits for');
    });
  }

  /** Hosts of a worker that the last step was exchanged with: one, or none. */
  #hostsWith(id: number): ShardedStep['hosts'] {
    return this.#last?.step.hosts.filter((host) => host.includes(id)) ?? [];
  }

  /** Whether these workers do without the coordinator: it needs no parameters itself, and nobody who follows has to have them from it. */
  #areAlone(owners: readonly RemoteWorker[]): boolean {
    const { world, self } = this.#options;
    return self.threads === 0 && owners.length >= fewestAlone && owners.length === world.followers().length;
  }

  /** Workers that can have shares: none where their sums go through the coordinator. */
  #owners(): RemoteWorker[] {
    const { world, butterfly } = this.#options;
    const active = world.followers().filter(({ standing }) => standing.state === 'active');
    return butterfly && active.length > 1 && world.linked(active) ? active : [];
  }
}
