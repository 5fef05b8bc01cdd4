/** Fine-tuning: weights from a file by their names, layers that keep fresh ones, and layers that stay as they are. */
import { readFile } from 'node:fs/promises';

import tf = require('@tensorflow/tfjs-core');

import type { LayersModel, layers } from '@tensorflow/tfjs-layers';
import type { ModelConfig } from '../../config/model.js';
import { ModelError } from '../../errors.js';
import { firstFew } from '../../ground/first-few.js';
import { globOf } from '../../ground/glob.js';
import { beside } from '../../ground/near-path.js';
import { oneOf } from '../../ground/suggest.js';
import { readModelFile, type SavedWeights } from '../files/model-file.js';
import { decodeSafetensors } from '../files/safetensors.js';
import { everyLayer, innerLayers } from '../layer-tree.js';
import { type LayerWeight, modelWeights } from './layer-weights.js';

type Layer = layers.Layer;

/** How many weights or names a message lists. */
const shown = 6;

/**
 * Marks layers as trainable or not. Without patterns they stay as the model has them.
 * A frozen batch normalization normalizes by its moving statistics and leaves them alone, as Keras has it since 2.0
 * (keras.io/guides/transfer_learning).
 *
 * @throws ModelError when a pattern names no layer, or none with weights
 */
export function freezeLayers(model: LayersModel, patterns: readonly string[] | undefined): void {
  const frozen = patterns
    ? layersNamed(model, patterns, 'model.freeze')
    : layersWhere(model, (layer) => layer.trainable === false);
  // Outer layers first, because they set those inside them too.
  for (const layer of everyLayer(model)) {
    layer.trainable = !frozen.has(layer);
    if (!frozen.has(layer) || layer.getClassName() !== 'BatchNormalization') continue;
    const call = layer.call.bind(layer);
    layer.call = (inputs, kwargs) => call(inputs, { ...kwargs, training: false });
  }
}

/** The layers for which `test` holds, with all that is inside them. */
function layersWhere(model: LayersModel, test: (layer: Layer) => boolean): Set<Layer> {
  const found = new Set<Layer>();
  const visit = (layer: Layer) => {
    if (test(layer)) for (const part of everyLayer(layer)) found.add(part);
    for (const part of innerLayers(layer)) visit(part);
  };
  for (const layer of model.layers) visit(layer);
  return found;
}

function layersNamed(model: LayersModel, patterns: readonly string[], key: string): Set<Layer> {
  const layers = [...everyLayer(model)].filter((layer) => layer !== (model as Layer));
  const tests = patterns.map((pattern) => {
    const test = globOf(pattern);
    const named = layers.filter(({ name }) => test(name));
    // Others have nothing to freeze or to begin anew: logits that are tied, for one, have the weight of their embedding.
    if (named.some(({ weights }) => weights.length > 0)) return test;
    const problem = named.length > 0 ? 'names no layer that has weights of its own' : 'names no layer of the model';
    const names = layers.filter(({ weights }) => named.length === 0 || weights.length > 0).map(({ name }) => name);
    throw new ModelError(
      `${key}: ${JSON.stringify(pattern)} ${problem}`,
      oneOf(pattern, names, `its layers${named.length > 0 ? ' with weights' : ''}: ${firstFew(names, shown)}`),
    );
  });
  return layersWhere(model, ({ name }) => tests.some((test) => test(name)));
}

/**
 * Gives the model the weights of the file that the config names, where it names one.
 * @throws ModelError when the file cannot be read, or lacks a weight or has it in another shape
 */
