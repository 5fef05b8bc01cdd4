/**
 * What a training step needs from inside the layers: reproducible noise instead of tfjs's own random numbers, and the
 * penalties of activity regularizers, which tfjs does not implement. The layers' `call` is wrapped when a model is built.
 */
import tf = require('@tensorflow/tfjs-core');

import type { layers } from '@tensorflow/tfjs-layers';
import { everyLayer } from '../layer-tree.js';
import { type DilatedKernels, dilatedConv2d } from './dilated.js';

type Layer = layers.Layer;
type Tensors = tf.Tensor | tf.Tensor[];

/** Serves one training step; noise is asked for in the same order in every step. */
export interface StepHooks {
  /** Uniform numbers in [0, 1). */
  readonly uniform: (shape: readonly number[]) => tf.Tensor;
  /** Standard normal numbers. */
  readonly normal: (shape: readonly number[]) => tf.Tensor;
  /** Adds to the sum of the losses of the batch's examples. */
  readonly penalty: (sum: tf.Scalar) => void;
  /** Gradients of dilated convolutions, where the engine has kernels for them. */
  readonly dilatedKernels?: DilatedKernels;
  /** Told the number of the block of layers that is run next, and undefined when none is. */
  readonly layerBlock?: (number: number | undefined) => void;
}

/** Holds the hooks of the step that is under way; none outside a training step. */
export interface HookSlot {
  current?: StepHooks;
  /** Masks of the inputs that the model is given next, null where all of one counts. */
  inputMasks?: (tf.Tensor | null)[];
  /** Masks of the outputs that the model made last (see keepMasks); whoever ran the model disposes of them. */
  outputMasks?: (tf.Tensor | null)[];
}

interface Regularizer {
  apply(x: tf.Tensor): tf.Scalar;
}
/** The fields of tfjs layers that the wrappers read. */
interface LayerFields {
  getClassName(): string;
  call(inputs: Tensors, kwargs: Record<string, unknown>): Tensors;
  activityRegularizer?: Regularizer | null;
  rate?: number;
  stddev?: number;
  noiseShape?: number[] | null;
  getNoiseShape?(input: tf.Tensor): number[] | null;
  dropoutFunc?: (x: tf.Tensor, rate: number) => tf.Tensor;
  rank?: number;
  dilationRate?: number[];
  dataFormat?: string;
  padding?: 'valid' | 'same';
  kernel?: { read(): tf.Tensor };
  bias?: { read(): tf.Tensor } | null;
  activation?: { apply(x: tf.Tensor): tf.Tensor } | null;
  gamma?: { read(): tf.Tensor };
  beta?: { read(): tf.Tensor };
  movingMean?: { shape: number[] };
  axis?: number;
}

type Noise = (hooks: StepHooks, x: tf.Tensor, layer: LayerFields) => tf.Tensor;

/** Inverted dropout (Srivastava et al. 2014, as tfjs scales it): each element is kept with probability 1 - rate. */
export function dropout(hooks: StepHooks, x: tf.Tensor, rate: number, shape: readonly number[] = x.shape): tf.Tensor {
  const keep = 1 - rate;
  const kept = tf.floor(tf.add(hooks.uniform(shape), keep));
  return tf.mul(x, tf.mul(kept, 1 / keep));
}

/** Keeps mean and variance of self-normalizing activations (Klambauer et al. 2017). */
function alphaDropout(hooks: StepHooks, x: tf.Tensor, rate: number, shape: readonly number[]): tf.Tensor {
  const saturation = -1.6732632423543772 * 1.0507009873554805;
  const kept = tf.cast(tf.greaterEqual(hooks.uniform(shape), rate), 'float32');
  const scale = ((1 - rate) * (1 + rate * saturation ** 2)) ** -0.5;
  const dropped = tf.add(tf.mul(x, kept), tf.mul(tf.sub(1, kept), saturation));
  return tf.add(tf.mul(dropped, scale), -scale * saturation * rate);
}

const noises: Readonly<Record<string, Noise | undefined>> = {
  Dropout: (hooks, x, layer) => dropout(hooks, x, layer.rate!, layer.getNoiseShape?.(x) ?? x.shape),
  SpatialDropout1D: (hooks, x, layer) => dropout(hooks, x, layer.rate!, [x.shape[0], 1, x.shape[2] as number]),
  GaussianNoise: (hooks, x, layer) => tf.add(x, tf.mul(hooks.normal(x.shape), layer.stddev!)),
  GaussianDropout: (hooks, x, layer) =>
    tf.mul(x, tf.add(tf.mul(hooks.normal(x.shape), Math.sqrt(layer.rate! / (1 - layer.rate!))), 1)),
  AlphaDropout: (hooks, x, layer) => alphaDropout(hooks, x, layer.rate!, layer.noiseShape ?? x.shape),
};

/** Layers that are wrapped: some are inside one and also applied by themselves. */
const wrapped = new WeakSet<Layer>();

