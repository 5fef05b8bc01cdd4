/** The training step and the evaluation of a batch as tfjs operations: traced by one engine, run eagerly by the other. */
import tf = require('@tensorflow/tfjs-core');

import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { LossConfig, ModelConfig } from '../config/model.js';
import { mistakeIn, placeOf } from '../config/module.js';
import { elements, type Field, fieldOf, ofRole, type Role, weighsPlaces } from '../data/field.js';
import { LockstepError, ModelError, UnsupportedModelError } from '../errors.js';
import type { MetricConfig } from '../metrics/families.js';
import { type BuiltModel, type LayerWeight, modelWeights, outputShape } from '../model/build.js';
import { createModel } from '../model/create.js';
import { loadFunction } from '../model/custom.js';
import type { StepHooks } from '../model/hooks.js';
import { createLoss, type Loss, type OutputSpec } from '../model/losses.js';
import { outputsFor } from '../model/outputs.js';
import { batchLosses, type Counting, makesMask, perPlace } from '../model/places.js';
import { type SlabLayout, slabLayout, tensorOf } from '../model/slab.js';
import { everyLayer } from '../model/tree.js';

/** Everything an engine needs to know of a model; plain data, so that a thread can be given it. */
export interface StepSpec {
  readonly model: ModelConfig;
  readonly loss: LossConfig;
  readonly seed: number;
  /** What a batch consists of: one input, one target and perhaps weights. */
  readonly fields: readonly Field[];
  /** Hinge reads targets of 0 as -1. */
  readonly zeroOne?: boolean;
  /** Those of users are computed with the loss. */
  readonly metrics?: readonly MetricConfig[];
  /** Factors of the kernels' absolute values and squares in the training loss. */
  readonly l1?: number;
  readonly l2?: number;
}

export interface StepModel {
  readonly built: BuiltModel;
  readonly weights: LayerWeight[];
  readonly layout: SlabLayout;
  readonly loss: Loss;
  /** The metrics that users wrote, in the order of the config. */
  readonly metrics: readonly Loss[];
  readonly penalty: Penalty;
  readonly output: OutputSpec;
  readonly fields: readonly Field[];
  /**
   * Places of an example that metrics count one by one: class indices, or rows of numbers where masks or weights tell them
   * apart.
   */
  readonly places: number;
}

interface Penalty {
  readonly l1: number;
  readonly l2: number;
}

/**
 * Builds the model of a step with its loss.
 * @param withWeights false leaves out reading saved weights, for an engine that is given its parameters
 * @throws ModelError when a layer or the loss does not fit
 */
export async function createStepModel(spec: StepSpec, withWeights = true): Promise<StepModel> {
  const { fields } = spec;
  const { shape: featureShape } = fieldOf(fields, 'input');
  const { shape: targetShape, categories: classes } = fieldOf(fields, 'target');
  const built = await createModel(spec.model, { featureShape, classes }, spec.seed, withWeights);
  const { trainable, state, frozen } = modelWeights(built.model);
  const output: OutputSpec = {
    shape: outputShape(built.model, featureShape),
    outputs: outputsFor(built.model, spec.loss),
    targetShape,
    classes,
    zeroOne: spec.zeroOne,
  };
  return {
    built,
    weights: [...trainable, ...state, ...frozen],
    layout: slabLayout(trainable, state, frozen),
    loss: await lossOf(spec, output, built),
    metrics: await customMetrics(spec, built),
    penalty: { l1: spec.l1 ?? 0, l2: spec.l2 ?? 0 },
    output,
    fields,
    places: placesOf(spec, built),
  };
}

function placesOf({ fields }: StepSpec, { model }: BuiltModel): number {
  const { shape, categories } = fieldOf(fields, 'target');
  if (categories !== undefined) return elements(shape);
  const tellsApart = weighsPlaces(fields) || [...everyLayer(model)].some(makesMask);
  return tellsApart ? elements(shape.slice(0, -1)) : 1;
}

async function lossOf({ loss, model }: StepSpec, output: OutputSpec, { hooks }: BuiltModel): Promise<Loss> {
  const custom = typeof loss === 'object' && 'custom' in loss;
  return custom ? loadFunction('loss', loss.custom, model, hooks) : createLoss(loss, output);
}

