/**
 * What each layer does with a mask, as Keras 3.15 has it: it passes it on, uses and ends it, makes one, or drops it. Layers
 * that tfjs runs without the mask where Keras uses it are computed here, or refused.
 */
import tf = require('@tensorflow/tfjs-core');

import type { layers } from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors.js';

type Layer = layers.Layer;
type Tensor = tf.Tensor;
/** 1 or true where a place counts. */
export type Mask = Tensor | null;

/** `any`: places that one input has, where all have masks. `joins`: of concatenated inputs. What is not here drops masks. */
type MaskEffect = 'passes' | 'any' | 'joins' | 'embeds' | 'masks' | 'recurs' | 'averages' | 'distributes' | 'attends';

const effects: Readonly<Record<string, MaskEffect | undefined>> = {
  Dense: 'passes',
  Activation: 'passes',
  ReLU: 'passes',
  LeakyReLU: 'passes',
  PReLU: 'passes',
  ELU: 'passes',
  ThresholdedReLU: 'passes',
  Dropout: 'passes',
  SpatialDropout1D: 'passes',
  GaussianNoise: 'passes',
  GaussianDropout: 'passes',
  AlphaDropout: 'passes',
  LayerNormalization: 'passes',
  RMSNormalization: 'passes',
  PositionEmbedding: 'passes',
  Swiglu: 'passes',
  TiedLogits: 'passes',
  MultiHeadAttention: 'attends',
  GroupedQueryAttention: 'attends',
  TransformerDecoder: 'attends',
  TransformerEncoder: 'attends',
  BatchNormalization: 'passes',
  Rescaling: 'passes',
  Add: 'any',
  Multiply: 'any',
  Average: 'any',
  Maximum: 'any',
  Minimum: 'any',
  Concatenate: 'joins',
  Embedding: 'embeds',
  Masking: 'masks',
  RNN: 'recurs',
  SimpleRNN: 'recurs',
  GRU: 'recurs',
  LSTM: 'recurs',
  Bidirectional: 'recurs',
  GlobalAveragePooling1D: 'averages',
  TimeDistributed: 'distributes',
};

/** Whether what a layer gives for a place may depend on other places, beside attention. */
export function mixesPlaces(layer: Layer): boolean {
  const effect = effectOf(layer);
  if (effect === 'joins') return (layer as unknown as { axis: number }).axis === 1;
  return effect === undefined ? layer.getClassName() !== 'Softmax' : effect === 'recurs' || effect === 'averages';
}

const effectOf = (layer: Layer): MaskEffect | undefined => effects[layer.getClassName()];

/** Layers that read a mask in Keras and not in tfjs, and what to do about it. */
const unmasked: Readonly<Record<string, string | undefined>> = {
  Softmax: 'use activation: { activation: softmax }, which passes the mask on',
  BatchNormalization: 'use layerNormalization, or freeze it (model.freeze)',
  ConvLSTM2D: 'leave the masking out',
  ConvRNN2D: 'leave the masking out',
};
/** Layers whose steps Keras gives the mask of each place, when timeDistributed repeats them. */
const readers = [
  'SimpleRNN',
  'GRU',
  'LSTM',
  'RNN',
  'Bidirectional',
  'GlobalAveragePooling1D',
  'MultiHeadAttention',
  'GroupedQueryAttention',
  'TransformerDecoder',
  'TransformerEncoder',
  ...Object.keys(unmasked),
];

/**
 * @param training whether its weights are being trained
 * @throws ModelError when Keras would compute something else with a mask than tfjs
 */
export function checkMasked(layer: Layer, training: boolean): void {
  const name = layer.getClassName();
  const fail = (remedy: string) => {
    throw new ModelError(
      `layer ${layer.name} (${name}) is given a mask, which tfjs does not use as Keras does`,
      remedy,
    );
  };
  if (name === 'TimeDistributed') {
    const { layer: inner } = layer as unknown as { layer: Layer };
    if (readers.includes(inner.getClassName()) || 'layers' in inner) fail('leave the masking out, or timeDistributed');
  }
  const remedy = unmasked[name];
  if (remedy && (name !== 'BatchNormalization' || (training && layer.trainable))) fail(remedy);
}

/** The outputs of a layer of which an input has a mask. */
export function applyMasked(layer: Layer, inputs: Tensor[], kwargs: object, masks: readonly Mask[]): Tensor[] {
  const apply = (more: object, given = inputs) => [layer.apply(given, { ...kwargs, ...more })].flat() as Tensor[];
  const [mask] = masks;
  if (effectOf(layer) === 'any') return [merged(layer, inputs, masks, (given) => apply({}, given)[0])];
  // Of a query and what it attends to: keys come from the second.
  if (effectOf(layer) === 'attends') {
    const { documents } = layer as unknown as { documents: boolean };
    return apply({ mask: masks[Math.min(1, masks.length - (documents ? 2 : 1))] });
  }
  if (!mask) return apply({});
  switch (effectOf(layer)) {
    case 'averages':
      return [maskedMean(inputs[0], mask)];
    case 'recurs': {
      const outputs = apply({ mask });
      if (layer.getClassName() !== 'Bidirectional') return outputs;
      const { returnSequences, mergeMode } = layer as unknown as { returnSequences: boolean; mergeMode: string | null };
      // Keras makes the masked places of a bidirectional layer zeros; its states stay.
      const sequences = returnSequences ? (mergeMode === null ? 2 : 1) : 0;
      const shown = numbers(tf.expandDims(mask, -1));
      return outputs.map((output, i) => (i < sequences ? tf.mul(output, shown) : output));
    }
    default:
      return apply({});
  }
}