/** Wraps a layer before it is applied; layers inside it included. */
export function installHooks(layer: Layer, slot: HookSlot): void {
  for (const part of everyLayer(layer)) {
    if (wrapped.has(part)) continue;
    wrapped.add(part);
    install(part as unknown as LayerFields, slot);
  }
}

function install(layer: LayerFields, slot: HookSlot): void {
  // Recurrent cells draw one mask a sequence through this function when it is set.
  if ('dropoutFunc' in layer || 'recurrentDropout' in layer) {
    layer.dropoutFunc = (x, rate) => (slot.current ? dropout(slot.current, x, rate) : x);
  }
  if (layer.getClassName() === 'BatchNormalization') completeNormalization(layer);
  const noise = noises[layer.getClassName()];
  const regularizer = layer.activityRegularizer;
  const dilated = isDilatedConvolution(layer);
  if (!noise && !regularizer && !dilated) return;
  // tfjs refuses to apply a layer that has one.
  layer.activityRegularizer = null;
  const call = layer.call.bind(layer);
  layer.call = (inputs, kwargs) => {
    const hooks = kwargs.training ? slot.current : undefined;
    if (!hooks) return call(inputs, kwargs);
    if (dilated) return penalized(dilatedLayer(hooks, [inputs].flat()[0], layer), hooks);
    const active = noise && !(layer.rate !== undefined && (layer.rate <= 0 || layer.rate >= 1));
    const outputs = active ? noise(hooks, [inputs].flat()[0], layer) : call(inputs, noise ? {} : kwargs);
    return penalized(outputs, hooks);
  };
  const penalized = (outputs: Tensors, hooks: StepHooks): Tensors => {
    if (regularizer) for (const output of [outputs].flat()) hooks.penalty(regularizer.apply(output));
    return outputs;
  };
}

/**
 * In training tfjs reads scale and offset of a batch normalization that was made without them. Along another axis than the
 * last, its gradients have no reduction and its cpu kernel takes the last for it: such a layer gets its axis moved there.
 */
function completeNormalization(layer: LayerFields): void {
  const call = layer.call.bind(layer);
  layer.call = (inputs, kwargs) => {
    const { shape } = layer.movingMean!;
    layer.gamma ??= { read: () => tf.ones(shape) };
    layer.beta ??= { read: () => tf.zeros(shape) };
    const [x] = [inputs].flat();
    const axis = layer.axis! < 0 ? layer.axis! + x.rank : layer.axis!;
    if (axis === x.rank - 1) return call(inputs, kwargs);
    const places = x.shape.map((_, i) => i);
    const moved = [...places.filter((place) => place !== axis), axis];
    const own = layer.axis;
    layer.axis = -1;
    try {
      const outputs = call(tf.transpose(x, moved), kwargs) as tf.Tensor;
      return tf.transpose(
        outputs,
        places.map((place) => moved.indexOf(place)),
      );
    } finally {
      layer.axis = own;
    }
  };
}

/** conv1d and conv2d, channels last; others are left to tfjs, which ignores or refuses their dilation. */
function isDilatedConvolution(layer: LayerFields): boolean {
  const plain = ['Conv1D', 'Conv2D'].includes(layer.getClassName()) && layer.dataFormat !== 'channelsFirst';
  return plain && (layer.dilationRate ?? []).some((rate) => rate > 1);
}

/** What conv1d and conv2d do in training when they are dilated. */
function dilatedLayer(hooks: Pick<StepHooks, 'dilatedKernels'>, x: tf.Tensor, layer: LayerFields): tf.Tensor {
  const { rank, dilationRate, padding } = layer;
  const [rows, columns] = rank === 1 ? [1, dilationRate![0]] : dilationRate!;
  const image = (rank === 1 ? tf.expandDims(x, 1) : x) as tf.Tensor4D;
  const kernel = layer.kernel!.read();
  const filter = (rank === 1 ? tf.expandDims(kernel, 0) : kernel) as tf.Tensor4D;
  const y = dilatedConv2d(image, filter, padding!, [rows, columns], hooks.dilatedKernels);
  const biased = layer.bias ? tf.add(y, layer.bias.read()) : y;
  const shaped = rank === 1 ? tf.squeeze(biased, [1]) : biased;
  return layer.activation ? layer.activation.apply(shaped) : shaped;
}

/** Runs `body` with gradients for the model's dilated convolutions, outside a training step too. */
export function dilatedLayers<T>(model: Layer, body: () => T): T {
  const layers = [...everyLayer(model)].map((layer) => layer as unknown as LayerFields).filter(isDilatedConvolution);
  const calls = layers.map(({ call }) => call);
  for (const layer of layers) layer.call = (inputs) => dilatedLayer({}, [inputs].flat()[0], layer);
  try {
    return body();
  } finally {
    layers.forEach((layer, i) => {
      layer.call = calls[i];
    });
  }
}
