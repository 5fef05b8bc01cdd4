/** The training step and the evaluation of a batch as tfjs operations: traced by one engine, run eagerly by the other. */
import tf = require('@tensorflow/tfjs-core');

import type { LayersModel } from '@tensorflow/tfjs-layers';
import type { ModelConfig } from '../config/model.js';
import type { Precision, TrainingConfig } from '../config/training.js';
import { type Field, ofRole } from '../data/field.js';
import { LockstepError, ModelError, UnsupportedModelError } from '../errors.js';
import { mistakeIn, placeOfError } from '../ground/user-module.js';
import { createModel } from '../model/build/create.js';
import type { BuiltModel } from '../model/build/data-shape.js';
import { type LayerWeight, modelWeights } from '../model/build/layer-weights.js';
import { predicted } from '../model/forward.js';
import { everyLayer } from '../model/layer-tree.js';
import { type SlabLayout, slabLayout, tensorOf } from '../model/slab.js';
import type { HookSlot, StepHooks } from '../model/tfjs/hooks.js';
import {
  type BatchTensors,
  type EvaluationTensors,
  evaluated,
  type Head,
  type HeadSpec,
  headOf,
  lossesOf,
  type ModelOutputs,
  scaled,
} from './heads.js';

/** Everything an engine needs to know of a model; plain data, so that a thread can be given it. */
export interface StepSpec {
  readonly model: ModelConfig;
  /** One for each target, in the order of the fields. */
  readonly heads: readonly HeadSpec[];
  readonly seed: number;
  /** What a batch consists of. */
  readonly fields: readonly Field[];
  /** The token that ends a document, where the model is to keep documents apart. */
  readonly documentEnd?: number;
  /** Factors of the kernels' absolute values and squares in the training loss. */
  readonly l1?: number;
  readonly l2?: number;
  /** Of what activations are computed again for the gradient instead of being kept: a matter of memory alone. */
  readonly recompute?: TrainingConfig['recompute'];
  /** Of the products of a training step. */
  readonly precision?: Precision;
}

export interface StepModel {
  readonly built: BuiltModel;
  readonly weights: LayerWeight[];
  readonly layout: SlabLayout;
  readonly heads: readonly Head[];
  readonly penalty: Penalty;
  readonly fields: readonly Field[];
  readonly recompute: TrainingConfig['recompute'];
  readonly precision: Precision;
}

interface Penalty {
  readonly l1: number;
  readonly l2: number;
}

/**
 * Builds the model of a step with its losses.
 * @param withWeights false leaves out reading saved weights, for an engine that is given its parameters
 * @throws ModelError when a layer or a loss does not fit
 */
