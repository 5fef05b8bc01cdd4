/** A device computes what the processor computes, and the same bits each time. */
import { expect } from 'vitest';
import { tensorOf } from '../../src/model/slab.js';
import { layers, onVector } from '../support/conformance-layers.js';
import { type Case, createEngines, fill, relativeError } from '../support/engines.js';
import { skipIf } from '../support/skip-if.js';
import { onSwiftshader, swiftshaderMissing } from '../support/swiftshader.js';

const { it } = skipIf(swiftshaderMissing);
const [count, key] = [5, { seed: 5, step: 3, shard: 1 }];

async function computed(example: Case) {
  const { step, parameters, onnx, tfjs } = await createEngines(example, [count]);
  fill(onnx, example, parameters, count);
  const [{ outputs, losses }] = [await onnx.evaluate(count)];
  const loss = await onnx.computeGradients(count, key);
  // Parameters change from step to step, and a device has a copy of them.
  onnx.parameters.fill(0, 0, step.layout.trainable);
  const flat = await onnx.computeGradients(count, key);
  onnx.parameters.set(parameters);
  await onnx.computeGradients(count, key);
  const before = [...onnx.gradients];
  await onnx.computeGradients(count, key);
  expect([...onnx.gradients]).toEqual(before);
  const gradients = step.layout.tensors
    .filter(({ offset }) => offset < step.layout.state)
    .map((tensor) => [...tensorOf(onnx.gradients, tensor)]);
  const found = { outputs: [...outputs], losses: [...losses], loss, flat, gradients };
  await onnx.dispose();
  await tfjs.dispose();
  return found;
}

const decoder: Case = {
  layers: [
    { tokenAndPositionEmbedding: { vocabulary: 7, width: 8, position: 'rotary' } },
    { transformerDecoder: { heads: 2, feedForward: 16, normalization: 'rms' } },
    { logits: { tied: true } },
  ],
  input: [5],
  places: 5,
  classes: 7,
  loss: 'sparseCategoricalCrossentropy',
  features: (random) => Math.floor(random() * 7),
};
const cases: Record<string, Case> = {
  'a dense layer': onVector({ dense: { units: 7, activation: 'tanh' } }),
  'a convolution that is pooled': layers['maxPooling2d overlapping, same'],
  'a decoder': decoder,
};
for (const [name, example] of Object.entries(cases)) {
  it(`computes ${name} as the processor does`, async () => {
    const expected = await computed(example);
    const actual = await onSwiftshader(() => computed(example));
    expect(expected.flat).not.toBe(expected.loss);
    expect(relativeError([actual.loss, actual.flat], [expected.loss, expected.flat])).toBeLessThan(1e-5);
    expect(relativeError(actual.outputs, expected.outputs)).toBeLessThan(1e-4);
    expect(relativeError(actual.losses, expected.losses)).toBeLessThan(1e-4);
    actual.gradients.forEach((gradient, i) => {
      const wanted = expected.gradients[i];
      // What is nothing but rounding differs.
      if (wanted.some((value) => Math.abs(value) > 1e-5)) expect(relativeError(gradient, wanted)).toBeLessThan(1e-4);
    });
  });
}
