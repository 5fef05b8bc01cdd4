/** Writes a model in tfjs's LayersModel format: model.json and weights.bin, as plain `tf.loadLayersModel` reads them. */
import { join } from 'node:path';

import tf = require('@tensorflow/tfjs-core');

import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { Encoding } from '../../data/encoding.js';
import { type FolderContent, writeFolderAtomically } from '../../ground/atomic-file.js';
import type { LayerWeight } from '../build/layer-weights.js';
import { type SlabLayout, tensorOf } from '../slab.js';

/** The file beside model.json that holds the Encoding. */
export const encodingFile = 'encoding.json';
/** A copy of the tokenizer that it holds, for other programs. */
export const tokenizerFile = 'tokenizer.json';

/**
 * Saves the model with the weights of `slab`, and beside it how its inputs and outputs are read. At no moment is there
 * less than a whole model: the folder appears complete; in one that is there, weights.bin alone changes from epoch to epoch.
 * @param weights the model's weights in the order of `layout.tensors`
 * @returns path of the model.json
 * @throws OutputError when the folder cannot be written
 */
export async function saveModel(
  model: LayersModel,
  weights: readonly LayerWeight[],
  layout: SlabLayout,
  slab: Float32Array,
  folder: string,
  encoding: Encoding,
): Promise<string> {
  tf.tidy(() => {
    layout.tensors.forEach((tensor, i) => {
      const values = tf.tensor(tensorOf(slab, tensor).slice(), [...tensor.shape], 'float32');
      (weights[i].val as tf.Variable).assign(values);
    });
  });
  writeFolderAtomically(folder, await layersModelFiles(model, encoding));
  return join(folder, 'model.json');
}

/** The files of a model with the weights that it has. */
export async function layersModelFiles(model: LayersModel, encoding: Encoding | undefined): Promise<FolderContent> {
  let artifacts!: tf.io.ModelArtifacts;
  await model.save(
    tf.io.withSaveHandler(async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' as const } };
    }),
  );
  const { modelTopology, weightSpecs, weightData, format, generatedBy, convertedBy } = artifacts;
  const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }];
  const manifest = { modelTopology, format, generatedBy, convertedBy, weightsManifest };
  const tokenizer = encoding?.input.kind === 'text' ? encoding.input.tokenizer : undefined;
  return {
    ...(tokenizer && { [tokenizerFile]: `${JSON.stringify(tokenizer)}\n` }),
    ...(encoding && { [encodingFile]: `${JSON.stringify(encoding)}\n` }),
    'model.json': JSON.stringify(manifest),
    'weights.bin': [weightData!].flat().map((part) => new Uint8Array(part)),
  };
}
