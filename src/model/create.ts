/** From the `model` section of a config to a model that can be trained: layers, a saved model, or a user's function. */
import tfl = require('@tensorflow/tfjs-layers');

import type { ModelConfig } from '../config/model.js';
import { functionOf, importModule, mistakeIn } from '../config/module.js';
import { ModelError } from '../errors.js';
import { type BuiltModel, buildModel, checkLayer, type DataShape, type LayerWeight, modelWeights } from './build.js';
import { countWeights } from './declared-size.js';
import { readTopology } from './file.js';
import type { HookSlot } from './hooks.js';
import { intercepting } from './intercept.js';
import { modelOfTopology } from './load.js';
import { keepOutputMask, outputIsMasked } from './run.js';
import { everyLayer } from './tree.js';
import { freezeLayers, loadWeights } from './tuning.js';
import { type ModelFunction, userTf } from './user-tf.js';

/**
 * Builds the model and gives it its initial weights.
 *
 * @param withWeights whether saved weights are read too: a thread gets its parameters from the run
 * @throws ModelError when it cannot be built, does not fit the data or has nothing to train
 */
export async function createModel(
  config: ModelConfig,
  data: DataShape,
  seed: number,
  withWeights: boolean,
): Promise<BuiltModel> {
  const built = await build(config, data, seed);
  keepOutputMask(built.model, built.hooks);
  freezeLayers(built.model, config.freeze);
  outputIsMasked(built.model);
  const { trainable, state, frozen } = modelWeights(built.model);
  if (trainable.length === 0) {
    const cause = frozen.length > 0 ? 'every layer is frozen' : 'no layer has weights';
    throw new ModelError(`model: nothing is left to train: ${cause}`, 'freeze fewer layers, or add some with weights');
  }
  checkNames([...trainable, ...state, ...frozen]);
  if (withWeights) await loadWeights(built.model, config);
  return built;
}

async function build(config: ModelConfig, data: DataShape, seed: number): Promise<BuiltModel> {
  const hooks: HookSlot = {};
  countWeights();
  if ('layers' in config) {
    return intercepting(seed, hooks, { reseed: false }, () => buildModel(config, data, seed, hooks));
  }
  const model =
    'file' in config
      ? await intercepting(seed, hooks, { reseed: true }, () => modelOfFile(config.file))
      : await intercepting(seed, hooks, { reseed: false }, () => modelOfModule(config, data, hooks));
  checkModel(model, data, 'file' in config ? `model.file: ${config.file}` : `model.module: ${config.module}`);
  return { model, hooks };
}

async function modelOfFile(file: string): Promise<tfl.LayersModel> {
  const topology = await readTopology(file);
  return modelOfTopology(
    topology,
    `model.file: ${file}`,
    'use layers that tfjs has, or build the model in model.module',
  );
}

/** Models that functions have returned: one that is returned again would be two models with the same weights. */
const returned = new WeakSet<tfl.LayersModel>();

async function modelOfModule(
  config: Extract<ModelConfig, { module: string }>,
  data: DataShape,
  hooks: HookSlot,
): Promise<tfl.LayersModel> {
  const module = await importModule('model.module', config.module, ModelError);
  const make = functionOf<ModelFunction>(module, 'default', ModelError);
  const { featureShape, classes } = data;
  let model: unknown;
  try {
    model = await make(userTf(hooks), {
      inputShape: [...featureShape],
      classes,
      options: structuredClone(config.options ?? {}),
    });
  } catch (error) {
    throw mistakeIn(module.where, error, ModelError);
  }
  if (!(model instanceof tfl.LayersModel)) {
    const foreign = typeof model === 'object' && model !== null && 'layers' in model && 'predict' in model;
    throw new ModelError(
      `${module.where}: its function returned ${foreign ? 'a model of another copy of tfjs' : nameOf(model)}, not a tf.LayersModel`,
      foreign ? 'build it with the tf that the function is given' : 'return what tf.model() or tf.sequential() gives',
    );
  }
  if (returned.has(model)) {
    throw new ModelError(
      `${module.where}: its function returned the same model twice`,
      'build a new one in every call',
    );
  }
  returned.add(model);
  return model;
}

function nameOf(value: unknown): string {
  if (value === null || typeof value !== 'object') return typeof value === 'function' ? 'a function' : String(value);
  return `an object of class ${value.constructor?.name ?? 'Object'}`;
}

/** What is checked of layers one by one as they are built from a list. */
function checkModel(model: tfl.LayersModel, data: DataShape, where: string): void {
  try {
    // Sequential models put this off.
    if (!model.built) model.build(model.inputs[0]?.shape);
  } catch (error) {
    throw new ModelError(`${where}: ${(error as Error).message}`, 'correct the model');
  }
  if (model.inputs.length !== 1 || model.outputs.length !== 1) {
    throw new ModelError(
      `${where}: has ${model.inputs.length} inputs and ${model.outputs.length} outputs`,
      'give it one of each, for instance with a concatenate layer',
    );
  }
  const [batch, ...shape] = model.inputs[0].shape;
  if (batch !== null) {
    throw new ModelError(
      `${where}: takes batches of ${batch} only`,
      'leave the batch size open: inputShape, not batchInputShape',
    );
  }
  const fits =
    shape.length === data.featureShape.length &&
    shape.every((size, i) => size === null || size === data.featureShape[i]);
  if (!fits) {
    throw new ModelError(
      `${where}: takes inputs of shape [${shape.map((size) => size ?? 'any').join(', ')}], and an example has the shape [${data.featureShape.join(', ')}]`,
      'use the data that the model is for, or another model',
    );
  }
  for (const layer of everyLayer(model)) {
    checkLayer(layer, `${where}: layer ${layer.name}`);
    const constrained = Object.entries(layer).find(([key, value]) => key.endsWith('Constraint') && value != null);
    if (!constrained) continue;
    throw new ModelError(
      `${where}: layer ${layer.name}: ${constrained[0]} is not supported`,
      'use a regularizer, or training.clipNorm',
    );
  }
}

function checkNames(weights: readonly LayerWeight[]): void {
  const names = weights.map(({ originalName }) => originalName);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return;
  throw new ModelError(`model: two weights have the name ${twice}`, 'give layers inside nested models different names');
}
