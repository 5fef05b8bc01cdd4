/** Layers of our own, by the numbers of Keras 3.15.1 (jax) and torch 2.15: outputs, masks and gradients; compiled as eagerly. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { createStepModel, initialParameters } from '../../src/engine/step.js';
import { elements } from '../../src/ground/elements.js';
import { rotated } from '../../src/model/attention/attention.js';
import { ownLayers } from '../../src/model/attention/own-layers.js';
import { plainShape } from '../../src/model/build/data-shape.js';
import type { LayerWeight } from '../../src/model/build/layer-weights.js';
import { buildModel } from '../../src/model/build/layers.js';
import { tensorOf } from '../../src/model/slab.js';
import { fiveTokens } from '../support/conformance-losses.js';
import { type Case, createEngines, fill, relativeError, specOf } from '../support/engines.js';
import { packageRoot } from '../support/package.js';

import tfl = require('@tensorflow/tfjs-layers');

beforeAll(() => loadBackend('cpu'));

interface Listed {
  readonly shape: number[];
  readonly data: number[];
}
interface Known {
  readonly inputs: Listed[];
  readonly weights: Record<string, Listed>;
  readonly output: Listed;
  readonly Encoder: { output: Listed; slope: Listed };
  readonly Decoder: { output: Listed; slope: Listed };
}
const fixture = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/attention-layers.json'), 'utf8'));
const cases = fixture.cases as Record<string, Known>;
const tensor = ({ shape, data }: Listed) => tf.tensor(data, shape, 'float32');

/** The layer with the weights of the fixture. */
function made(kind: string, options: object, { inputs, weights }: Known): tfl.layers.Layer {
  const layer = ownLayers[kind]!({ ...options, name: 'it' });
  const shapes = inputs.map(({ shape }) => shape);
  layer.build(shapes.length === 1 ? shapes[0]! : shapes);
  layer.built = true;
  const names = layer.weights.map((weight) => (weight as unknown as LayerWeight).originalName);
  expect(names.toSorted()).toEqual(Object.keys(weights).toSorted());
  layer.setWeights(names.map((name) => tensor(weights[name]!)));
  return layer;
}
const output = (layer: tfl.layers.Layer, known: Known, options = {}) =>
  (layer.call(known.inputs.map(tensor), options) as tf.Tensor).dataSync();

describe('as Keras has it', () => {
  const multiHead = { numHeads: 2, keyDim: 3 };
  const grouped = { headDim: 3, numQueryHeads: 4, numKeyValueHeads: 2 };
  const mask = tf.tensor2d([1, 1, 1, 0, 1, 0, 0, 0], [2, 4]);
  for (const [name, kind, options, more] of [
    ['multiHeadAttention', 'multiHeadAttention', multiHead],
    ['causal', 'multiHeadAttention', { ...multiHead, causal: true }],
    ['masked', 'multiHeadAttention', multiHead, { mask }],
    ['of another sequence', 'multiHeadAttention', { numHeads: 3, keyDim: 2 }],
    ['without bias', 'multiHeadAttention', { ...multiHead, useBias: false }],
    ['groupedQueryAttention', 'groupedQueryAttention', grouped],
    ['rmsNormalization', 'rmsNormalization', { epsilon: 1e-4 }],
  ] as const) {
    it(name, () => {
      const known = cases[name]!;
      expect(relativeError(output(made(kind, options, known), known, more), known.output.data)).toBeLessThan(1e-5);
    });
  }
});

describe('as torch has it', () => {
  const sizes = { heads: 2, feedForward: 8 };
  for (const [name, options] of [
    ['transformer', sizes],
    ['transformer, normalized after', { ...sizes, activation: 'relu', normalizeFirst: false }],
  ] as const) {
    for (const way of ['Encoder', 'Decoder'] as const) {
      it(`${name}, ${way}`, () => {
        const known = cases[name]!;
        const layer = made(`transformer${way}`, options, known);
        expect(relativeError(output(layer, known), known[way].output.data)).toBeLessThan(1e-5);
        const factors = tf.reshape(tf.linspace(-1, 1, 48), [2, 4, 6]);
        const slope = tf.grad((x) => tf.sum(tf.mul(layer.call(x, {}) as tf.Tensor, factors)))(tensor(known.inputs[0]!));
        expect(relativeError(slope.dataSync(), known[way].slope.data)).toBeLessThan(1e-4);
      });
    }
  }
  it('rotary embedding', () => {
    const { inputs, output: wanted } = cases.rotary!;
    expect(relativeError(rotated(tensor(inputs[0]!)).dataSync(), wanted.data)).toBeLessThan(1e-5);
  });
});

