/** docs/defaults.md: every value of its tables, ours as measured here and the others' as scripts/peers/defaults.py found them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import tf = require('@tensorflow/tfjs-core');

import { describe, expect, it } from 'vitest';
import type { LayerConfig } from '../../src/config/model.js';
import { type OptimizerConfig, optimizerSchema } from '../../src/config/optimizer.js';
import { epochOrder } from '../../src/data/sampler.js';
import { createStepModel } from '../../src/engine/step.js';
import { plainShape } from '../../src/model/build/data-shape.js';
import { buildModel } from '../../src/model/build/layers.js';
import { baseLearningRate } from '../../src/optimizer/create-optimizer.js';
import { type Case, createEngines, specOf } from '../support/engines.js';
import { packageRoot } from '../support/package.js';
import { batchParts } from '../support/parts.js';
import { trainee } from '../support/trainee.js';

type Value = number | string | boolean | readonly number[];

const peers = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/peer-defaults.json'), 'utf8')) as {
  torch: string;
  keras: string;
  values: Record<string, readonly [torch: Value, keras: Value]>;
};
const page = readFileSync(join(packageRoot, 'docs/defaults.md'), 'utf8');
/** Cells of the rows of every table, by what stands before a parenthesis in the first one. */
const rows = new Map(
  [...page.matchAll(/^\| ([^|]+?) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)].map(([, name, ...cells]) => [
    name.replace(/ \(.*/, ''),
    cells,
  ]),
);

const optionsOf = (name: string): Record<string, Value> => {
  const [options] = Object.values(optimizerSchema.parse(name));
  return options as Record<string, Value>;
};

/** What the first step takes off a parameter. */
function firstStep(config: OptimizerConfig, gradient: number, from = 0): number {
  const { parameters, gradients, step } = trainee(config, { w: [16] });
  parameters.fill(from);
  gradients.fill(gradient);
  step({ number: 1, learningRate: baseLearningRate(config), gradientScale: 1 });
  return from - parameters[0];
}

/** A layer as a list of layers makes it. */
function layer(kind: string, options: object, featureShape: readonly number[]) {
  const built = buildModel({ layers: [{ [kind]: { ...options } }] }, plainShape(featureShape), 1);
  return built.model.layers[1];
}
const config = (kind: string, options: object, shape: readonly number[]) =>
  layer(kind, options, shape).getConfig() as Record<string, Value>;

function deviation(kind: string, options: object, shape: readonly number[]): number {
  const values = Array.from(layer(kind, options, shape).getWeights()[0].dataSync());
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

async function movingVariance(): Promise<number> {
  const layers: LayerConfig[] = [{ batchNormalization: { momentum: 0 } }, { dense: { units: 1 } }];
  const example: Case = { layers, input: [1], target: [1] };
  const { step, onnx, tfjs } = await createEngines(example, [2]);
  batchParts(onnx.buffers(2)).features.set([0, 2]);
  await onnx.computeGradients(2, { seed: 1, step: 1, shard: 0 });
  const { offset } = step.layout.tensors.find(({ name }) => name.endsWith('moving_variance'))!;
  await Promise.all([onnx.dispose(), tfjs.dispose()]);
  return onnx.gradients[offset] / 2;
}

/** Huber's loss of an error of 3 is 9 / 2 up to delta 3, and less below. */
async function huberDelta(): Promise<number> {
  const { heads } = await createStepModel(
    specOf({ layers: [{ dense: { units: 1 } }], input: [1], target: [1], loss: 'huber' }),
  );
  const [value] = heads[0].loss(tf.tensor2d([[3]]), tf.tensor2d([[0]])).values.dataSync();
  return 3 - Math.sqrt(9 - 2 * value);
}

const epsilon = 0.001;
const ours: Record<string, () => Value | Promise<Value>> = {
  'sgd learning rate': () => optionsOf('sgd').learningRate,
  momentum: () => optionsOf('momentum').momentum,
  'adam learning rate': () => optionsOf('adam').learningRate,
  'adam betas': () => [optionsOf('adam').beta1, optionsOf('adam').beta2] as number[],
  'adam epsilon': () => optionsOf('adam').epsilon,
  'adam first step': () => firstStep(optimizerSchema.parse({ adam: { learningRate: 1, epsilon } }), epsilon),
  'adamw weight decay': () => optionsOf('adamw').weightDecay,
  'adamw bias after a step': () =>
    1 - firstStep(optimizerSchema.parse({ adamw: { learningRate: 0.5, weightDecay: 0.1 } }), 0, 1),
  'rmsprop learning rate': () => optionsOf('rmsprop').learningRate,
  'rmsprop decay': () => optionsOf('rmsprop').decay,
  'rmsprop epsilon': () => optionsOf('rmsprop').epsilon,
  'rmsprop first step': () => firstStep(optimizerSchema.parse({ rmsprop: { learningRate: 1, epsilon } }), epsilon),
  'adagrad learning rate': () => optionsOf('adagrad').learningRate,
  'adagrad initial accumulator': () => optionsOf('adagrad').initialAccumulator,
  'adagrad epsilon': () => optionsOf('adagrad').epsilon,
  'adagrad first step': () =>
    firstStep(
      optimizerSchema.parse({ adagrad: { learningRate: 1, initialAccumulator: epsilon ** 2, epsilon } }),
      epsilon,
    ),
  'lion learning rate': () => optionsOf('lion').learningRate,
  'lion betas': () => [optionsOf('lion').beta1, optionsOf('lion').beta2] as number[],
  'muon learning rate': () => optionsOf('muon').learningRate,
  'muon momentum': () => optionsOf('muon').momentum,
  'muon weight decay': () => optionsOf('muon').weightDecay,
  'adafactor learning rate': () => optionsOf('adafactor').learningRate,
  'adafactor beta2 decay': () => optionsOf('adafactor').beta2Decay,
  'lamb learning rate': () => optionsOf('lamb').learningRate,
  'lamb epsilon': () => optionsOf('lamb').epsilon,
  'huber delta': huberDelta,
  'batch normalization momentum': () => config('batchNormalization', {}, [4]).momentum,
  'batch normalization epsilon': () => config('batchNormalization', {}, [4]).epsilon,
  'moving variance of 0 and 2': movingVariance,
  'layer normalization epsilon': () => config('layerNormalization', {}, [4]).epsilon,
  'dense kernel 400 x 200, deviation': () => deviation('dense', { units: 200 }, [400]),
  'dense bias, largest': () => Math.max(...layer('dense', { units: 2000 }, [400]).getWeights()[1].dataSync()),
  'conv 3 x 3 kernel 32 to 64, deviation': () => deviation('conv2d', { filters: 64, kernelSize: 3 }, [8, 8, 32]),
  'embedding, deviation': () => deviation('embedding', { inputDim: 500, outputDim: 100 }, [4]),
  'lstm recurrent activation': () =>
    String(config('lstm', { units: 4 }, [2, 3]).recurrentActivation).replace(/_(.)/, (_, c) => c.toUpperCase()),
  'lstm forget bias': () => layer('lstm', { units: 4 }, [2, 3]).getWeights()[2].dataSync()[4],
  'gru reset after': () => Boolean(config('gru', { units: 4 }, [2, 3]).resetAfter),
  'leaky relu slope': () => config('leakyReLU', {}, [3]).alpha,
  'elu alpha': () => config('elu', {}, [3]).alpha,
  shuffle: () => {
    const inOrder = Int32Array.from({ length: 50 }, (_, i) => i);
    const orders = [0, 1].map((epoch) => epochOrder(inOrder, 7, epoch).join());
    return new Set([...orders, inOrder.join()]).size === 3;
  },
};

/** Equal in the digits that the page shows; deviations of drawn numbers in two. */
function expectCell(cell: string, value: Value, isDrawn: boolean): void {
  if (typeof value !== 'number') {
    expect(cell).toBe(typeof value === 'object' ? value.join(', ') : String(value));
    return;
  }
  const shown = Number(cell);
  expect(Math.abs(shown - value)).toBeLessThanOrEqual(isDrawn ? 0.02 * shown : 5e-4 * Math.abs(value));
}

describe('docs/defaults.md', () => {
  it('has a row for each value, and no other', () => {
    const names = [...rows.keys()].filter((name) => name.trim() !== '' && !name.startsWith('---'));
    expect(names.toSorted()).toEqual(Object.keys(ours).toSorted());
    expect(Object.keys(peers.values).toSorted()).toEqual(Object.keys(ours).toSorted());
    expect(page).toContain(`PyTorch ${peers.torch} and Keras ${peers.keras}`);
  });

  it.each(Object.keys(ours))('is right about %s', async (name) => {
    const cells = rows.get(name)!;
    const isDrawn = name.endsWith('deviation') || name.endsWith('largest');
    [await ours[name](), ...peers.values[name]].forEach((value, i) => {
      expectCell(cells[i], value, isDrawn);
    });
  });
});
