/** Rounds of local steps (DiLoCo): PyTorch's numbers, the same bits whoever computes, fewer bytes, and going on after a stop. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { coordinate, resumeCoordinating } from '../../coordinator/world/coordinate.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { epochOrder } from '../../src/data/sampler.js';
import type { EndEvent, RunEvent } from '../../src/report/events.js';
import { chaosConfig, chaotic, type Outcome } from '../support/chaos.js';
import { eventOf } from '../support/cli.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { trained, weightsOf } from '../support/runs.js';
import { trainedInWorld, type WorldSetup } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();

/** Alone on this machine. */
async function alone(file: string, set: readonly string[], threads = 1, steps?: number) {
  const events: RunEvent[] = [];
  const report = (event: RunEvent) => events.push(event);
  const options = { threads, steps, out: newPath(), minWorkers: 0, port: 0, report };
  return { end: await coordinate(loadRunConfig(file, set), options), events };
}

type Numbers = Readonly<Record<'kernel' | 'bias' | 'losses', readonly number[]>>;

describe('the numbers', () => {
  const fixture = JSON.parse(readFileSync(new URL('../fixtures/local-steps.json', import.meta.url), 'utf8')) as {
    readonly orders: readonly (readonly number[])[];
    readonly x: readonly (readonly number[])[];
    readonly y: readonly number[];
    readonly cold: Numbers;
    readonly warm: Numbers;
  };
  const { orders, x, y, ...expected } = fixture;

  it.each([
    ['cold', 0],
    ['warm', 4],
  ] as const)(
    'are those of PyTorch: AdamW in the replicas, Nesterov momentum over the rounds, %s',
    async (start, warmUpSteps) => {
      const { kernel, bias, losses } = expected[start];
      const rows = Int32Array.from(y, (_, i) => i);
      orders.forEach((order, epoch) => {
        expect([...epochOrder(rows, 3, epoch)]).toEqual(order);
      });
      const file = writeConfig(folder, 'line', {
        seed: 3,
        data: { source: 'values', features: x, targets: y },
        model: { layers: [{ dense: { units: 1, kernelInitializer: 'zeros' } }] },
        loss: 'meanSquaredError',
        optimizer: { adamw: { learningRate: 0.05, weightDecay: 0.01 } },
        training: { epochs: 4, batchSize: 8, shards: 4 },
        cluster: { sync: { local: { steps: 2, replicas: 2, warmUpSteps } } },
      });
      const { end, events } = await alone(file, [], 2);
      const weights = [...weightsOf(end.model)];
      [...kernel, ...bias].forEach((value, i) => {
        expect(weights[i]).toBeCloseTo(value, 5);
      });
      const epochs = events.filter(({ event }) => event === 'epoch') as { loss: number }[];
      epochs.forEach(({ loss }, i) => {
        expect(loss).toBeCloseTo(losses[i], 5);
      });
    },
  );
});

