/** Trains a classifier on a module's examples and reads the events of the run: what `--json` prints, as objects. */
import { defineConfig, type RunEvent, train } from 'lockstep';

const config = defineConfig({
  name: 'circle',
  seed: 1,
  // Paths start at the current folder.
  data: { source: 'module', file: 'examples/circle.js', classes: 2 },
  model: { layers: [{ dense: { units: 32, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  optimizer: { adam: { learningRate: 0.02 } },
  training: { epochs: 10, batchSize: 64 },
});

function report(event: RunEvent): void {
  switch (event.event) {
    case 'start':
      console.log(`${event.parameters} parameters, ${event.steps} steps, in ${event.folder}`);
      break;
    case 'epoch':
      console.log(`epoch ${event.epoch}: loss ${event.loss.toFixed(3)}, accuracy ${event.validation?.accuracy}`);
      break;
    case 'warning':
      console.warn(event.message);
  }
}

const end = await train(config, { threads: 1, report });
console.log(`test accuracy ${end.test?.accuracy}`);
console.log(`parameters sha256 ${end.sha256}`);
