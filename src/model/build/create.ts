/** From the `model` section of a config to a model that can be trained: layers, a saved model, or a user's function. */
import { isPlain } from '../../data/field.js';

import tfl = require('@tensorflow/tfjs-layers');

import type { ModelConfig } from '../../config/model.js';
import { ModelError } from '../../errors.js';
import { functionOf, importModule, mistakeIn } from '../../ground/user-module.js';
import { readTopology } from '../files/model-file.js';
import { modelOfTopology } from '../files/model-from-json.js';
import { keepMasks, maskedOutputs } from '../forward.js';
import { everyLayer } from '../layer-tree.js';
import type { HookSlot } from '../tfjs/hooks.js';
import { intercepting } from '../tfjs/intercept.js';
import { type ModelFunction, userTf } from '../user-tf.js';
import { checkKeepsApart } from './apart-documents.js';
import { checkLayer } from './create-layer.js';
import type { BuiltModel, DataShape, InputShape } from './data-shape.js';
import { countWeights } from './declared-size.js';
import { type LayerWeight, modelWeights } from './layer-weights.js';
import { buildModel, checkOutputs } from './layers.js';
import { freezeLayers, loadWeights } from './tuning.js';

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
  keepMasks(built.model, built.hooks);
  freezeLayers(built.model, config.freeze);
  const masked = new Set(data.masked);
  maskedOutputs(
    built.model,
    built.inputs.map((name) => masked.has(name)),
  );
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
  const where = 'file' in config ? `model.file: ${config.file}` : `model.module: ${config.module}`;
  if (data.documentEnd !== undefined) checkKeepsApart(model, data.documentEnd, where);
  return { model, hooks, ...checkModel(model, config, data, where) };
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
  const { inputs, targets } = data;
  let model: unknown;
  try {
    model = await make(userTf(hooks), {
      inputShape: inputs.length === 1 ? [...inputs[0].shape] : [],
      classes: targets.length === 1 ? targets[0].categories : undefined,
      inputs: Object.fromEntries(
        inputs.map(({ name, shape, categories }) => [name, { shape: [...shape], categories }]),
      ),
      targets: Object.fromEntries(targets.map(({ name, categories }) => [name, { categories }])),
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

/**
 * What is checked of layers one by one as they are built from a list.
 * @returns which field each input reads, and with which target each output is compared
 */
function checkModel(
  model: tfl.LayersModel,
  { outputs }: ModelConfig,
  data: DataShape,
  where: string,
): Pick<BuiltModel, 'inputs' | 'outputs'> {
  try {
    // Sequential models put this off.
    if (!model.built) model.build(model.inputs[0]?.shape);
  } catch (error) {
    throw new ModelError(`${where}: ${(error as Error).message}`, 'correct the model');
  }
  const inputs = matched(
    { what: 'input', names: model.inputNames },
    data.inputs.map(({ name }) => name),
    where,
  );
  inputs.forEach((name, i) => {
    checkInput(
      model.inputs[i],
      data.inputs.find((input) => input.name === name)!,
      `${where}${inputs.length > 1 ? `: input ${name}` : ''}`,
    );
  });
  const targets = data.targets.map(({ name }) => name);
  if (outputs) checkOutputs(outputs, targets);
  // By the names of their layers, or of those that the config says.
  const compared = matched({ what: 'output', names: model.outputNames }, targets, where, outputs);
  for (const layer of everyLayer(model)) {
    checkLayer(layer, `${where}: layer ${layer.name}`);
    const constrained = Object.entries(layer).find(([key, value]) => key.endsWith('Constraint') && value != null);
    if (!constrained) continue;
    throw new ModelError(
      `${where}: layer ${layer.name}: ${constrained[0]} is not supported`,
      'use a regularizer, or training.clipNorm',
    );
  }
  return { inputs, outputs: compared };
}

const roles = { input: 'input', output: 'target' } as const;

/**
 * The field of each input or output of a model, by their names; where there is one of each, they belong together.
 * @param names of the model's
 * @param fields of the data
 * @param given what the config calls the model's, by fields
 */
function matched(
  { what, names }: { readonly what: 'input' | 'output'; readonly names: readonly string[] },
  fields: readonly string[],
  where: string,
  given: Readonly<Record<string, string>> = {},
): string[] {
  if (names.length === 1 && fields.length === 1 && given[fields[0]] === undefined) return [...fields];
  const own = fields.map((field) => given[field] ?? field);
  if (names.length !== fields.length && fields.length === 1 && isPlain({ name: fields[0], role: roles[what] })) {
    throw new ModelError(
      `${where}: has ${names.length} ${what}s, and the data ${what === 'input' ? 'one input' : 'one target'}`,
      `give data.${what === 'input' ? 'inputs' : 'targets'} a name for each of ${names.join(', ')}, or use a model of one ${what}`,
    );
  }
  const fieldsAre = what === 'input' ? 'inputs' : 'targets';
  const missing = own.findIndex((name) => !names.includes(name));
  const shown = `${where}: its ${what}s are ${names.join(', ')}`;
  const remedy = what === 'input' ? "give data.inputs the names of the model's inputs" : outputRemedy(names, fields);
  if (missing >= 0) {
    throw new ModelError(`${shown}, and the data have the ${fieldsAre} ${fields.join(', ')}`, remedy);
  }
  const extra = names.find((name) => !own.includes(name));
  if (extra !== undefined) {
    const lacks = what === 'input' ? `there is no data.inputs.${extra}` : `no target is compared with ${extra}`;
    throw new ModelError(`${shown}, and ${lacks}`, `add it to data.${fieldsAre}, or use a model without it`);
  }
  return names.map((name) => fields[own.indexOf(name)]);
}

function outputRemedy(names: readonly string[], targets: readonly string[]): string {
  if (names.length < targets.length) {
    return 'use a model with an output for each target, or leave out of data.targets what it does not tell';
  }
  const others = names.length > targets.length ? ', and give each other output a target under data.targets' : '';
  return `say which is which: model.outputs: { ${targets.map((target, i) => `${target}: ${names[i]}`).join(', ')} }${others}`;
}

function checkInput({ shape: [batch, ...shape] }: tfl.SymbolicTensor, input: InputShape, where: string): void {
  if (batch !== null) {
    throw new ModelError(
      `${where}: takes batches of ${batch} only`,
      'leave the batch size open: inputShape, not batchInputShape',
    );
  }
  const fits =
    shape.length === input.shape.length && shape.every((size, i) => size === null || size === input.shape[i]);
  if (fits) return;
  throw new ModelError(
    `${where}: takes inputs of shape [${shape.map((size) => size ?? 'any').join(', ')}], and an example has the shape [${input.shape.join(', ')}]`,
    'use the data that the model is for, or another model',
  );
}

function checkNames(weights: readonly LayerWeight[]): void {
  const names = weights.map(({ originalName }) => originalName);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice === undefined) return;
  throw new ModelError(`model: two weights have the name ${twice}`, 'give layers inside nested models different names');
}