describe('a run', () => {
  // 284 examples for training: a last step in which some replicas have fewer shards, or none.
  const config = {
    data: { source: 'digits', examples: 710, validation: 0.5, test: 0.1, stratify: true },
    augment: { shift: 0.1, rotate: 10 },
    model: {
      layers: [
        { conv2d: { filters: 6, kernelSize: 3, strides: 2 } },
        'batchNormalization',
        { activation: { activation: 'relu' } },
        'flatten',
        { dropout: { rate: 0.3 } },
        { dense: { units: 'classes' } },
      ],
    },
    loss: 'sparseCategoricalCrossentropy',
    optimizer: { muon: { learningRate: 0.003 } },
    schedule: { cosine: { warmupSteps: 3 } },
    training: { epochs: 3, batchSize: 64, shards: 8, clipNorm: 0.5 },
    checkpoint: { everySteps: 1 },
    cluster: { sync: { local: { steps: 3, replicas: 4, warmUpSteps: 2 } } },
  };
  const file = writeConfig(folder, 'images', config);
  let whole: Pick<EndEvent, 'sha256' | 'validation'>;
  beforeAll(async () => {
    const { end } = await alone(file, []);
    whole = { sha256: end.sha256, validation: end.validation };
  });

  const worlds: { name: string; setup: WorldSetup; set?: string[] }[] = [
    { name: 'a coordinator of 3 threads and a worker', setup: { threads: 3, workers: [{ threads: 1 }] } },
    {
      name: 'two workers that are sent rows, by butterfly',
      setup: { ledger: true, workers: [{ threads: 2 }, { threads: 1 }] },
      set: ['cluster.placement=stream', 'cluster.allReduce=butterfly'],
    },
  ];
  it.each(worlds)('has the bits of one thread in $name', async ({ setup, set = [] }) => {
    const { end, events } = await trainedInWorld(file, set, newPath(), join(folder, 'cache'), setup);
    expect(end).toMatchObject(whole);
    expect(eventOf(events, 'summary')).toMatchObject({ local: { steps: 3, replicas: 4 }, steps: 15 });
  });

  it('ends a stop at the end of a round, and goes on to the same bits', async () => {
    const { end } = await alone(file, [], 2, 7);
    expect(end.interrupted).toBe(true);
    const events: RunEvent[] = [];
    const report = (event: RunEvent) => events.push(event);
    const resumed = await resumeCoordinating(end.resume!, { threads: 1, minWorkers: 0, report });
    // 5 steps an epoch: two of the warm-up and a round of 3, then rounds of 3 and 2.
    expect(eventOf(events, 'start').resumed).toMatchObject({ step: 8 });
    expect(resumed).toMatchObject(whole);
  });

  it('is another one with another number of replicas', async () => {
    expect((await alone(file, ['cluster.sync.local.replicas=2'])).end.sha256).not.toBe(whole.sha256);
  });

  it('with one step, one replica and outer learning rate 1 is that of training in step', async () => {
    const plain = ['training.epochs=1', 'optimizer={ sgd: { learningRate: 0.05 } }'];
    const outer = '{ nesterov: { learningRate: 1, momentum: 0 } }';
    const local = `cluster.sync={ local: { steps: 1, replicas: 1, outer: ${outer} } }`;
    const [a, b] = [
      await alone(file, [...plain, local]),
      await trained(file, [...plain, 'cluster.sync=step'], newPath()),
    ];
    const [ours, theirs] = [weightsOf(a.end.model), weightsOf(b.end.model)];
    theirs.forEach((value, i) => {
      expect(ours[i]).toBeCloseTo(value, 5);
    });
    // Nor does it take any where all of the run is warm-up, which is said.
    const { end, events } = await alone(file, [...plain, 'cluster.sync.local.warmUpSteps=5']);
    expect(end.sha256).toBe(b.end.sha256);
    expect(eventOf(events, 'summary').local).toBeNull();
    expect(eventOf(events, 'warning').message).toContain('warmUpSteps: 5 of a run of 5 steps: all of it is warm-up');
  });

  it('that diverges changes nothing, and says so', async () => {
    const diverging = ['optimizer={ sgd: { learningRate: 1.0e+30 } }', 'training.clipNorm=1.0e+30'];
    await expect(alone(file, diverging)).rejects.toThrow(/not finite|diverged/);
  });

  it.each([
    [['cluster.sync.local.replicas=3'], /8 shards of a step cannot be dealt out to 3 replicas: use a divisor of 8/],
    [['cluster.sync.local.steps=9999'], /9999 steps of 64 examples are more than the 300,000 of a round/],
    [['optimizer.muon.emaMomentum=0.9'], /optimizer.muon.emaMomentum: with cluster.sync.local/],
  ])('of %s is refused', async (set, problem) => {
    await expect(alone(file, set)).rejects.toThrow(problem);
  });

  it('is nothing for lockstep train', async () => {
    await expect(trained(file, [], newPath())).rejects.toThrow(
      /cluster.sync.local: replicas take local steps over workers/,
    );
  });
});

describe('a worker that is lost', () => {
  const config = {
    ...chaosConfig('star', 4),
    optimizer: { adamw: { learningRate: 0.001 } },
    cluster: { silence: 2, sync: { local: { steps: 3, replicas: 4 } } },
  };
  let quiet: Outcome;
  beforeAll(async () => {
    const { end } = await alone(writeConfig(folder, 'quiet', config), []);
    const { sha256, validation, test, figures } = end;
    quiet = JSON.parse(JSON.stringify({ sha256, validation, test, figures }));
  });

  it('takes the state of its replicas with it, and changes nothing', async () => {
    await chaotic(config, quiet, async (chaos) => {
      for (const phase of [
        'computing',
        'sending gradients',
        'committing',
        'validating',
        'receiving parameters',
      ] as const)
        await chaos.suffer('closed socket', phase);
    });
  });
});
