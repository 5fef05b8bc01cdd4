/** Trains with a model, a loss and a metric of one's own. */
import { defineConfig, train } from 'lockstep';

const points = Array.from({ length: 200 }, (_, i) => i / 100 - 1);
const config = defineConfig({
  name: 'own',
  seed: 2,
  data: { source: 'values', features: points, targets: points.map((x) => Math.sin(3 * x)), test: 0.2 },
  model: { module: 'examples/own-pieces.ts', options: { width: 16 } },
  loss: { custom: { name: 'logCosh' } },
  metrics: ['mae', { custom: { name: 'within' } }],
  optimizer: { adam: { learningRate: 0.02 } },
  training: { epochs: 60, batchSize: 40 },
});

const { test } = await train(config, { threads: 1 });
console.log(JSON.stringify(test));
