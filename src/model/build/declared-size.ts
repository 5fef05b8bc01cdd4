/** Refuses models that are larger than the memory by what their layers declare, before a weight of theirs is made. */
import tfl = require('@tensorflow/tfjs-layers');

import { ModelError } from '../../errors.js';
import { elements } from '../../ground/elements.js';
import { requireMemory } from '../../ground/memory.js';
import { grouped } from '../../ground/units.js';

type AddWeight = (name: string, shape: readonly number[], ...rest: unknown[]) => unknown;

/** Bytes of the weights of the model that is being built. */
let declared = 0;

/** To be called before a model is built: its weights are counted from here. */
export function countWeights(): void {
  declared = 0;
}

const prototype = tfl.layers.Layer.prototype as unknown as { addWeight: AddWeight };
const addWeight = prototype.addWeight;

prototype.addWeight = function (this: tfl.layers.Layer, name, shape, ...rest) {
  const bytes = 4 * elements(shape);
  requireMemory(
    `layer ${this.name}: its ${name} has the shape [${shape.join(', ')}], and the weights before it ${grouped(declared / 4)} numbers`,
    declared + bytes,
    ModelError,
    'make the layer smaller, or use a machine with more memory',
  );
  declared += bytes;
  return addWeight.call(this, name, shape, ...rest);
};
