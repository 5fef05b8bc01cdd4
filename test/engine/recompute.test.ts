/** Steps that compute activations again for the gradient: the same bits as steps that keep them, in less memory. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { LayerConfig } from '../../src/config/model.js';
import { loadBackend } from '../../src/engine/backends.js';
import { type CompiledGraph, compileGradients, traceGradients } from '../../src/engine/onnx/compile.js';
import { memoryPlan } from '../../src/engine/onnx/memory-plan.js';
import { OnnxEngine } from '../../src/engine/onnx/onnx-engine.js';
import { inOrderOfUse } from '../../src/engine/onnx/order-of-use.js';
import { createStepModel, initialParameters } from '../../src/engine/step.js';
import { createLayer } from '../../src/model/build/create-layer.js';
import { layerBlocks } from '../../src/model/layer-blocks.js';
import { type Case, fill, perturbed, specOf, withSlabs } from '../support/engines.js';

beforeAll(() => loadBackend('cpu'));

const count = 4;
const compiled = async (example: Case, recompute: 'none' | 'blocks') => {
  const step = await createStepModel({ ...specOf(example), recompute });
  return { step, graph: compileGradients(step, count) };
};

/** Loss and gradients of a step. */
async function computed(example: Case, recompute: 'none' | 'blocks') {
  const { step, graph } = await compiled(example, recompute);
  const { layout, fields } = step;
  const model = { layout, fields, gradients: new Map([[count, graph]]), evaluations: new Map() };
  const engine = await withSlabs(layout, (parameters) => new OnnxEngine(model, parameters));
  fill(engine, example, perturbed(initialParameters(step), layout), count);
  const loss = await engine.computeGradients(count, { seed: 5, step: 3, shard: 1 });
  await engine.dispose();
  return { graph, loss, gradients: engine.gradients.slice() };
}

const nodes = ({ subgraphs }: CompiledGraph) =>
  subgraphs.reduce((sum, part) => sum + (part.kind === 'session' ? part.bytes.length : 1), 0);

const relu: LayerConfig = { conv2d: { filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' } };
const ofImages = (...layers: LayerConfig[]): Case => ({
  layers: [...layers, { globalAveragePooling2d: {} }, { dense: { units: 3 } }],
  ...{ input: [8, 7, 2], classes: 3, loss: 'sparseCategoricalCrossentropy' },
});
const ofTokens = (...layers: LayerConfig[]): Case => ({
  layers: [{ embedding: { inputDim: 9, outputDim: 8, maskZero: true } }, ...layers, { dense: { units: 9 } }],
  ...{ input: [6], places: 6, classes: 9, loss: 'sparseCategoricalCrossentropy' },
  features: (random) => Math.floor(random() * 9),
});
const block = { heads: 2, feedForward: 16, dropout: 0.3 };
const cases: Readonly<Record<string, Case>> = {
  'convolutions with batch normalization, noise and a way around': ofImages(
    relu,
    { conv2d: { filters: 4, kernelSize: 3, padding: 'same', name: 'a' } },
    { batchNormalization: {} },
    { activation: { activation: 'relu', name: 'b' } },
    { add: { from: ['a', 'b'] } },
    { maxPooling2d: { poolSize: 2 } },
    { alphaDropout: { rate: 0.2 } },
    { activation: { activation: 'swish' } },
    relu,
  ),
  'masked encoders with dropout': ofTokens({ transformerEncoder: { ...block, repeat: 2, activation: 'gelu' } }),
  'decoders with a gate, rotary': ofTokens({
    transformerDecoder: { ...block, repeat: 2, activation: 'swiglu', normalization: 'rms', rotary: true },
  }),
  'layers of recurrences': ofTokens(
    { bidirectional: { layer: { lstm: { units: 4, returnSequences: true, recurrentDropout: 0.2 } } } },
    { gru: { units: 5, returnSequences: true, dropout: 0.2 } },
    { timeDistributed: { layer: { dense: { units: 5, activation: 'tanh' } } } },
  ),
};

describe('the same bits', () => {
  for (const [name, example] of Object.entries(cases)) {
    it(name, async () => {
      const [kept, again] = [await computed(example, 'none'), await computed(example, 'blocks')];
      expect(nodes(again.graph)).toBeGreaterThan(nodes(kept.graph));
      expect(again.loss).toBe(kept.loss);
      expect(kept.gradients.some((gradient) => gradient !== 0)).toBe(true);
      expect(Buffer.from(again.gradients.buffer).equals(Buffer.from(kept.gradients.buffer))).toBe(true);
    });
  }
});

it('keeps of each block of a decoder what it passes on', async () => {
  const width = 64;
  const decoder = (repeat: number): Case => ({
    layers: [
      { tokenAndPositionEmbedding: { vocabulary: 9, width } },
      { transformerDecoder: { repeat, heads: 2, feedForward: 4 * width } },
      { logits: { units: 9 } },
    ],
    ...{ input: [64], places: 64, classes: 9, loss: 'sparseCategoricalCrossentropy' },
  });
  const bytes = async (repeat: number, recompute: 'none' | 'blocks') =>
    memoryPlan((await compiled(decoder(repeat), recompute)).graph, (name) => name.startsWith('gradient')).bytes;
  const more = async (recompute: 'none' | 'blocks') => (await bytes(4, recompute)) - (await bytes(2, recompute));
  const passedOn = 2 * 4 * count * 64 * width;
  expect(await more('blocks')).toBeLessThan(1.1 * passedOn);
  expect(await more('none')).toBeGreaterThan(10 * passedOn);
});

it('cuts plain layers into the root of their number, and leaves layers with parts by themselves', () => {
  const words = { classes: 3 } as never;
  const layers = (...kinds: string[]) => kinds.map((kind) => createLayer(kind, options[kind] ?? {}, words, kind));
  const options: Record<string, Record<string, unknown>> = {
    dense: { units: 3 },
    transformerDecoder: { heads: 1, feedForward: 4 },
    lstm: { units: 3 },
  };
  expect(layerBlocks(layers('dense'))).toEqual([0]);
  expect(layerBlocks(layers(...Array<string>(9).fill('dense')))).toEqual([0, 0, 0, 1, 1, 1, 2, 2, 2]);
  const mixed = ['dense', 'transformerDecoder', 'transformerDecoder', 'dense', 'dense', 'lstm', 'dense'];
  expect(layerBlocks(layers(...mixed))).toEqual([0, 1, 2, 3, 3, 4, 5]);
});

it('runs products that are gradients of weights as soon as they can be, the last layer first', async () => {
  const dense = { dense: { units: 8, activation: 'tanh' } };
  const example = { layers: Array(6).fill(dense), input: [8], target: [8] };
  const step = await createStepModel(specOf(example));
  const { graph } = traceGradients(step, count);
  const ordered = inOrderOfUse(graph);
  expect(new Set(ordered.nodes)).toEqual(new Set(graph.nodes));
  const kernels = [10, 8, 6, 4, 2, 0].map((i) => `gradient${i}`);
  // ONNX Runtime begins with the last of them.
  const results = ordered.nodes.flatMap(({ outputs }) => outputs.filter((name) => kernels.includes(name)));
  expect(results.toReversed()).toEqual(kernels);
});
