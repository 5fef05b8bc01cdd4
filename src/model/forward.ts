/**
 * Runs a model's layers on tensors, with masks as Keras 3 hands them on. tfjs's own executor gives every layer the first mask
 * and the first initial state that it has met, and nested models none.
 */
import tf = require('@tensorflow/tfjs-core');

import tfl = require('@tensorflow/tfjs-layers');

import { layerBlocks } from './layer-blocks.js';
import { applyMasked, checkMasked, type Mask, maskAfter, masksAfter } from './layer-masks.js';
import type { HookSlot, StepHooks } from './tfjs/hooks.js';

type Layer = tfl.layers.Layer;
type Tensor = tf.Tensor;
type Symbolic = tfl.SymbolicTensor;

export interface ModelRun {
  readonly outputs: Tensor[];
  /** Of each output: 1 where it counts, shape [n, places] as a rule; null where all of it does. */
  readonly masks: Mask[];
}

type Around = (body: () => ModelRun) => ModelRun;

/** One application of a layer. */
interface LayerApplication {
  readonly layer: Layer;
  readonly inputs: readonly Symbolic[];
  readonly outputs: readonly Symbolic[];
}

/**
 * @param masks of the inputs
 * @param around runs each layer, in the order of `layersOf`
 * @throws ModelError where a layer cannot take the mask that it is given as Keras would
 */
export function runModel(
  model: tfl.LayersModel,
  inputs: readonly Tensor[],
  kwargs: { readonly training?: boolean },
  masks: readonly Mask[] = [],
  around: Around = (body) => body(),
): ModelRun {
  const values = new Map(model.inputs.map(({ id }, i) => [id, inputs[i]]));
  const found = new Map<number, Mask>(model.inputs.map(({ id }, i) => [id, masks[i] ?? null]));
  const steps = stepsOf(model);
  const left = kwargs.training ? undefined : readers(model, steps);
  for (const step of steps) {
    const given = step.inputs.map(({ id }) => values.get(id)!);
    const givenMasks = step.inputs.map(({ id }) => found.get(id) ?? null);
    const run = runStep(step.layer, given, kwargs, givenMasks, around);
    step.outputs.forEach(({ id }, i) => {
      values.set(id, run.outputs[i]);
      found.set(id, run.masks[i] ?? null);
    });
    if (left) disposeRead(step, left, values);
  }
  return {
    outputs: model.outputs.map(({ id }) => values.get(id)!),
    masks: model.outputs.map(({ id }) => found.get(id) ?? null),
  };
}

function runStep(
  layer: Layer,
  inputs: Tensor[],
  kwargs: { readonly training?: boolean },
  masks: Mask[],
  around: Around,
): ModelRun {
  if (layer instanceof tfl.LayersModel) return runModel(layer, inputs, kwargs, masks, around);
  return around(() => runLayer(layer, inputs, kwargs, masks));
}

function runLayer(layer: Layer, inputs: Tensor[], kwargs: { readonly training?: boolean }, masks: Mask[]): ModelRun {
  if (masks.every((mask) => mask === null)) {
    const outputs = [layer.apply(inputs, { ...kwargs })].flat() as Tensor[];
    return { outputs, masks: maskAfter(layer, inputs, masks, outputs.length) };
  }
  checkMasked(layer, kwargs.training === true);
  const outputs = applyMasked(layer, inputs, kwargs, masks);
  return { outputs, masks: maskAfter(layer, inputs, masks, outputs.length) };
}

const orders = new WeakMap<tfl.LayersModel, readonly LayerApplication[]>();

/** In the order of tfjs's executor: noise is drawn in it. */
function stepsOf(model: tfl.LayersModel): readonly LayerApplication[] {
  const known = orders.get(model);
  if (known) return known;
  const steps: LayerApplication[] = [];
  const seen = new Set(model.inputs.map(({ id }) => id));
  const visit = (tensor: Symbolic): void => {
    if (seen.has(tensor.id)) return;
    for (const input of tensor.inputs.toReversed()) visit(input);
    const layer = tensor.sourceLayer as Layer;
    const { outputTensors } = layer.inboundNodes[tensor.nodeIndex];
    for (const { id } of outputTensors) seen.add(id);
    steps.push({ layer, inputs: tensor.inputs, outputs: outputTensors });
  };
  for (const output of model.outputs) visit(output);
  orders.set(model, steps);
  return steps;
}

