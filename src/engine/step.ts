/** The training step and the evaluation of a batch as tfjs operations: traced by one engine, run eagerly by the other. */
import * as tf from '@tensorflow/tfjs-core';
import type { LossConfig, ModelConfig } from '../config/model.js';
import { LockstepError, ModelError, UnsupportedModelError } from '../errors.js';
import { type BuiltModel, buildModel, type LayerWeight, modelWeights, outputActivation } from '../model/build.js';
import type { StepHooks } from '../model/hooks.js';
import { createLoss, type Loss, type OutputSpec } from '../model/losses.js';
import { type SlabLayout, slabLayout, tensorOf } from '../model/slab.js';
import type { BatchSpec } from './engine.js';

/** Everything an engine needs to know of a model; plain data, so that a thread can be given it. */
export interface StepSpec {
  readonly model: ModelConfig;
  readonly loss: LossConfig;
  readonly seed: number;
  readonly batch: BatchSpec;
  readonly classes?: number;
}

export interface StepModel {
  readonly built: BuiltModel;
  readonly weights: LayerWeight[];
  readonly layout: SlabLayout;
  readonly loss: Loss;
  readonly output: OutputSpec;
  readonly batch: BatchSpec;
}

/**
 * Builds the model of a step with its loss.
 * @throws ModelError when a layer or the loss does not fit
 */
export function createStepModel(spec: StepSpec): StepModel {
  const { featureShape, targetShape } = spec.batch;
  const built = buildModel(spec.model, { featureShape, classes: spec.classes }, spec.seed);
  const { trainable, state, frozen } = modelWeights(built.model);
  const output: OutputSpec = {
    shape: built.model.outputs[0].shape.slice(1) as number[],
    activation: outputActivation(built.model),
    targetShape,
    classes: spec.classes,
  };
  return {
    built,
    weights: [...trainable, ...state, ...frozen],
    layout: slabLayout(trainable, state, frozen),
    loss: createLoss(spec.loss, output),
    output,
    batch: spec.batch,
  };
}

/** The values that the seed gave the weights, as a slab. */
export function initialParameters({ weights, layout }: StepModel): Float32Array {
  const slab = new Float32Array(layout.length);
  layout.tensors.forEach((tensor, i) => {
    tensorOf(slab, tensor).set(weights[i].val.dataSync());
  });
  return slab;
}

/** What tfjs refuses while the model runs is a mistake in the model; what its kernels lack is not. */
function asModelError(error: unknown): unknown {
  const ours = error instanceof LockstepError || error instanceof TypeError || error instanceof RangeError;
  if (ours || !(error instanceof Error) || /[Kk]ernel/.test(error.message)) return error;
  return new ModelError(`the model cannot be run: ${error.message}`, 'check its layers and the shape of the data');
}

/** Runs `body` with `tensors` as the model's weights, and gives them their own back. */
function withWeights<T>(weights: LayerWeight[], tensors: readonly tf.Variable[], body: () => T): T {
  const own = weights.map((weight) => weight.val);
  weights.forEach((weight, i) => {
    weight.val = tensors[i];
  });
  try {
    return body();
  } catch (error) {
    throw asModelError(error);
  } finally {
    weights.forEach((weight, i) => {
      weight.val = own[i];
    });
  }
}

let variableIds = 0;
/** A variable that tfjs does not register: it lives for one step. */
const variable = (tensor: tf.Tensor, trainable: boolean): tf.Variable =>
  new tf.Variable(tensor, trainable, `lockstep_${variableIds++}`, tensor.id);

const scaled = (features: tf.Tensor, { featureScale, featureType }: BatchSpec): tf.Tensor => {
  const floats = featureType === 'uint8' ? tf.cast(features, 'float32') : features;
  return featureScale === 1 ? floats : tf.mul(floats, featureScale);
};

export interface StepTensors {
  /** Sum of the losses of the examples, with penalties. */
  readonly lossSum: tf.Tensor;
  /** For each tensor of the slab up to `layout.state`: its summed gradient, or its new value times the example count. */
  readonly gradients: tf.Tensor[];
}

/** Sum of the examples' gradients, by tfjs's own autograd. */
export function gradientStep(
  step: StepModel,
  parameters: readonly tf.Tensor[],
  features: tf.Tensor,
  targets: tf.Tensor,
  hooks: Omit<StepHooks, 'penalty'>,
): StepTensors {
  const { built, layout, weights } = step;
  const count = features.shape[0]!;
  const ends = layout.tensors.map(({ offset }) => offset);
  const variables = parameters.map((tensor, i) => variable(tensor, ends[i] < layout.trainable));
  const trainable = variables.filter(({ trainable }) => trainable);
  const penalties: tf.Tensor[] = [];
  // The model disposes of what its layers compute and do not return.
  built.hooks.current = { ...hooks, penalty: (sum) => penalties.push(tf.keep(sum)) };
  try {
    return withWeights(weights, variables, () => {
      const before = variables.map(({ dataId }) => dataId);
      const { value, grads } = tf.variableGrads(() => {
        const outputs = built.model.apply(scaled(features, step.batch), { training: true }) as tf.Tensor;
        const losses = tf.sum(step.loss(targets, outputs));
        // A weight's penalty is part of every example's loss: the mean over the batch then holds it once.
        const regularizers = built.model.layers.flatMap((layer) => layer.losses.map((term) => tf.mul(term(), count)));
        return [...penalties, ...regularizers].reduce((sum, term) => tf.add(sum, term), losses) as tf.Scalar;
      }, trainable);
      const gradients = variables.flatMap((current, i) => {
        if (current.trainable) return [grads[current.name] ?? tf.zeros(current.shape)];
        const written = current.dataId !== before[i];
        if (ends[i] < layout.state) return [tf.mul(current as tf.Tensor, count)];
        if (written) throw unexpectedWrite(layout.tensors[i].name);
        return [];
      });
      return { lossSum: value, gradients };
    });
  } finally {
    built.hooks.current = undefined;
    tf.dispose(penalties);
  }
}

const unexpectedWrite = (name: string) =>
  new UnsupportedModelError(
    `the model writes ${name} while it trains`,
    'only batch normalization may change its state',
  );

/** Outputs and per-example losses of a batch, as the model predicts. */
export function evaluationStep(
  { built, weights, loss, batch }: StepModel,
  parameters: readonly tf.Tensor[],
  features: tf.Tensor,
  targets: tf.Tensor,
): { outputs: tf.Tensor; losses: tf.Tensor } {
  const variables = parameters.map((tensor) => variable(tensor, false));
  return withWeights(weights, variables, () => {
    const outputs = built.model.apply(scaled(features, batch), { training: false }) as tf.Tensor;
    return { outputs, losses: loss(targets, outputs) };
  });
}
