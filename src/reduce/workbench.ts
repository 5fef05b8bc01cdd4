/** What happens to the numbers of a segment: they leave and enter frames, are added, rounded and widened. */
import type { UpdateKernels } from '../kernels/load.js';
import { FramePool } from './frame-pool.js';
import type { WirePrecision } from './plan.js';
import { Residuals } from './residuals.js';
import { bytesPerFloat, SEGMENT, type Segment } from './segments.js';
import { type SlabFrame, sealSlab } from './slab-frame.js';

/** Floats of scratch memory that a workbench needs: for a sum, for what is added to it, and for a residual. */
export const SCRATCH_FLOATS = 3 * SEGMENT;

/** Where a sum is: a byte offset of the memory, or a copy outside of it. */
export type Place = number | Uint8Array;

/** Header of a frame but for what the workbench knows itself. */
export type Label = Omit<Parameters<typeof sealSlab>[1], 'precision' | 'checksum' | 'segment'>;

export class Workbench {
  /** Byte offset of a segment in which a sum can be while it is worked on. */
  readonly bench: number;
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: UpdateKernels;
  readonly #residuals = new Residuals();
  readonly #frames = new FramePool();
  readonly #other: number;
  readonly #residual: number;

  /** @param scratch byte offset of `SCRATCH_FLOATS` floats that nobody else uses */
  constructor(memory: WebAssembly.Memory, kernels: UpdateKernels, scratch: number) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.bench = scratch;
    this.#other = scratch + SEGMENT * 4;
    this.#residual = scratch + 2 * SEGMENT * 4;
  }

  /** Puts `floats` numbers at the byte offset `to`. */
  copy(to: number, from: Place, floats: number): void {
    this.#bytes(to, floats * 4).set(typeof from === 'number' ? this.#bytes(from, floats * 4) : from);
  }

  /** A copy outside of the memory. */
  keep(at: number, floats: number): Uint8Array {
    return Uint8Array.from(this.#bytes(at, floats * 4));
  }

  /** Adds a sum to the one at the byte offset `to`. */
  add(to: number, from: Place, floats: number): void {
    if (typeof from !== 'number') this.copy(this.#other, from, floats);
    this.#kernels.add(to, typeof from === 'number' ? from : this.#other, floats);
  }

  isFinite(at: number, floats: number): boolean {
    return this.#kernels.finite(at, floats) !== 0;
  }

  /**
   * Puts the numbers of a frame at the byte offset `to`.
   *
   * @returns the checksum of its payload, for the caller to compare
   */
  unpack({ precision, payload }: SlabFrame, to: number): number {
    const landing = precision === 'float32' ? to : this.#other;
    this.#bytes(landing, payload.length).set(payload);
    const checksum = this.#kernels.checksum(landing, payload.length / 4) >>> 0;
    this.#widen(precision, to, payload.length / 2);
    return checksum;
  }

  /** A frame of the numbers at `from`, as they are. */
  pack(label: Label, { number, floats }: Segment, from: Place): Buffer {
    if (typeof from !== 'number') this.copy(this.bench, from, floats);
    const at = typeof from === 'number' ? from : this.bench;
    return this.#seal({ ...label, segment: number, precision: 'float32' }, at, floats * 4);
  }

  /**
   * A frame of the numbers at `from`, rounded with error feedback; they stay as they are.
   *
   * @param settle a byte offset to put the rounded numbers at
   */
  packRounded(label: Label, segment: Segment, precision: WirePrecision, from: Place, settle?: number): Buffer {
    const { number, floats } = segment;
    if (typeof from !== 'number') this.copy(this.bench, from, floats);
    const at = typeof from === 'number' ? from : this.bench;
    const residual = new Float32Array(this.#memory.buffer, this.#residual, floats);
    const key = number * 2 + (label.stage === 'total' ? 1 : 0);
    const before = this.#residuals.read(key);
    if (before) residual.set(before);
    else residual.fill(0);
    const { compressBfloat16, compressFloat16 } = this.#kernels;
    const compress = precision === 'bfloat16' ? compressBfloat16 : compressFloat16;
    compress(this.#other, at, this.#residual, floats);
    this.#residuals.write(key, residual);
    if (settle !== undefined) this.#widen(precision, settle, floats);
    return this.#seal({ ...label, segment: number, precision }, this.#other, floats * bytesPerFloat(precision));
  }

  /** The round counts, and all its frames have arrived. */
  commit(): void {
    this.#residuals.commit();
    this.#frames.release();
  }

  /** What was packed since the last commit does not count; its frames may still be on their way. */
  forget(): void {
    this.#residuals.forget();
    this.#frames.forget();
  }

  /** Widens halves to float32; numbers that are float32 are where they belong. */
  #widen(precision: WirePrecision, to: number, floats: number): void {
    if (precision === 'bfloat16') this.#kernels.fromBfloat16(to, this.#other, floats);
    if (precision === 'float16') this.#kernels.fromFloat16(to, this.#other, floats);
  }

  #seal(header: Omit<Parameters<typeof sealSlab>[1], 'checksum'>, at: number, bytes: number): Buffer {
    const { buffer, payload } = this.#frames.take(bytes);
    payload.set(this.#bytes(at, bytes));
    sealSlab(buffer, { ...header, checksum: this.#kernels.checksum(at, bytes / 4) >>> 0 });
    return buffer;
  }

  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, at, length);
  }
}
