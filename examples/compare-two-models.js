/** Trains two models on the same data and evaluates both on the same test split. */
import { defineConfig, evaluate, train } from 'lockstep';

const config = (name, layers) =>
  defineConfig({
    name,
    seed: 3,
    data: { source: 'digits', examples: 1000, validation: 0.1, test: 0.2, stratify: true },
    model: { layers: ['flatten', ...layers, { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy', { topKAccuracy: { k: 3 } }],
    optimizer: { adam: { learningRate: 0.005 } },
    training: { epochs: 4, batchSize: 100 },
  });

const models = { linear: [], hidden: [{ dense: { units: 64, activation: 'relu' } }] };
for (const [name, layers] of Object.entries(models)) {
  const { model } = await train(config(name, layers), { threads: 1 });
  // Seed and data are the same, so the test split is: 200 digits that neither model has seen.
  const { metrics } = await evaluate(model, { split: 'test' });
  console.log(name, JSON.stringify(metrics));
}
