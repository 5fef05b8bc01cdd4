/** What happens to the numbers of a segment: they leave and enter frames, are added, rounded and widened. */
import type { UpdateKernels } from '../kernels/load-kernels.js';
import type { BlockPrecision, WirePrecision } from './plan.js';
import { Residuals } from './residuals.js';
import { LARGEST_SEGMENT, payloadBytes, type Segment } from './segments.js';
import { type SlabFrame, type SlabParts, sealSlab } from './slab-frame.js';

/** Floats of scratch memory that a workbench needs: for a sum, for what is added to it, and for a residual. */
export const SCRATCH_FLOATS = 3 * LARGEST_SEGMENT;

/** Where a sum is: a byte offset of the memory, or a copy outside of it. */
export type SumPlace = number | Uint8Array;

/** Header of a frame but for what the workbench knows itself. */
export type Label = Omit<Parameters<typeof sealSlab>[0], 'precision' | 'checksum' | 'segment'>;

export class Workbench {
  /** Byte offset of a segment in which a sum can be while it is worked on. */
  readonly bench: number;
  readonly #memory: WebAssembly.Memory;
  readonly #kernels: UpdateKernels;
  readonly #residuals = new Residuals();
  readonly #other: number;
  readonly #residual: number;

  /** @param scratch byte offset of `SCRATCH_FLOATS` floats that nobody else uses */
  constructor(memory: WebAssembly.Memory, kernels: UpdateKernels, scratch: number) {
    this.#memory = memory;
    this.#kernels = kernels;
    this.bench = scratch;
    this.#other = scratch + LARGEST_SEGMENT * 4;
    this.#residual = scratch + 2 * LARGEST_SEGMENT * 4;
  }

  /** Puts `floats` numbers at the byte offset `to`. */
  copy(to: number, from: SumPlace, floats: number): void {
    if (typeof from === 'number') this.#kernels.copy(to, from, floats);
    else this.view(to, floats * 4).set(from);
  }

  clear(at: number, floats: number): void {
    this.view(at, floats * 4).fill(0);
  }

  /** A copy outside of the memory. */
  keep(at: number, floats: number): Uint8Array {
    return new Uint8Array(this.view(at, floats * 4));
  }

