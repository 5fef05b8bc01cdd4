/**
 * A compiled step has as many nodes for a large batch, for long sequences and for wide layers as for small ones: nothing in it,
 * and nothing in the gradients, is made piece by piece. For every layer of tf.layers.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { LayerConfig } from '../../src/config/model.js';
import { loadBackend } from '../../src/engine/backends.js';
import { traceGradients } from '../../src/engine/onnx/compile.js';
import { createStepModel } from '../../src/engine/step.js';
import { ownLayers } from '../../src/model/attention/own-layers.js';
import { plainShape } from '../../src/model/build/data-shape.js';
import { buildModel } from '../../src/model/build/layers.js';
import { specOf } from '../support/engines.js';
import { layerCases } from '../support/layer-cases.js';

beforeAll(() => loadBackend('cpu'));

/** Loops over the steps of a sequence, unrolled by tfjs: here sequences stay as long as they are, and only all else grows. */
const unrolled = ['convLstm2d', 'rnn of several cells', 'stackedRNNCells', 'timeDistributed'];
/** They are not compiled (see layer-round-trip.slow.test.ts). */
const uncompiled = ['categoryEncoding', 'centerCrop'];

/** Options that say how large a layer is. */
const sizes = ['units', 'filters', 'inputDim', 'outputDim', 'n', 'height', 'width'];
const grown = (layer: LayerConfig): LayerConfig =>
  JSON.parse(JSON.stringify(layer), (key, value) => {
    if (sizes.includes(key)) return 2 * value;
    // Every axis has doubled.
    return key === 'targetShape'
      ? value.map((size: number, i: number) => (size < 0 ? size : (i === 0 ? 2 : 4) * size))
      : value;
  });

/** Operators of a step in which something before the layer, or after it, is trained. */
async function operators(
  layers: readonly LayerConfig[],
  input: number[],
  isFirst: boolean,
  count: number,
): Promise<string[]> {
  const dense: LayerConfig = { dense: { units: isFirst ? 2 : input.at(-1)! } };
  const list = isFirst ? [...layers, dense] : [dense, ...layers];
  const { model } = buildModel({ layers: list.map((layer) => structuredClone(layer)) }, plainShape(input), 7);
  const target = (model.outputs[0].shape as number[]).slice(1);
  model.dispose();
  const step = await createStepModel(specOf({ layers: list, input, target }));
  try {
    return traceGradients(step, count).graph.nodes.map(({ op }) => op);
  } finally {
    step.built.model.dispose();
  }
}

const countsOf = (list: readonly string[]) =>
  Object.fromEntries([...new Set(list)].toSorted().map((op) => [op, list.filter((other) => other === op).length]));

/** Layers of our own, each twice as wide the second time. */
const attention = { numHeads: 2, keyDim: 3, causal: true, rotary: false };
const transformer = { heads: 2, feedForward: 6, rotary: true };
const grouped = { headDim: 4, numQueryHeads: 4, numKeyValueHeads: 2, rotary: true };
const alone: LayerConfig[] = [
  { groupedQueryAttention: grouped },
  { multiHeadAttention: attention },
  { positionEmbedding: {} },
  { rmsNormalization: {} },
  { swiglu: {} },
  { transformerDecoder: transformer },
  { transformerEncoder: { ...transformer, normalization: 'rms', activation: 'swiglu' } },
];
const ids = (...layers: LayerConfig[]) => ({
  input: [5],
  layers,
  feature: (uniform: number) => Math.floor(7 * uniform),
});
const ownCases: typeof layerCases = {
  ...Object.fromEntries(alone.map((layer) => [Object.keys(layer)[0]!, { input: [5, 4], layers: [layer] }])),
  documentIds: ids({ documentIds: { endOfText: 3 } }),
  'transformerDecoder of documents': ids(
    { documentIds: { endOfText: 3, name: 'ids' } },
    { embedding: { inputDim: 7, outputDim: 4, name: 'vectors', from: 'input' } },
    { transformerDecoder: { ...transformer, documents: true, from: ['vectors', 'ids'] } },
  ),
  tiedLogits: ids({ embedding: { inputDim: 7, outputDim: 3 } }, { tiedLogits: {} }),
};

it('knows every layer of our own', () => {
  expect([...new Set(Object.keys(ownCases).map((name) => name.split(' ')[0]))].toSorted()).toEqual(
    Object.keys(ownLayers).toSorted(),
  );
});

describe('nodes of a step with', () => {
  for (const [name, { layers, input, feature }] of Object.entries({ ...layerCases, ...ownCases })) {
    if (uncompiled.includes(name)) continue;
    it(name, async () => {
      // Ids have no gradients, and tfjs has none of a mask.
      const isFirst = feature !== undefined || name === 'masking';
      const isUnrolled = [name, name.split(' ')[0]].some((each) => unrolled.includes(each));
      const wide = input.map((size, i) => (isUnrolled && i === 0 ? size : 2 * size));
      const small = await operators(layers, [...input], isFirst, 2);
      const large = await operators(layers.map(grown), wide, isFirst, 5);
      expect(countsOf(large)).toEqual(countsOf(small));
    });
  }
});
