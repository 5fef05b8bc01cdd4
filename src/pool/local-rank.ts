/**
 * One thread of a pool: its share of the local steps of replicas. A replica begins each round with the parameters of the
 * run and what its optimizer remembers of the rounds before, takes its steps, and leaves in a slot what it moved by.
 */
import { roundOf, shardsOf } from '../data/geometry.js';
import { replicaShards } from '../data/local-rounds.js';
import type { UpdateKernels } from '../kernels/load-kernels.js';
import { createOptimizer } from '../optimizer/create-optimizer.js';
import { decideUpdate, type Update } from '../optimizer/decide.js';
import type { OptimizerSlot, SlabPiece } from '../optimizer/optimizer.js';
import { replicaSlots } from '../optimizer/replica-slots.js';
import { totalSquares } from '../reduce/norm.js';
import { type Addition, type ReductionPlan, reductionPlan, type TreeNode } from '../reduce/tree.js';
import type { Control } from './control.js';
import type { PhaseClock } from './phase-clock.js';
import type { LocalOptions, RoundOptions } from './pool-options.js';
import type { ShardGradients } from './shard-gradients.js';
import type { LocalSlabs, PoolSpec } from './shared-state.js';
import { Slice } from './slice.js';
import type { LocalTask } from './task.js';

/** Of a number, either way, in units of its block. */
const largestUnits = { int8: 127, int4: 7 } as const;

export class LocalRank {
  readonly #spec: PoolSpec<RoundOptions>;
  readonly #local: LocalOptions;
  readonly #slabs: LocalSlabs;
  readonly #rank: number;
  readonly #control: Control;
  readonly #clock: PhaseClock;
  readonly #kernels: UpdateKernels;
  readonly #gradients: ShardGradients;
  readonly #slots: readonly OptimizerSlot[];
  readonly #slice: Slice;
  /** Of each replica: they differ in the slabs of the optimizer. */
  readonly #slices: readonly Slice[];
  readonly #share: readonly SlabPiece[];
  readonly #plans = new Map<number, ReductionPlan>();