/** Tokens, of which some are padding, into layers of width 8, and a class at each place. */
const tokensInto = (...layers: Case['layers']): Case => ({
  layers: [{ tokenAndPositionEmbedding: { width: 8, position: 'learned', maskZero: true } }, ...layers, { logits: {} }],
  ...fiveTokens,
  bytes: true,
});

describe('compiled as eagerly, in training too', () => {
  const decoder = { heads: 4, feedForward: 12, dropout: 0.2 };
  const examples: Record<string, Case> = {
    decoder: tokensInto({ transformerDecoder: { ...decoder, repeat: 2 } }),
    'decoder of Llama': tokensInto(
      {
        transformerDecoder: {
          ...decoder,
          keyValueHeads: 2,
          activation: 'swiglu',
          normalization: 'rms',
          rotary: true,
          useBias: false,
        },
      },
      { rmsNormalization: {} },
    ),
    encoder: tokensInto({ transformerEncoder: { ...decoder, activation: 'geluTanh', normalizeFirst: false } }),
    'tied logits, of the second embedding, behind a swiglu': {
      ...tokensInto(),
      layers: [
        { embedding: { inputDim: 7, outputDim: 8, name: 'first' } },
        { embedding: { inputDim: 7, outputDim: 6, from: 'input', maskZero: true, name: 'second' } },
        { concatenate: { from: ['first', 'second'] } },
        { dense: { units: 12 } },
        { swiglu: {} },
        { logits: { tied: 'second' } },
      ],
    },
    attention: tokensInto(
      { multiHeadAttention: { numHeads: 2, keyDim: 3, valueDim: 5, dropout: 0.1, name: 'a' } },
      { groupedQueryAttention: { headDim: 4, numQueryHeads: 4, numKeyValueHeads: 2, causal: true, name: 'g' } },
      { positionEmbedding: { kind: 'sinusoidal' } },
      { multiHeadAttention: { numHeads: 2, keyDim: 3, from: ['g', 'a'] } },
    ),
  };
  for (const [name, example] of Object.entries(examples)) {
    it(name, async () => {
      const { parameters, onnx, tfjs } = await createEngines(example, [3]);
      for (const engine of [onnx, tfjs]) fill(engine, example, parameters, 3);
      const key = { seed: 1, step: 2, shard: 0 };
      const [actual, expected] = [await onnx.computeGradients(3, key), await tfjs.computeGradients(3, key)];
      expect(relativeError([actual], [expected])).toBeLessThan(1e-5);
      expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
      const [a, b] = [await onnx.evaluate(3), await tfjs.evaluate(3)];
      expect(relativeError(a.outputs, b.outputs)).toBeLessThan(1e-4);
    });
  }
});

const build = (...layers: Case['layers']) => buildModel({ layers }, plainShape([5], 7), 1).model;
const tokens = { tokenAndPositionEmbedding: { width: 8 } };

it('starts every weight at numbers of its own, which the seed decides', async () => {
  const example = {
    ...tokensInto({ transformerDecoder: { heads: 2, feedForward: 4, repeat: 2 } }, { dense: { units: 8, repeat: 2 } }),
  };
  const weights = async () => {
    const step = await createStepModel(specOf(example));
    const slab = initialParameters(step);
    return step.layout.tensors.map((each) => tensorOf(slab, each).join());
  };
  const first = await weights();
  const random = first.filter((numbers) => !/^(0,)+0$|^(1,)+1$/.test(numbers));
  expect(new Set(random).size).toBe(random.length);
  expect(await weights()).toEqual(first);
});

it('writes entries of several layers out', () => {
  const { layers } = build(
    { tokenAndPositionEmbedding: { width: 8, position: 'rotary', name: 'ids' } },
    { transformerDecoder: { heads: 2, feedForward: 4, repeat: 2, name: 'block' } },
    { logits: { name: 'scores' } },
  );
  expect(layers.map(({ name }) => name)).toEqual(['input', 'ids', 'block_1', 'block_2', 'scores']);
  expect(layers.slice(2, 4).map((layer) => layer.getConfig().rotary)).toEqual([true, true]);
});

it('turns by places where positionEmbedding is rotary', () => {
  const { layers } = build(
    { embedding: { inputDim: 7, outputDim: 8 } },
    { positionEmbedding: { kind: 'rotary' } },
    { multiHeadAttention: { numHeads: 2, keyDim: 4 } },
    { groupedQueryAttention: { headDim: 4, numQueryHeads: 2, numKeyValueHeads: 1, rotary: false } },
    { transformerEncoder: { heads: 2, feedForward: 4 } },
  );
  expect(layers.slice(2).map((layer) => layer.getConfig().rotary)).toEqual([true, false, true]);
});

