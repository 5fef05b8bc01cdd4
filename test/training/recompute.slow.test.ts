/** Runs with training.recompute: the parameters of runs without it, on any number of threads and when it changes on the way. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { resume } from '../../coordinator/local/train.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();
const blocks = 'training.recompute=blocks';
const config = {
  data: { source: 'digits', examples: 120 },
  model: {
    layers: [
      { reshape: { targetShape: [28, 28] } },
      { transformerEncoder: { repeat: 2, heads: 2, feedForward: 16, dropout: 0.2 } },
      { globalAveragePooling1d: {} },
      { dense: { units: 'classes' } },
    ],
  },
  loss: 'sparseCategoricalCrossentropy',
  training: { epochs: 2, batchSize: 40, shards: 2 },
  checkpoint: { everyEpochs: 1 },
};
const file = writeConfig(folder, 'again', config);
const out = join(folder, 'runs');

it('ends with the same parameters, and goes on with the other setting', async () => {
  const kept = await trained(file, [], out);
  expect((await trained(file, [blocks], out, 2)).end.sha256).toBe(kept.end.sha256);
  for (const [before, after] of [
    ['blocks', 'none'],
    ['none', 'blocks'],
  ]) {
    const half = await trained(file, ['training.epochs=1', `training.recompute=${before}`], out);
    const set = ['training.epochs=2', `training.recompute=${after}`];
    expect((await resume(half.start.folder, { set, threads: 1 })).sha256).toBe(kept.end.sha256);
  }
});

it('refuses engine tfjs, and says where there is nothing to compute again', async () => {
  await expect(trained(file, [blocks, 'engine=tfjs', 'backend=cpu'], out)).rejects.toMatchObject({
    problem: 'training.recompute: blocks: engine tfjs keeps all activations, and this run needs it',
    remedy: 'leave training.recompute out, or use engine onnx',
  });
  const plain = writeConfig(folder, 'plain', { ...config, model: { layers: ['flatten', { dense: { units: 10 } }] } });
  const { events } = await trained(plain, ['training.epochs=1', blocks], out);
  expect(events.filter(({ event }) => event === 'warning')).toEqual([
    expect.objectContaining({ message: expect.stringContaining('training.recompute: blocks: the model has no block') }),
  ]);
});
