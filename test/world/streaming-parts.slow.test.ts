/** Streaming DiLoCo: layers are exchanged in turn, while replicas go on, by the rule and to the same bits whoever computes. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { resumeCoordinating } from '../../coordinator/world/coordinate.js';
import { epochOrder } from '../../src/data/sampler.js';
import { partsOf } from '../../src/reduce/parts.js';
import type { RunEvent } from '../../src/report/events.js';
import { aloneIn, pictures } from '../support/alone.js';
import { chaosConfig, chaotic } from '../support/chaos.js';
import { eventOf } from '../support/cli.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { weightsOf } from '../support/runs.js';
import { randomFloats } from '../support/slabs.js';
import { trainedInWorld, type WorldSetup } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();

const alone = aloneIn(newPath);

it('deals layers in turn, each to the part that has least', () => {
  const layout = (sizes: readonly number[]) => {
    let offset = 0;
    const tensors = sizes.flatMap((size, i) => {
      const weights = [
        { name: `layer_${i}/kernel`, shape: [size - 16], offset, size: size - 16 },
        { name: `layer_${i}/bias`, shape: [3], offset: offset + size - 16, size: 3 },
      ];
      offset += size;
      return weights;
    });
    return { tensors, trainable: offset };
  };
  const of = (sizes: readonly number[], count: number) =>
    partsOf(layout(sizes), count).map((ranges) => ranges.map(({ from, to }) => [from, to]));
  expect(of([64, 64, 64, 64, 64], 2)).toEqual([
    [
      [0, 64],
      [128, 192],
      [256, 320],
    ],
    [
      [64, 128],
      [192, 256],
    ],
  ]);
  expect(of([256, 32, 32, 64], 2)).toEqual([[[0, 256]], [[256, 384]]]);
});

describe('the numbers', () => {
  const x = Array.from({ length: 20 }, (_, i) => [...randomFloats(i + 9, 2)]);
  const y = x.map(([a, b]) => 1.5 * a - b + 0.5);
  const first = [0, 1, 2, 3, 4, 5];
  const second = [6, 7, 8];
  const everything = [...first, ...second];
  /** A kernel of 2 x 2 and two biases, a kernel of 2 and a bias. */
  const start = [1, 1, 1, 1, 0, 0, 1, 1, 0];

  /** Of the squared error of one example. */
  function slopesOf([k, l, m, n, p, q, v, w, b]: readonly number[], [s, t]: readonly number[], target: number) {
    const hidden = [s * k + t * m + p, s * l + t * n + q];
    const error = 2 * (hidden[0] * v + hidden[1] * w + b - target);
    const [dv, dw] = [error * v, error * w];
    return [s * dv, s * dw, t * dv, t * dw, dv, dw, error * hidden[0], error * hidden[1], error];
  }

  it.each([
    ['parts, overlap and mixing', { parts: 2, overlap: 1, mixing: 0.25 }],
    ['parts alone', { parts: 2 }],
    ['overlap alone', { steps: 3, overlap: 2 }],
  ])('of %s are those of the algorithm', async (_, asked) => {
    const { steps = 4, parts = 1, overlap = 0, mixing = 0.5 } = asked as Record<string, number | undefined>;
    const file = writeConfig(folder, 'line', {
      seed: 5,
      data: { source: 'values', features: x, targets: y },
      model: {
        layers: [
          { dense: { units: 2, kernelInitializer: 'ones' } },
          { dense: { units: 1, kernelInitializer: 'ones' } },
        ],
      },
      loss: 'meanSquaredError',
      optimizer: { sgd: { learningRate: 0.02 } },
      training: { epochs: 3, batchSize: 4, shards: 2 },
      cluster: { sync: { local: { steps, ...asked } } },
    });
    const end = await alone(file, [], 2);

    const run = [...start];
    const velocity = start.map(() => 0);
    const replicas = [[...start], [...start]];
    let round = 0;
    for (let epoch = 0; epoch < 3; epoch++) {
      const order = epochOrder(
        Int32Array.from(y, (_, i) => i),
        5,
        epoch,
      );
      const take = (own: number[], replica: number, from: number, to: number) => {
        for (let step = from; step < to; step++) {
          const rows = order.subarray(step * 4 + replica * 2, step * 4 + replica * 2 + 2);
          const slopes = [...rows].map((row) => slopesOf(own, x[row], y[row]));
          for (const i of own.keys()) own[i] -= (0.02 * (slopes[0][i] + slopes[1][i])) / 2;
        }
      };
      for (let step = 0; step < 5; step += steps / parts, round++) {
        const last = Math.min(5, step + steps / parts);
        const isEnd = epoch === 2 && last === 5;
        const later = isEnd ? 0 : Math.min(overlap, last - step - 1);
        const part = isEnd || parts === 1 ? everything : [first, second][round % 2];
        const moved = replicas.map((own, replica) => {
          take(own, replica, step, last - later);
          return run.map((value, i) => value - own[i]);
        });
        for (const [replica, own] of replicas.entries()) take(own, replica, last - later, last);
        for (const i of part) {
          const mean = (moved[0][i] + moved[1][i]) / 2;
          velocity[i] = 0.9 * velocity[i] + mean;
          run[i] -= 0.7 * (mean + 0.9 * velocity[i]);
          const kept = later > 0 ? mixing : 0;
          for (const own of replicas) own[i] = kept * own[i] + (1 - kept) * run[i];
        }
      }
    }
    [...weightsOf(end.model)].forEach((value, i) => {
      expect(value).toBeCloseTo(run[i], 4);
    });
  });
});

