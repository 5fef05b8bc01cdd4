/** What functions of users are given and give: the types of their modules, and `tf` itself. */
import './tfjs/core-gaps.js';

import core = require('@tensorflow/tfjs-core');
import layers = require('@tensorflow/tfjs-layers');

import type { HookSlot } from './tfjs/hooks.js';
import { noiseFunctions } from './tfjs/user-noise.js';

/** tfjs's core and layers together, the very instances that Lockstep trains with; its random functions repeat with the run. */
export type Tf = Omit<typeof core & typeof layers, 'default'>;

/** The default export of `model.module`. */
export type ModelFunction = (
  tf: Tf,
  data: {
    /** Shape of one example's input, where there is one. */
    inputShape: number[];
    /** There where the only target is class indices. */
    classes?: number;
    /** Each input by its name under data.inputs (`features` where the config names none). */
    inputs: Record<string, { shape: number[]; categories?: number }>;
    /** Each target by its name under data.targets (`targets` where the config names none). */
    targets: Record<string, { categories?: number }>;
    /** `model.options`. */
    options: Record<string, unknown>;
  },
) => layers.LayersModel | Promise<layers.LayersModel>;

/**
 * A loss or a metric: from targets and outputs of a batch, [n, ...] each, to one number an example, [n]; or to one a place,
 * the shape of the outputs without the last axis, of which padding is then left out.
 */
export type ExampleFunction = (tf: Tf, targets: core.Tensor, outputs: core.Tensor) => core.Tensor;

/** @param hooks of the model that the function makes or that its results are about */
export const userTf = (hooks: HookSlot): Tf => Object.freeze({ ...core, ...layers, ...noiseFunctions(hooks) });
