/** Models that Keras wrote, with what it computes: fixtures of scripts/peers, opened as a user's file is. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';

import { predictionStep } from '../../src/engine/step.js';
import { checkLayer } from '../../src/model/build/create-layer.js';
import type { LayerWeight } from '../../src/model/build/layer-weights.js';
import { readTopology } from '../../src/model/files/model-file.js';
import { modelOfTopology } from '../../src/model/files/model-from-json.js';
import { type ModelRun, maskedOutputs, runModel } from '../../src/model/forward.js';
import { everyLayer } from '../../src/model/layer-tree.js';
import { intercepting } from '../../src/model/tfjs/intercept.js';
import { packageRoot } from './package.js';

interface Numbers {
  readonly shape: number[];
  readonly values: number[];
}
export interface KerasCase {
  readonly name: string;
  readonly topology: object;
  readonly weights: readonly (Numbers & { readonly name: string })[];
  readonly input: Numbers;
  readonly output: Numbers;
  readonly mask?: Numbers | null;
}

export function kerasCases(fixture: string): KerasCase[] {
  return JSON.parse(readFileSync(join(packageRoot, 'test', 'fixtures', fixture), 'utf8')).cases as KerasCase[];
}

/** What the model computes here, with Keras's weights. @throws ModelError where it is refused */
export async function runKeras({ topology, weights, input, mask }: KerasCase, folder: string): Promise<ModelRun> {
  const file = join(folder, 'keras.json');
  writeFileSync(file, JSON.stringify(topology));
  const read = await readTopology(file);
  const model = await intercepting(1, {}, { reseed: true }, () => modelOfTopology(read, file, 'use other layers'));
  for (const layer of everyLayer(model)) {
    // Nothing is trained here.
    if (layer.getClassName() === 'BatchNormalization') layer.trainable = false;
    checkLayer(layer, file);
  }
  maskedOutputs(model);
  const own = model.weights as unknown as { originalName: string; shape: number[]; val: tf.Variable }[];
  if (own.length !== weights.length) throw new Error(`${own.length} weights for ${weights.length}`);
  const names = new Map(weights.map((weight) => [plainName(weight.name), weight]));
  const byName = names.size === own.length && own.every(({ originalName }) => names.has(plainName(originalName)));
  own.forEach(({ originalName, shape, val }, i) => {
    const found = byName ? names.get(plainName(originalName))! : weights[i];
    if (found.shape.join() !== shape.join())
      throw new Error(`${originalName} [${shape}] for ${found.name} [${found.shape}]`);
    val.assign(tf.tensor(found.values, found.shape, 'float32'));
  });
  const x = tf.tensor(input.values, input.shape, 'float32');
  const weightsOf = own as unknown as LayerWeight[];
  const values = weightsOf.map(({ val }) => val);
  const outputs = predictionStep(model, weightsOf, values, [x]);
  return { outputs, masks: mask === undefined ? [] : runModel(model, [x], { training: false }).masks };
}

/** Without the cells that Keras names between a layer and its weight. */
const plainName = (name: string): string =>
  name
    .split('/')
    .filter((part) => !/_cells?(_\d+)?$/.test(part))
    .join('/');

/** Largest difference of a tensor from what Keras has, relative to its largest number; infinite for another shape. */
export function kerasDifference(tensor: tf.Tensor, { shape, values }: Numbers): number {
  if (tensor.shape.join() !== shape.join()) return Number.POSITIVE_INFINITY;
  const magnitude = Math.max(1, ...values.map(Math.abs));
  return Math.max(...Array.from(tensor.dataSync(), (value, i) => Math.abs(value - values[i]))) / magnitude;
}
