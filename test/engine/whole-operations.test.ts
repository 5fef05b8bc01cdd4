/** What the compiled engine has as a whole is what tfjs puts together, and so are its gradients; and few nodes come of it. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { traceGradients } from '../../src/engine/onnx/compile.js';
import { createStepModel } from '../../src/engine/step.js';
import { activatedBy, rmsNormOf } from '../../src/model/tfjs/whole-operations.js';
import { type Case, createEngines, fill, relativeError, specOf } from '../support/engines.js';
import { computes, floats, trains } from '../support/lowered.js';

import tfl = require('@tensorflow/tfjs-layers');

beforeAll(() => loadBackend('cpu'));

/** A layer of tfjs on what it is given, with scales and offsets that are. */
function normalized(x: tf.Tensor, options: object, scale?: tf.Tensor, offset?: tf.Tensor): tf.Tensor {
  const layer = tfl.layers.layerNormalization(options) as unknown as Record<'gamma' | 'beta', unknown> &
    tfl.layers.Layer;
  layer.build(x.shape);
  if (scale) layer.gamma = { read: () => scale };
  if (offset) layer.beta = { read: () => offset };
  return layer.call(x, {}) as tf.Tensor;
}

describe('layer normalization', () => {
  const given = [floats([7]), floats([7], [3, -1, 0.5, 2, 0, 1, -2])] as const;
  trains('of rows', (x, scale, offset) => normalized(x, { epsilon: 1e-5 }, scale, offset), floats([5, 7]), ...given);
  trains('of places', (x, scale, offset) => normalized(x, {}, scale, offset), floats([2, 3, 7]), ...given);
  trains('of pictures', (x, scale, offset) => normalized(x, {}, scale, offset), floats([2, 3, 4, 7]), ...given);
  trains('without scale', (x, offset) => normalized(x, { scale: false }, undefined, offset), floats([5, 7]), given[1]);
  trains('without offset', (x, scale) => normalized(x, { center: false }, scale), floats([5, 7]), given[0]);
  trains('over two axes', (x, scale) => normalized(x, { axis: [1, 2] }, scale), floats([4, 3, 5]), floats([3, 5]));
  trains('over another axis', (x, scale) => normalized(x, { axis: 1 }, scale), floats([4, 3, 5]), floats([3]));
  const far = floats(
    [3, 6],
    Array.from({ length: 18 }, (_, i) => 1000 + ((i * 5) % 7)),
  );
  computes('far from zero', (x) => tf.mul(normalized(x, {}), 1), far);
});

describe('root mean square normalization', () => {
  const scale = floats([7], [3, -1, 0.5, 2, 0, 1, -2]);
  trains('of rows', (x, scale) => rmsNormOf(x, scale, 1e-6), floats([5, 7]), scale);
  trains('of places', (x, scale) => rmsNormOf(x, scale, 1e-6), floats([2, 3, 7]), scale);
  trains('of pairs', (x, scale) => rmsNormOf(x, scale, 0.1), floats([3, 11, 2]), floats([2]));
  trains('of wide rows', (x, scale) => rmsNormOf(x, scale, 1e-6), floats([3, 131]), floats([131]));
  trains('of a single row', (x, scale) => rmsNormOf(x, scale, 1e-6), floats([1, 5]), floats([5]));
});

describe('of so many numbers that kernels compute them', () => {
  const [shape, width] = [[3, 43, 132], [132]];
  trains('layer normalization', (x, scale) => normalized(x, {}, scale), floats(shape), floats(width));
  trains('root mean square normalization', (x, scale) => rmsNormOf(x, scale, 1e-5), floats(shape), floats(width));
  for (const name of ['gelu', 'gelu_new', 'swish']) trains(name, (x) => activatedBy(name, x), floats(shape));
});

describe('activations', () => {
  for (const name of ['gelu', 'gelu_new', 'swish']) {
    const { classNameMap } = tf.serialization.SerializationMap.getMap();
    const [Activation] = classNameMap[name] as unknown as [new () => { apply(x: tf.Tensor): tf.Tensor }];
    trains(name, (x) => new Activation().apply(x), floats([3, 11]));
    trains(`${name} at the ends`, (x) => new Activation().apply(x), floats([6], [-30, -6, -0, 1e-3, 6, 30]));
  }
});

it('trains a model with both, in few nodes', async () => {
  const example: Case = {
    layers: [{ dense: { units: 6 } }, { layerNormalization: {} }, { activation: { activation: 'gelu' } }],
    input: [3, 4],
    target: [3, 6],
  };
  const { parameters, onnx, tfjs } = await createEngines(example, [4]);
  for (const engine of [onnx, tfjs]) fill(engine, example, parameters, 4);
  const key = { seed: 1, step: 1, shard: 1 };
  const [actual, expected] = [await onnx.computeGradients(4, key), await tfjs.computeGradients(4, key)];
  expect(relativeError([actual], [expected])).toBeLessThan(1e-5);
  expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
  const step = await createStepModel(specOf(example));
  expect(traceGradients(step, 4).graph.nodes.length).toBeLessThan(60);
});

it.each([true, false])('trains a decoder of two blocks in few nodes, with tied logits: %s', async (tied) => {
  const step = await createStepModel(
    specOf({
      layers: [
        { tokenAndPositionEmbedding: { width: 128 } },
        { transformerDecoder: { repeat: 2, heads: 4, feedForward: 512, dropout: 0.1 } },
        { layerNormalization: {} },
        { logits: { tied } },
      ],
      input: [64],
      places: 64,
      classes: 65,
      loss: 'sparseCategoricalCrossentropy',
      bytes: true,
    }),
  );
  expect(traceGradients(step, 32).graph.nodes.length).toBeLessThan(300);
});