describe('a run', () => {
  const file = writeConfig(folder, 'images', {
    ...pictures({ dropout: { rate: 0.2 } }),
    training: { epochs: 3, batchSize: 32, shards: 8 },
    checkpoint: { everySteps: 1 },
    cluster: {
      stragglerFactor: 1000,
      sync: { local: { steps: 6, replicas: 4, warmUpSteps: 2, parts: 2, overlap: 1, quantize: 'int8' } },
    },
  });
  let whole: { sha256: string };
  beforeAll(async () => {
    const { sha256 } = await alone(file);
    whole = { sha256 };
  });

  const worlds: { name: string; setup: WorldSetup; set?: string[] }[] = [
    { name: 'a coordinator of 3 threads and a worker', setup: { threads: 3, workers: [{ threads: 1 }] } },
    {
      name: 'four workers that are sent rows, by butterfly',
      setup: { ledger: true, workers: [{ threads: 1 }, { threads: 1 }, { threads: 1 }, { threads: 1 }] },
      set: ['cluster.allReduce=butterfly', 'cluster.placement=stream'],
    },
  ];
  it.each(worlds)('has the bits of one thread in $name', async ({ setup, set = [] }) => {
    const { end, events } = await trainedInWorld(file, set, newPath(), join(folder, 'cache'), setup);
    expect(end).toMatchObject(whole);
    const summary = eventOf(events, 'summary');
    expect(summary).toMatchObject({ local: { steps: 6, parts: 2, overlap: 1 }, steps: 30 });
    // Two steps of 8 shards, then 3 and twice 4 rounds of 4 replicas, each once whatever it takes beside an exchange.
    expect(summary.workers.reduce((sum, { shards }) => sum + shards, 0)).toBe(2 * 8 + 11 * 4);
  });

  it('goes on after a stop between two parts', async () => {
    const { resume } = await alone(file, [], 2, 4);
    const events: RunEvent[] = [];
    const end = await resumeCoordinating(resume!, { threads: 1, minWorkers: 0, report: (event) => events.push(event) });
    expect(eventOf(events, 'start').resumed).toMatchObject({ step: 5 });
    expect(end).toMatchObject(whole);
  });

  it('that loses a worker goes back, and on to the same bits', async () => {
    const config = {
      ...chaosConfig('star', 4),
      optimizer: { adamw: { learningRate: 0.001 } },
      cluster: { silence: 2, sync: { local: { steps: 6, replicas: 4, parts: 2, overlap: 2 } } },
    };
    const { sha256, validation, test, figures } = await alone(writeConfig(folder, 'quiet', config));
    const quiet = JSON.parse(JSON.stringify({ sha256, validation, test, figures }));
    await chaotic(config, quiet, async (chaos) => {
      await chaos.suffer('closed socket', 'committing');
      // While it takes steps beside that, which is what its loss is told of.
      const { next } = await chaos.strike('closed socket', 'sending gradients', 'a');
      await next;
    });
  });

  it.each([
    [
      ['cluster.sync.local.parts=4'],
      /parts: 6 steps cannot be divided among 4 parts: set cluster.sync.local.steps to 4 or 8/,
    ],
    [
      ['cluster.sync.local.parts=6', 'cluster.sync.local.overlap=0'],
      /parts: 6 parts of a model with 3 layers .*: use at most 3/,
    ],
    [
      ['cluster.sync.local.overlap=3'],
      /a part is exchanged every 3 steps, and cannot be under way for 3: use at most 2/,
    ],
    [['cluster.sync.local.overlap=0', 'cluster.sync.local.mixing=0.3'], /mixing: 0.3 says what becomes of the steps/],
    [
      ['cluster.sync.local={ parts: 2 }', 'cluster.precision=bfloat16'],
      /bfloat16 rounds what is exchanged all at once/,
    ],
  ])('of %s is refused', async (set, problem) => {
    const trying = async () => alone(file, set);
    await expect(trying()).rejects.toThrow(problem);
  });
});
