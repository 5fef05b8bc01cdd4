/**
 * A thread's own buffers for native code, where the bits of sums can depend on where a tensor starts. WebAssembly memories
 * start on a page, and kernels can work in them.
 */
import { type Field, type FieldType, rowBytes, type Values, valuesOf, widthOf } from '../data/field.js';
import type { BatchBuffers } from './engine.js';
import type { ElementType } from './onnx/proto.js';

const pageBytes = 65536;
/** Tensors start at multiples of so many bytes. */
export const alignment = 64;

/** Room for what a part of a graph hands on to the next. */
export function handedNumbers(
  type: ElementType,
  { buffer }: WebAssembly.Memory,
  place: number,
  length: number,
): Float32Array | Int32Array | Uint8Array {
  const Numbers = type === 'bool' ? Uint8Array : type === 'int32' ? Int32Array : Float32Array;
  return new Numbers(buffer as ArrayBuffer, place, length);
}

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
  handed(type: ElementType, length: number): Float32Array | Int32Array | Uint8Array {
    return handedNumbers(type, this.memory, this.#take(type === 'bool' ? length : length * 4), length);
  }
  values(type: FieldType, length: number): Values {
    return valuesOf(type, this.memory.buffer, this.#take(type === 'uint8' ? length : length * 4), length);
  }
  #take(bytes: number): number {
    const start = this.#used;
    this.#used += Math.ceil(bytes / alignment) * alignment;
    return start;
  }
}

/** Row buffers of batches, one list a batch size, made on first use. */
export class BatchMemory {
  readonly #buffers = new Map<number, BatchBuffers>();
  constructor(readonly fields: readonly Field[]) {}

  buffers(count: number): BatchBuffers {
    const known = this.#buffers.get(count);
    if (known) return known;
    const memory = new PrivateMemory(this.fields.map((field) => count * rowBytes(field)));
    const made = this.fields.map((field) => memory.values(field.type, count * widthOf(field)));
    this.#buffers.set(count, made);
    return made;
  }
}
