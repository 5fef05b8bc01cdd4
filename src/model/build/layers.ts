/** From the config's list of layers to a tfjs LayersModel, with weights that the seed alone decides. */
import '../tfjs/activations.js';
import '../tfjs/core-gaps.js';
import type { Tensor } from '@tensorflow/tfjs-core';

import tfl = require('@tensorflow/tfjs-layers');

import type { LayerConfig, LayersConfig } from '../../config/model.js';
import { plainNames } from '../../config/plain-names.js';
import { type Field, isPlain } from '../../data/field.js';
import { ModelError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';
import { everyLayer } from '../layer-tree.js';
import { type HookSlot, installHooks } from '../tfjs/hooks.js';
import { checkActivation, remedyForName } from './choices.js';

export type InputShape = Pick<Field, 'name' | 'shape' | 'categories'>;
type TargetShape = Pick<Field, 'name' | 'categories'>;

/** What the data decides about a model. */
export interface DataShape {
  /** `categories` is what that word stands for in the options of a layer that reads the input. */
  readonly inputs: readonly InputShape[];
  /** `categories` is what the word `classes` stands for in the options of the layer that gives the output. */
  readonly targets: readonly TargetShape[];
  /** Names of the inputs that come with masks. */
  readonly masked?: readonly string[];
}

/** What data of one input and one target without names decide. */
export const plainShape = (shape: readonly number[], classes?: number): DataShape => ({
  inputs: [{ name: plainNames.input, shape }],
  targets: [{ name: plainNames.target, categories: classes }],
});

export interface BuiltModel {
  readonly model: tfl.LayersModel;
  readonly hooks: HookSlot;
  /** Which field each of the model's inputs reads. */
  readonly inputs: readonly string[];
  /** Which target each of the model's outputs is compared with. */
  readonly outputs: readonly string[];
}

type Layer = tfl.layers.Layer;
type Options = Record<string, unknown>;
type Factory = (options: Options) => Layer;
type Output = tfl.SymbolicTensor;

const factories = tfl.layers as unknown as Record<string, Factory | undefined>;
const layerNames = Object.keys(tfl.layers).filter(
  (name) => /^[a-z]/.test(name) && name !== 'input' && name !== 'inputLayer',
);

/**
 * Builds and initialises the model of a list of layers.
 * @throws ModelError naming the layer when its name, an option or its shape is wrong
 */
export function buildModel(config: LayersConfig, data: DataShape, seed: number, hooks: HookSlot = {}): BuiltModel {
  const inputs = data.inputs.map(({ name, shape }) => tfl.input({ shape: [...shape], name: inputNameOf(name) }));
  const outputs = new Map<string, Output>(data.inputs.map(({ name }, i) => [inputNameOf(name), inputs[i]]));
  const read = new Set<Output>();
  let last: Output | undefined = inputs.length === 1 ? inputs[0] : undefined;
  config.layers.forEach((entry, index) => {
    const [kind, options] = Object.entries(entry)[0]!;
    const where = `model.layers.${index} (${kind})`;
    const { from, ...rest } = (options ?? {}) as Options;
    const name = (rest.name as string | undefined) ?? uniqueName(kind, outputs);
    if (outputs.has(name)) throw new ModelError(`${where}: the name ${name} is taken`, 'give the layer another name');
    if (from === undefined && !last) throw noSource(where, data);
    const sources = from === undefined ? [last!] : [from].flat().map((source) => sourceOf(source, outputs, where));
    for (const source of sources) read.add(source);
    const words = wordsFor(config, data, name, data.inputs[inputs.indexOf(sources[0] as never)]);
    const layer = createLayer(kind, { ...rest, name }, words, where);
    seedInitializers(layer, `${seed}/${index}`, new Set());
    installHooks(layer, hooks);
    last = connect(layer, sources, where);
    outputs.set(name, last);
  });
  const unread = data.inputs.find((_, i) => !read.has(inputs[i]));
  if (unread) {
    throw new ModelError(
      `model.layers: no layer reads the input ${unread.name}`,
      `read it with from: ${unread.name}, or leave it out of data.inputs`,
    );
  }
  const ends = endsOf(config, data, outputs, last!);
  const model = attempt('model', () => tfl.model({ inputs: one(inputs), outputs: one(ends), name: 'model' }));
  const [given, compared] = [data.inputs, data.targets].map((fields) => fields.map(({ name }) => name));
  return { model, hooks, inputs: given, outputs: compared };
}

const one = <T>(list: T[]): T | T[] => (list.length === 1 ? list[0] : list);

/** What layers call an input; that of a config without names is called `input`. */
const inputNameOf = (name: string): string => (isPlain({ name, role: 'input' }) ? 'input' : name);

function noSource(where: string, { inputs }: DataShape): ModelError {
  const names = inputs.map(({ name }) => name);
  return new ModelError(
    `${where}: reads the data, which have the inputs ${names.join(', ')}`,
    `say which: from: ${names[0]}, or several: from: [${names.join(', ')}]`,
  );
}

/** The outputs in the order of the targets. */
function endsOf(
  { outputs: given }: LayersConfig,
  { targets }: DataShape,
  layers: ReadonlyMap<string, Output>,
  last: Output,
): Output[] {
  const names = targets.map(({ name }) => name);
  if (!given) {
    if (targets.length === 1) return [last];
    throw new ModelError(
      `model.outputs: is missing, and the data have the targets ${names.join(', ')}`,
      `say which layer gives each: outputs: { ${names.map((name) => `${name}: <layer>`).join(', ')} }`,
    );
  }
  checkOutputs(given, names);
  return names.map((name) => sourceOf(given[name], layers, `model.outputs.${name}`, 'layer'));
}

/** @throws ModelError unless `model.outputs` names every target, and no other, with an output each */
export function checkOutputs(given: Readonly<Record<string, string>>, targets: readonly string[]): void {
  const unknown = Object.keys(given).find((name) => !targets.includes(name));
  if (unknown !== undefined) {
    throw new ModelError(`model.outputs.${unknown}: the data have no such target`, oneOf(unknown, targets));
  }
  const missing = targets.find((name) => !(name in given));
  if (missing !== undefined) {
    throw new ModelError(
      `model.outputs: no layer is named for the target ${missing}`,
      `add ${missing}: <layer>, or leave it out of data.targets`,
    );
  }
  for (const [i, target] of targets.entries()) {
    const other = targets.slice(0, i).find((name) => given[name] === given[target]);
    if (other === undefined) continue;
    throw new ModelError(
      `model.outputs: ${other} and ${target} both name ${given[target]}`,
      `name an output each; in a list of layers, activation: { name: ${target}Output, from: ${given[target]}, activation: linear } hands one on`,
    );
  }
}

/** What words in a layer's options stand for. */
type Words = Readonly<Record<'classes' | 'categories', number | string>>;

/** @param input that the layer reads, if it reads one */
function wordsFor({ outputs }: LayersConfig, { targets }: DataShape, layer: string, input?: InputShape): Words {
  const [target, ...others] = outputs ? targets.filter(({ name }) => outputs[name] === layer) : targets;
  const only = targets.length === 1 ? targets[0] : others.length === 0 ? target : undefined;
  const unnamed = 'the layer is not the output of one target under model.outputs';
  return {
    classes: only ? (only.categories ?? 'the targets are not class indices') : unnamed,
    categories: input?.categories ?? 'the layer reads no input of categories',
  };
}

function attempt<T>(where: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (error instanceof ModelError) throw error;
    const remedy = remedyForName(error) ?? 'check the layer, its options and the shape it is given';
    throw new ModelError(`${where}: ${reasonOf(error)}`, remedy);
  }
}

