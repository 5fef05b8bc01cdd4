/** What graphs are changed to for a device comes to the same numbers, and holds no kernel of ours. Tried on the processor, which has all operators. */
import { expect, it } from 'vitest';
import { compileEvaluation, compileGradients, traceGradients } from '../../src/engine/onnx/compile.js';
import { OnnxEngine } from '../../src/engine/onnx/onnx-engine.js';
import { deviceRules } from '../../src/engine/onnx/rewrites/device-rules.js';
import { rewritten } from '../../src/engine/onnx/rewrites/rewrite.js';
import { smallProducts } from '../../src/engine/onnx/rewrites/small-products.js';
import { unrolledLoops } from '../../src/engine/onnx/rewrites/unrolled-loops.js';
import { cutGraph } from '../../src/engine/onnx/subgraphs.js';
import { createStepModel, initialParameters } from '../../src/engine/step.js';
import { tensorOf } from '../../src/model/slab.js';
import { layers } from '../support/conformance-layers.js';
import { type Case, fill, perturbed, relativeError, specOf, withSlabs } from '../support/engines.js';

const [count, key] = [6, { seed: 5, step: 3, shard: 1 }];
/** Rows of so many numbers that our kernels take them. */
const wide = (...middle: Case['layers']): Case => ({
  layers: [{ dense: { units: 4096 } }, ...middle, { dense: { units: 3 } }],
  input: [5],
  target: [3],
});
const words = (classes: number): Case => ({
  layers: [
    { embedding: { inputDim: 7, outputDim: 8 } },
    { multiHeadAttention: { numHeads: 2, keyDim: 4, causal: true } },
    { dense: { units: classes } },
  ],
  input: [5],
  places: 5,
  classes,
  loss: 'sparseCategoricalCrossentropy',
  features: (random) => Math.floor(random() * 7),
});

/** Loops: the gates of an LSTM by a kernel, and all others by operators. */
const recurrent: Record<string, Case> = {
  'two lstms': {
    layers: [{ lstm: { units: 5, returnSequences: true } }, { lstm: { units: 3, dropout: 0.2 } }],
    input: [4, 3],
    target: [3],
  },
  'an lstm with masks': {
    ...words(6),
    layers: [
      { embedding: { inputDim: 7, outputDim: 3, maskZero: true } },
      { lstm: { units: 4, recurrentActivation: 'sigmoid', returnSequences: true } },
      { dense: { units: 6 } },
    ],
  },
  'grus, there and back': {
    layers: [
      {
        bidirectional: {
          layer: { gru: { units: 4, recurrentDropout: 0.3, returnSequences: true } },
          mergeMode: 'concat',
        },
      },
      { gru: { units: 3, resetAfter: true } },
    ],
    input: [4, 3],
    target: [3],
  },
  'a simpleRNN of relu': { layers: [{ simpleRNN: { units: 3, activation: 'relu' } }], input: [5, 2], target: [3] },
};

const pooled = Object.entries(layers).filter(([name]) => name.startsWith('maxPooling2d'));
const cases: Record<string, Case> = {
  gelu: wide({ activation: { activation: 'gelu' } }),
  silu: wide({ activation: { activation: 'silu' } }),
  layerNormalization: wide({ layerNormalization: {} }),
  rmsNormalization: wide({ rmsNormalization: {} }),
  'an embedding, attention and many classes': words(1024),
  ...Object.fromEntries(pooled),
  ...recurrent,
};

async function computed(example: Case, isForDevice: boolean) {
  const spec = specOf(example);
  const step = await createStepModel(spec);
  const { graph, noise } = traceGradients(step, count);
  const changed = { ...cutGraph(rewritten(graph, [...deviceRules, unrolledLoops, smallProducts])), noise };
  const compiled = isForDevice ? changed : compileGradients(step, count);
  const [gradients, evaluations] = [new Map([[count, compiled]]), new Map([[count, compileEvaluation(step, count)]])];
  const model = { layout: step.layout, fields: spec.fields, gradients, evaluations };
  const engine = await withSlabs(step.layout, (parameters) => new OnnxEngine(model, parameters));
  fill(engine, example, perturbed(initialParameters(step), step.layout), count);
  const loss = await engine.computeGradients(count, key);
  await engine.dispose();
  const tensors = step.layout.tensors.filter(({ offset }) => offset < step.layout.state);
  const found = tensors.map((tensor) => [...tensorOf(engine.gradients, tensor)]);
  return { loss, gradients: found, kinds: compiled.subgraphs.map(({ kind }) => kind) };
}

for (const [name, example] of Object.entries(cases)) {
  it(`of ${name}`, async () => {
    const [expected, actual] = [await computed(example, false), await computed(example, true)];
    expect(expected.kinds.filter((kind) => kind !== 'session')).not.toEqual([]);
    expect(actual.kinds).toEqual(['session']);
    expect(relativeError([actual.loss], [expected.loss])).toBeLessThan(1e-5);
    actual.gradients.forEach((gradient, i) => {
      const wanted = expected.gradients[i];
      // That of a bias of keys is nothing but rounding.
      if (wanted.some((value) => Math.abs(value) > 1e-5)) expect(relativeError(gradient, wanted)).toBeLessThan(2e-5);
    });
  });
}
