/**
 * What the optimizers of replicas remember from round to round of local steps: in the pool that computes a replica, as the
 * last round left it, and as the round under way does, which may yet come to nothing.
 */
import type { SlabLayout } from '../model/slab.js';
import { createOptimizer } from '../optimizer/create-optimizer.js';
import { replicaSlots } from '../optimizer/replica-slots.js';
import type { ParameterRange } from '../reduce/shares.js';
import type { TreeNode } from '../reduce/tree.js';
import type { LocalOptions } from './pool-options.js';

/** Byte offsets of the slabs of a replica, see replica-slots.ts. */
export interface ReplicaPlaces {
  readonly kept: readonly number[];
  readonly next: readonly number[];
}

export class ReplicaStates {
  readonly #memory: WebAssembly.Memory;
  readonly #places: readonly ReplicaPlaces[];
  readonly #lengths: readonly number[];
  /** Which slab has the parameters of a replica, where it has such. */
  readonly #parameters: number;
  /** Replicas that the round under way has computed here. */
  readonly #computed = new Set<number>();

  constructor(memory: WebAssembly.Memory, places: readonly ReplicaPlaces[], local: LocalOptions, layout: SlabLayout) {
    this.#memory = memory;
    this.#places = places;
    this.#parameters = createOptimizer(local.optimizer, layout).slots.length;
    this.#lengths = replicaSlots(local, layout).map(({ length }) => length);
  }

  /** How many there are, computed here or not. */
  get count(): number {
    return this.#places.length;
  }

  /** The slabs of a replica as after the last round, live: who computes another replica has none of this one. */
  of(replica: number): Float32Array[] {
    return this.#slabs(this.#places[replica].kept);
  }

  computed(replicas: readonly TreeNode[]): void {
    for (const { low, high } of replicas) for (let i = low; i < high; i++) this.#computed.add(i);
  }

  /** The round counts. @returns the replicas that it has computed here */
  commit(): number[] {
    const computed = [...this.#computed];
    for (const replica of computed) {
      const next = this.#slabs(this.#places[replica].next);
      for (const [i, kept] of this.of(replica).entries()) kept.set(next[i]);
    }
    this.#computed.clear();
    return computed;
  }

  /**
   * Replicas that go on with parameters of their own take in what an exchange came to: own = mixing * own + (1 - mixing) * run.
   * @param run the parameters of the run
   * @param ranges of them that were exchanged
   */
  merge(replicas: readonly number[], run: Float32Array, ranges: readonly ParameterRange[], mixing: number): void {
    for (const replica of replicas) {
      const own = this.of(replica)[this.#parameters];
      for (const { from, to } of ranges) {
        for (let i = from; i < to; i++) own[i] = mixing * own[i] + (1 - mixing) * run[i];
      }
    }
  }

  /** The round comes to nothing. */
  forget(): void {
    this.#computed.clear();
  }

  #slabs(offsets: readonly number[]): Float32Array[] {
    return offsets.map((offset, i) => new Float32Array(this.#memory.buffer, offset, this.#lengths[i]));
  }
}
