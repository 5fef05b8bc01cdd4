/** Whether a model's embeddings have a row for every token of its data: engines find out only in the middle of a step. */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Encoding } from '../data/encoding.js';
import { ModelError } from '../errors.js';

/** @throws ModelError when the data are a text with more characters than an embedding has rows */
export function checkTokens(model: LayersModel, { input }: Encoding): void {
  if (input.kind !== 'text') return;
  const characters = input.vocabulary.length;
  for (const layer of model.layers) {
    const { inputDim } = layer.getConfig();
    if (layer.getClassName() !== 'Embedding' || Number(inputDim) >= characters) continue;
    throw new ModelError(
      `${layer.name}: inputDim: ${inputDim} is less than the ${characters} distinct characters of the text`,
      'use inputDim: classes',
    );
  }
}