  constructor(
    spec: PoolSpec<RoundOptions>,
    rank: number,
    control: Control,
    clock: PhaseClock,
    kernels: UpdateKernels,
    gradients: ShardGradients,
  ) {
    const { shared, layout, threads } = spec;
    this.#spec = spec;
    this.#local = spec.local!;
    this.#slabs = shared.offsets.local!;
    this.#rank = rank;
    this.#control = control;
    this.#clock = clock;
    this.#kernels = kernels;
    this.#gradients = gradients;
    this.#slots = replicaSlots(this.#local, layout);
    const { parameters, states } = this.#slabs;
    this.#slices = states.map(({ next: optimizer }) => {
      const offsets = { ...shared.offsets, parameters, optimizer };
      return new Slice({ layout, threads, shared: { ...shared, offsets } }, rank, kernels);
    });
    this.#slice = this.#slices[0];
    this.#share = this.#slice.shareOf(createOptimizer(this.#local.optimizer, layout, shared.ruleModels));
  }

  /** Computes replicas one after another, each by all threads, and adds up what they moved by. */
  async computeReplicas(task: LocalTask): Promise<void> {
    this.#clock.start();
    for (const action of task.actions) {
      if ('add' in action) {
        this.#add(action, task.slots);
        this.#clock.mark('reduce');
      } else await this.#replica(task, action.compute, task.slots[action.into]);
    }
  }

  async #replica(task: LocalTask, replica: number, slot: number): Promise<void> {
    // The others may still read what the replica before has left.
    this.#barrier();
    if (this.#rank === 0) this.#begin(replica);
    this.#barrier();
    for (let i = 0; i < task.local.length; i++) if (!(await this.#step(task, replica, i))) break;
    this.#barrier();
    this.#leave(replica, slot);
  }

  /** The replica is where the run is, its optimizer where it was. Its losses are no numbers until they are known. */
  #begin(replica: number): void {
    const { shared, layout } = this.#spec;
    const { memory, offsets, localLosses, localDivisors } = shared;
    const slab = (offset: number, length: number) => new Float32Array(memory.buffer, offset, length);
    slab(this.#slabs.parameters, layout.length).set(slab(offsets.parameters, layout.length));
    const { kept, next } = this.#slabs.states[replica];
    this.#slots.forEach(({ length }, i) => {
      slab(next[i], length).set(slab(kept[i], length));
    });
    const { steps } = this.#local;
    localLosses.fill(Number.NaN, replica * steps, (replica + 1) * steps);
    localDivisors.fill(0, replica * steps, (replica + 1) * steps);
  }

  /** @returns false where the replica diverges: the round will not count */
  async #step({ epoch, step: first, local }: LocalTask, replica: number, i: number): Promise<boolean> {
    const { geometry } = this.#spec;
    const step = first + i;
    const shards = this.#shardsOf(step, replica);
    const { bucket, learningRate } = local[i];
    const plan = this.#plan(shards);
    const next = i + 1 < local.length ? this.#shardsOf(step + 1, replica) : undefined;
    const after = next && this.#gradients.rowsOf(step + 1, this.#actions(next))[0];
    await this.#gradients.compute({ epoch, step, bucket }, this.#actions(shards), this.#slabs.gradients, after);
    this.#barrier();
    this.#slice.reduce(plan.final, this.#slabs.gradients, plan.total);
    this.#clock.mark('reduce');
    this.#barrier();
    const examples = shardsOf(geometry, step, shards.low, shards.high).count;
    const isEmpty = examples === 0;
    const update = isEmpty ? undefined : this.#decide(shards, { epoch, step, i }, replica, learningRate, examples);
    if (isEmpty) this.#tell(replica, i, 0, 0);
    if (update) {
      this.#slices[replica].update(this.#share, this.#slabs.gradients[plan.total], update);
      this.#clock.mark('update');
    }
    this.#barrier();
    return isEmpty || update !== undefined;
  }

  /** Every rank comes to the same. The optimizer counts the steps of the run. */
  #decide(
    { low, high }: TreeNode,
    { epoch, step, i }: { readonly epoch: number; readonly step: number; readonly i: number },
    replica: number,
    learningRate: number,
    examples: number,
  ): Update | undefined {
    const { shared, geometry } = this.#spec;
    const losses = shared.shardLosses.subarray(low, high);
    const divisors = shared.shardDivisors.subarray(low, high);
    const squares = totalSquares(shared.normSums);
    const rule = { round: roundOf(geometry, epoch, step), learningRate, clipNorm: this.#local.clipNorm, examples };
    const { loss, divisor, update } = decideUpdate(rule, { losses, divisors, squares });
    if (this.#rank === 0) this.#tell(replica, i, loss * divisor, divisor);
    return update;
  }

  #tell(replica: number, i: number, loss: number, divisor: number): void {
    const { localLosses, localDivisors } = this.#spec.shared;
    localLosses[replica * this.#local.steps + i] = loss;
    localDivisors[replica * this.#local.steps + i] = divisor;
  }

  /** On this rank's slice: by how much the parameters of the run are above the replica's, and the state that it came to. */
  #leave(replica: number, slot: number): void {
    const { shared, layout } = this.#spec;
    const { from, to } = this.#slice.range;
    const end = Math.min(to, layout.trainable);
    if (from < end) {
      this.#kernels.scaledCopy(slot + from * 4, this.#slabs.parameters + from * 4, end - from, -1);
      this.#kernels.add(slot + from * 4, shared.offsets.parameters + from * 4, end - from);
      this.#round(replica, slot, from, end - from);
    }
    const state = Math.max(from, layout.trainable);
    if (state < to) this.#kernels.copy(slot + state * 4, this.#slabs.parameters + state * 4, to - state);
    this.#clock.mark('reduce');
  }

  /** What crosses the network is rounded here, so that it does not matter what crosses. */
  #round(replica: number, slot: number, from: number, floats: number): void {
    const { quantize } = this.#local;
    if (!quantize) return;
    const residual = this.#slabs.states[replica].next[this.#slots.length - 1];
    this.#kernels.quantizeBlocks(slot + from * 4, residual + from * 4, floats, largestUnits[quantize]);
  }

  /** On this rank's slice: adds up what replicas have left, and rounds that as all members of a world do. */
  #add(addition: Addition, slots: readonly number[]): void {
    this.#slice.reduce([addition], slots);
    const { from, to } = this.#slice.range;
    const end = Math.min(to, this.#spec.layout.trainable);
    if (this.#local.quantize && from < end) this.#kernels.roundToBfloat16(slots[addition.to] + from * 4, end - from);
  }

  #shardsOf(step: number, replica: number): TreeNode {
    return replicaShards(this.#spec.geometry, this.#local, step, { low: replica, high: replica + 1 });
  }

  #actions(shards: TreeNode): ReductionPlan['steps'][number] {
    return this.#plan(shards).steps[this.#rank].map((action) =>
      'add' in action ? action : { compute: action.compute + shards.low, into: action.into },
    );
  }

  #plan({ low, high }: TreeNode): ReductionPlan {
    let plan = this.#plans.get(high - low);
    if (!plan) {
      plan = high > low ? reductionPlan(high - low, this.#spec.threads) : this.#emptyPlan();
      this.#plans.set(high - low, plan);
    }
    return plan;
  }

  #emptyPlan(): ReductionPlan {
    return { steps: Array.from({ length: this.#spec.threads }, () => []), final: [], slots: 0, total: 0 };
  }

  #barrier(): void {
    this.#control.barrier(this.#spec.threads);
    this.#clock.mark('wait');
  }
}