/** The layers as they are applied, those of nested models in the place of these. */
const layersOf = (model: tfl.LayersModel): Layer[] =>
  stepsOf(model).flatMap(({ layer }) => (layer instanceof tfl.LayersModel ? layersOf(layer) : [layer]));

/** Says to a step which block of layers each thing that is computed is in. */
function inBlocks(model: tfl.LayersModel, { layerBlock }: StepHooks): Around {
  const numbers = layerBlocks(layersOf(model)).values();
  return (body) => {
    layerBlock?.(numbers.next().value);
    try {
      return body();
    } finally {
      layerBlock?.(undefined);
    }
  };
}

/** How many steps read each tensor that a step makes; outputs of the model are never done with. */
function readers(model: tfl.LayersModel, steps: readonly LayerApplication[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { inputs } of steps) for (const { id } of inputs) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (const { id } of [...model.inputs, ...model.outputs]) counts.set(id, Number.POSITIVE_INFINITY);
  return counts;
}

function disposeRead(
  { inputs }: LayerApplication,
  left: Map<number, number>,
  values: ReadonlyMap<number, Tensor>,
): void {
  for (const { id } of inputs) {
    const count = left.get(id)! - 1;
    left.set(id, count);
    if (count === 0) values.get(id)!.dispose();
  }
}

/**
 * What the model predicts.
 * @param masks of the inputs, which a model reads that `keepMasks` has given `slot`
 * @param see is shown the masks of the outputs of such a model, which it must not keep
 */
export function predicted(
  model: tfl.LayersModel,
  inputs: readonly Tensor[],
  masks: readonly Mask[] = [],
  slot: HookSlot = {},
  see: (masks: readonly Mask[]) => void = () => {},
): Tensor[] {
  slot.inputMasks = masks.length > 0 ? [...masks] : undefined;
  try {
    const outputs = [model.apply(inputs.length === 1 ? inputs[0] : [...inputs], { training: false })].flat();
    see(slot.outputMasks ?? []);
    return outputs as Tensor[];
  } finally {
    for (const mask of slot.outputMasks ?? []) mask?.dispose();
    slot.inputMasks = undefined;
    slot.outputMasks = undefined;
  }
}

/**
 * Which of the model's outputs come with masks.
 * @param inputs which of its inputs do
 * @param isChecked whether it is to be trained
 * @throws ModelError where it is, and a layer cannot take the mask that it is given
 */
export function maskedOutputs(model: tfl.LayersModel, inputs: readonly boolean[] = [], isChecked = true): boolean[] {
  return masked(
    model,
    model.inputs.map((_, i) => inputs[i] ?? false),
    isChecked,
  );
}

/** As `maskedOutputs`, for a model or one nested in it. */
function masked(model: tfl.LayersModel, inputs: readonly boolean[], isChecked: boolean): boolean[] {
  const found = new Map(model.inputs.map(({ id }, i) => [id, inputs[i]]));
  for (const { layer, inputs, outputs } of stepsOf(model)) {
    const given = inputs.map(({ id }) => found.get(id) === true);
    const nested = layer instanceof tfl.LayersModel ? masked(layer, given, isChecked) : undefined;
    if (isChecked && !nested && given.includes(true)) checkMasked(layer, layer.trainable);
    const after = nested ?? masksAfter(layer, given, outputs.length);
    outputs.forEach(({ id }, i) => {
      found.set(id, after[i]);
    });
  }
  return model.outputs.map(({ id }) => found.get(id) === true);
}

const slots = new WeakMap<tfl.LayersModel, HookSlot>();

/**
 * Has a model read the masks of its inputs from `slot.inputMasks` and keep those of its outputs in `slot.outputMasks`
 * whenever it is applied: the caller's to dispose of.
 */
export function keepMasks(model: tfl.LayersModel, slot: HookSlot): void {
  // A sequential model runs one inside it.
  slots.set((model as { model?: tfl.LayersModel }).model ?? model, slot);
}

// Whoever applies a model, also one inside another or inside a wrapper, gets this.
tfl.LayersModel.prototype.call = function call(inputs, kwargs) {
  const { training } = kwargs as { training?: boolean };
  return tf.tidy(() => {
    const slot = slots.get(this);
    const around = slot?.current && inBlocks(this, slot.current);
    const { outputs, masks } = runModel(this, [inputs].flat() as Tensor[], { training }, slot?.inputMasks, around);
    if (slot) {
      for (const mask of slot.outputMasks ?? []) mask?.dispose();
      slot.outputMasks = masks.map((mask) => mask && tf.keep(tf.clone(mask)));
    }
    return outputs;
  });
};
