/** What a device does not compute by itself is told by name; its step is known by the same hash as the processor's. */
import { expect } from 'vitest';
import { chooseEngine, graphHash } from '../../coordinator/prepare/choose-engine.js';
import { mostUnrolledSteps } from '../../src/engine/onnx/rewrites/unrolled-loops.js';
import { createStepModel } from '../../src/engine/step.js';
import { layers } from '../support/conformance-layers.js';
import { losses, sequences } from '../support/conformance-losses.js';
import { type Case, specOf } from '../support/engines.js';
import { skipIf } from '../support/skip-if.js';
import { onSwiftshader, swiftshaderMissing } from '../support/swiftshader.js';

const { it } = skipIf(swiftshaderMissing);

async function chosen(example: Case) {
  const warnings: string[] = [];
  const spec = specOf(example);
  const step = await createStepModel(spec);
  const sizes = { gradients: [5], evaluations: [] };
  const engine = await chooseEngine({ engine: 'onnx' }, { step, spec }, [{ sizes }], (message) =>
    warnings.push(message),
  );
  return { hash: graphHash(engine), warnings };
}

it('nodes by their operators and kernels, and the loops of recurrent layers over long sequences', async () => {
  const { warnings } = await onSwiftshader(() => chosen(layers.globalMaxPooling2d!));
  expect(warnings).toEqual([
    expect.stringMatching(/^WebGPU leaves these to the processor, .*: IsNaN of Max; .*--device cpu/),
  ]);
  const long = { layers: [{ gru: { units: 2 } }], input: [mostUnrolledSteps + 1, 1], target: [2] };
  const gru = await onSwiftshader(() => chosen(long));
  expect(gru.warnings).toEqual([expect.stringContaining(': loop of a recurrent layer (2 times), Sign (2 times);')]);
  const { warnings: unrolled } = await onSwiftshader(() =>
    chosen(sequences['embedding, gru, timeDistributed softmax']!),
  );
  expect(unrolled).toEqual([]);
  const { warnings: none } = await onSwiftshader(() => chosen(layers['dense fused with selu']!));
  expect(none).toEqual([]);
});

it('a step by a hash that checkpoints of both have', async () => {
  for (const example of [losses['sparseCategoricalCrossentropy on logits']!, layers.maxPooling2d!]) {
    const { hash } = await onSwiftshader(() => chosen(example));
    expect(hash).toBe((await chosen(example)).hash);
  }
});
