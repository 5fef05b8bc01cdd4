/** Places in the memory that threads share where slab frames are received, so that kernels work on them where they land. */
import { LARGEST_SEGMENT } from './segments.js';

/** Room for more than one frame, so that a read may bring several. */
const landingBytes = 2 * LARGEST_SEGMENT * 4 + 4096;
/** More connections than this receive elsewhere, and copy. What is never touched takes no memory, only addresses. */
const landings = 64;

/** Floats of memory that landings need. */
export const LANDING_FLOATS = (landings * landingBytes) / 4;

/** A place that one connection has to itself until it gives it back. */
export interface Landing {
  readonly bytes: Uint8Array;
  release(): void;
}

export class Landings {
  readonly #free: Uint8Array[];

  /** @param offset bytes, of `LANDING_FLOATS` floats that nobody else uses */
  constructor(memory: WebAssembly.Memory, offset: number) {
    const place = (_: unknown, i: number) => new Uint8Array(memory.buffer, offset + i * landingBytes, landingBytes);
    // The one that was given back last is in the cache.
    this.#free = Array.from({ length: landings }, place).reverse();
  }

  /** undefined where all are taken */
  take(): Landing | undefined {
    const bytes = this.#free.pop();
    return bytes && { bytes, release: () => this.#free.push(bytes) };
  }
}
