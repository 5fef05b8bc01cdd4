/** The tensors of a run as a checkpoint holds them: parameters, optimizer slots, the best parameters. */
import { ModelError } from '../../src/errors.js';
import type { NamedTensor } from '../../src/model/files/safetensors.js';
import { type SlabLayout, type SlabTensor, tensorOf } from '../../src/model/slab.js';
import type { OptimizerSlot } from '../../src/optimizer/optimizer.js';
import type { Trainer } from './trainer.js';

/** A slab and the prefix of its tensors' names in a checkpoint. */
export interface NamedSlab {
  readonly name: string;
  readonly tensors: readonly SlabTensor[];
  readonly slab: Float32Array;
}

const nameOf = (prefix: string, { name }: SlabTensor): string => `${prefix}/${name}`;

/**
 * @param state what the trainer's slots are
 * @param best the parameters of the best epoch, where they are kept
 */
export function namedSlabs(
  { parameters, slots }: Pick<Trainer, 'parameters' | 'slots'>,
  state: readonly OptimizerSlot[],
  { tensors }: SlabLayout,
  best?: Float32Array,
): NamedSlab[] {
  return [
    { name: 'parameters', tensors, slab: parameters },
    ...state.map(({ name, tensors }, i) => ({ name, tensors, slab: slots[i] })),
    ...(best ? [{ name: 'best', tensors, slab: best }] : []),
  ];
}

/**
 * All tensors of some slabs, which go on changing, as they are now.
 * @param copies receives the slabs; an array that is kept from one time to the next spares their allocation
 */
export function copyTensors(slabs: readonly NamedSlab[], copies: Float32Array[]): NamedTensor[] {
  return slabs.flatMap(({ name, tensors, slab }, i) => {
    copies[i] ??= new Float32Array(slab.length);
    const copy = copies[i];
    copy.set(slab);
    return tensors.map((tensor) => ({
      name: nameOf(name, tensor),
      shape: tensor.shape,
      values: tensorOf(copy, tensor),
    }));
  });
}

/** Puts the tensors of a checkpoint back. @throws ModelError when the model is not the one that they are of */
export function restoreTensors(slabs: readonly NamedSlab[], saved: readonly NamedTensor[]): void {
  const known = new Map(saved.map(({ name, values }) => [name, values]));
  for (const { name, tensors, slab } of slabs) {
    for (const tensor of tensors) {
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
