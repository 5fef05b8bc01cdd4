/** All workers die at once, with the parameters that a coordinator without threads does not have: the run computes them again. */
import { beforeAll, expect, it } from 'vitest';
import { eventOf } from '../support/cli.js';
import { type Cluster, type Host, urlOf, withCluster } from '../support/cluster.js';
import { FaultProxy } from '../support/fault-proxy.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { checkLedger } from '../support/ledgers.js';
import { trained } from '../support/runs.js';

/** An epoch of 200 steps, so that it does not end meanwhile. */
const config = {
  name: 'lost',
  seed: 5,
  data: { source: 'digits', examples: 1000, validation: 0.2, test: 0 },
  model: { layers: [{ flatten: {} }, { dense: { units: 32, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adam: { learningRate: 0.001 } },
  training: { epochs: 1, batchSize: 4, shards: 4, logEvery: 1 },
  checkpoint: { everyEpochs: 1 },
  cluster: { allReduce: 'butterfly' },
};

const folder = temporaryFolder();
let quiet = '';
beforeAll(async () => {
  quiet = (await trained(writeConfig(folder, 'quiet', config), [], folder, 1)).end.sha256;
});

/** Has two workers train for a while, and kills both. @returns a step that was taken */
async function loseAll(cluster: Cluster, coordinator: Host, url: string): Promise<number> {
  const proxies = [await FaultProxy.start(() => url), await FaultProxy.start(() => url)];
  const workers = ['a', 'b'].map((name, i) => cluster.guest(proxies[i].url, name));
  const { step } = await coordinator.until('step', ({ step }) => step >= 40);
  // What is seen of processes that are killed: connections end, and they never come back.
  for (const proxy of proxies) proxy.cut();
  await Promise.all([...workers.map((worker) => worker.kill()), ...proxies.map((proxy) => proxy.close())]);
  for (const { name } of workers)
    await coordinator.until('worker', (event) => event.name === name && event.change === 'lost');
  return step;
}

it('others compute again what is lost', async () => {
  await withCluster(async (cluster) => {
    const coordinator = cluster.host(config, { minWorkers: 2, ledger: true });
    const url = await urlOf(coordinator);
    const step = await loseAll(cluster, coordinator, url);
    for (const name of ['c', 'd']) cluster.guest(url, name);
    const { message } = await coordinator.until('warning', (event) => event.message.includes('computed again'));
    const last = Number(/steps \d+ to (\d+) are computed again/.exec(message)?.[1]);
    expect(last).toBeGreaterThanOrEqual(step);
    expect((await coordinator.until('end')).sha256).toBe(quiet);
    expect(await coordinator.ended).toBe(0);
    await checkLedger(cluster.run, 200);
    // Each step is told once.
    expect(coordinator.of('step').map((event) => event.step)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });
});

it('a coordinator that is stopped meanwhile leaves a run that can be gone on with', async () => {
  await withCluster(async (cluster) => {
    const coordinator = cluster.host(config, { minWorkers: 2, ledger: true });
    await loseAll(cluster, coordinator, await urlOf(coordinator));
    await coordinator.kill();
    expect(eventOf(coordinator.events, 'end').interrupted).toBe(true);
    const resumed = cluster.resumeInside();
    cluster.guest(await urlOf(resumed), 'c');
    expect((await resumed.until('end')).sha256).toBe(quiet);
    expect(await resumed.ended).toBe(0);
    await checkLedger(cluster.run, 200);
  });
});
