/** Models of a list of layers as what explanations start from. */
import * as tf from '@tensorflow/tfjs-core';
import type { LayerConfig } from '../../src/config/model.js';
import { findLookups } from '../../src/explain/lookups.js';
import type { Explained } from '../../src/explain/slopes.js';
import { createModel } from '../../src/model/build/create.js';
import { outputShape, plainShape } from '../../src/model/build/data-shape.js';
import { modelWeights } from '../../src/model/build/layer-weights.js';
import { predicted } from '../../src/model/forward.js';

/** @param weights of the layers, in their order; default: those of a seed */
export async function explained(
  layers: readonly LayerConfig[],
  input: readonly number[],
  weights?: readonly (readonly unknown[])[],
): Promise<Explained> {
  const { model } = await createModel({ layers: [...layers] }, plainShape(input, undefined), 3, false);
  if (weights) model.setWeights(weights.map((values) => tf.tensor(values as number[])));
  const { trainable, state, frozen } = modelWeights(model);
  return {
    model,
    weights: [...trainable, ...state, ...frozen],
    inputs: [{ name: 'input', shape: input }],
    outputs: [{ name: 'output' }],
    lookups: findLookups(model, [input], (inputs) => predicted(model, inputs)),
    output: 0,
    outputShape: outputShape(model, [input], 0),
  };
}
