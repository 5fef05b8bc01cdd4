/** The tensors of a run as a checkpoint holds them: parameters, optimizer slots, the best parameters. */
import { ModelError } from '../../src/errors.js';
import type { NamedTensor } from '../../src/model/files/safetensors.js';
import { type SlabLayout, type SlabTensor, tensorOf } from '../../src/model/slab.js';

/** A slab and the prefix of its tensors' names in a checkpoint. */
export interface NamedSlab {
  readonly name: string;
  readonly slab: Float32Array;
}

const nameOf = (prefix: string, { name }: SlabTensor): string => `${prefix}/${name}`;

/** Tensors of the layout that a slab has: the optimizer's slots end where the trainable parameters do. */
const tensorsIn = ({ tensors }: SlabLayout, slab: Float32Array): SlabTensor[] =>
  tensors.filter(({ offset }) => offset < slab.length);

/**
 * All tensors of some slabs, which go on changing, as they are now.
 * @param copies receives the slabs; an array that is kept from one time to the next spares their allocation
 */
export function copyTensors(layout: SlabLayout, slabs: readonly NamedSlab[], copies: Float32Array[]): NamedTensor[] {
  return slabs.flatMap(({ name, slab }, i) => {
    copies[i] ??= new Float32Array(slab.length);
    const copy = copies[i];
    copy.set(slab);
    return tensorsIn(layout, slab).map((tensor) => ({
      name: nameOf(name, tensor),
      shape: tensor.shape,
      values: tensorOf(copy, tensor),
    }));
  });
}

/** Puts the tensors of a checkpoint back. @throws ModelError when the model is not the one that they are of */
export function restoreTensors(layout: SlabLayout, slabs: readonly NamedSlab[], tensors: readonly NamedTensor[]): void {
  const known = new Map(tensors.map(({ name, values }) => [name, values]));
  for (const { name, slab } of slabs) {
    for (const tensor of tensorsIn(layout, slab)) {
      const values = known.get(nameOf(name, tensor));
      if (values?.length !== tensor.size) {
        throw new ModelError(
          `the model is not that of the checkpoint, which has no ${nameOf(name, tensor)} of shape [${tensor.shape.join(', ')}]`,
          'bring the model back as it was, or start a new run',
        );
      }
      tensorOf(slab, tensor).set(values);
    }
  }
}
