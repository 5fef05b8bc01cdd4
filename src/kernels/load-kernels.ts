/**
 * The WebAssembly kernels as typed functions over a given memory. Their sources, and what each function computes, are
 * in `assembly/`. Offsets are in bytes, counts in floats.
 */
import { readFileSync } from 'node:fs';

/** What slabs need on their way between machines. Counts of floats are multiples of 16; a half has 16 bits; int8 as in assembly/wire-int8.ts. */
interface WireKernels {
  /** Checksum of `n` words of 32 bits, a multiple of 8, as a signed number: any changed or moved word changes it. */
  checksum(src: number, n: number): number;
  /** dst = src, bit for bit; `src` may be any offset, as with checksums and the functions that widen halves. */
  copy(dst: number, src: number, n: number): void;
  /** As `copy`, and returns the `checksum`. */
  copyWithChecksum(dst: number, src: number, n: number): number;
  /** dst = a + src, where dst may be a. Returns the unsigned `checksum` of `src`, and 2^32 more unless `src` is `finite`. */
  addChecked(dst: number, a: number, src: number, n: number): number;
  /** The same without a checksum: returns 1 where `src` is `finite`, otherwise 0. */
  addFinite(dst: number, a: number, src: number, n: number): number;
  /** 1 where no float is NaN or infinite, otherwise 0. */
  finite(src: number, n: number): number;
  /** Halves from floats, rounded to nearest, ties to even. */
  toBfloat16(dst: number, src: number, n: number): void;
  toFloat16(dst: number, src: number, n: number): void;
  /** Floats from halves. */
  fromBfloat16(dst: number, src: number, n: number): void;
  fromFloat16(dst: number, src: number, n: number): void;
  /** Halves from src + residual, rounded; residual becomes what rounding lost. */
  compressBfloat16(dst: number, src: number, residual: number, n: number): void;
  compressFloat16(dst: number, src: number, residual: number, n: number): void;
  /** The same to int8, and back. */
  compressInt8(dst: number, src: number, residual: number, n: number): void;
  fromInt8(dst: number, src: number, n: number): void;
  /** dst rounded to bfloat16, as floats. */
  roundToBfloat16(dst: number, n: number): void;
  /** values = values + residual in at most `most` units of its block, either way; residual becomes what that lost; see assembly/wire-blocks.ts. */
  quantizeBlocks(values: number, residual: number, n: number, most: number): void;
  /** Packs numbers of 127 units, or of 7, which loses nothing; and back. */
  packBlocks8(dst: number, src: number, n: number): void;
  packBlocks4(dst: number, src: number, n: number): void;
  unpackBlocks8(dst: number, src: number, n: number): void;
  unpackBlocks4(dst: number, src: number, n: number): void;
}

/** Reduction and optimizer updates. Regions start at multiples of 64 bytes, counts are multiples of 16. */
export interface UpdateKernels extends WireKernels {
  /** dst += src. */
  add(dst: number, src: number, n: number): void;
  /** dst = src * scale. */
  scaledCopy(dst: number, src: number, n: number, scale: number): void;
  /** Replaces subnormal numbers by zero. */
  flushSubnormals(dst: number, n: number): void;
  /** Sum of squares in float64, in a fixed order. */
  sumOfSquares(src: number, n: number): number;
  /** Products with low-rank factors, see assembly/low-rank.ts; regions need not be aligned. left += matrix x right's transpose. */
  lowRankLeft(left: number, matrix: number, right: number, rows: number, columns: number, rank: number): void;
  /** right += left's transpose x matrix. */
  lowRankRight(right: number, matrix: number, left: number, rows: number, columns: number, rank: number): void;
  /** matrix += scale x left x right. */
  lowRankAdd(
    matrix: number,
    left: number,
    right: number,
    rows: number,
    columns: number,
    rank: number,
    scale: number,
  ): void;
  sgd(parameters: number, gradients: number, n: number, gradientScale: number, rate: number): void;
  momentum(
    parameters: number,
    gradients: number,
    velocity: number,
    n: number,
    gradientScale: number,
    rate: number,
    momentum: number,
    nesterov: boolean,
  ): void;
  adagrad(
    parameters: number,
    gradients: number,
    sums: number,
    n: number,
    gradientScale: number,
    rate: number,
    epsilon: number,
  ): void;
  rmsprop(
    parameters: number,
    gradients: number,
    squares: number,
    n: number,
    gradientScale: number,
    rate: number,
    decay: number,
    epsilon: number,
  ): void;
  /** `decay` is taken off the parameters directly, as with `adam`. */
  lion(
    parameters: number,
    gradients: number,
    mean: number,
    n: number,
    gradientScale: number,
    rate: number,
    beta1: number,
    beta2: number,
    decay: number,
  ): void;
  /** Running means of the gradients and of their squares. */
  lambMoments(
    gradients: number,
    first: number,
    second: number,
    n: number,
    gradientScale: number,
    beta1: number,
    beta2: number,
  ): void;
  /** Sum of the squares of correction * first / (sqrt(second) + epsilon) + decay * parameters in float64, in a fixed order. */
  lambSquares(
    parameters: number,
    first: number,
    second: number,
    n: number,
    correction: number,
    epsilon: number,
    decay: number,
  ): number;
  /** Takes rate times that off the parameters. */
  lambApply(
    parameters: number,
    first: number,
    second: number,
    n: number,
    rate: number,
    correction: number,
    epsilon: number,
    decay: number,
  ): void;
  /** Of one matrix; regions need not be aligned. Returns the mean of `row`; see assembly/factored.ts. */
  adafactorMeans(
    gradients: number,
    row: number,
    column: number,
    sums: number,
    rows: number,
    columns: number,
    gradientScale: number,
    share: number,
  ): number;
  adafactorSquares(gradients: number, row: number, column: number, ...numbers: readonly number[]): number;
  adafactorApply(
    parameters: number,
    gradients: number,
    row: number,
    column: number,
    ...numbers: readonly number[]
  ): void;
  adafactorVector(
    dst: number,
    gradients: number,
    squares: number,
    n: number,
    gradientScale: number,
    share: number,
    least: number,
  ): void;
  /** mean = beta * mean + (1 - beta) * gradients; dst = what it would be with the same gradients again, or the mean. */
  muonDirection(
    dst: number,
    gradients: number,
    mean: number,
    n: number,
    gradientScale: number,
    beta: number,
    nesterov: boolean,
  ): void;
  /** Takes rate * direction and decay * parameters off the parameters. */
  applyDirection(parameters: number, direction: number, n: number, rate: number, decay: number): void;
  /** dst = dst * decay + src * (1 - decay). */
  movingAverage(dst: number, src: number, n: number, decay: number): void;
  /** Bias corrections are part of `rate` and `epsilon`; `decay` is taken off the parameters directly. */
  adam(
    parameters: number,
    gradients: number,
    first: number,
    second: number,
    n: number,
    gradientScale: number,
    rate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    decay: number,
  ): void;
}

