/**
 * What the optimizers of replicas remember from round to round of local steps: in the pool that computes a replica, as the
 * last round left it, and as the round under way does, which may yet come to nothing.
 */
import type { SlabLayout } from '../model/slab.js';
import { replicaSlots } from '../optimizer/replica-slots.js';
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
  /** Replicas that the round under way has computed here. */
  readonly #computed = new Set<number>();

  constructor(memory: WebAssembly.Memory, places: readonly ReplicaPlaces[], local: LocalOptions, layout: SlabLayout) {
    this.#memory = memory;
    this.#places = places;
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

  /** The round counts. */
  commit(): void {
    for (const replica of this.#computed) {
      const next = this.#slabs(this.#places[replica].next);
      for (const [i, kept] of this.of(replica).entries()) kept.set(next[i]);
    }
    this.#computed.clear();
  }

  /** The round comes to nothing. */
  forget(): void {
    this.#computed.clear();
  }

  #slabs(offsets: readonly number[]): Float32Array[] {
    return offsets.map((offset, i) => new Float32Array(this.#memory.buffer, offset, this.#lengths[i]));
  }
}
