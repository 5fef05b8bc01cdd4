/** `data.documentMask`: documents that are packed into a window train as each alone does, in losses and gradients. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LayerConfig } from '../../src/config/model.js';
import { loadBackend } from '../../src/engine/backends.js';
import { createModel } from '../../src/model/build/create.js';
import type { DataShape } from '../../src/model/build/data-shape.js';
import { type LayerWeight, modelWeights } from '../../src/model/build/layer-weights.js';
import { type Case, createEngines, fill, relativeError } from '../support/engines.js';

import tfl = require('@tensorflow/tfjs-layers');

beforeAll(() => loadBackend('cpu'));

const [window, classes, end] = [12, 7, 0];
/** The end of a text stands behind each; together they fill a window. */
const documents = [[5, 3, 2], [4], [], [6, 1, 2, 3]].map((tokens) => [...tokens, end]);
const packed = documents.flat();

const shape = (documentEnd?: number): DataShape => ({
  inputs: [{ name: 'features', shape: [window] }],
  targets: [{ name: 'targets', categories: classes }],
  documentEnd,
});
const built = async (layers: readonly LayerConfig[], documentEnd?: number) =>
  (await createModel({ layers: [...layers] }, shape(documentEnd), 3, false)).model;

/** A loss and the gradients of the weights: of the token after each place, where it is one of the same document. */
function trainedOn(model: tfl.LayersModel, windows: readonly (readonly number[])[]): number[][] {
  const weights = (modelWeights(model).trainable as LayerWeight[]).map(({ val }) => val as tf.Variable);
  const rows = windows.map((tokens) => [...tokens, ...Array<number>(window - tokens.length).fill(end)]);
  const counts = windows.map((tokens) =>
    Array.from({ length: window }, (_, i) => Number(i < tokens.length && i + 1 < window && tokens[i] !== end)),
  );
  const { value, grads } = tf.variableGrads(() => {
    const logits = model.apply(tf.tensor2d(rows), { training: true }) as tf.Tensor3D;
    const next = rows.map((row) => [...row.slice(1), end]);
    const losses = tf.sum(
      tf.mul(tf.neg(tf.logSoftmax(logits)), tf.oneHot(tf.tensor2d(next, undefined, 'int32'), classes)),
      -1,
    );
    return tf.sum(tf.mul(losses, tf.tensor2d(counts))) as tf.Scalar;
  }, weights);
  return [[...value.dataSync()], ...weights.map(({ name }) => [...grads[name]!.dataSync()])];
}

const decoder = { transformerDecoder: { repeat: 2, heads: 2, feedForward: 6 } };
const models: Record<string, LayerConfig[]> = {
  'learned positions': [{ tokenAndPositionEmbedding: { width: 8 } }, decoder, { logits: {} }],
  sinusoidal: [{ tokenAndPositionEmbedding: { width: 8, position: 'sinusoidal' } }, decoder, { logits: {} }],
  rotary: [{ tokenAndPositionEmbedding: { width: 8, position: 'rotary' } }, decoder, { logits: {} }],
  'attention layers': [
    { embedding: { inputDim: 'classes', outputDim: 8, name: 'tokens' } },
    { positionEmbedding: {} },
    { multiHeadAttention: { numHeads: 2, keyDim: 3, causal: true, name: 'a' } },
    { add: { from: ['tokens', 'a'] } },
    { groupedQueryAttention: { headDim: 4, numQueryHeads: 4, numKeyValueHeads: 2, causal: true, rotary: true } },
    { rmsNormalization: {} },
    { logits: {} },
  ],
};

describe('documents in a window train as each alone', () => {
  for (const [name, layers] of Object.entries(models)) {
    it(name, async () => {
      const expected = trainedOn(await built(layers), documents);
      const actual = trainedOn(await built(layers, end), [packed]);
      actual.forEach((numbers, i) => {
        expect(relativeError(numbers, expected[i]!)).toBeLessThan(2e-5);
      });
      // Without it, they see what stands before.
      expect(relativeError(trainedOn(await built(layers), [packed])[0]!, expected[0]!)).toBeGreaterThan(1e-4);
    });
  }
});

it('compiled as eagerly, in training too', async () => {
  const example: Case = {
    layers: models['learned positions']!,
    input: [window],
    places: window,
    classes,
    loss: 'sparseCategoricalCrossentropy',
    features: (random) => Math.floor(random() * classes),
    bytes: true,
    spec: { documentEnd: end },
  };
  const { parameters, onnx, tfjs } = await createEngines(example, [3]);
  for (const engine of [onnx, tfjs]) fill(engine, example, parameters, 3);
  const key = { seed: 1, step: 2, shard: 0 };
  const [actual, expected] = [await onnx.computeGradients(3, key), await tfjs.computeGradients(3, key)];
  expect(relativeError([actual], [expected])).toBeLessThan(1e-5);
  expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
});

it('opens again in plain tfjs', async () => {
  const model = await built(models['learned positions']!, end);
  const saved: tf.io.ModelArtifacts[] = [];
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved.push(artifacts);
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  const opened = await tfl.loadLayersModel(tf.io.fromMemory(saved[0]!));
  const predicted = (of: tfl.LayersModel) => (of.predict(tf.tensor2d([packed])) as tf.Tensor).dataSync();
  expect(predicted(opened)).toEqual(predicted(model));
});

it('is refused where something else than attention goes from place to place', async () => {
  const refused = (layer: LayerConfig) =>
    built([{ embedding: { inputDim: 'classes', outputDim: 8 } }, layer, { logits: {} }], end);
  for (const layer of [
    { gru: { units: 4, returnSequences: true } },
    { conv1d: { filters: 4, kernelSize: 3, padding: 'same' } },
    { permute: { dims: [2, 1] } },
    { globalAveragePooling1d: {} },
  ] as LayerConfig[]) {
    await expect(refused(layer)).rejects.toThrow(/^model\.layers\.1 \(\w+\): data\.documentMask keeps documents apart/);
  }
  const wrong: LayerConfig[] = [
    { embedding: { inputDim: 'classes', outputDim: 8 } },
    { positionEmbedding: { documents: true } },
  ];
  await expect(built(wrong)).rejects.toThrow(/documents: true reads the documents of its places, \[batch, 12\]/);
});
