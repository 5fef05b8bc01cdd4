/** A config of a coordinator, trained on one machine: keys that have no effect there are named. */
import { expect, it } from 'vitest';
import { train } from '../../coordinator/local/train.js';
import type { RunConfigInput } from '../../src/config/input.js';
import { newFolders } from '../support/folder.js';

const newFolder = newFolders();

async function warned(cluster: RunConfigInput['cluster']): Promise<string[]> {
  const warnings: string[] = [];
  const config: RunConfigInput = {
    data: { source: 'digits', examples: 40, validation: 0, test: 0 },
    model: { layers: ['flatten', { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    optimizer: 'adam',
    training: { epochs: 1, batchSize: 40, shards: 2 },
    cluster,
  };
  await train(config, {
    out: newFolder(),
    threads: 1,
    report: (event) => void (event.event === 'warning' && warnings.push(event.message)),
  });
  return warnings;
}

it('are told by one line', async () => {
  expect(await warned({ optimizerState: 'sharded', precision: 'float32', silence: 3, allReduce: 'butterfly' })).toEqual(
    [
      expect.stringMatching(
        /^cluster\.allReduce, cluster\.optimizerState, cluster\.silence: for runs over several processes \(lockstep coordinator\)/,
      ),
    ],
  );
  expect(await warned({ compression: { powerSgd: { rank: 2 } } })).toEqual([
    expect.stringContaining('cluster.compression:'),
  ]);
});

it('are not where all are as usual', async () => {
  expect(await warned({ placement: 'auto', sync: 'step' })).toEqual([]);
});
