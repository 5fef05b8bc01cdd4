/** Workers of one host add up among themselves: the bits of threads, and the bytes of one worker a host. */
import { beforeAll, expect, it } from 'vitest';
import { eventOf } from '../support/cli.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { resultOf, trained } from '../support/runs.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();

const config = writeConfig(folder, 'hosts', {
  data: { source: 'digits', examples: 640, validation: 0.2 },
  model: { layers: ['flatten', { dense: { units: 64, activation: 'relu' } }, { dense: { units: 'classes' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: 'adam',
  training: { epochs: 1, batchSize: 32, shards: 8 },
});
/** Of the gradient. */
const slabBytes = 4 * (784 * 64 + 64 + 64 * 10 + 10);

/** The host of each worker; 'here' is the coordinator's, whose threads are `own`. */
const worlds: readonly { readonly hosts: readonly string[]; readonly own?: number; readonly set?: string }[] = [
  { hosts: ['here', 'a', 'a', 'a'], own: 1 },
  { hosts: ['a', 'b', 'c', 'a', 'b', 'c'] },
  { hosts: ['a', 'b', 'b', 'a', 'b'], set: 'cluster.optimizerState=sharded' },
];

let alone: ReturnType<typeof resultOf>;
beforeAll(async () => {
  alone = resultOf(await trained(config, [], newPath(), 2));
});

it.each(['star', 'butterfly'])('%s: mixed hosts come to the bits of one machine', async (way) => {
  for (const { hosts, own = 0, set } of worlds) {
    const workers = hosts.map((host) => ({ threads: 1, ...(host === 'here' ? {} : { hostId: host }) }));
    const setup = { threads: own, workers };
    const overrides = [`cluster.allReduce=${way}`, ...(set ? [set] : [])];
    const run = await trainedInWorld(config, overrides, newPath(), newPath(), setup);
    expect({ hosts, ...resultOf(run) }).toEqual({ hosts, ...alone });
    const { hosts: count, bytesBetweenHosts, bytesPerStep } = eventOf(run.events, 'summary');
    expect(count).toBe(new Set(hosts).size);
    // Links are there after a few steps, and speeds decide how many sums a host has: test/reduce has the exact numbers.
    expect(bytesBetweenHosts).toBeLessThan(bytesPerStep);
    if (own > 0) expect(bytesBetweenHosts).toBeLessThan(4.5 * slabBytes);
  }
});
