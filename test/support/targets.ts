/** Every loss on every kind of target, as Keras computes them: scripts/peers/losses_and_metrics.py made the fixture. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { askedTargets, stepSpec } from '../../coordinator/prepare/specs.js';
import { defineConfig } from '../../src/config/define.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { loadDataset } from '../../src/data/load-data.js';
import { createStepModel, evaluationStep } from '../../src/engine/step.js';
import { packageRoot } from './package.js';
import { batchOfTensors, partsOf } from './parts.js';

export type Row = number | number[];
export const golden = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/losses-and-metrics.json'), 'utf8')) as {
  features: Record<string, number[][]>;
  targets: Record<string, Row[]>;
  losses: Record<string, Record<string, number | null>>;
  metrics: Record<string, Record<string, Record<string, number | null>>>;
};

const activation = (loss: string) =>
  loss === 'binaryCrossentropy' ? 'sigmoid' : loss.endsWith('Crossentropy') ? 'softmax' : 'linear';
/** A model that gives its features, through the activation that fits the loss. */
export function configOf(loss: string, kind: string, targets: Row[]): RunConfig {
  const classes = kind.startsWith('classes') ? Number(kind.slice('classes'.length)) : undefined;
  const single = ['binaryCrossentropy', 'hinge'].includes(loss);
  const units = classes === undefined ? [targets[0]].flat().length : single ? 1 : classes;
  const features = golden.features[units] ?? targets.map(() => new Array(units).fill(0));
  return configWith({ source: 'values', features, targets, classes }, loss, units);
}
export const configWith = (data: object, loss: string, units: number, kernelInitializer = 'identity') =>
  defineConfig({
    data,
    loss,
    model: {
      layers: [{ dense: { units, activation: activation(loss), kernelInitializer, useBias: false } }],
    },
    optimizer: { sgd: { learningRate: 1e-30 } },
    training: { epochs: 1, batchSize: 'all' },
  } as never);

export async function prepared(config: RunConfig) {
  const dataset = await loadDataset(config.data, config.seed);
  const targets = await askedTargets(config, dataset);
  return { dataset, targets, step: await createStepModel(stepSpec(config, dataset, targets)) };
}

/** Outputs and losses of all examples of a config. */
export async function evaluated(config: RunConfig) {
  const made = await prepared(config);
  const { features, featureShape, targets, targetShape, count } = partsOf(made.dataset.examples);
  tf.engine().startScope();
  const batch = batchOfTensors(
    tf.tensor(features.slice(), [count, ...featureShape], 'float32'),
    tf.tensor(targets.slice(), [count, ...targetShape], targets instanceof Int32Array ? 'int32' : 'float32'),
  );
  const weights = made.step.weights.map(({ val }) => val);
  const [computed] = evaluationStep(made.step, weights, batch);
  const [outputs, losses] = [computed.outputs, computed.losses].map((tensor) => tensor.dataSync() as Float32Array);
  tf.engine().endScope();
  return { ...made, outputs, losses };
}

export async function lossOf(config: RunConfig): Promise<number> {
  const { losses } = await evaluated(config);
  return losses.reduce((sum, value) => sum + value, 0) / losses.length;
}
