/** A coordinator that does not compute and two workers, all in this process, over real connections. */
import { coordinate, defineConfig, train } from 'lockstep';
import { work } from 'lockstep/worker';

const config = defineConfig({
  name: 'cluster',
  seed: 5,
  data: { source: 'digits', examples: 600, validation: 0.1, test: 0.1 },
  model: { layers: ['flatten', { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  optimizer: { sgd: { learningRate: 0.1 } },
  training: { epochs: 2, batchSize: 128 },
});
const token = 'a secret that only this program knows';

const workers = [];
const end = await coordinate(config, {
  threads: 0,
  minWorkers: 2,
  port: 0, // any that is free
  token,
  report(event) {
    if (event.event === 'listening') {
      // As `lockstep worker` on other machines would.
      for (const name of ['one', 'two'])
        workers.push(work({ url: event.url, token, name, threads: 1, cache: 'cache' }));
    }
    if (event.event === 'worker') console.log(event.name, event.change);
  },
});
await Promise.all(workers);

const alone = await train(config, { threads: 1 });
console.log(`the same bits as on one thread: ${end.sha256 === alone.sha256}`);
