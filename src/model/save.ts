/** Writes a model in tfjs's LayersModel format: model.json and weights.bin, as plain `tf.loadLayersModel` reads them. */
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { OutputError } from '../errors.js';
import type { LayerWeight } from './build.js';
import { type SlabLayout, tensorOf } from './slab.js';

/**
 * Saves the model with the weights of `slab`; the folder appears complete or not at all.
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
): Promise<string> {
  tf.tidy(() => {
    layout.tensors.forEach((tensor, i) => {
      const values = tf.tensor(tensorOf(slab, tensor).slice(), [...tensor.shape], 'float32');
      (weights[i].val as tf.Variable).assign(values);
    });
  });
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      writeArtifacts(artifacts, folder);
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' as const } };
    }),
  );
  return join(folder, 'model.json');
}

function writeArtifacts({ modelTopology, weightSpecs, weightData, ...rest }: tf.io.ModelArtifacts, folder: string) {
  const manifest = {
    modelTopology,
    format: rest.format,
    generatedBy: rest.generatedBy,
    convertedBy: rest.convertedBy,
    weightsManifest: [{ paths: ['weights.bin'], weights: weightSpecs }],
  };
  const bytes = Buffer.concat([weightData!].flat().map((part) => new Uint8Array(part)));
  const temporary = `${folder}.partial`;
  try {
    mkdirSync(dirname(folder), { recursive: true });
    rmSync(temporary, { recursive: true, force: true });
    mkdirSync(temporary);
    writeFileSync(join(temporary, 'weights.bin'), bytes);
    writeFileSync(join(temporary, 'model.json'), JSON.stringify(manifest));
    rmSync(folder, { recursive: true, force: true });
    renameSync(temporary, folder);
  } catch (error) {
    throw new OutputError(
      `${folder}: cannot be written (${(error as Error).message})`,
      'free some space or choose --out',
    );
  }
}
