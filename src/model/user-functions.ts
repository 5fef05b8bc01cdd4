/** Losses and metrics that users write: functions of tf, targets and outputs that give one number an example, or a place. */
import tf = require('@tensorflow/tfjs-core');

import type { ModelConfig } from '../config/model.js';
import { ModelError } from '../errors.js';
import { functionOf, importModule, mistakeIn } from '../ground/user-module.js';
import type { CustomFunction } from '../metrics/custom.js';
import type { Loss } from './losses.js';
import type { PlaceValues } from './place-losses.js';
import type { HookSlot } from './tfjs/hooks.js';
import { type ExampleFunction, userTf } from './user-tf.js';

/**
 * Loads a function of the user's. It gets class indices as they are, and other targets in the shape of the outputs
 * where they have as many numbers.
 *
 * @param hooks of the model
 * @param key where the config names it, `loss` or `metrics`
 * @throws ModelError when there is no such function; what it returns throws one when the function does, or when its
 *   result is not one number an example, or one a place of the outputs
 */
export async function loadFunction(
  key: string,
  { name, module }: CustomFunction,
  model: ModelConfig,
  hooks: HookSlot,
): Promise<Loss> {
  const file = module ?? ('module' in model ? model.module : undefined);
  if (file === undefined) {
    throw new ModelError(`${key}: ${name} is in no module`, `name the file that exports it: ${key}.custom.module`);
  }
  const loaded = await importModule(`${key}.custom.module`, file, ModelError);
  const call = functionOf<ExampleFunction>(loaded, name, ModelError);
  const where = `${loaded.where}: ${name}`;
  const tfOfUser = userTf(hooks);
  return (targets, outputs) => {
    let result: unknown;
    try {
      result = call(tfOfUser, shaped(targets, outputs), outputs);
    } catch (error) {
      // Another backend may have the kernel.
      if (/^Kernel .* not registered/.test((error as Error)?.message)) throw error;
      throw mistakeIn(where, error, ModelError);
    }
    return checked(result, outputs.shape as number[], where);
  };
}

function shaped(targets: tf.Tensor, outputs: tf.Tensor): tf.Tensor {
  return targets.dtype === 'float32' && targets.size === outputs.size ? tf.reshape(targets, outputs.shape) : targets;
}

function checked(result: unknown, [count, ...shape]: readonly number[], where: string): PlaceValues {
  if (!(result instanceof tf.Tensor)) {
    const what = result instanceof Promise ? 'a promise' : `${result === null ? 'null' : typeof result}`;
    throw new ModelError(
      `${where} returned ${what}, not a tensor`,
      'return a tensor of shape [n], one number an example',
    );
  }
  if (result.rank === 0) {
    throw new ModelError(
      `${where} returned one number for a batch of ${count}: its shape is [], not [${count}]`,
      'keep the batch axis: reduce over the others, e.g. tf.mean(x, -1)',
    );
  }
  const places = [count, ...shape.slice(0, -1)];
  const whole = result.rank === 1 && result.shape[0] === count;
  if (!whole && result.shape.join() !== places.join()) {
    throw new ModelError(
      `${where} returned the shape [${result.shape.join(', ')}], not [${count}]${places.length > 1 ? ` or [${places.join(', ')}]` : ''}`,
      'reduce over every axis but the first, e.g. tf.mean(x, -1)',
    );
  }
  return { values: tf.cast(result, 'float32'), whole };
}