/** What tfjs complains of, without its guesses at how that came about. */
function reasonOf(error: unknown): string {
  const { message } = error as Error;
  // It stumbles over options that it does not check.
  if (error instanceof TypeError) return `the options are not those that the layer takes (${message})`;
  return message.replace(/ This may be due to.*| Input received: .*/s, '').replace(/\.$/, '');
}

/** Applies a layer, and checks what tfjs finds out only when data flows. */
function connect(layer: Layer, sources: readonly Output[], where: string): Output {
  const inputs = sources.length === 1 ? sources[0] : [...sources];
  const output = attempt(where, () => layer.apply(inputs));
  if (Array.isArray(output)) throw new ModelError(`${where}: the layer has several outputs`, 'remove returnState');
  const [, ...shape] = (output as Output).shape;
  if (!shape.every((size) => Number.isInteger(size) && size! > 0)) {
    throw new ModelError(
      `${where}: its output would have the shape [${shape.join(', ')}]`,
      `check its options and its input, which has the shape [${sources[0].shape.slice(1).join(', ')}]`,
    );
  }
  // With a batch size, or `reshape` does not compare sizes.
  const one = sources.map((source) => [1, ...source.shape.slice(1)]);
  attempt(where, () => layer.computeOutputShape(one.length === 1 ? one[0] : one));
  return output as Output;
}

