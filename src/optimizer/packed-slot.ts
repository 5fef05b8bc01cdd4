/** Slots for some of the parameters only, without gaps where the others are. */
import { alignedFloats, type SlabTensor } from '../model/slab.js';
import type { OptimizerSlot } from './optimizer.js';

/** A slot, and where in its slab the state of each of its tensors begins. */
export interface PackedSlot extends OptimizerSlot {
  readonly starts: ReadonlyMap<string, number>;
}

/** @param tensors with their names in the model, in the shapes that their state has */
export function packedSlot(name: string, tensors: readonly Pick<SlabTensor, 'name' | 'shape' | 'size'>[]): PackedSlot {
  let length = 0;
  const placed = tensors.map((tensor) => {
    const offset = length;
    length += alignedFloats(tensor.size);
    return { ...tensor, offset };
  });
  return {
    name,
    initial: 0,
    tensors: placed,
    length,
    starts: new Map(placed.map(({ name, offset }) => [name, offset])),
  };
}
