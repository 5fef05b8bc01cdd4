/** The outputs of a model, each with its target, its loss and its metrics: what a step makes of them. */
import tf = require('@tensorflow/tfjs-core');

import { type LossConfig, lossSettings, type ModelConfig } from '../config/model.js';
import { type Field, ofRole, weighsPlaces, weightsOf } from '../data/field.js';
import { ModelError } from '../errors.js';
import { elements } from '../ground/elements.js';
import type { MetricConfig } from '../metrics/families.js';
import { type BuiltModel, outputShape } from '../model/build/data-shape.js';
import { everyLayer } from '../model/layer-tree.js';
import { createLoss, type Loss, type OutputSpec } from '../model/losses.js';
import { outputsFor } from '../model/outputs.js';
import { batchLosses, type Counting, exampleLosses, makesMask, perPlace } from '../model/place-losses.js';
import { loadFunction } from '../model/user-functions.js';

/** What is asked of an output of the model. */
export interface HeadSpec {
  /** Name of the target that the output is compared with. */
  readonly target: string;
  readonly loss: LossConfig;
  /** Factor of the loss in the sum of all. */
  readonly weight: number;
  /** Hinge reads targets of 0 as -1. */
  readonly zeroOne?: boolean;
  /** Those of users are computed with the loss. */
  readonly metrics?: readonly MetricConfig[];
  /**
   * Of one of several targets whose loss ignores a class: places that count in an example of the training split, on average.
   * The loss is then a mean over these places; one gradient for all heads leaves no room for what each batch has of them.
   */
  readonly counted?: number;
}

/** An output of the model, with the target that it is compared with. */
export interface Head {
  readonly target: Field;
  /** Of places or of examples. */
  readonly weights?: Field;
  /** Of its places: which of them are there. */
  readonly mask?: Field;
  /** Which of the model's outputs it is. */
  readonly output: number;
  readonly spec: OutputSpec;
  readonly loss: Loss;
  /** The loss as the config says it. */
  readonly lossConfig: LossConfig;
  /** Factor of the loss in the sum of all. */
  readonly factor: number;
  readonly counted?: number;
  /** The metrics that users wrote, in the order of the config. */
  readonly metrics: readonly Loss[];
  /**
   * Places of an example that metrics count one by one: class indices, or rows of numbers where masks or weights tell them
   * apart.
   */
  readonly places: number;
}

/** The tensors of a batch, [n, ...shape] each, by the names of its fields. */
export type BatchTensors = ReadonlyMap<string, tf.Tensor>;

/** What the model made of a batch. */
export interface ModelOutputs {
  readonly outputs: readonly tf.Tensor[];
  /** Of each output: 1 where a place counts; null where all do. To be disposed of. */
  readonly masks: readonly (tf.Tensor | null)[];
}

/** @throws ModelError when the loss does not fit the output or the target */
export async function headOf(
  { fields, model }: { readonly fields: readonly Field[]; readonly model: ModelConfig },
  asked: HeadSpec,
  built: BuiltModel,
): Promise<Head> {
  const target = fields.find(({ name }) => name === asked.target)!;
  const output = built.outputs.indexOf(target.name);
  const shapes = built.inputs.map((name) => fields.find((field) => field.name === name)!.shape);
  const wanted = {
    shape: outputShape(built.model, shapes, output),
    outputs: outputsFor(built.model, asked.loss, output),
    targetShape: target.shape,
    classes: target.categories,
    zeroOne: asked.zeroOne,
  };
  return {
    target,
    weights: weightsOf(fields, target),
    mask: ofRole(fields, 'mask').find(({ of }) => of === target.name),
    output,
    spec: wanted,
    loss: await lossOf(asked.loss, model, wanted, built),
    lossConfig: asked.loss,
    factor: asked.weight,
    counted: asked.counted,
    metrics: await customMetrics(asked.metrics, model, built),
    places: placesOf(fields, target, built),
  };
}

function placesOf(fields: readonly Field[], target: Field, { model }: BuiltModel): number {
  const { shape, categories } = target;
  if (categories !== undefined) return elements(shape);
  const tellsApart =
    weighsPlaces(fields, target) ||
    fields.some(({ role }) => role === 'mask') ||
    [...everyLayer(model)].some(makesMask);
  return tellsApart ? elements(shape.slice(0, -1)) : 1;
}

