/**
 * Integrated gradients, slopes and occlusion: those of captum 0.9.0 on torch 2.15.0 (scripts/peers/captum_attributions.py) for
 * networks with the same weights.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { describe, expect, it } from 'vitest';
import type { LayerConfig } from '../../src/config/model.js';
import {
  gradientOf,
  type InputPart,
  integratedGradients,
  occlusion,
  pixelWindows,
  scoresOf,
  slotsOf,
} from '../../src/explain/attribution.js';
import { gaussLegendre } from '../../src/explain/gauss-legendre.js';
import { vectorsOf } from '../../src/explain/lookups.js';
import { createSlopes } from '../../src/explain/slopes.js';
import { elements } from '../../src/ground/elements.js';
import { explained } from '../support/explained.js';
import { packageRoot } from '../support/package.js';

interface CaptumCase {
  readonly weights: readonly (readonly unknown[])[];
  readonly x: readonly number[];
  readonly baseline: readonly number[];
  readonly steps: number;
  readonly target: number;
  readonly value: number;
  readonly baselineValue: number;
  readonly integratedGradients: readonly number[];
  readonly gradient: readonly number[];
  readonly occlusion: readonly number[];
}
const cases = JSON.parse(
  readFileSync(join(packageRoot, 'test', 'fixtures', 'captum-attributions.json'), 'utf8'),
) as Record<'perceptron' | 'convolutional' | 'lookedUp', CaptumCase>;

/** What captum has for each number, added up over groups of so many. */
const inGroups = (values: readonly number[], size: number) =>
  Array.from({ length: values.length / size }, (_, i) =>
    values.slice(i * size, (i + 1) * size).reduce((sum, value) => sum + value, 0),
  );

function expectNear(actual: ArrayLike<number>, expected: readonly number[]): void {
  const size = Math.max(...expected.map(Math.abs));
  expect(actual.length).toBe(expected.length);
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i] - value)).toBeLessThan(2e-6 * size);
  });
}

const noWarning = (message: string) => {
  throw new Error(message);
};

/** @param width numbers of a part */
async function all(
  layers: readonly LayerConfig[],
  input: readonly number[],
  { weights, x, baseline, target, steps }: CaptumCase,
  width: number,
  regions?: readonly (readonly number[])[],
) {
  const model = await explained(layers, input, weights);
  const seed = Float32Array.from({ length: elements(model.outputShape) }, (_, i) => Number(i === target));
  const vectors = (values: readonly number[]) => model.lookups.map((lookup) => vectorsOf(lookup, values));
  const point = [Float32Array.from(x), ...vectors(x)];
  const zeros = vectors(x).map(({ length }) => new Float32Array(length));
  const count = model.lookups.length > 0 ? x.length : x.length / width;
  const each = model.lookups.length > 0 ? 1 : width;
  const parts = Array.from({ length: count }, (_, i): InputPart => {
    return { input: 0, features: Array.from({ length: each }, (_, j) => i * each + j) };
  });
  const asked = { point, baseline: [Float32Array.from(baseline), ...zeros], parts, slots: slotsOf(model) };
  const slopes = await createSlopes(model, true, noWarning);
  const score = { seed, constant: 0 };
  const [value, baselineValue] = await scoresOf(slopes, score, [point, asked.baseline]);
  const plain = await createSlopes(model, false, noWarning);
  return {
    value,
    baselineValue,
    integrated: await integratedGradients(slopes, score, { ...asked, steps }),
    gradient: await gradientOf(slopes, score, asked, () => 1),
    occluded: await occlusion(plain, score, value, asked, regions ?? parts.map((_, i) => [i])),
  };
}

