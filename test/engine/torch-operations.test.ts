/** Operations of transformers by the numbers of torch 2.15: results and gradients, on tfjs's cpu backend and compiled. */
import '../../src/model/tfjs/core-gaps.js';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { rotated } from '../../src/model/attention/attention.js';
import { layerNorm } from '../../src/model/attention/normalizations.js';
import { ownLayers } from '../../src/model/attention/own-layers.js';
import { rmsNormOf } from '../../src/model/tfjs/whole-operations.js';
import { relativeError } from '../support/engines.js';
import type { Body } from '../support/lowered.js';
import { packageRoot } from '../support/package.js';
import { compiled, eager, type Given } from '../support/traced.js';

import tfl = require('@tensorflow/tfjs-layers');

beforeAll(() => loadBackend('cpu'));

interface Listed {
  readonly shape: number[];
  readonly data: number[];
}
interface Known {
  readonly inputs: Listed[];
  readonly output: Listed;
  readonly slopes: Listed[];
}
const fixture = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/torch-operations.json'), 'utf8'));
const cases = fixture.cases as Record<string, Known>;

const called = (layer: tfl.layers.Layer, x: tf.Tensor) => layer.call(x, {}) as tf.Tensor;
const activated = (activation: string) => (x: tf.Tensor) =>
  called(tfl.layers.activation({ activation: activation as never }), x);

/** Tied logits of a model whose embedding has the table. */
function tied(table: tf.Tensor): tf.Tensor {
  const { ids } = fixture.cases['tied logits'] as { ids: number[][] };
  const input = tfl.input({ shape: [5] });
  const embedding = tfl.layers.embedding({ inputDim: 7, outputDim: 3, name: 'tokens' });
  const vectors = tfl.layers.activation({ activation: 'tanh' }).apply(embedding.apply(input));
  const outputs = ownLayers.tiedLogits!().apply(vectors) as tfl.SymbolicTensor;
  const model = tfl.model({ inputs: input, outputs });
  expect(model.countParams()).toBe(21);
  (embedding.weights[0] as unknown as { val: tf.Tensor }).val = table;
  return model.apply(tf.tensor2d(ids), { training: true }) as tf.Tensor;
}

const operations: Record<string, Body> = {
  'layer normalization': (x, scale, offset) => layerNorm(x!, scale!, offset!, 1e-5),
  'rms normalization': (x, scale) => rmsNormOf(x!, scale!, 1e-6),
  'rms normalization, short rows': (x, scale) => rmsNormOf(x!, scale!, 0.1),
  gelu: activated('gelu'),
  'gelu, tanh': activated('gelu_new'),
  silu: activated('swish'),
  swiglu: (x) => called(ownLayers.swiglu!(), x!),
  rotary: rotated,
  'tied logits': tied,
};

it('has every case of the fixture', () => {
  expect(Object.keys(operations)).toEqual(Object.keys(cases));
});

describe.each(Object.entries(operations))('%s', (name, operation) => {
  const { inputs, output, slopes } = cases[name]!;
  const given = inputs.map(({ shape, data }): Given => ({ shape, type: 'float32', data: Float32Array.from(data) }));
  const sum = (...xs: tf.Tensor[]) => {
    const made = operation(...xs) as tf.Tensor;
    return tf.sum(tf.mul(made, tf.reshape(tf.linspace(-1, 1, made.size), made.shape)));
  };
  const body = (...xs: tf.Tensor[]) => [operation(...xs) as tf.Tensor, ...tf.grads(sum)(xs)];
  for (const [way, run] of [
    ['eagerly', eager],
    ['compiled', compiled],
  ] as const) {
    it(way, () => {
      const found = run(body, given);
      [output, ...slopes].forEach(({ shape, data }, i) => {
        expect(found[i]!.shape).toEqual(shape);
        expect(relativeError(found[i]!.data, data)).toBeLessThan(1e-4);
      });
    });
  }
});