function customMetrics({ metrics = [], model }: StepSpec, { hooks }: BuiltModel): Promise<Loss[]> {
  const customs = metrics.flatMap((metric) => (typeof metric === 'object' && 'custom' in metric ? metric.custom : []));
  return Promise.all(customs.map((custom) => loadFunction('metrics', custom, model, hooks)));
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
  if (error instanceof Error && placeOf(error)) return mistakeIn('the model cannot be run', error, ModelError);
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

const scaled = (values: tf.Tensor, { scale = 1, type }: Field): tf.Tensor => {
  const floats = type === 'uint8' ? tf.cast(values, 'float32') : values;
  return scale === 1 ? floats : tf.mul(floats, scale);
};

export interface StepTensors {
  /** Sum of the losses of the examples, with penalties. */
  readonly lossSum: tf.Tensor;
  /** What the sums of all shards are divided by; absent where that is the number of examples. Kept: to be disposed of. */
  readonly divisor?: tf.Tensor;
  /** For each tensor of the slab up to `layout.state`: its summed gradient, or its new value times the example count. */
  readonly gradients: tf.Tensor[];
}

/** The tensors of a batch, [n, ...shape] each, by the names of its fields. */
export type BatchTensors = ReadonlyMap<string, tf.Tensor>;

/** The tensor of the first field of a role; undefined where there is none. */
function tensorFor({ fields }: StepModel, batch: BatchTensors, role: Role): tf.Tensor | undefined {
  const field = fields.find((field) => field.role === role);
  return field && batch.get(field.name);
}

/** Outputs, and what decides which of their places count. @param kept gets what the caller disposes of */
function runModel(
  step: StepModel,
  batch: BatchTensors,
  weights: tf.Tensor | undefined,
  training: boolean,
  kept: tf.Tensor[],
): { outputs: tf.Tensor; counting: Counting } {
  const { model, hooks } = step.built;
  hooks.mask = undefined;
  const inputs = ofRole(step.fields, 'input').map((field) => scaled(batch.get(field.name)!, field));
  const outputs = model.apply(inputs.length === 1 ? inputs[0] : inputs, { training }) as tf.Tensor;
  const { mask } = hooks;
  hooks.mask = undefined;
  if (mask) kept.push(mask);
  return { outputs, counting: { places: elements(outputs.shape.slice(1, -1) as number[]), mask, weights } };
}

/** Sum of the examples' gradients, by tfjs's own autograd. */
export function gradientStep(
  step: StepModel,
  parameters: readonly tf.Tensor[],
  batch: BatchTensors,
  hooks: Omit<StepHooks, 'penalty'>,
): StepTensors {
  const { built, layout } = step;
  const targets = tensorFor(step, batch, 'target')!;
  const weights = tensorFor(step, batch, 'weight');
  const count = targets.shape[0];
  const ends = layout.tensors.map(({ offset }) => offset);
  const variables = parameters.map((tensor, i) => variable(tensor, ends[i] < layout.trainable));
  const trainable = variables.filter(({ trainable }) => trainable);
  const penalties: tf.Tensor[] = [];
  const masks: tf.Tensor[] = [];
  let divisor: tf.Tensor | undefined;
  // The model disposes of what its layers compute and do not return.
  built.hooks.current = { ...hooks, penalty: (sum) => penalties.push(tf.keep(sum)) };
  try {
    return withWeights(step.weights, variables, () => {
      const before = variables.map(({ dataId }) => dataId);
      const { value, grads } = tf.variableGrads(() => {
        const { outputs, counting } = runModel(step, batch, weights, true, masks);
        const { each, divisor: places } = batchLosses(step.loss(targets, outputs), counting);
        const losses = tf.sum(each);
        // A weight's penalty is part of every example's loss: the mean over the batch then holds it once.
        const regularizers = [...layerPenalties(built), ...kernelPenalties(step, trainable)];
        const ofEvery = regularizers.map((term) => tf.mul(term, places ?? count));
        // Those of activities are sums over examples, and all is divided by places.
        const ofActivities = places ? penalties.map((sum) => tf.mul(sum, tf.div(places, count))) : penalties;
        divisor = places && tf.keep(places);
        return [...ofActivities, ...ofEvery].reduce((sum, term) => tf.add(sum, term), losses) as tf.Scalar;
      }, trainable);
      const gradients = variables.flatMap((current, i) => {
        if (current.trainable) return [grads[current.name] ?? tf.zeros(current.shape)];
        const written = current.dataId !== before[i];
        if (ends[i] < layout.state) {
          const scaled = tf.mul(current as tf.Tensor, count);
          // What a variable is given outlives the step otherwise.
          if (written) current.dispose();
          return [scaled];
        }
        if (written) throw unexpectedWrite(layout.tensors[i].name);
        return [];
      });
      return { lossSum: value, divisor, gradients };
    });
  } finally {
    built.hooks.current = undefined;
    tf.dispose([penalties, masks]);
  }
}

/** What the regularizers of layers add; those of layers inside others too. */
const layerPenalties = ({ model }: BuiltModel): tf.Tensor[] =>
  [...everyLayer(model)].flatMap((layer) => (layer as unknown as OwnLosses)._losses.map((term) => term()));
/** tfjs's `losses` leaves out those of recurrent cells, and repeats those of wrapped layers. */
interface OwnLosses {
  readonly _losses: readonly (() => tf.Tensor)[];
}

/** Weights that shift or scale, rather than weigh inputs. */
const noKernels = /(^|[/_])(bias|beta|gamma|alpha)$/;

/** l1 * sum |w| + l2 * sum w^2 over the kernels, as the L1L2 regularizer of a layer has it. */
function kernelPenalties({ layout, penalty: { l1, l2 } }: StepModel, trainable: readonly tf.Variable[]): tf.Tensor[] {
  const kernels = trainable.filter(({ rank }, i) => rank >= 2 && !noKernels.test(layout.tensors[i].name));
  return [
    ...(l1 > 0 ? kernels.map((kernel) => tf.mul(tf.sum(tf.abs(kernel)), l1)) : []),
    ...(l2 > 0 ? kernels.map((kernel) => tf.mul(tf.sum(tf.square(kernel)), l2)) : []),
  ];
}

const unexpectedWrite = (name: string) =>
  new UnsupportedModelError(
    `the model writes ${name} while it trains`,
    'only batch normalization may change its state',
  );

/** Whether evaluations read a field: weights of examples say how to train. */
export const evaluates = ({ role, shape }: Field): boolean => role !== 'weight' || shape.length > 0;

export interface EvaluationTensors {
  readonly outputs: tf.Tensor;
  /** Of each example, [n]. */
  readonly losses: tf.Tensor;
  /** What the sum of the losses is divided by; absent where that is the number of examples. */
  readonly divisor?: tf.Tensor;
  /** Those of users, [n] or [n, places] each. */
  readonly metrics: tf.Tensor[];
  /** [n, places]; absent where every place counts. */
  readonly valid?: tf.Tensor;
}

/** Outputs, and the loss and the metrics of users of each example, as the model predicts. */
export function evaluationStep(
  step: StepModel,
  parameters: readonly tf.Tensor[],
  batch: BatchTensors,
): EvaluationTensors {
  const targets = tensorFor(step, batch, 'target')!;
  const weights = tensorFor(step, batch, 'weight');
  const variables = parameters.map((tensor) => variable(tensor, false));
  const masks: tf.Tensor[] = [];
  try {
    return withWeights(step.weights, variables, () => {
      const used = weighsPlaces(step.fields) ? weights : undefined;
      const { outputs, counting } = runModel(step, batch, used, false, masks);
      const loss = step.loss(targets, outputs);
      const metrics = step.metrics.map((metric) => {
        const values = metric(targets, outputs);
        return values.whole ? values.values : perPlace(values, counting.places);
      });
      const { each, divisor, valid } = batchLosses(loss, counting);
      if (valid && counting.places !== step.places) throw unexpectedMask(step.places);
      return { outputs, losses: each, divisor, metrics, valid };
    });
  } finally {
    tf.dispose(masks);
  }
}

const unexpectedMask = (places: number) =>
  new ModelError(
    `the model's output has a mask, and its targets ${places === 1 ? 'no places' : `${places} places`} to leave out`,
    'make masks by masking or embedding layers, or end the model with a layer that takes none further',
  );

/** Outputs of a batch in the model's own units, without loss. @param parameters in the order of `weights` */
export function predictionStep(
  model: LayersModel,
  weights: LayerWeight[],
  parameters: readonly tf.Tensor[],
  features: tf.Tensor,
): tf.Tensor {
  const variables = parameters.map((tensor) => variable(tensor, false));
  return withWeights(weights, variables, () => model.apply(features, { training: false }) as tf.Tensor);
}
