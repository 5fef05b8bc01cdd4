/**
 * The compiled engine computes what tfjs's backends compute: every layer, activation and loss, on odd shapes. A snapshot of what
 * each model is compiled to shows when a change alters it; `npx vitest run engine-conformance -u` renews it.
 */
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { type BackendName, loadBackend } from '../../src/engine/backends.js';
import { tensorOf } from '../../src/model/slab.js';
import { layers, onVector } from '../support/conformance-layers.js';
import { type Case, createEngines, fill, relativeError } from '../support/engines.js';
import { graphSummary } from '../support/graph-summary.js';
import { skipIf } from '../support/skip-if.js';
import { tensorflowMissing } from '../support/tensorflow.js';

const key = { seed: 5, step: 3, shard: 1 };

const binary = (random: () => number) => Number(random() < 0.5);
const losses: Record<string, Case> = {
  meanSquaredError: { ...onVector(), loss: 'meanSquaredError' },
  meanAbsoluteError: { ...onVector(), loss: 'meanAbsoluteError' },
  huber: { ...onVector(), loss: { huber: { delta: 0.7 } } },
  'binaryCrossentropy on logits': { ...onVector(), loss: 'binaryCrossentropy', targets: binary },
  'binaryCrossentropy on probabilities': {
    layers: [{ dense: { units: 3, activation: 'sigmoid' } }],
    input: [5],
    target: [3],
    loss: 'binaryCrossentropy',
    targets: binary,
  },
  'binaryCrossentropy on two classes': {
    layers: [{ dense: { units: 1 } }],
    input: [5],
    classes: 2,
    loss: 'binaryCrossentropy',
  },
  'categoricalCrossentropy on logits': {
    ...onVector(),
    loss: 'categoricalCrossentropy',
    targets: (random) => random(),
  },
  'categoricalCrossentropy on probabilities': {
    layers: [{ dense: { units: 3, activation: 'softmax' } }],
    input: [5],
    target: [3],
    loss: 'categoricalCrossentropy',
    targets: (random) => random(),
  },
  'categoricalCrossentropy on classes': { ...onVector(), classes: 3, loss: 'categoricalCrossentropy' },
  'sparseCategoricalCrossentropy on logits': { ...onVector(), classes: 3, loss: 'sparseCategoricalCrossentropy' },
  'sparseCategoricalCrossentropy on probabilities': {
    layers: [{ dense: { units: 3, activation: 'softmax' } }],
    input: [5],
    classes: 3,
    loss: 'sparseCategoricalCrossentropy',
  },
  'hinge on signs': { ...onVector(), loss: 'hinge', targets: (random) => (random() < 0.5 ? -1 : 1) },
  'hinge on two classes': { layers: [{ dense: { units: 1 } }], input: [5], classes: 2, loss: 'hinge' },
};

/** Tokens in bytes, and a class to predict at each place. */
const onTokens = (...layers: Case['layers']): Case => ({
  layers: [{ embedding: { inputDim: 7, outputDim: 4 } }, ...layers],
  input: [5],
  places: 5,
  classes: 7,
  loss: 'sparseCategoricalCrossentropy',
  features: (random) => Math.floor(random() * 7),
  bytes: true,
});
const sequences: Record<string, Case> = {
  'embedding, lstm, dense': onTokens({ lstm: { units: 6, returnSequences: true } }, { dense: { units: 7 } }),
  'embedding, gru, timeDistributed softmax': onTokens(
    { gru: { units: 6, returnSequences: true } },
    { timeDistributed: { layer: { dense: { units: 7, activation: 'softmax' } } } },
  ),
  'embedding, conv1d, dense': onTokens(
    { conv1d: { filters: 6, kernelSize: 3, padding: 'same', activation: 'relu' } },
    { dense: { units: 7 } },
  ),
  'categoricalCrossentropy at each place': {
    ...onTokens({ dense: { units: 7 } }),
    loss: 'categoricalCrossentropy',
  },
  'binaryCrossentropy at each place': {
    ...onTokens({ dense: { units: 1 } }),
    classes: 2,
    loss: 'binaryCrossentropy',
  },
  'one class after bytes': { ...onTokens({ flatten: {} }, { dense: { units: 7 } }), places: undefined },
};

async function compare(example: Case, backend: BackendName): Promise<void> {
  const count = example.count ?? 5;
  const {
    step,
    parameters,
    onnx,
    tfjs,
    gradients: graphs,
    evaluations,
  } = await createEngines(example, [count], backend);
  if (backend === 'cpu') {
    const [training, evaluation] = [graphs, evaluations].map((compiled) => graphSummary(compiled.get(count)!));
    expect(`training ${training}\nevaluation ${evaluation}`).toMatchSnapshot();
  }
  for (const engine of [onnx, tfjs]) fill(engine, example, parameters, count);
  const [a, b] = [await onnx.evaluate(count), await tfjs.evaluate(count)];
  const held = tf.engine().backend.numDataIds();
  const [actual, expected] = [await onnx.computeGradients(count, key), await tfjs.computeGradients(count, key)];
  // A step leaves nothing behind.
  expect(tf.engine().backend.numDataIds()).toBe(held);
  expect(relativeError([actual], [expected])).toBeLessThan(1e-4);
  const updated = step.layout.tensors.filter(({ offset }) => offset < step.layout.state);
  expect(updated.length).toBeGreaterThan(0);
  const gradients = updated.map((tensor) => ({
    name: tensor.name,
    largest: tensorOf(tfjs.gradients, tensor).reduce((most, value) => Math.max(most, Math.abs(value)), 0),
    error: relativeError(tensorOf(onnx.gradients, tensor), tensorOf(tfjs.gradients, tensor)),
  }));
  // Something must flow, or there is nothing to compare.
  expect(gradients.some(({ largest }) => largest > 1e-6)).toBe(true);
  expect(gradients.filter(({ error, largest }) => error > 1e-4 && largest > 1e-6)).toEqual([]);
  expect(relativeError(a.outputs, b.outputs)).toBeLessThan(1e-4);
  expect(relativeError(a.losses, b.losses)).toBeLessThan(1e-4);
  await onnx.dispose();
  await tfjs.dispose();
}

// The next case draws its initial weights on the backend that users' models draw them on.
afterEach(() => loadBackend('cpu'));

describe.each([
  { backend: 'cpu' as const, missing: undefined },
  { backend: 'tensorflow' as const, missing: await tensorflowMissing() },
])('backend $backend', ({ backend, missing }) => {
  const { describe } = skipIf(missing);
  describe('layers and activations', () => {
    for (const [name, example] of Object.entries(layers)) it(name, () => compare(example, backend));
  });

  describe('classes of sequences', () => {
    for (const [name, example] of Object.entries(sequences)) it(name, () => compare(example, backend));
  });

  describe('losses', () => {
    for (const [name, example] of Object.entries(losses)) it(name, () => compare(example, backend));
  });
});
