/** Local steps whose movements are rounded before they are sent: by the rule, to the same bits whoever computes, in fewer bytes. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { resumeCoordinating } from '../../coordinator/world/coordinate.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { epochOrder } from '../../src/data/sampler.js';
import type { RunEvent } from '../../src/report/events.js';
import { aloneIn, pictures } from '../support/alone.js';
import { eventOf } from '../support/cli.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { weightsOf } from '../support/runs.js';
import { randomFloats } from '../support/slabs.js';
import { trainedInWorld, type WorldSetup } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();

const alone = aloneIn(newPath);

const nearest = (x: number) => {
  const [floor, rest] = [Math.floor(x), x - Math.floor(x)];
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor;
};

/** One block. */
function rounded(values: readonly number[], most: number): number[] {
  const largest = Math.max(...values.map(Math.abs));
  let scale = 2 ** -126;
  while (largest / scale > most) scale *= 2;
  return values.map((x) => nearest(x / scale) * scale);
}

/** Eight bits of fraction with the hidden one. */
const bfloat16 = (x: number) => {
  if (x === 0) return 0;
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 7);
  return nearest(x / unit) * unit;
};

describe.each([
  ['int8', 127],
  ['int4', 7],
] as const)('%s', (quantize, most) => {
  it('is SGD in four replicas, their rounded movements, and Nesterov momentum over the rounds', async () => {
    const x = Array.from({ length: 24 }, (_, i) => [...randomFloats(i + 3, 3)]);
    const y = x.map(([a, b, c]) => 2 * a - b + 0.3 * c + 0.5);
    const file = writeConfig(folder, `line-${quantize}`, {
      seed: 5,
      data: { source: 'values', features: x, targets: y },
      model: { layers: [{ dense: { units: 1, kernelInitializer: 'zeros' } }] },
      loss: 'meanSquaredError',
      optimizer: { sgd: { learningRate: 0.1 } },
      training: { epochs: 6, batchSize: 8, shards: 4 },
      cluster: { sync: { local: { steps: 2, quantize } } },
    });
    const end = await alone(file, [], 2);

    // Three weights and a bias, which are far enough from each other for nothing else to be in their block.
    const run = [0, 0, 0, 0];
    const velocity = [0, 0, 0, 0];
    const residuals = [0, 1, 2, 3].map(() => [0, 0, 0, 0]);
    for (let epoch = 0; epoch < 6; epoch++) {
      const order = epochOrder(
        Int32Array.from(y, (_, i) => i),
        5,
        epoch,
      );
      // A round of two steps, and one of the third.
      for (const steps of [[0, 1], [2]]) {
        const moved = residuals.map((residual, replica) => {
          const own = [...run];
          for (const step of steps) {
            const rows = order.subarray(step * 8 + replica * 2, step * 8 + replica * 2 + 2);
            const slopes = [0, 0, 0, 0];
            for (const row of rows) {
              const features = [...x[row], 1];
              const error = features.reduce((sum, value, i) => sum + value * own[i], 0) - y[row];
              for (const [i, value] of features.entries()) slopes[i] += (2 * error * value) / rows.length;
            }
            for (const i of own.keys()) own[i] -= 0.1 * slopes[i];
          }
          const exact = run.map((value, i) => value - own[i] + residual[i]);
          const sent = rounded(exact, most);
          for (const i of sent.keys()) residual[i] = exact[i] - sent[i];
          return sent;
        });
        for (const i of run.keys()) {
          const [a, b, c, d] = moved.map((sent) => sent[i]);
          const mean = bfloat16(bfloat16(a + b) + bfloat16(c + d)) / 4;
          velocity[i] = 0.9 * velocity[i] + mean;
          run[i] -= 0.7 * (mean + 0.9 * velocity[i]);
        }
      }
    }
    [...weightsOf(end.model)].forEach((value, i) => {
      expect(value).toBeCloseTo(run[i], 5);
    });
  });
});

describe('a run', () => {
  const file = writeConfig(folder, 'images', {
    ...pictures(),
    training: { epochs: 3, batchSize: 64, shards: 8 },
    checkpoint: { everySteps: 1 },
    cluster: { sync: { local: { steps: 2, replicas: 4, warmUpSteps: 1, quantize: 'int8' } } },
  });
  let whole: { sha256: string };
  beforeAll(async () => {
    const { sha256 } = await alone(file, []);
    whole = { sha256 };
  });

  const worlds: { name: string; setup: WorldSetup; set?: string[] }[] = [
    { name: 'a coordinator of 3 threads and a worker', setup: { threads: 3, workers: [{ threads: 1 }] } },
    {
      name: 'four workers, by butterfly',
      setup: { workers: [{ threads: 1 }, { threads: 1 }, { threads: 1 }, { threads: 1 }] },
      set: ['cluster.allReduce=butterfly'],
    },
  ];
  it.each(worlds)('has the bits of one thread in $name', async ({ setup, set = [] }) => {
    const { end, events } = await trainedInWorld(file, set, newPath(), join(folder, 'cache'), setup);
    expect(end).toMatchObject(whole);
    expect(eventOf(events, 'summary')).toMatchObject({ local: { quantize: 'int8' }, precision: 'float32' });
  });

  it('goes on after a stop with what rounding had lost', async () => {
    const { resume } = await alone(file, [], 2, 7);
    const events: RunEvent[] = [];
    const end = await resumeCoordinating(resume!, { threads: 1, minWorkers: 0, report: (event) => events.push(event) });
    expect(eventOf(events, 'start').resumed).toMatchObject({ step: 7 });
    expect(end).toMatchObject(whole);
  });

  it('sends a byte for a number, and two for the sum', async () => {
    const workers = [{ threads: 1 }, { threads: 1 }];
    const set = ['cluster.sync.local.replicas=2', 'cluster.sync.local.warmUpSteps=0', 'training.epochs=1'];
    const bytes = async (more: readonly string[]) => {
      const setup = { workers };
      const { events } = await trainedInWorld(file, [...set, ...more], newPath(), join(folder, 'cache'), setup);
      return eventOf(events, 'summary').bytesPerStep;
    };
    const [rounded, plain] = [await bytes([]), await bytes(['cluster.sync.local={ steps: 2, replicas: 2 }'])];
    // 33 bytes for 32 numbers and 64 for their sum, of 256; state travels as it is.
    expect(rounded / plain).toBeGreaterThan(97 / 256 - 0.02);
    expect(rounded / plain).toBeLessThan(0.42);
  });

  it.each([
    [['cluster.precision=int8'], /int8 rounds what replicas exchange, too, and quantize: int8 has done so before/],
    [['cluster.allReduce=mpi', 'cluster.transport=mpi'], /MPI adds up float32 numbers/],
  ])('with %s is refused', (set, problem) => {
    expect(() => loadRunConfig(file, set)).toThrow(problem);
  });
});