function uniqueName(kind: string, taken: ReadonlyMap<string, unknown>): string {
  const stem = kind.replace(/(?<=[a-z])[A-Z]/g, '_$&').toLowerCase();
  let n = 1;
  while (taken.has(`${stem}_${n}`)) n++;
  return `${stem}_${n}`;
}

function sourceOf(
  name: unknown,
  outputs: ReadonlyMap<string, Output>,
  where: string,
  what: 'earlier layer' | 'layer' = 'earlier layer',
): Output {
  const output = outputs.get(String(name));
  if (output) return output;
  throw new ModelError(
    `${where}: ${what === 'layer' ? '' : 'from: '}${JSON.stringify(name)} names no ${what}`,
    `use one of ${[...outputs.keys()].join(', ')}`,
  );
}

/** Options that hold layers, by their keys. */
const nestedKeys = ['layer', 'cell', 'cells'];
const rates = ['rate', 'dropout', 'recurrentDropout'];
const numbers = ['alpha', 'epsilon', 'maxValue', 'momentum', 'stddev', 'theta'];
/** Options that a layer takes but does not report back. */
const silentOptions = ['inputShape', 'batchInputShape', 'batchSize', 'dtype', 'inputDType', 'inputDim', 'inputLength'];

function createLayer(kind: string, options: Options, words: Words, where: string): Layer {
  // tfjs's class names differ from the names of its functions in capitals alone: MaxPooling2D, maxPooling2d.
  const name = layerNames.find((candidate) => candidate.toLowerCase() === kind.toLowerCase());
  if (!name) throw new ModelError(`${where}: there is no layer ${kind} in tf.layers`, oneOf(kind, layerNames));
  const factory = factories[name] as Factory;
  const nested = (entry: unknown): unknown => {
    if (Array.isArray(entry)) return entry.map(nested);
    const [[name, inner]] = Object.entries(entry as LayerConfig) as [[string, Options | null]];
    return createLayer(name, inner ?? {}, words, `${where}.${name}`);
  };
  const resolved = Object.fromEntries(
    Object.entries(options).map(([key, value]) => {
      if (value === 'classes' || value === 'categories') return [key, numberFor(value, words, where, key)];
      // A copy, because tfjs writes into the options of regularizers and initializers, and the config is frozen.
      return [key, nestedKeys.includes(key) ? nested(value) : structuredClone(value)];
    }),
  );
  for (const [key, value] of Object.entries(resolved)) checkActivation(key, value, where);
  const layer = attempt(where, () => factory(resolved));
  checkOptions(layer, resolved, where);
  return layer;
}

/** Options that tfjs takes as they are and computes with: text would become NaN, and a rate of 1.5 would drop nothing. */
function checkNumber(key: string, value: unknown, where: string): void {
  const isRate = rates.includes(key);
  if ((!isRate && !numbers.includes(key)) || value === null || value === undefined) return;
  if (typeof value === 'number' && (!isRate || (value >= 0 && value < 1))) return;
  const rule = isRate ? 'a number of at least 0 and below 1' : 'a number';
  throw new ModelError(`${where}: ${key}: ${JSON.stringify(value)} is not ${rule}`, 'correct it');
}

function numberFor(word: keyof Words, words: Words, where: string, key: string): number {
  const meant = words[word];
  if (typeof meant === 'number') return meant;
  throw new ModelError(`${where}: ${key}: ${word}, but ${meant}`, 'write the number instead');
}

/** tfjs ignores options that it does not know and applies no constraint outside its own optimizers. */
function checkOptions(layer: Layer, options: Options, where: string): void {
  const given = Object.keys(options);
  const known = new Set([...Object.keys(layer.getConfig()), ...Object.keys(layer), ...silentOptions, ...nestedKeys]);
  const unknown = given.find((key) => !known.has(key));
  if (unknown) {
    const remedy = oneOf(unknown, Object.keys(layer.getConfig()));
    throw new ModelError(`${where}: the layer has no option ${unknown}`, remedy);
  }
  for (const key of given) checkNumber(key, options[key], where);
  checkLayer(layer, where);
  const constrained = given.find((key) => key.endsWith('Constraint') && (layer as unknown as Options)[key] != null);
  if (constrained) {
    throw new ModelError(`${where}: ${constrained} is not supported`, 'use a regularizer, or training.clipNorm');
  }
}

