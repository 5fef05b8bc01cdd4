/** From the config's list of layers to a tfjs LayersModel, with weights that the seed alone decides. */
import './activations.js';
import './tfjs-gaps.js';
import type { Tensor } from '@tensorflow/tfjs-core';

import tfl = require('@tensorflow/tfjs-layers');

import type { LayerConfig, LayersConfig } from '../config/model.js';
import { ModelError } from '../errors.js';
import { checkActivation, oneOf, remedyForName } from './choices.js';
import { type HookSlot, installHooks } from './hooks.js';
import { everyLayer } from './tree.js';

/** What the data decides about a model. */
export interface DataShape {
  /** Shape of one example, e.g. [28, 28, 1]. */
  readonly featureShape: readonly number[];
  /** What the word `classes` stands for in a layer's options. */
  readonly classes?: number;
}

export interface BuiltModel {
  readonly model: tfl.LayersModel;
  readonly hooks: HookSlot;
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
  const input = tfl.input({ shape: [...data.featureShape], name: 'input' });
  const outputs = new Map<string, Output>([['input', input]]);
  let last: Output = input;
  config.layers.forEach((entry, index) => {
    const [kind, options] = Object.entries(entry)[0]!;
    const where = `model.layers.${index} (${kind})`;
    const { from, ...rest } = (options ?? {}) as Options;
    const name = (rest.name as string | undefined) ?? uniqueName(kind, outputs);
    if (outputs.has(name)) throw new ModelError(`${where}: the name ${name} is taken`, 'give the layer another name');
    const sources = from === undefined ? [last] : [from].flat().map((source) => sourceOf(source, outputs, where));
    const layer = createLayer(kind, { ...rest, name }, data, where);
    seedInitializers(layer, `${seed}/${index}`, new Set());
    installHooks(layer, hooks);
    last = connect(layer, sources, where);
    outputs.set(name, last);
  });
  const model = attempt('model', () => tfl.model({ inputs: input, outputs: last, name: 'model' }));
  return { model, hooks };
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

function sourceOf(name: unknown, outputs: ReadonlyMap<string, Output>, where: string): Output {
  const output = outputs.get(String(name));
  if (output) return output;
  throw new ModelError(
    `${where}: from: ${JSON.stringify(name)} names no earlier layer`,
    `use one of ${[...outputs.keys()].join(', ')}`,
  );
}

/** Options that hold layers, by their keys. */
const nestedKeys = ['layer', 'cell', 'cells'];
const rates = ['rate', 'dropout', 'recurrentDropout'];
const numbers = ['alpha', 'epsilon', 'maxValue', 'momentum', 'stddev', 'theta'];
/** Options that a layer takes but does not report back. */
const silentOptions = ['inputShape', 'batchInputShape', 'batchSize', 'dtype', 'inputDType', 'inputDim', 'inputLength'];

function createLayer(kind: string, options: Options, data: DataShape, where: string): Layer {
  // tfjs's class names differ from the names of its functions in capitals alone: MaxPooling2D, maxPooling2d.
  const name = layerNames.find((candidate) => candidate.toLowerCase() === kind.toLowerCase());
  if (!name) throw new ModelError(`${where}: there is no layer ${kind} in tf.layers`, oneOf(kind, layerNames));
  const factory = factories[name] as Factory;
  const nested = (entry: unknown): unknown => {
    if (Array.isArray(entry)) return entry.map(nested);
    const [[name, inner]] = Object.entries(entry as LayerConfig) as [[string, Options | null]];
    return createLayer(name, inner ?? {}, data, `${where}.${name}`);
  };
  const resolved = Object.fromEntries(
    Object.entries(options).map(([key, value]) => {
      if (value === 'classes') return [key, classesOf(data, where, key)];
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

function classesOf(data: DataShape, where: string, key: string): number {
  if (data.classes !== undefined) return data.classes;
  throw new ModelError(`${where}: ${key}: classes, but the targets are not class indices`, 'write the number instead');
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

/** Shape of one example's output, for an example of this shape. */
export function outputShape(model: tfl.LayersModel, featureShape: readonly number[]): number[] {
  const [, ...shape] = model.outputs[0].shape;
  if (shape.every((size) => size !== null)) return shape as number[];
  return attempt('model', () => model.computeOutputShape([1, ...featureShape]))
    .flat()
    .slice(1) as number[];
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
