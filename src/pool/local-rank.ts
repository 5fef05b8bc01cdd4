/**
 * One thread of a pool: its share of the local steps of replicas. A replica begins each round with the parameters of the
 * run, or its own where only parts of them are exchanged, and what its optimizer remembers of the rounds before. It takes
 * its steps, leaves in a slot by how much it is away from the run, and may take some more while that is exchanged.
 */
import { roundOf, shardsOf } from '../data/geometry.js';
import { isStreaming, replicaShards } from '../data/local-rounds.js';
import type { UpdateKernels } from '../kernels/load-kernels.js';
import { createOptimizer } from '../optimizer/create-optimizer.js';
import { decideUpdate, type Update } from '../optimizer/decide.js';
import type { OptimizerSlot, SlabPiece } from '../optimizer/optimizer.js';
import { replicaSlots } from '../optimizer/replica-slots.js';
import { totalSquares } from '../reduce/norm.js';
import { BLOCK } from '../reduce/segments.js';
import { cutRange, type ParameterRange } from '../reduce/shares.js';
import type { Addition, ReductionPlan, TreeNode } from '../reduce/tree.js';
import type { Control } from './control.js';
import type { PhaseClock } from './phase-clock.js';
import type { LocalOptions, RoundOptions } from './pool-options.js';
import { runParts } from './run-parts.js';
import type { ShardGradients } from './shard-gradients.js';
import type { LocalSlabs, PoolSpec } from './shared-state.js';
import { Slice } from './slice.js';
import { StepPlans } from './step-plans.js';
import type { LocalTask } from './task.js';

/** Of a number, either way, in units of its block. */
const largestUnits = { int8: 127, int4: 7 } as const;

/** Floats of a slab, from a byte on. */
interface Cut {
  readonly from: number;
  readonly floats: number;
}

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
  /** Which slot has the parameters of a replica; undefined where all begin a round where the run is. */
  readonly #own: number | undefined;
  readonly #parts: ReturnType<typeof runParts>;
  readonly #plans: StepPlans;

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
    const optimizer = createOptimizer(this.#local.optimizer, layout, shared.ruleModels);
    this.#share = this.#slice.shareOf(optimizer);
    this.#own = isStreaming(this.#local) ? optimizer.slots.length : undefined;
    this.#parts = runParts(spec);
    this.#plans = new StepPlans(spec);
  }

  /** Computes replicas one after another, each by all threads, and adds up what they moved by. */
  async computeReplicas(task: LocalTask): Promise<void> {
    this.#clock.start();
    for (const action of task.actions) {
      if ('add' in action) {
        this.#add(action, task);
        this.#clock.mark('reduce');
      } else await this.#replica(task, action.compute, task.slots[action.into]);
    }
  }

  async #replica(task: LocalTask, replica: number, slot: number): Promise<void> {
    // The others may still read what the replica before has left.
    this.#barrier();
    if (this.#rank === 0) this.#begin(replica, task.continues);
    this.#barrier();
    for (let i = 0; i < task.local.length; i++) if (!(await this.#step(task, replica, i))) break;
    this.#barrier();
    if (this.#rank === 0) this.#keep(replica);
    if (!task.continues) this.#leave(task, replica, slot);
  }

  /** The replica is where the run is, or itself was, its optimizer where it was. Its losses are no numbers until they are known. */
  #begin(replica: number, continues: boolean): void {
    const { shared, layout } = this.#spec;
    const { memory, offsets, localLosses, localDivisors } = shared;
    const slab = (offset: number, length: number) => new Float32Array(memory.buffer, offset, length);
    const { kept, next } = this.#slabs.states[replica];
    if (!continues) {
      this.#slots.forEach(({ length }, i) => {
        slab(next[i], length).set(slab(kept[i], length));
      });
    }
    const parameters = slab(this.#slabs.parameters, layout.length);
    parameters.set(slab(offsets.parameters, layout.length));
    // State is exchanged in every round.
    if (this.#own !== undefined) parameters.set(slab(next[this.#own], continues ? layout.state : layout.trainable));
    const { steps } = this.#local;
    localLosses.fill(Number.NaN, replica * steps, (replica + 1) * steps);
    localDivisors.fill(0, replica * steps, (replica + 1) * steps);
  }

  /** Where the replica goes on from, if that is not where the run is. */
  #keep(replica: number): void {
    if (this.#own === undefined) return;
    const { memory } = this.#spec.shared;
    const { state } = this.#spec.layout;
    const own = new Float32Array(memory.buffer, this.#slabs.states[replica].next[this.#own], state);
    own.set(new Float32Array(memory.buffer, this.#slabs.parameters, state));
  }

  /** @returns false where the replica diverges: the round will not count */
  async #step({ epoch, step: first, local }: LocalTask, replica: number, i: number): Promise<boolean> {
    const { geometry } = this.#spec;
    const step = first + i;
    const shards = this.#shardsOf(step, replica);
    const { bucket, learningRate } = local[i];
    const plan = this.#plans.ofShards(shards);
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

  /** By how much the parameters of the run are above the replica's, rounded as it crosses the network; and the state that it came to. */
  #leave({ part }: LocalTask, replica: number, slot: number): void {
    const { shared, layout } = this.#spec;
    const { quantize } = this.#local;
    const own = this.#slabs.parameters;
    for (const { from, floats } of this.#cuts(part)) {
      this.#kernels.scaledCopy(slot + from, own + from, floats, -1);
      this.#kernels.add(slot + from, shared.offsets.parameters + from, floats);
      if (!quantize) continue;
      const residual = this.#slabs.states[replica].next[this.#slots.length - 1];
      this.#kernels.quantizeBlocks(slot + from, residual + from, floats, largestUnits[quantize]);
    }
    const { from, floats } = this.#cutOf({ from: layout.trainable, to: layout.state });
    if (floats > 0) this.#kernels.copy(slot + from, own + from, floats);
    this.#clock.mark('reduce');
  }

  /** Adds up what replicas have left, and rounds that as all members of a world do. */
  #add({ add, to }: Addition, { part, slots }: LocalTask): void {
    const { trainable, state } = this.#spec.layout;
    for (const { from, floats } of this.#cuts(part)) {
      this.#kernels.add(slots[to] + from, slots[add] + from, floats);
      if (this.#local.quantize) this.#kernels.roundToBfloat16(slots[to] + from, floats);
    }
    const { from, floats } = this.#cutOf({ from: trainable, to: state });
    if (floats > 0) this.#kernels.add(slots[to] + from, slots[add] + from, floats);
  }

  /** What this rank has of the gradients of a part, or of all. */
  #cuts(part: number | undefined): Cut[] {
    const ranges = part === undefined ? [{ from: 0, to: this.#spec.layout.trainable }] : this.#parts![part];
    return ranges.map((range) => this.#cutOf(range)).filter(({ floats }) => floats > 0);
  }

  /** Blocks that are rounded together are not cut. */
  #cutOf(range: ParameterRange): Cut {
    const { from, to } = cutRange(range, BLOCK, this.#rank, this.#spec.threads);
    return { from: from * 4, floats: to - from };
  }

  #shardsOf(step: number, replica: number): TreeNode {
    return replicaShards(this.#spec.geometry, this.#local, step, { low: replica, high: replica + 1 });
  }

  #actions(shards: TreeNode): ReductionPlan['steps'][number] {
    return this.#plans
      .ofShards(shards)
      .steps[this.#rank].map((action) =>
        'add' in action ? action : { compute: action.compute + shards.low, into: action.into },
      );
  }

  #barrier(): void {
    this.#control.barrier(this.#spec.threads);
    this.#clock.mark('wait');
  }
}