async function lossOf(loss: LossConfig, model: ModelConfig, spec: OutputSpec, { hooks }: BuiltModel): Promise<Loss> {
  const custom = typeof loss === 'object' && 'custom' in loss;
  return custom ? loadFunction('loss', loss.custom, model, hooks) : createLoss(loss, spec);
}

function customMetrics(metrics: HeadSpec['metrics'] = [], model: ModelConfig, { hooks }: BuiltModel): Promise<Loss[]> {
  const customs = metrics.flatMap((metric) => (typeof metric === 'object' && 'custom' in metric ? metric.custom : []));
  return Promise.all(customs.map((custom) => loadFunction('metrics', custom, model, hooks)));
}

/** Values as the model takes them: numbers in their scale. */
export const scaled = (values: tf.Tensor, { scale = 1, type }: Field): tf.Tensor => {
  const floats = type === 'float32' ? values : tf.cast(values, 'float32');
  return scale === 1 ? floats : tf.mul(floats, scale);
};

/** What a loss and a metric compare outputs with: class indices as they are, numbers in their scale. */
const targetsOf = ({ target }: Head, batch: BatchTensors): tf.Tensor => {
  const values = batch.get(target.name)!;
  if (target.categories === undefined) return scaled(values, target);
  return target.type === 'uint8' ? tf.cast(values, 'int32') : values;
};

/** What a head has to count. @param weighs whether weights of examples count too */
function countingOf(
  { output, weights, mask }: Head,
  { outputs, masks }: ModelOutputs,
  batch: BatchTensors,
  weighs: boolean,
): Counting {
  const used = weights && (weighs || evaluates(weights)) ? batch.get(weights.name) : undefined;
  const places = elements(outputs[output].shape.slice(1, -1) as number[]);
  const present = mask && batch.get(mask.name);
  return { places, mask: masks[output] ?? undefined, present, weights: used };
}

/**
 * The sum of the losses of all examples, over the heads. One head alone says what it is divided by where some places do not
 * count; several heads are means over an example's own places each, so that examples divide them all, or over the places that
 * count on average where a class is ignored.
 */
export function lossesOf(
  heads: readonly Head[],
  made: ModelOutputs,
  batch: BatchTensors,
): { readonly losses: tf.Tensor; readonly divisor?: tf.Tensor } {
  if (heads.length === 1) {
    const [head] = heads;
    const values = head.loss(targetsOf(head, batch), made.outputs[head.output]);
    const { each, divisor } = batchLosses(values, countingOf(head, made, batch, true));
    const sum = tf.sum(each);
    return { losses: head.factor === 1 ? sum : tf.mul(sum, head.factor), divisor };
  }
  const sums = heads.map((head) => {
    const values = head.loss(targetsOf(head, batch), made.outputs[head.output]);
    const counting = countingOf(head, made, batch, true);
    if (head.counted === undefined) return tf.mul(tf.sum(exampleLosses(values, counting).each), head.factor);
    return tf.mul(tf.sum(batchLosses(values, counting).each), head.factor / head.counted);
  });
  return { losses: sums.reduce((a, b) => tf.add(a, b)) };
}

/** Whether evaluations read a field: weights of examples say how to train. */
export const evaluates = ({ role, shape }: Field): boolean => role !== 'weight' || shape.length > 0;

/** Of one head. */
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

const ignoresClass = (loss: LossConfig): boolean => lossSettings(loss).ignoreClass !== undefined;

/** @param isOnly whether the model has this output alone */
export function evaluated(head: Head, made: ModelOutputs, batch: BatchTensors, isOnly: boolean): EvaluationTensors {
  const outputs = made.outputs[head.output];
  const targets = targetsOf(head, batch);
  const counting = countingOf(head, made, batch, false);
  const loss = head.loss(targets, outputs);
  const metrics = head.metrics.map((metric) => {
    const values = metric(targets, outputs);
    return values.whole ? values.values : perPlace(values, counting.places);
  });
  const countsPlaces = isOnly || ignoresClass(head.lossConfig);
  const { each, divisor, valid } = countsPlaces ? batchLosses(loss, counting) : exampleLosses(loss, counting);
  if (valid && counting.places !== head.places) throw unexpectedMask(head.places);
  return { outputs, losses: each, divisor, metrics, valid };
}

const unexpectedMask = (places: number) =>
  new ModelError(
    `the model's output has a mask, and its targets ${places === 1 ? 'no places' : `${places} places`} to leave out`,
    'make masks by masking or embedding layers, or end the model with a layer that takes none further',
  );