/** Random numbers of a Philox stream: number i depends on the key, counters 1 to 3 and i alone. `n` is any count. */
export interface NoiseKernels {
  /** Floats in [0, 1), multiples of 2^-24. */
  uniform(
    dst: number,
    n: number,
    key0: number,
    key1: number,
    counter1: number,
    counter2: number,
    counter3: number,
  ): void;
  /** Standard normal floats. */
  normal(
    dst: number,
    n: number,
    key0: number,
    key1: number,
    counter1: number,
    counter2: number,
    counter3: number,
  ): void;
  /** Raw 32-bit words from block `counter0` on. */
  words(
    dst: number,
    n: number,
    key0: number,
    key1: number,
    counter0: number,
    counter1: number,
    counter2: number,
    counter3: number,
  ): void;
}

/** What graphs compute between the sessions of ONNX Runtime: addresses first (engine/onnx/kernel-calls.ts), then counts, of floats in fours. */
export interface GraphKernels {
  maxPoolGradient(...numbers: readonly number[]): void;
  activation(...numbers: readonly number[]): void;
  biasedActivation(...numbers: readonly number[]): void;
  attentionShares(...numbers: readonly number[]): void;
  attentionSlopes(...numbers: readonly number[]): void;
  blockedLayerNorm(...numbers: readonly number[]): void;
  blockedLayerNormGradient(...numbers: readonly number[]): void;
  blocksToHeads(...numbers: readonly number[]): void;
  headsToBlocks(...numbers: readonly number[]): void;
  crossEntropy(...numbers: readonly number[]): void;
  crossEntropyGradient(...numbers: readonly number[]): void;
  layerNormGradient(...numbers: readonly number[]): void;
  /** What goes back through the gates of one step of an LSTM, in a loop. */
  lstmGates(...numbers: readonly number[]): void;
  rmsNormGradient(...numbers: readonly number[]): void;
  turnBlocks(...numbers: readonly number[]): void;
}

/** Kernels over a shared memory, of at most 65,536 pages. */
export function loadUpdateKernels(memory: WebAssembly.Memory): UpdateKernels {
  return instantiate('update', memory) as UpdateKernels;
}

/** Kernels over a memory that is not shared. */
export function loadNoiseKernels(memory: WebAssembly.Memory): NoiseKernels {
  return instantiate('noise', memory) as NoiseKernels;
}

/** Kernels over a memory that is not shared. */
export function loadGraphKernels(memory: WebAssembly.Memory): GraphKernels {
  return instantiate('graph-kernels', memory) as GraphKernels;
}

const modules = new Map<string, WebAssembly.Module>();

function instantiate(name: string, memory: WebAssembly.Memory): unknown {
  let module = modules.get(name);
  if (!module) {
    module = new WebAssembly.Module(readFileSync(new URL(`./${name}.wasm`, import.meta.url)));
    modules.set(name, module);
  }
  return new WebAssembly.Instance(module, { env: { memory } }).exports;
}
