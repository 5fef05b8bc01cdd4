/** A run over processes of their own: the same weights as in one process, and nothing of it stays. */
import { expect, test } from 'vitest';
import { isFree, urlOf, withCluster } from '../support/cluster.js';

const config = {
  name: 'programs',
  seed: 3,
  data: { source: 'digits', examples: 400, validation: 0.1, test: 0.1 },
  model: { layers: [{ flatten: {} }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  optimizer: { sgd: { learningRate: 0.1 } },
  training: { epochs: 1, batchSize: 64, shards: 8 },
};

test('a coordinator and two workers come to the weights of a single process, and end', async () => {
  await withCluster(async (cluster) => {
    const alone = cluster.train(config);
    const { sha256 } = await alone.until('end');
    expect(await alone.ended).toBe(0);
    const coordinator = cluster.coordinator(config, ['--min-workers', '2']);
    const url = await urlOf(coordinator);
    const workers = ['a', 'b'].map((name) => cluster.worker(url, { name }));
    expect(await coordinator.until('end')).toMatchObject({ sha256, interrupted: false });
    expect(await Promise.all([coordinator, ...workers].map(({ ended }) => ended))).toEqual([0, 0, 0]);
    expect(await isFree(url)).toBe(true);
  });
});
