/** Slabs in a shared memory, and numbers to fill them with. */

export interface Slabs {
  readonly memory: WebAssembly.Memory;
  /** Byte offset of each slab. */
  readonly offsets: readonly number[];
  readonly views: readonly Float32Array[];
}

/** `count` slabs of `length` floats (a multiple of 16), with a guard of 64 zero bytes before, between and after. */
export function makeSlabs(count: number, length: number): Slabs {
  const stride = length * 4 + 64;
  const pages = Math.ceil((count * stride + 64) / 65536);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536, shared: true });
  const offsets = Array.from({ length: count }, (_, index) => 64 + index * stride);
  return { memory, offsets, views: offsets.map((offset) => new Float32Array(memory.buffer, offset, length)) };
}

/** Float32 numbers in (-1, 1) from a linear congruential generator. */
export function randomFloats(seed: number, length: number): Float32Array {
  let state = seed >>> 0;
  const floats = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    floats[i] = state / 2 ** 31 - 1;
  }
  return floats;
}

/** The bits of floats, so that NaN equals itself and -0 differs from 0. */
export function bits(floats: Float32Array): number[] {
  return [...new Uint32Array(Float32Array.from(floats).buffer)];
}