  /** Adds a sum to the one at the byte offset `to`. */
  add(to: number, from: SumPlace, floats: number): void {
    if (typeof from !== 'number') this.copy(this.#other, from, floats);
    this.#kernels.add(to, typeof from === 'number' ? from : this.#other, floats);
  }

  roundToBfloat16(at: number, floats: number): void {
    this.#kernels.roundToBfloat16(at, floats);
  }

  isFinite(at: number, floats: number): boolean {
    return this.#kernels.finite(at, floats) !== 0;
  }

  /** Whether the numbers of a frame lie in the memory as numbers, to be read there. */
  holds({ precision, payload }: SlabFrame): boolean {
    return precision === 'float32' && payload.buffer === this.#memory.buffer;
  }

  /**
   * Adds the numbers of a frame that the memory holds to the sum at the byte offset `sum`; the result is at `to`, which may
   * be the same.
   *
   * @returns the checksum of the payload, for the caller to compare where the frame has one, and whether all its numbers are finite
   */
  addFrame(
    { payload, checksum }: SlabFrame,
    sum: number,
    to: number,
  ): { readonly checksum: number | undefined; readonly finite: boolean } {
    if (checksum === undefined) {
      return { checksum, finite: this.#kernels.addFinite(to, sum, payload.byteOffset, payload.length / 4) !== 0 };
    }
    const result = this.#kernels.addChecked(to, sum, payload.byteOffset, payload.length / 4);
    return { checksum: result % 2 ** 32, finite: result < 2 ** 32 };
  }

  /**
   * Puts the numbers of a frame at the byte offset `to`. Those that landed in the memory are read from there.
   *
   * @param floats that it has
   * @returns the checksum of its payload, for the caller to compare where the frame has one
   */
  unpack(frame: SlabFrame, to: number, floats: number): number | undefined {
    const { precision, payload } = frame;
    const { copy, copyWithChecksum, checksum } = this.#kernels;
    const words = payload.length / 4;
    const isChecked = frame.checksum !== undefined;
    if (this.holds(frame) && isChecked) return copyWithChecksum(to, payload.byteOffset, words) >>> 0;
    if (this.holds(frame)) return void copy(to, payload.byteOffset, words);
    const isHere = payload.buffer === this.#memory.buffer;
    const at = isHere ? payload.byteOffset : precision === 'float32' ? to : this.#other;
    if (!isHere) this.view(at, payload.length).set(payload);
    if (precision !== 'float32') this.#widen(precision, to, at, floats);
    return isChecked ? checksum(at, words) >>> 0 : undefined;
  }

  /** A frame of the numbers at `from`, which stay there until it has been sent. */
  pack(label: Label, { number, floats }: Segment, from: SumPlace): SlabParts {
    const header = { ...label, segment: number, precision: 'float32' } as const;
    if (typeof from === 'number') {
      return { header: sealSlab({ ...header, checksum: undefined }), ...this.#later(from, floats * 4) };
    }
    this.copy(this.bench, from, floats);
    return { header: this.#seal(header, this.bench, floats * 4), payload: from };
  }

  /** The same frame for others. @param at where its numbers are now */
  passOn(frame: SlabFrame, at: number): SlabParts {
    const { precision, payload } = frame;
    const header = sealSlab(frame);
    // Halves lie where others will land.
    if (precision !== 'float32') return { header, payload: new Uint8Array(payload) };
    const { checksum, ...rest } = this.#later(at, payload.length);
    return { header, ...rest, ...(frame.checksum === undefined && { checksum }) };
  }

  /** A payload that stays where it is, with its checksum once somebody asks for it. */
  #later(at: number, bytes: number): Required<Pick<SlabParts, 'payload' | 'checksum'>> {
    let sum: number | undefined;
    const checksum = () => {
      sum ??= this.#kernels.checksum(at, bytes / 4) >>> 0;
      return sum;
    };
    return { payload: this.view(at, bytes), checksum };
  }

  /**
   * A frame of the numbers at `from`, rounded with error feedback; they stay as they are.
   *
   * @param settle a byte offset to put the rounded numbers at
   */
  packRounded(
    label: Label,
    segment: Segment,
    precision: Exclude<WirePrecision, 'float32' | BlockPrecision>,
    from: SumPlace,
    settle?: number,
  ): SlabParts {
    const { number, floats } = segment;
    if (typeof from !== 'number') this.copy(this.bench, from, floats);
    const at = typeof from === 'number' ? from : this.bench;
    const residual = new Float32Array(this.#memory.buffer, this.#residual, floats);
    const key = number * 2 + (label.kind === 'total' ? 1 : 0);
    const before = this.#residuals.read(key);
    if (before) residual.set(before);
    else residual.fill(0);
    this.#compress(precision)(this.#other, at, this.#residual, floats);
    this.#residuals.write(key, residual);
    if (settle !== undefined) this.#widen(precision, settle, this.#other, floats);
    return this.#packed(label, segment, precision);
  }

  /** A frame of the numbers at `from`, which have been rounded to this precision before. */
  packExactly(label: Label, segment: Segment, precision: WirePrecision, from: SumPlace): SlabParts {
    const { floats } = segment;
    if (typeof from !== 'number') this.copy(this.bench, from, floats);
    const { toBfloat16, packBlocks8, packBlocks4 } = this.#kernels;
    const pack = precision === 'mxint8' ? packBlocks8 : precision === 'mxint4' ? packBlocks4 : toBfloat16;
    pack(this.#other, typeof from === 'number' ? from : this.bench, floats);
    return this.#packed(label, segment, precision);
  }

  #packed(label: Label, { number, floats }: Segment, precision: WirePrecision): SlabParts {
    const bytes = payloadBytes(precision, floats);
    const header = this.#seal({ ...label, segment: number, precision }, this.#other, bytes);
    return { header, payload: new Uint8Array(this.view(this.#other, bytes)) };
  }

  /** The round counts. */
  commit(): void {
    this.#residuals.commit();
  }

  /** What was packed since the last commit does not count. */
  forget(): void {
    this.#residuals.forget();
  }

  #widen(precision: Exclude<WirePrecision, 'float32'>, to: number, from: number, floats: number): void {
    const { fromBfloat16, fromFloat16, fromInt8, unpackBlocks8: mxint8, unpackBlocks4: mxint4 } = this.#kernels;
    const widen = { bfloat16: fromBfloat16, float16: fromFloat16, int8: fromInt8, mxint8, mxint4 };
    widen[precision](to, from, floats);
  }

  #compress(precision: Exclude<WirePrecision, 'float32' | BlockPrecision>): UpdateKernels['compressInt8'] {
    const { compressBfloat16, compressFloat16, compressInt8 } = this.#kernels;
    return { bfloat16: compressBfloat16, float16: compressFloat16, int8: compressInt8 }[precision];
  }

  #seal(header: Omit<Parameters<typeof sealSlab>[0], 'checksum'>, at: number, bytes: number): Buffer {
    return sealSlab({ ...header, checksum: this.#kernels.checksum(at, bytes / 4) >>> 0 });
  }

  /** The bytes at `at`, not copied. */
  view(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, at, length);
  }
}
