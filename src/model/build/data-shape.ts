/** What the data decide about a model, and the model that was built for them. */
import type { LayersModel } from '@tensorflow/tfjs-layers';
import { plainNames } from '../../config/plain-names.js';
import type { Field } from '../../data/field.js';
import type { HookSlot } from '../tfjs/hooks.js';
import { attempt } from './attempt.js';

export type InputShape = Pick<Field, 'name' | 'shape' | 'categories'>;
type TargetShape = Pick<Field, 'name' | 'categories'>;

/** What the data decide about a model. */
export interface DataShape {
  /** `categories` is what that word stands for in the options of a layer that reads the input. */
  readonly inputs: readonly InputShape[];
  /** `categories` is what the word `classes` stands for in the options of the layer that gives the output. */
  readonly targets: readonly TargetShape[];
  /** Names of the inputs that come with masks. */
  readonly masked?: readonly string[];
  /** The token that ends a document, where the model is to keep documents apart. */
  readonly documentEnd?: number;
}

/** What data of one input and one target without names decide. */
export const plainShape = (shape: readonly number[], classes?: number): DataShape => ({
  inputs: [{ name: plainNames.input, shape }],
  targets: [{ name: plainNames.target, categories: classes }],
});

export interface BuiltModel {
  readonly model: LayersModel;
  readonly hooks: HookSlot;
  /** Which field each of the model's inputs reads. */
  readonly inputs: readonly string[];
  /** Which target each of the model's outputs is compared with. */
  readonly outputs: readonly string[];
}

/**
 * Shape of one example's output.
 * @param inputs shapes of an example's inputs, in the order of the model's
 * @param index of the output
 */
export function outputShape(model: LayersModel, inputs: readonly (readonly number[])[], index = 0): number[] {
  const [, ...shape] = model.outputs[index].shape;
  if (shape.every((size) => size !== null)) return shape as number[];
  const given = inputs.map((input) => [1, ...input]);
  const computed = attempt('model', () => model.computeOutputShape(given.length === 1 ? given[0] : given));
  const shapes = (Array.isArray(computed[0]) ? computed : [computed]) as number[][];
  return shapes[index].slice(1);
}
