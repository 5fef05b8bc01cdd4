/** What scripts/peers/optimizers.py wrote down: steps of optimizers, and rates of schedules, of PyTorch and Keras. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OptimizerConfig } from '../../src/config/optimizer.js';
import { tensorOf } from '../../src/model/slab.js';
import { baseLearningRate } from '../../src/optimizer/create-optimizer.js';
import { packageRoot } from './package.js';
import { randomFloats } from './slabs.js';
import { type Trainee, trainee } from './trainee.js';

type Weights = Readonly<Record<string, readonly number[]>>;

export const peers = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/peer-optimizers.json'), 'utf8')) as {
  readonly steps: number;
  /** The weights at the end. */
  readonly cases: Readonly<Record<string, Weights>>;
  readonly schedules: Readonly<Record<string, readonly number[]>>;
};

/** Of the weights, as in the script. */
export const peerShapes = {
  'wide/kernel': [6, 10],
  'wide/bias': [10],
  'tall/kernel': [12, 4],
  'norm/gamma': [10],
  'conv/kernel': [2, 2, 3, 5],
};

/** Steps of the script with ours. @param cuts where threads would cut the parameters */
export function peerSteps(config: OptimizerConfig, cuts?: readonly number[]): Trainee {
  const ours = trainee(config, peerShapes, (layout) => {
    const initial = new Float32Array(layout.length);
    for (const [i, tensor] of layout.tensors.entries()) {
      tensorOf(initial, tensor).set(randomFloats(i + 1, tensor.size));
    }
    return initial;
  });
  for (let t = 0; t < peers.steps; t++) {
    ours.layout.tensors.forEach((tensor, i) => {
      const gradient = randomFloats(1000 + 10 * t + i, tensor.size).map((value) => Math.fround(0.1) * value);
      tensorOf(ours.gradients, tensor).set(gradient);
    });
    ours.step({ number: t + 1, learningRate: baseLearningRate(config), gradientScale: 1 }, cuts);
  }
  return ours;
}

/** The largest difference of any weight. @param slab such as the parameters at the end */
export function farthest({ layout }: Trainee, slab: Float32Array, weights: Weights): number {
  const differences = layout.tensors.flatMap((tensor) =>
    Array.from(tensorOf(slab, tensor), (value, i) => Math.abs(value - weights[tensor.name][i])),
  );
  return Math.max(...differences);
}