export async function loadWeights(model: LayersModel, config: ModelConfig): Promise<void> {
  const fresh = layersNamed(model, config.reinitialize ?? [], 'model.reinitialize');
  const source = await savedWeights(config);
  if (!source) {
    if (!config.reinitialize?.length) return;
    throw new ModelError('model.reinitialize: all weights are fresh ones', 'add model.weights, or remove reinitialize');
  }
  const { weights: saved, where } = source;
  const keep = new Set([...fresh].flatMap((layer) => layer.weights) as unknown as LayerWeight[]);
  const { trainable, state, frozen } = modelWeights(model);
  const wanted = [...trainable, ...state, ...frozen].filter((weight) => !keep.has(weight));
  const find = byName(saved);
  checkWeights(wanted, find, saved, where);
  tf.tidy(() => {
    for (const weight of wanted) {
      const { values } = find(weight.originalName)!;
      (weight.val as tf.Variable).assign(tf.tensor(values.slice(), weight.shape, 'float32'));
    }
  });
}

async function savedWeights(config: ModelConfig): Promise<{ weights: SavedWeights; where: string } | undefined> {
  const own = config.weights === undefined && 'file' in config ? config.file : undefined;
  const path = config.weights ?? own;
  if (path === undefined) return undefined;
  const where = own === undefined ? `model.weights: ${path}` : `model.file: ${path}`;
  if (path.endsWith('.safetensors')) return { weights: await readSafetensors(path, where), where };
  const { weights } = await readModelFile(path);
  if (weights) return { weights, where };
  if (own !== undefined) return undefined;
  throw new ModelError(`${where}: holds a model without weights`, 'name a file with weights, or remove model.weights');
}

async function readSafetensors(path: string, where: string): Promise<SavedWeights> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new ModelError(
      `${where}: ${code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`}`,
      beside(path, 'check the path; a relative one starts at the current folder'),
    );
  }
  try {
    return new Map(decodeSafetensors(bytes).tensors.map(({ name, ...tensor }) => [name, tensor]));
  } catch (error) {
    throw new ModelError(`${where}: ${(error as Error).message}`, 'copy the file again, or save it as float32');
  }
}

type Find = (name: string) => { readonly shape: readonly number[]; readonly values: Float32Array } | undefined;

/**
 * Keras 2.2 and later put the name of a recurrent cell between that of the layer and that of the weight; Keras 3 calls the
 * kernel of a DepthwiseConv2D as those of other layers.
 */
function byName(saved: SavedWeights): Find {
  const shortened = new Map(
    [...saved].map(([name, value]) => {
      const parts = name.split('/');
      return [[...parts.slice(0, -2), parts.at(-1)].join('/'), value];
    }),
  );
  return (name) =>
    saved.get(name) ?? shortened.get(name) ?? saved.get(name.replace(/(?<=\/)depthwise_kernel$/, 'kernel'));
}

function checkWeights(wanted: readonly LayerWeight[], find: Find, saved: SavedWeights, where: string): void {
  if (wanted.length > 0 && !wanted.some(({ originalName }) => find(originalName))) {
    throw new ModelError(
      `${where}: none of its weights has the name of one of the model's (${firstFew([...saved.keys()], shown)})`,
      `name layers as in the file; the model has ${firstFew(names(wanted), shown)}`,
    );
  }
  const misfits = wanted.filter(({ originalName, shape }) => find(originalName)?.shape.join() !== shape.join());
  if (misfits.length > 0) {
    const problems = misfits.map(({ originalName, shape }) => {
      const found = find(originalName);
      const there = found ? `is [${found.shape.join(', ')}] there` : 'is missing there';
      return `${originalName} ${there} and [${shape.join(', ')}] in the model`;
    });
    const layers = [...new Set(names(misfits).map((name) => name.replace(/\/[^/]*$/, '')))];
    throw new ModelError(
      `${where}: ${firstFew(problems, shown, '; ')}`,
      `keep fresh weights there by reinitialize: [${firstFew(layers, shown)}], or make the layers as in the file`,
    );
  }
  const broken = wanted.find(({ originalName }) => !find(originalName)!.values.every(Number.isFinite));
  if (!broken) return;
  throw new ModelError(
    `${where}: ${broken.originalName} holds NaN or infinity`,
    'use the weights of a run that did not diverge',
  );
}

const names = (weights: readonly LayerWeight[]): string[] => weights.map(({ originalName }) => originalName);
