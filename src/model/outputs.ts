/**
 * What the numbers that a model gives are: logits, or probabilities. The one decision behind the loss, the border of the
 * accuracy and what `predict` prints. Layers are followed from the output back: some keep numbers, some mix them, and most
 * make new ones.
 */
import tfl = require('@tensorflow/tfjs-layers');

import { type LossConfig, lossSettings } from '../config/model.js';
import type { OutputEncoding } from '../data/encoding.js';
import { ModelError } from '../errors.js';
import { type Known, type Shape, type Undecided, undecided } from './output-rules/known.js';
import { rules } from './output-rules/rules.js';

type Layer = tfl.layers.Layer;

/** `softmax`: those of one place add up to one. `sigmoid`: each is a probability by itself. */
export type ProbabilityKind = NonNullable<OutputEncoding['kind']>;
/** What outputs are, or why that cannot be told. */
export type Outputs = { readonly kind: ProbabilityKind } | Undecided;

/** What the model's layers say of one of its outputs. */
export function outputsOf(model: tfl.LayersModel, index = 0): Outputs {
  return lastAxis(knownOf(model.outputs[index], new Map()), model.outputs[index].shape);
}

/** What the user says of the outputs, else what the layers do. */
export function outputsFor(model: tfl.LayersModel, loss: LossConfig, index = 0): Outputs {
  const { name, fromLogits } = lossSettings(loss);
  if (fromLogits === undefined) return outputsOf(model, index);
  if (fromLogits) return { kind: 'logits' };
  if (name === 'binaryCrossentropy') return { kind: 'sigmoid' };
  if (name !== 'custom') return { kind: 'softmax' };
  const found = outputsOf(model, index);
  if (found.kind === 'softmax' || found.kind === 'sigmoid') return found;
  return { kind: model.outputs[index].shape.at(-1) === 1 ? 'sigmoid' : 'softmax' };
}

/**
 * @param who needs to know: `loss binaryCrossentropy`
 * @param loss its name in the config, which says it by its option
 * @throws ModelError where nobody knows
 */
export function decided(outputs: Outputs, who: string, loss: string): ProbabilityKind {
  if (outputs.kind !== 'undecided') return outputs.kind;
  throw new ModelError(
    `${who}: whether the model's outputs are logits or probabilities cannot be told: ${outputs.why}`,
    `say it: loss: { ${loss}: { fromLogits: true } } for logits, false for probabilities`,
  );
}

/** What is saved beside a model for those who read its outputs. */
export function outputEncoding(outputs: Outputs, loss: LossConfig): OutputEncoding {
  const { name } = lossSettings(loss);
  return outputs.kind === 'undecided' ? { loss: name } : { loss: name, kind: outputs.kind };
}

function lastAxis(known: Known, shape: Shape): Outputs {
  if (known.kind !== 'softmax') return known;
  if (known.axis === shape.length - 1) return { kind: 'softmax' };
  return undecided('the probabilities add up to one over another axis than the last');
}

/** @param found what is known of tensors so far; a nested model starts with what is known of its inputs */
function knownOf(tensor: tfl.SymbolicTensor, found: Map<number, Known>): Known {
  const before = found.get(tensor.id);
  if (before) return before;
  const inputs = tensor.inputs.map((input) => knownOf(input, found));
  const shapes = tensor.inputs.map(({ shape }) => shape);
  const known = ofLayer(tensor.sourceLayer as Layer, inputs, shapes, tensor.shape, tensor.outputTensorIndex ?? 0);
  found.set(tensor.id, known);
  return known;
}

function ofLayer(layer: Layer, inputs: Known[], shapes: Shape[], shape: Shape, index = 0): Known {
  if (layer instanceof tfl.LayersModel) {
    return knownOf(layer.outputs[index], new Map(layer.inputs.map(({ id }, i) => [id, inputs[i]])));
  }
  const where = `${layer.name} (${layer.getClassName()})`;
  const rule = rules[layer.getClassName()];
  if (!rule) return undecided(`${where} is no layer of tfjs`);
  const config = layer.getConfig() as Record<string, unknown>;
  const inside = (part: Layer, input: Known, from: Shape, to: Shape) => ofLayer(part, [input], [from], to);
  return rule({ layer, config, where, inputs, shapes, shape, inside });
}
