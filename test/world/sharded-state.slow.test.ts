/** Optimizer state sharded over the workers: the bits of replicated state, shares that are all of it once, losses, and what is refused. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { resumeCoordinating } from '../../coordinator/world/coordinate.js';
import { updatesAll } from '../../src/reduce/shares.js';
import type { RunEvent } from '../../src/report/events.js';
import { type Chaos, chaosConfig, chaotic, type Outcome, quietOutcome } from '../support/chaos.js';
import { eventOf } from '../support/cli.js';
import { urlOf, withCluster } from '../support/cluster.js';
import { FaultProxy, type Passing } from '../support/fault-proxy.js';
import { slowly } from '../support/faults.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';
import { trainedInWorld, type WorldSetup } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();
const sharded = 'cluster.optimizerState=sharded';

// Moving statistics, which are no parameters; shares that begin within a weight.
const file = writeConfig(folder, 'images', {
  data: { source: 'digits', examples: 400, validation: 0.5 },
  model: {
    layers: [
      { conv2d: { filters: 6, kernelSize: 3, strides: 2 } },
      'batchNormalization',
      { activation: { activation: 'relu' } },
      'flatten',
      { dense: { units: 24, activation: 'relu' } },
      { dense: { units: 'classes' } },
    ],
  },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { adamw: { learningRate: 0.003, weightDecay: 0.01 } },
  training: { epochs: 2, batchSize: 64, shards: 8, clipNorm: 0.5 },
  checkpoint: { everySteps: 1 },
});

const four = Array.from({ length: 4 }, () => ({ threads: 1 }));
const butterfly = 'cluster.allReduce=butterfly';
const worlds: { name: string; setup: WorldSetup; set: string[] }[] = [
  { name: 'four workers', setup: { workers: four }, set: [butterfly] },
  {
    name: 'a coordinator of 1 thread and more workers than shards',
    setup: { threads: 1, workers: four.slice(2) },
    set: [butterfly, 'training.shards=2'],
  },
  {
    name: 'more workers than shares',
    setup: { workers: four },
    set: [butterfly, 'model={ layers: [flatten, { dense: { units: classes } }] }'],
  },
  {
    name: 'workers that are sent rows',
    setup: { ledger: true, workers: [{ threads: 2 }, { threads: 1 }] },
    set: [butterfly, 'cluster.placement=stream'],
  },
  { name: 'workers of a star, which have none', setup: { workers: four.slice(2) }, set: ['cluster.allReduce=star'] },
];

it.each([
  ...worlds.map((world) => ({ ...world, name: 'adamw', of: world.name })),
  { ...worlds[0], setup: { workers: four.slice(2) }, name: 'lion', of: 'two workers' },
])('$name has the bits of one thread with $of', async ({ name, setup, set }) => {
  const given = [...set, `optimizer={ ${name}: { learningRate: 0.003, weightDecay: 0.01 } }`];
  const { end: whole } = await trained(file, given, newPath());
  const { end, events } = await trainedInWorld(file, [...given, sharded], newPath(), join(folder, 'cache'), setup);
  expect([end.sha256, end.validation]).toEqual([whole.sha256, whole.validation]);
  const summary = eventOf(events, 'summary');
  expect(summary.optimizerState).toBe('sharded');
  const [all, ...each] = summary.workers.map(({ optimizerBytes }) => optimizerBytes);
  // Four workers have the second copies too.
  const copies = setup.workers.length > 2 ? 2 : 1;
  expect(each.reduce((sum, bytes) => sum + bytes, 0)).toBe(set.includes(butterfly) ? copies * all : 0);
  // Shares are whole blocks of the norm.
  const slots = name === 'adamw' ? 2 : 1;
  expect(Math.max(...each) - Math.min(...each)).toBeLessThanOrEqual(copies * slots * 4096 * 4);
  expect(summary.bytesPerStep).toBeGreaterThanOrEqual(summary.fewestBytesPerStep);
});

it('goes on from its checkpoint without workers, to the same bits', async () => {
  const quiet = (await trained(file, [], newPath())).end;
  const events: RunEvent[] = [];
  const report = (event: RunEvent) => events.push(event);
  const setup = { workers: four.slice(2) };
  const { end } = await trainedInWorld(file, [sharded, butterfly], newPath(), join(folder, 'cache'), {
    ...setup,
    steps: 3,
  });
  expect(end.interrupted).toBe(true);
  const resumed = await resumeCoordinating(end.resume!, { threads: 1, minWorkers: 0, report });
  expect(resumed.sha256).toBe(quiet.sha256);
});

const alone = { threads: 1, workers: [] };

it.each([
  ['optimizer=sgd', /optimizer sgd keeps no state/],
  ['optimizer=muon', /optimizer muon updates whole weights, and its state cannot be cut/],
  ['optimizer=lamb', /optimizer lamb updates whole weights/],
  ['optimizer=adafactor', /optimizer adafactor updates whole weights/],
  ['optimizer.adamw.emaMomentum=0.9', /optimizer.adamw.emaMomentum keeps an average of all weights/],
  ['cluster.sync={ local: { steps: 2, replicas: 2 } }', /with cluster.sync.local/],
  ['cluster.compression={ powerSgd: { rank: 2 } }', /with cluster.compression the total is made of factors/],
])('with %s is refused', async (set, problem) => {
  await expect(trainedInWorld(file, [sharded, set], newPath(), join(folder, 'cache'), alone)).rejects.toThrow(problem);
});

describe('a worker that is lost', () => {
  const killed = [
    ...(['receiving its share', 'computing', 'exchanging with a peer', 'sending its share'] as const),
    ...(['committing', 'sending parameters', 'validating'] as const),
  ];
  const killedAmongFour = [
    ...(['receiving its share', 'computing', 'exchanging with a peer', 'sending shares', 'committing'] as const),
    ...(['sending parameters', 'sending its state'] as const),
  ];
  const configs = (['star', 'butterfly'] as const).map((allReduce) => {
    const config = chaosConfig(allReduce, 8);
    return {
      ...config,
      optimizer: { adam: { learningRate: 0.001 } },
      cluster: { ...config.cluster, optimizerState: 'sharded' },
    };
  });
  let quiet: Outcome;
  beforeAll(async () => {
    quiet = await quietOutcome(configs[0]);
  });

  it('in a star changes nothing', async () => {
    await chaotic(configs[0], quiet, async (chaos) => {
      for (const phase of ['receiving parameters', 'sending gradients', 'committing'] as const)
        await chaos.suffer('closed socket', phase);
    });
  });

  it('from its peers, in any way, changes nothing', async () => {
    await chaotic(configs[1], quiet, async (chaos) => {
      for (const kind of ['closed socket', 'corrupted payload', 'duplicated frame', 'black hole'] as const) {
        await chaos.suffer(kind, 'exchanging with a peer');
        await (await chaos.strike(kind, 'sending parameters', 'a')).next;
      }
    });
  });

  it('by SIGKILL in any phase, or by SIGSTOP, changes nothing', async () => {
    const faults = async (chaos: Chaos) => {
      for (const phase of killed) await chaos.suffer('SIGKILL', phase, 'b');
      await chaos.suffer('SIGSTOP', 'sending its share');
    };
    await chaotic(configs[1], quiet, faults, ['a']);
  });

  it('of four, who have the second copies themselves, changes nothing in any phase', async () => {
    const faults = async (chaos: Chaos) => {
      for (const phase of killedAmongFour) await chaos.suffer('SIGKILL', phase, 'b');
      for (const kind of ['closed socket', 'corrupted payload'] as const)
        await (await chaos.strike(kind, 'sending parameters', 'a')).next;
    };
    // Others go on while one is away: on a busy machine that takes steps.
    const config = { ...configs[1], training: { ...configs[1].training, epochs: 20 } };
    await chaotic(config, await quietOutcome(config), faults, [], undefined, ['d', 'c', 'b', 'a']);
  });

  it('with the second copy of its share has the steps since computed again, by who is left and who comes', async () => {
    const config = { ...configs[1], checkpoint: { everyEpochs: 8 }, cluster: { ...configs[1].cluster, silence: 5 } };
    await withCluster(async (cluster) => {
      const host = cluster.host(config, { minWorkers: 3, ledger: true });
      const url = await urlOf(host);
      const hold = slowly(20);
      let isAmongWorkers = () => {};
      const amongWorkers = new Promise<void>((resolve) => {
        isAmongWorkers = resolve;
      });
      const watch = (passing: Passing) => {
        hold(passing);
        const message = passing.frame.kind === 'control' ? passing.frame.message : undefined;
        if (message?.kind === 'commit' && !updatesAll(message.sharded!.shares)) isAmongWorkers();
      };
      const proxies = await Promise.all(['a', 'b', 'c'].map(() => FaultProxy.start(() => url, watch)));
      const guests = proxies.map((proxy, i) => cluster.guest(proxy.url, `lost ${i}`));
      cluster.guest(url, 'left');
      await amongWorkers;
      for (const proxy of proxies) proxy.cut();
      await Promise.all([...guests.map((guest) => guest.kill()), ...proxies.map((proxy) => proxy.close())]);
      for (const name of ['new 1', 'new 2']) cluster.guest(url, name);
      const { message } = await host.until('warning', (event) => event.message.includes('computed again'));
      expect(message).toMatch(/^both workers that had a share|^the workers that had the parameters/);
      const { sha256, validation } = await host.until('end');
      expect([sha256, validation]).toEqual([quiet.sha256, quiet.validation]);
      expect(await host.ended).toBe(0);
    });
  });
});