/** Layers that draw from Math.random, which no seed repeats and every thread has its own of. */
const unseeded: Readonly<Record<string, string>> = { RandomWidth: '`augment`, which a seed decides' };

/** @throws ModelError when tfjs would compute something else than the layer's options say, or something that no seed repeats */
export function checkLayer(layer: Layer, where: string): void {
  const instead = unseeded[layer.getClassName()];
  if (instead) throw new ModelError(`${where}: ${layer.getClassName()} is random without a seed`, `use ${instead}`);
  if (layer.getClassName() === 'Conv1D' && (layer as { padding?: string }).padding === 'causal') {
    throw new ModelError(`${where}: tfjs does not compute padding: causal`, 'use padding: valid or same');
  }
  checkDilation(layer, where);
}

/** Convolutions that tfjs computes as if they were not dilated. */
const undilated = ['DepthwiseConv2D', 'Conv2DTranspose', 'Conv3DTranspose'];

function checkDilation(layer: Layer, where: string): void {
  const { dilationRate } = layer as { dilationRate?: number[] };
  if (!undilated.includes(layer.getClassName()) || !dilationRate?.some((rate) => rate > 1)) return;
  throw new ModelError(
    `${where}: tfjs ignores the dilationRate of a ${layer.getClassName()}, which is ${JSON.stringify(dilationRate)}`,
    'use conv2d, or leave it out',
  );
}

/** Gives every random initializer of the layer, and of layers inside it, a seed of its own. */
function seedInitializers(holder: object, path: string, seen: Set<object>): void {
  if (seen.has(holder)) return;
  seen.add(holder);
  for (const [key, value] of Object.entries(holder)) {
    if (Array.isArray(value) && key === 'cells') {
      for (const [i, cell] of value.entries()) seedInitializers(cell, `${path}/${key}${i}`, seen);
    } else if (value && typeof value === 'object') {
      if (key.endsWith('nitializer') && 'seed' in value) value.seed ??= hash(`${path}/${key}`);
      else if (nestedKeys.includes(key) || key.endsWith('Layer')) seedInitializers(value, `${path}/${key}`, seen);
    }
  }
}

/** FNV-1a, 32 bits. */
export function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193) >>> 0;
  return h;
}

/**
 * Shape of one example's output.
 * @param inputs shapes of an example's inputs, in the order of the model's
 * @param index of the output
 */
export function outputShape(model: tfl.LayersModel, inputs: readonly (readonly number[])[], index = 0): number[] {
  const [, ...shape] = model.outputs[index].shape;
  if (shape.every((size) => size !== null)) return shape as number[];
  const given = inputs.map((input) => [1, ...input]);
  const computed = attempt('model', () => model.computeOutputShape(given.length === 1 ? given[0] : given));
  const shapes = (Array.isArray(computed[0]) ? computed : [computed]) as number[][];
  return shapes[index].slice(1);
}

/** A layer's weight, as tfjs keeps it: `val` is swapped for the tensors of a step. */
export interface LayerWeight {
  readonly originalName: string;
  readonly shape: number[];
  readonly trainable: boolean;
  val: Tensor;
}

export interface ModelWeights {
  /** Updated by the optimizer. */
  readonly trainable: LayerWeight[];
  /** Updated by the step itself and averaged: moving mean and variance of batch normalization. */
  readonly state: LayerWeight[];
  /** Never updated. */
  readonly frozen: LayerWeight[];
}

/** The model's weights by who updates them; the order is that of the layers. */
export function modelWeights(model: tfl.LayersModel): ModelWeights {
  // A layer may belong to several models inside this one.
  const trainable = new Set(model.trainableWeights as unknown as LayerWeight[]);
  const others = new Set(model.nonTrainableWeights as unknown as LayerWeight[]);
  const frozen = new Set([...everyLayer(model)].filter((layer) => !layer.trainable).flatMap((layer) => layer.weights));
  const isState = (weight: LayerWeight) =>
    /\/moving_(mean|variance)$/.test(weight.originalName) && !frozen.has(weight as never);
  return {
    trainable: [...trainable],
    state: [...others].filter(isState),
    frozen: [...others].filter((weight) => !isState(weight)),
  };
}
