/** A run over workers does not depend on what carries their lines: each transport brings it to the bits of one process. */
import { beforeAll, describe, expect, it } from 'vitest';
import { newFolders, writeConfig } from '../support/folder.js';
import { type Trained, trained } from '../support/runs.js';
import { transports } from '../support/transports.js';
import { trainedInWorld } from '../support/worlds.js';

const newFolder = newFolders();

const config = {
  name: 'carried',
  seed: 3,
  data: { source: 'digits', examples: 200, validation: 0.2, test: 0 },
  model: { layers: [{ flatten: {} }, { dense: { units: 16, activation: 'relu' } }, { dense: { units: 10 } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: 'adam',
  training: { epochs: 2, batchSize: 32, shards: 4 },
};

describe('a run over two workers', () => {
  let alone: Trained;
  beforeAll(async () => {
    alone = await trained(writeConfig(newFolder(), 'alone', config), [], newFolder());
  });

  it.each(transports)('comes to the parameters of one process over %s', async (_, transport) => {
    // Data sent whole or step by step, sums from worker to worker or through the coordinator.
    for (const cluster of [
      { placement: 'replicate', allReduce: 'butterfly' },
      { placement: 'stream', allReduce: 'star' },
    ]) {
      const file = writeConfig(newFolder(), 'run', { ...config, cluster });
      const workers = [1, 2].map(() => ({ threads: 1, transport }));
      const { end, workers: said } = await trainedInWorld(file, [], newFolder(), newFolder(), { workers, transport });
      expect(end.sha256).toBe(alone.end.sha256);
      expect(said.map((events) => events.find(({ event }) => event === 'joined'))).toMatchObject([
        { url: expect.stringMatching(`^${transport.schemes.plain}://`) },
        { url: expect.stringMatching(`^${transport.schemes.plain}://`) },
      ]);
    }
  });
});
