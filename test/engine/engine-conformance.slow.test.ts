/**
 * The compiled engine computes what tfjs's backends compute: every layer, activation and loss, on odd shapes. A snapshot of what
 * each model is compiled to shows when a change alters it; `npx vitest run engine-conformance -u` renews it.
 */
import * as tf from '@tensorflow/tfjs-core';
import { afterEach, describe, expect, it } from 'vitest';
import { type BackendName, loadBackend } from '../../src/engine/backends.js';
import { tensorOf } from '../../src/model/slab.js';
import { layers } from '../support/conformance-layers.js';
import { losses, sequences } from '../support/conformance-losses.js';
import { type Case, createEngines, fill, relativeError } from '../support/engines.js';
import { graphSummary } from '../support/graph-summary.js';
import { skipIf } from '../support/skip-if.js';
import { tensorflowMissing } from '../support/tensorflow.js';

const key = { seed: 5, step: 3, shard: 1 };

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
