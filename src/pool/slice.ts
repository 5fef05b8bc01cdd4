/** A thread's slice of the slabs: the part that it adds up and updates for all. */
import type { UpdateKernels } from '../kernels/load-kernels.js';
import type { Update } from '../optimizer/decide.js';
import type { Optimizer, SlabPiece } from '../optimizer/optimizer.js';
import { shareOf } from '../optimizer/share.js';
import { NORM_BLOCK, normBlocks, sumSquares } from '../reduce/norm.js';
import type { AllReduceLayout } from '../reduce/segments.js';
import { cutRange, type ParameterRange } from '../reduce/shares.js';
import type { Addition } from '../reduce/tree.js';
import type { SharedState } from './shared-state.js';

/** What a thread needs to know of the slabs. */
interface SliceSpec {
  readonly layout: AllReduceLayout;
  readonly threads: number;
  readonly shared: Pick<SharedState, 'memory' | 'offsets' | 'normSums'>;
}

/** Cut in whole blocks of the norm. */
export class Slice {
  readonly #spec: SliceSpec;
  readonly #rank: number;
  readonly #kernels: UpdateKernels;
  readonly #workspace: Float32Array;
  /** Floats of the slab that this slice has. */
  readonly range: ParameterRange;

  constructor(spec: SliceSpec, rank: number, kernels: UpdateKernels) {
    this.#spec = spec;
    this.#rank = rank;
    this.#kernels = kernels;
    const { memory, offsets } = spec.shared;
    const { start, floats } = offsets.workspaces;
    this.#workspace = new Float32Array(memory.buffer, start + rank * floats * 4, floats);
    this.range = cutRange({ from: 0, to: spec.layout.state }, NORM_BLOCK, rank, spec.threads);
  }

  /**
   * Adds up slots on this slice, and where there is a total the squares of it: block by block, while it is in cache.
   *
   * @param slots byte offsets
   * @param total the slot whose squares go to `shared.normSums`
   */
  reduce(additions: readonly Addition[], slots: readonly number[], total?: number): void {
    const { layout, shared } = this.#spec;
    const endOfNorm = normBlocks(layout.trainable);
    for (let block = this.range.from / NORM_BLOCK; block < normBlocks(this.range.to); block++) {
      const start = block * NORM_BLOCK * 4;
      const length = Math.min(NORM_BLOCK, layout.state - block * NORM_BLOCK);
      for (const { add, to } of additions) this.#kernels.add(slots[to] + start, slots[add] + start, length);
      if (total === undefined) continue;
      const end = Math.min(block + 1, endOfNorm);
      sumSquares(this.#kernels, slots[total], layout.trainable, block, end, shared.normSums);
    }
  }

  /** What of the parameters this thread updates. */
  shareOf(optimizer: Optimizer): readonly SlabPiece[] {
    const { from, to } = this.range;
    return shareOf(optimizer, this.#rank, this.#spec.threads, from, to);
  }

  /**
   * Applies the optimizer to pieces of the parameters, and averages the new state of a range: by default what this thread has of both.
   * @param total byte offset of the total gradient
   */
  update(
    pieces: readonly SlabPiece[],
    total: number,
    { round, learningRate, gradientScale, stateScale }: Update,
    { from: first, to: end }: ParameterRange = this.range,
  ): void {
    const { layout, shared } = this.#spec;
    const { parameters, optimizer } = shared.offsets;
    const step = { number: round + 1, learningRate, gradientScale };
    for (const { from, to, slots, rule } of pieces) {
      const region = {
        parameters: parameters + from * 4,
        gradients: total + from * 4,
        slots: slots.map(({ slot, start }) => optimizer[slot] + start * 4),
        length: to - from,
      };
      rule(this.#kernels, region, step, this.#workspace);
    }
    const start = Math.max(first, layout.trainable);
    if (start < end) this.#kernels.scaledCopy(parameters + start * 4, total + start * 4, end - start, stateScale);
  }
}
