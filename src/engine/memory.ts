/**
 * A thread's own buffers for native code, where the bits of sums can depend on where a tensor starts. WebAssembly memories
 * start on a page, and kernels can work in them.
 */
import { elements } from '../data/examples.js';
import type { BatchBuffers, BatchSpec } from './engine.js';

const pageBytes = 65536;
const alignment = 64;

/** One page-aligned block; tensors are taken from it at multiples of 64 bytes. */
export class PrivateMemory {
  readonly memory: WebAssembly.Memory;
  #used = 0;

  /** @param sizes bytes of each tensor that will be taken */
  constructor(sizes: readonly number[]) {
    const bytes = sizes.reduce((sum, size) => sum + Math.ceil(size / alignment) * alignment, 0);
    const pages = Math.max(1, Math.ceil(bytes / pageBytes));
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  }

  floats(length: number): Float32Array {
    return new Float32Array(this.memory.buffer, this.#take(length * 4), length);
  }
  integers(length: number): Int32Array {
    return new Int32Array(this.memory.buffer, this.#take(length * 4), length);
  }
  bytes(length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, this.#take(length), length);
  }
  #take(bytes: number): number {
    const start = this.#used;
    this.#used += Math.ceil(bytes / alignment) * alignment;
    return start;
  }
}

/** Row buffers of batches, one pair a batch size, made on first use. */
export class BatchMemory {
  readonly #buffers = new Map<number, BatchBuffers>();
  constructor(readonly spec: BatchSpec) {}

  buffers(count: number): BatchBuffers {
    const known = this.#buffers.get(count);
    if (known) return known;
    const { featureShape, featureType, targetShape, targetType, weighted, weightShape = [] } = this.spec;
    const features = count * elements(featureShape);
    const targets = count * elements(targetShape);
    const weights = weighted ? count * elements(weightShape) : 0;
    const memory = new PrivateMemory([featureType === 'uint8' ? features : features * 4, targets * 4, weights * 4]);
    const made = {
      features: featureType === 'uint8' ? memory.bytes(features) : memory.floats(features),
      targets: targetType === 'int32' ? memory.integers(targets) : memory.floats(targets),
      weights: weighted ? memory.floats(weights) : undefined,
    };
    this.#buffers.set(count, made);
    return made;
  }
}