describe('attributions are those of captum', () => {
  it('of a perceptron', async () => {
    const layers: LayerConfig[] = [
      { dense: { units: 7, activation: 'tanh' } },
      { dense: { units: 6, activation: 'relu' } },
      { dense: { units: 3 } },
    ];
    const found = await all(layers, [5], cases.perceptron, 1);
    expectNear([found.value, found.baselineValue], [cases.perceptron.value, cases.perceptron.baselineValue]);
    expectNear(found.integrated, cases.perceptron.integratedGradients);
    expectNear(found.gradient, cases.perceptron.gradient);
    expectNear(found.occluded, cases.perceptron.occlusion);
    const sum = found.integrated.reduce((total, value) => total + value, 0);
    expect(Math.abs(sum - (found.value - found.baselineValue))).toBeLessThan(0.05);
  });

  it('of a convolutional network with pooling, by pixels and windows that are cut off', async () => {
    const layers: LayerConfig[] = [
      { conv2d: { filters: 4, kernelSize: 3, activation: 'relu' } },
      { maxPooling2d: { poolSize: 2 } },
      { flatten: {} },
      { dense: { units: 3 } },
    ];
    const found = await all(layers, [8, 6, 2], cases.convolutional, 2, pixelWindows(8, 6, 3, 2));
    expectNear(found.integrated, inGroups(cases.convolutional.integratedGradients, 2));
    expectNear(found.gradient, inGroups(cases.convolutional.gradient, 2));
    // captum gives every channel of a window what the window comes to.
    expectNear(
      found.occluded,
      cases.convolutional.occlusion.filter((_, i) => i % 2 === 0),
    );
  });

  it('of ids by their vectors, through a recurrent layer', async () => {
    const layers: LayerConfig[] = [
      { embedding: { inputDim: 6, outputDim: 3 } },
      { simpleRNN: { units: 4 } },
      { dense: { units: 2, useBias: false } },
    ];
    const found = await all(layers, [4], cases.lookedUp, 3);
    expectNear(found.integrated, inGroups(cases.lookedUp.integratedGradients, 3));
    expectNear(
      found.occluded,
      cases.lookedUp.occlusion.filter((_, i) => i % 3 === 0),
    );
  });
});

/** Looks at numbers while it runs, which a compiled model cannot. */
class Looking extends tfl.layers.Layer {
  static readonly className = 'Looking';
  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [x] = [inputs].flat();
    if (x.dataSync().length === 0) throw new Error('there is nothing');
    return tf.tanh(x);
  }
}

it('what does not compile runs on tfjs, to the same slopes', async () => {
  const layers: LayerConfig[] = [
    { dense: { units: 3 } },
    { activation: { activation: 'tanh' } },
    { dense: { units: 2 } },
  ];
  const compiled = await explained(layers, [4]);
  const input = tfl.input({ shape: [4] });
  const [first, , last] = compiled.model.layers.slice(-3);
  const looking = last.apply(new Looking({}).apply(first.apply(input) as tfl.SymbolicTensor)) as tfl.SymbolicTensor;
  const eager = { ...compiled, model: tfl.model({ inputs: input, outputs: looking }) };
  const [point, seed] = [[Float32Array.of(0.5, -1, 2, 0.1)], Float32Array.of(1, -2)];
  const warnings: string[] = [];
  const [wanted] = await (await createSlopes(compiled, true, noWarning))([point], seed);
  const [found] = await (await createSlopes(eager, true, (message) => warnings.push(message)))([point], seed);
  expect(warnings).toEqual([expect.stringContaining('explaining on engine tfjs')]);
  expectNear(found.outputs, [...wanted.outputs]);
  expectNear(found.gradients[0], [...wanted.gradients[0]]);
});

it('the rule of Gauss and Legendre is exact for polynomials of degree 2n - 1', () => {
  for (const count of [1, 2, 3, 16, 64, 201]) {
    const { nodes, weights } = gaussLegendre(count);
    for (const degree of [0, 1, count, 2 * count - 1]) {
      const sum = weights.reduce((total, weight, i) => total + weight * nodes[i] ** degree, 0);
      expect(Math.abs(sum * (degree + 1) - 1)).toBeLessThan(1e-12);
    }
  }
});