/** Numbers that do not count are 1 in a product, and leave a maximum to those that do (keras.src.layers.merging). */
function merged(layer: Layer, inputs: Tensor[], masks: readonly Mask[], apply: (inputs: Tensor[]) => Tensor): Tensor {
  const shown = masks.map((mask) => mask && numbers(tf.expandDims(mask, -1)));
  const name = layer.getClassName();
  if (name === 'Multiply') {
    const product = apply(inputs.map((x, i) => (shown[i] ? where(shown[i], x, tf.onesLike(x)) : x)));
    return shown.includes(null) ? product : tf.mul(product, shown.reduce((a, b) => either(a!, b!))!);
  }
  if (name !== 'Maximum' && name !== 'Minimum') return apply(inputs);
  let [output] = inputs;
  let [counts] = shown;
  inputs.slice(1).forEach((input, i) => {
    const mask = shown[i + 1];
    const x = mask ? where(mask, input, output) : input;
    if (counts) output = where(counts, output, x);
    counts = mask && counts ? either(counts, mask) : null;
    output = name === 'Maximum' ? tf.maximum(output, x) : tf.minimum(output, x);
  });
  return output;
}

const where = (mask: Tensor, x: Tensor, other: Tensor): Tensor =>
  tf.add(tf.mul(mask, x), tf.mul(tf.sub(1, mask), other));

/** Mean over the places that count, [n, places, features]; 0 / 0 where none does, as in Keras. */
function maskedMean(x: Tensor, mask: Tensor): Tensor {
  const shown = numbers(tf.expandDims(mask, -1));
  return tf.div(tf.sum(tf.mul(x, shown), 1), tf.sum(shown, 1));
}

const numbers = (mask: Tensor): Tensor => tf.cast(mask, 'float32');
const maskZeroOf = (layer: Layer): boolean => (layer as unknown as { maskZero?: boolean }).maskZero === true;
/** Of places that a layer finds, those that the data have. */
const both = (found: Tensor, given: Mask | undefined): Tensor =>
  given ? tf.mul(numbers(found), numbers(given)) : found;
const either = (a: Tensor, b: Tensor): Tensor => tf.maximum(numbers(a), numbers(b));

/** The masks of a layer's outputs. */
export function maskAfter(layer: Layer, inputs: readonly Tensor[], masks: readonly Mask[], outputs: number): Mask[] {
  const after = masksAfter(
    layer,
    masks.map((mask) => mask !== null),
    outputs,
  );
  return after.map((has) => (has ? maskOf(layer, inputs, masks) : null));
}

function maskOf(layer: Layer, inputs: readonly Tensor[], masks: readonly Mask[]): Tensor {
  const [first, ...others] = masks;
  switch (effectOf(layer)) {
    case 'embeds':
      return maskZeroOf(layer) ? both(tf.notEqual(inputs[0], 0), first) : first!;
    case 'masks': {
      const { maskValue } = layer as unknown as { maskValue: number };
      return both(tf.max(numbers(tf.notEqual(inputs[0], maskValue)), -1), first);
    }
    case 'any':
      return others.reduce<Tensor>((mask, other) => either(mask, other!), first!);
    case 'joins':
      return joined((layer as unknown as { axis: number }).axis, inputs, masks);
    default:
      return first!;
  }
}

/** A mask of every number, joined as the inputs are; then places of which any number counts. */
function joined(axis: number, inputs: readonly Tensor[], masks: readonly Mask[]): Tensor {
  const whole = inputs.map((input, i) => {
    const mask = masks[i];
    if (!mask) return tf.onesLike(input);
    return mask.rank < input.rank ? tf.mul(tf.onesLike(input), numbers(tf.expandDims(mask, -1))) : numbers(mask);
  });
  return tf.max(tf.concat(whole, axis), -1);
}

/** Which outputs of a layer have masks. @param masked which of its inputs have */
export function masksAfter(layer: Layer, masked: readonly boolean[], outputs: number): boolean[] {
  const first = hasMask(layer, masked);
  const { mergeMode } = layer as unknown as { mergeMode?: string | null };
  // What follows are states, but for the second direction of a bidirectional layer that does not merge.
  const sequences = layer.getClassName() === 'Bidirectional' && mergeMode === null ? 2 : 1;
  return Array.from({ length: outputs }, (_, i) => first && i < sequences);
}

function hasMask(layer: Layer, masked: readonly boolean[]): boolean {
  const { returnSequences } = layer as unknown as { returnSequences?: boolean };
  switch (effectOf(layer)) {
    case 'masks':
      return true;
    case 'embeds':
      return maskZeroOf(layer) || masked[0];
    case 'any':
      return masked.every(Boolean);
    case 'joins':
      return masked.some(Boolean);
    case 'recurs':
      return masked[0] && returnSequences === true;
    case 'passes':
    case 'attends':
    case 'distributes':
      return masked[0];
    default:
      return false;
  }
}
