/** Where each parameter lies in a slab: one contiguous Float32 buffer in a fixed order. */
import { elements } from '../ground/elements.js';

/** Floats between tensor starts: 64 bytes, because the alignment of a tensor can change the bits of a reduction. */
const alignment = 16;

export interface SlabTensor {
  /** The weight's name in the saved model, e.g. `dense_1/kernel`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** First float of the tensor in the slab. */
  readonly offset: number;
  readonly size: number;
}

/** Three regions: [0, trainable) is updated by the optimizer, [trainable, state) averaged by steps, the rest never changes. */
export interface SlabLayout {
  readonly tensors: readonly SlabTensor[];
  /** Floats of the slab that the optimizer updates. */
  readonly trainable: number;
  /** End of the state that a step computes and averages, such as moving means; a step's gradients reach to here. */
  readonly state: number;
  /** Floats of the whole slab. */
  readonly length: number;
}

interface SlabWeight {
  readonly originalName: string;
  readonly shape: readonly number[];
}

/** Floats that a tensor takes with the padding behind it. */
export const alignedFloats = (floats: number): number => Math.ceil(floats / alignment) * alignment;

/** Lays out weights in the order given, each at a multiple of 64 bytes. */
export function slabLayout(
  trainable: readonly SlabWeight[],
  state: readonly SlabWeight[],
  frozen: readonly SlabWeight[],
): SlabLayout {
  const tensors: SlabTensor[] = [];
  let offset = 0;
  const place = (weights: readonly SlabWeight[]): number => {
    for (const { originalName, shape } of weights) {
      const size = elements(shape);
      tensors.push({ name: originalName, shape, offset, size });
      offset += alignedFloats(size);
    }
    return offset;
  };
  return { tensors, trainable: place(trainable), state: place(state), length: place(frozen) };
}

/** The floats of one tensor in a slab. */
export const tensorOf = (slab: Float32Array, { offset, size }: SlabTensor): Float32Array =>
  slab.subarray(offset, offset + size);

/** Number of parameters, without the slab's padding. */
export const parameterCount = (tensors: readonly SlabTensor[]): number =>
  tensors.reduce((sum, { size }) => sum + size, 0);
