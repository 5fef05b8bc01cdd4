/** Trains the same run on one and on two threads: how much faster is it, and are the bits the same? */
import { defineConfig, train } from 'lockstep';

const config = defineConfig({
  name: 'scaling',
  seed: 7,
  data: { source: 'digits', examples: 2000 },
  model: { layers: ['flatten', { dense: { units: 128, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adam: { learningRate: 0.001 } },
  // Shards are part of the result and threads are not: `shards` is the most threads that can work on one step.
  training: { epochs: 3, batchSize: 256, shards: 4 },
});

async function measure(threads) {
  const rates = [];
  const report = (event) => {
    if (event.event === 'epoch') rates.push(event.examplesPerSecond);
  };
  const { sha256 } = await train(config, { threads, report });
  // The first epoch warms up.
  const measured = rates.slice(1);
  return { threads, sha256, rate: measured.reduce((a, b) => a + b) / measured.length };
}

const [one, two] = [await measure(1), await measure(2)];
for (const { threads, rate, sha256 } of [one, two]) {
  console.log(`threads ${threads}: ${Math.round(rate)} examples/s, ${sha256.slice(0, 8)}`);
}
console.log(`speed-up ${(two.rate / one.rate).toFixed(2)}, the same bits: ${one.sha256 === two.sha256}`);
