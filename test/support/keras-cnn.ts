/** A small CNN in the JSON of Keras 2, and whether both engines train a model file alike. */
import { expect } from 'vitest';
import { type Case, createEngines, fill, relativeError } from './engines.js';

const key = { seed: 1, step: 2, shard: 0 };

/** What `model.to_json()` of Keras 2 gives for a small CNN. */
export const keras = {
  class_name: 'Sequential',
  keras_version: '2.13.1',
  backend: 'tensorflow',
  config: {
    name: 'sequential',
    layers: [
      {
        class_name: 'InputLayer',
        config: { batch_input_shape: [null, 8, 8, 1], dtype: 'float32', sparse: false, ragged: false, name: 'pixels' },
      },
      {
        class_name: 'Conv2D',
        config: {
          name: 'conv',
          trainable: true,
          dtype: 'float32',
          filters: 3,
          kernel_size: [3, 3],
          strides: [1, 1],
          padding: 'same',
          data_format: 'channels_last',
          dilation_rate: [1, 1],
          groups: 1,
          activation: 'linear',
          use_bias: true,
          kernel_initializer: { class_name: 'GlorotUniform', config: { seed: null } },
          bias_initializer: { class_name: 'Zeros', config: {} },
          kernel_regularizer: { class_name: 'L2', config: { l2: 0.01 } },
          bias_regularizer: null,
          activity_regularizer: { class_name: 'L2', config: { l2: 0.02 } },
          kernel_constraint: null,
          bias_constraint: null,
        },
      },
      { class_name: 'BatchNormalization', config: { name: 'norm', axis: [3], momentum: 0.9, epsilon: 0.001 } },
      { class_name: 'ReLU', config: { name: 'relu', max_value: null, negative_slope: 0, threshold: 0 } },
      { class_name: 'Flatten', config: { name: 'flatten', data_format: 'channels_last' } },
      { class_name: 'Dropout', config: { name: 'drop', rate: 0.4, noise_shape: null, seed: null } },
      {
        class_name: 'Dense',
        config: {
          name: 'scores',
          units: 4,
          activation: 'softmax',
          use_bias: true,
          kernel_initializer: {
            class_name: 'VarianceScaling',
            config: { scale: 1, mode: 'fan_in', distribution: 'uniform' },
          },
        },
      },
    ],
  },
};

/** @param file where its JSON stands */
export const kerasCase = (file: string): Case => ({
  layers: [],
  input: [8, 8, 1],
  classes: 4,
  loss: 'sparseCategoricalCrossentropy',
  spec: { model: { file } },
});

/** Losses, gradients and outputs of engine onnx are those of engine tfjs. */
export async function enginesAgree(example: Case): Promise<void> {
  const { parameters, onnx, tfjs } = await createEngines(example, [6]);
  for (const engine of [onnx, tfjs]) fill(engine, example, parameters, 6);
  const losses = [await onnx.computeGradients(6, key), await tfjs.computeGradients(6, key)];
  expect(relativeError([losses[0]], [losses[1]])).toBeLessThan(1e-4);
  expect(Math.max(...tfjs.gradients.map(Math.abs))).toBeGreaterThan(0.01);
  expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
  expect(relativeError((await onnx.evaluate(6)).outputs, (await tfjs.evaluate(6)).outputs)).toBeLessThan(1e-4);
  await onnx.dispose();
  await tfjs.dispose();
}