it.each([
  [{ transformerDecoder: { heads: 3, feedForward: 4 } }, /the width 8 of its input is no multiple of heads 3/],
  [{ transformerDecoder: { heads: 2 } }, /transformerDecoder needs feedForward, a whole number/],
  [{ transformerDecoder: { heads: 2, feedForward: 4, activation: 'gelo' } }, /must be gelu or/],
  [{ transformerDecoder: { heads: 2, feedForward: 4, repeat: 0 } }, /repeat: 0 is not a whole number of at least 1/],
  [{ transformerDecoder: { heads: 2, feedForward: 4, head: 1 } }, /the layer has no option head/],
  [
    { transformerDecoder: { heads: 8, feedForward: 4, rotary: true } },
    /rotary turns pairs of numbers, and a head has 1/,
  ],
  [
    { groupedQueryAttention: { headDim: 2, numQueryHeads: 3, numKeyValueHeads: 2 } },
    /no multiple of numKeyValueHeads 2/,
  ],
  [{ tokenAndPositionEmbedding: { width: 8, position: 'rotory' } }, /there is no "rotory"/],
  [{ transformerDecoder: { heads: 2, feedForward: 4, causal: false } }, /the layer has no option causal/],
  [{ transformerDecoder: { heads: 2, feedForward: 4, normalizeFirst: 'no' } }, /normalizeFirst: "no" is text/],
  [{ dense: { units: 4, useBias: 'No' } }, /useBias: "No" is text/],
  [{ logits: { useBias: 'yes' } }, /useBias: "yes" is text/],
  [{ transformerDecoder: { heads: 2, feedForward: 4, rotary: 1 } }, /rotary: 1 is neither true nor false/],
  [{ gru: { units: 4, resetAfter: 1 } }, /resetAfter: 1 is neither true nor false/],
  [{ logits: { repeat: 2 } }, /cannot be repeated/],
  [{ positionEmbedding: { kind: 'sinusodial' } }, /kind: there is no "sinusodial"/],
  [
    { positionEmbedding: { kind: 'rotary' } },
    /rotary turns what the layers of attention after it compare, and there are none/,
  ],
  [{ documentIds: { endOfText: 1 } }, /documentIds reads tokens/],
  [{ rmsNormalization: { epsilon: -1 } }, /epsilon: -1 is not a number of at least 0/],
  [{ tokenAndPositionEmbedding: {} }, /there is no width/],
  [
    { swiglu: { from: 'odd' } },
    /swiglu takes two halves, and is given 7 numbers: give the layer before it an even width/,
  ],
  [{ transformerDecoder: { heads: 2, feedForward: 4, from: ['odd', 'ids'] } }, /reads one input, and is given 2/],
  [{ dense: { units: 8, activation: 'swiglu' } }, /swiglu halves.*, and put the layer swiglu after this one/],
  [{ positionEmbedding: { kind: 'rotary', name: 'turns' } }, /there is no option name/],
  [{ logits: { tied: 1 } }, /tied: 1 is neither true, false nor the name of an embedding: write tied: true/],
  [{ logits: { tied: 'it' } }, /no embedding before it is called it: use one of ids/],
  [
    { logits: { tied: true, from: 'odd' } },
    /as wide as those of ids, 8, and are given 7.*: put dense: { units: 8 } before it/,
  ],
  [{ logits: { tied: true, from: 'input' } }, /no embedding before it/],
  [{ logits: { tied: true, from: 'two' } }, /before it are ids, others: say whose: tied: ids/],
  [{ logits: { tied: true, useBias: true } }, /tied logits have no option useBias: leave useBias or tied out/],
] as [Case['layers'][number], RegExp][])('refuses %j', (layer, message) => {
  const before: Case['layers'] = [
    { tokenAndPositionEmbedding: { width: 8, position: 'none', name: 'ids' } },
    { dense: { units: 7, name: 'odd' } },
    { embedding: { inputDim: 7, outputDim: 8, from: 'input', name: 'others' } },
    { add: { from: ['ids', 'others'], name: 'two' } },
    { dense: { units: 8, from: 'ids' } },
  ];
  expect(() => build(...before, layer)).toThrow(message);
});

it.each([false, true])('opens again in plain tfjs, with tied logits: %s', async (tied) => {
  const model = build(
    tokens,
    { transformerDecoder: { heads: 2, feedForward: 4 } },
    { rmsNormalization: {} },
    { logits: { tied } },
  );
  expect(model.countParams()).toBe(model.weights.reduce((sum, { shape }) => sum + elements(shape as number[]), 0));
  const saved: tf.io.ModelArtifacts[] = [];
  const result = { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' as const } };
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved.push(artifacts);
      return result;
    }),
  );
  const opened = await tfl.loadLayersModel(tf.io.fromMemory(saved[0]!));
  const ids = tf.tensor2d([1, 2, 3, 4, 5], [1, 5]);
  const predicted = (of: tfl.LayersModel) => (of.predict(ids) as tf.Tensor).dataSync();
  expect(predicted(opened)).toEqual(predicted(model));
});
