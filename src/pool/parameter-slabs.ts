/** The parameters of a pool, and what is evaluated and saved: their average from step to step where the optimizer keeps one, else themselves. */
import { loadUpdateKernels, type UpdateKernels } from '../kernels/load-kernels.js';
import type { SharedState } from './shared-state.js';

export class ParameterSlabs {
  readonly #kernels: UpdateKernels;
  readonly #parameters: Float32Array;
  /** Where threads that evaluate read the parameters: the same slab, unless there is an average. */
  readonly #slab: Float32Array;
  /** Of the trainable parameters. */
  readonly #average: Float32Array | undefined;

  /** @param slots of the optimizer, of which an average is the last */
  constructor(
    { memory, offsets }: Pick<SharedState, 'memory' | 'offsets'>,
    parameters: Float32Array,
    slots: readonly Float32Array[],
  ) {
    this.#kernels = loadUpdateKernels(memory);
    this.#parameters = parameters;
    this.#slab = new Float32Array(memory.buffer, offsets.evaluated, parameters.length);
    if (offsets.evaluated !== offsets.parameters) this.#average = slots.at(-1);
  }

  /** Whether no parameter has overflowed. */
  get isFinite(): boolean {
    const { byteOffset, length } = this.#parameters;
    // In float64 the squares of float32 numbers cannot overflow.
    return Number.isFinite(this.#kernels.sumOfSquares(byteOffset, length));
  }

  /** What is evaluated, as after the last step. */
  updateEvaluated(): Float32Array {
    if (this.#average) {
      this.#slab.set(this.#parameters);
      this.#slab.set(this.#average);
    }
    return this.#slab;
  }

  /** Goes on with other parameters, whose average is themselves. */
  replace(parameters: Float32Array): void {
    this.#parameters.set(parameters);
    this.#average?.set(parameters.subarray(0, this.#average.length));
  }
}
