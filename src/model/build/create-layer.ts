/** From an entry of `model.layers` to a tfjs layer, with every option checked. */
import tfl = require('@tensorflow/tfjs-layers');

import type { LayerConfig, LayersConfig } from '../../config/model.js';
import { ModelError } from '../../errors.js';
import { oneOf } from '../../ground/suggest.js';
import { ownLayers } from '../attention/own-layers.js';
import { attempt } from './attempt.js';
import { checkActivation, knownActivation } from './choices.js';
import type { DataShape, InputShape } from './data-shape.js';
import { entryNames, type LayerOptions } from './expanded-layers.js';
import { checkRequired } from './required-options.js';

type Layer = tfl.layers.Layer;
type Factory = (options: LayerOptions) => Layer;

const factories = { ...tfl.layers, ...ownLayers } as unknown as Record<string, Factory | undefined>;
const layerNames = Object.keys(factories).filter(
  (name) => /^[a-z]/.test(name) && name !== 'input' && name !== 'inputLayer',
);

/** What the words `classes` and `categories` stand for in the options of a layer: a number, or why there is none. */
export type Words = Readonly<Record<'classes' | 'categories', number | string>>;

/**
 * @param layer its name
 * @param input of the data that the layer reads, if it reads one
 */
export function wordsFor({ outputs }: LayersConfig, { targets }: DataShape, layer: string, input?: InputShape): Words {
  const [target, ...others] = outputs ? targets.filter(({ name }) => outputs[name] === layer) : targets;
  const only = targets.length === 1 ? targets[0] : others.length === 0 ? target : undefined;
  const unnamed = 'the layer is not the output of one target under model.outputs';
  return {
    classes: only ? (only.categories ?? 'the targets are not class indices') : unnamed,
    categories: input?.categories ?? 'the layer reads no input of categories',
  };
}

/** Options that hold layers, by their keys. */
export const nestedKeys = ['layer', 'cell', 'cells'];
const rates = ['rate', 'dropout', 'recurrentDropout'];
/** What configs of other kinds call true and false, and YAML 1.2 reads as text, which would count as true. */
const flagWords = ['yes', 'no', 'on', 'off', 'true', 'false'];
const numbers = ['alpha', 'epsilon', 'maxValue', 'momentum', 'stddev', 'theta'];
/** Options that a layer takes but does not report back. */
const silentOptions = ['inputShape', 'batchInputShape', 'batchSize', 'dtype', 'inputDType', 'inputDim', 'inputLength'];

/**
 * Makes a layer with the layers inside it.
 * @param where the entry, for messages
 * @throws ModelError when there is no such layer, or an option is wrong
 */
export function createLayer(kind: string, options: LayerOptions, words: Words, where: string): Layer {
  // tfjs's class names differ from the names of its functions in capitals alone: MaxPooling2D, maxPooling2d.
  const name = layerNames.find((candidate) => candidate.toLowerCase() === kind.toLowerCase());
  if (!name) {
    throw new ModelError(
      `${where}: there is no layer ${kind} in tf.layers`,
      oneOf(kind, [...layerNames, ...entryNames]),
    );
  }
  const factory = factories[name] as Factory;
  // They know activations of their own, and check them.
  const isOwn = name in ownLayers;
  if (!isOwn) checkRequired(name, options, where);
  const nested = (entry: unknown): unknown => {
    if (Array.isArray(entry)) return entry.map(nested);
    const [[name, inner]] = Object.entries(entry as LayerConfig) as [[string, LayerOptions | null]];
    return createLayer(name, inner ?? {}, words, `${where}.${name}`);
  };
  const resolved = Object.fromEntries(
    Object.entries(options).flatMap(([key, value]) => {
      // An option without a value is its default, as layers of tfjs have it.
      if (isOwn && value === null) return [];
      if (value === 'classes' || value === 'categories') return [[key, numberFor(value, words, where, key)]];
      // A copy, because tfjs writes into the options of regularizers and initializers, and the config is frozen.
      const own = nestedKeys.includes(key)
        ? nested(value)
        : structuredClone(isOwn ? value : knownActivation(key, value));
      return [[key, own]];
    }),
  );
  if (!isOwn) for (const [key, value] of Object.entries(resolved)) checkActivation(key, value, where);
  const layer = attempt(where, () => factory(resolved));
  checkOptions(layer, resolved, isOwn, where);
  return layer;
}

/**
 * Checks the numbers that tfjs computes with unchecked: text would become NaN, a rate of 1.5 would drop nothing, and the root of a
 * negative epsilon is no number.
 */
function checkNumber(key: string, value: unknown, where: string): void {
  const isRate = rates.includes(key);
  if ((!isRate && !numbers.includes(key)) || value === null || value === undefined) return;
  const least = isRate || key === 'epsilon' ? 0 : -Infinity;
  if (typeof value === 'number' && value >= least && (!isRate || value < 1)) return;
  const rule = isRate ? 'a number of at least 0 and below 1' : least === 0 ? 'a number of at least 0' : 'a number';
  throw new ModelError(`${where}: ${key}: ${JSON.stringify(value)} is not ${rule}`, 'correct it');
}

/** @param used what the layer makes of the value: some take 1 for false */
function checkFlag(key: string, value: unknown, used: unknown, where: string): void {
  const isWord = key !== 'name' && typeof value === 'string' && flagWords.includes(value.toLowerCase());
  const isFlag = typeof used === 'boolean' && typeof value !== 'boolean' && value != null;
  if (!isWord && !isFlag) return;
  const what = typeof value === 'string' ? 'is text' : 'is neither true nor false';
  throw new ModelError(`${where}: ${key}: ${JSON.stringify(value)} ${what}`, 'write true or false, without quotes');
}

function numberFor(word: keyof Words, words: Words, where: string, key: string): number {
  const meant = words[word];
  if (typeof meant === 'number') return meant;
  throw new ModelError(`${where}: ${key}: ${word}, but ${meant}`, 'write the number instead');
}

/** tfjs ignores options that it does not know and applies no constraint outside its own optimizers. */
function checkOptions(layer: Layer, options: LayerOptions, isOwn: boolean, where: string): void {
  const given = Object.keys(options);
  // Layers of tfjs do not report all of their options; ours do, and have fields besides.
  const fields = isOwn ? [] : Object.keys(layer);
  const used = layer.getConfig();
  const known = new Set([...Object.keys(used), ...fields, ...silentOptions, ...nestedKeys]);
  const unknown = given.find((key) => !known.has(key));
  if (unknown) {
    const remedy = oneOf(unknown, Object.keys(used));
    throw new ModelError(`${where}: the layer has no option ${unknown}`, remedy);
  }
  for (const key of given) {
    checkNumber(key, options[key], where);
    checkFlag(key, options[key], used[key], where);
  }
  checkLayer(layer, where);
  const constrained = given.find(
    (key) => key.endsWith('Constraint') && (layer as unknown as LayerOptions)[key] != null,
  );
  if (constrained) {
    throw new ModelError(`${where}: ${constrained} is not supported`, 'use a regularizer, or training.clipNorm');
  }
}

/** Layers that draw from Math.random, which no seed repeats and which differs from thread to thread. */
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