export async function createStepModel(spec: StepSpec, withWeights = true): Promise<StepModel> {
  const { fields, documentEnd } = spec;
  const masked = ofRole(fields, 'mask').flatMap(({ of }) => of ?? []);
  const data = { inputs: ofRole(fields, 'input'), targets: ofRole(fields, 'target'), masked, documentEnd };
  const built = await createModel(spec.model, data, spec.seed, withWeights);
  const { trainable, state, frozen } = modelWeights(built.model);
  const heads: Head[] = [];
  for (const head of spec.heads) heads.push(await headOf(spec, head, built));
  return {
    built,
    weights: [...trainable, ...state, ...frozen],
    layout: slabLayout(trainable, state, frozen),
    heads,
    penalty: { l1: spec.l1 ?? 0, l2: spec.l2 ?? 0 },
    fields,
    recompute: spec.recompute ?? 'none',
    precision: spec.precision ?? 'float32',
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
  if (error instanceof Error && placeOfError(error)) return mistakeIn('the model cannot be run', error, ModelError);
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

export interface StepTensors {
  /** Sum of the losses of the examples, with penalties. */
  readonly lossSum: tf.Tensor;
  /** What the sums of all shards are divided by; absent where that is the number of examples. Kept: to be disposed of. */
  readonly divisor?: tf.Tensor;
  /** For each tensor of the slab up to `layout.state`: its summed gradient, or its new value times the example count. */
  readonly gradients: tf.Tensor[];
}

/** Outputs, and what decides which of their places count. */
function runModel({ built, fields }: StepModel, batch: BatchTensors, training: boolean): ModelOutputs {
  const { model, hooks } = built;
  const masks = ofRole(fields, 'mask');
  const inputs = built.inputs.map((name) => scaled(batch.get(name)!, fields.find((field) => field.name === name)!));
  if (masks.length > 0) {
    const maskOf = (name: string) => masks.find(({ of }) => of === name);
    hooks.inputMasks = built.inputs.map((name) => batch.get(maskOf(name)?.name ?? '') ?? null);
  }
  hooks.outputMasks = undefined;
  const outputs = [model.apply(inputs.length === 1 ? inputs[0] : inputs, { training })].flat() as tf.Tensor[];
  const made = hooks.outputMasks as ModelOutputs['masks'] | undefined;
  hooks.outputMasks = undefined;
  return { outputs, masks: made ?? [] };
}

/** By what the loss is multiplied, a power of two, so that its gradients are numbers that float16 has. */
interface LossFactor {
  readonly factor: tf.Scalar;
  /** Its reciprocal, by which they are multiplied in the end. */
  readonly inverse: tf.Scalar;
}

/** Sum of the examples' gradients, by tfjs's own autograd. */
export function gradientStep(
  step: StepModel,
  parameters: readonly tf.Tensor[],
  batch: BatchTensors,
  hooks: Omit<StepHooks, 'penalty'>,
  lossScale?: LossFactor,
): StepTensors {
  const backAgain = <T extends tf.Tensor>(tensor: T): T => (lossScale ? tf.mul(tensor, lossScale.inverse) : tensor);
  const { built, layout } = step;
  const count = batch.get(step.fields[0].name)!.shape[0];
  const ends = layout.tensors.map(({ offset }) => offset);
  const variables = parameters.map((tensor, i) => variable(tensor, ends[i] < layout.trainable));
  const trainable = variables.filter(({ trainable }) => trainable);
  const penalties: tf.Tensor[] = [];
  const masks: (tf.Tensor | null)[] = [];
  let divisor: tf.Tensor | undefined;
  // The model disposes of what its layers compute and do not return.
  built.hooks.current = { ...hooks, penalty: (sum) => penalties.push(tf.keep(sum)) };
  try {
    return withWeights(step.weights, variables, () => {
      const before = variables.map(({ dataId }) => dataId);
      const { value, grads } = tf.variableGrads(() => {
        const made = runModel(step, batch, true);
        masks.push(...made.masks);
        const { losses, divisor: places } = lossesOf(step.heads, made, batch);
        // A weight's penalty is part of every example's loss: the mean over the batch then holds it once.
        const regularizers = [...layerPenalties(built), ...kernelPenalties(step, trainable)];
        const ofEvery = regularizers.map((term) => tf.mul(term, places ?? count));
        // Those of activities are sums over examples, and all is divided by places.
        const ofActivities = places ? penalties.map((sum) => tf.mul(sum, tf.div(places, count))) : penalties;
        divisor = places && tf.keep(places);
        const sum = [...ofActivities, ...ofEvery].reduce((sum, term) => tf.add(sum, term), losses) as tf.Scalar;
        return lossScale ? tf.mul(sum, lossScale.factor) : sum;
      }, trainable);
      const gradients = variables.flatMap((current, i) => {
        if (current.trainable) return [backAgain(grads[current.name] ?? tf.zeros(current.shape))];
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
      return { lossSum: backAgain(value), divisor, gradients };
    });
  } finally {
    built.hooks.current = undefined;
    tf.dispose([...penalties, ...masks.flatMap((mask) => mask ?? [])]);
    built.hooks.inputMasks = undefined;
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

/** Outputs, and the losses and the metrics of users of each example, as the model predicts: of each head. */
export function evaluationStep(
  step: StepModel,
  parameters: readonly tf.Tensor[],
  batch: BatchTensors,
): EvaluationTensors[] {
  const variables = parameters.map((tensor) => variable(tensor, false));
  const masks: (tf.Tensor | null)[] = [];
  try {
    return withWeights(step.weights, variables, () => {
      const made = runModel(step, batch, false);
      masks.push(...made.masks);
      return step.heads.map((head) => evaluated(head, made, batch, step.heads.length === 1));
    });
  } finally {
    step.built.hooks.inputMasks = undefined;
    tf.dispose(masks.flatMap((mask) => mask ?? []));
  }
}

/**
 * Outputs of a batch in the model's own units, without loss.
 * @param parameters in the order of `weights`
 * @param inputs in the order of the model's
 * @param masks of the inputs, and where the model reads them
 * @param see is shown the masks of the outputs, which it must not keep
 */
export function predictionStep(
  model: LayersModel,
  weights: LayerWeight[],
  parameters: readonly tf.Tensor[],
  inputs: readonly tf.Tensor[],
  masks: readonly (tf.Tensor | null)[] = [],
  hooks?: HookSlot,
  see?: (masks: readonly (tf.Tensor | null)[]) => void,
): tf.Tensor[] {
  const variables = parameters.map((tensor) => variable(tensor, false));
  return withWeights(weights, variables, () => predicted(model, inputs, masks, hooks, see));
}
