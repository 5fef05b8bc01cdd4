/** Runs whose products are float16, on a processor: beside PyTorch's autocast with its GradScaler, and stopped and resumed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { resume, train } from '../../coordinator/local/train.js';
import { coordinate } from '../../coordinator/world/coordinate.js';
import { newestCheckpoint } from '../../src/checkpoint/checkpoint.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained, weightsOf } from '../support/runs.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const out = join(folder, 'runs');
const peer = JSON.parse(readFileSync('test/fixtures/grad-scaler.json', 'utf8'));
const skipped = 14;

// The steps of scripts/peers/grad_scaler.py, one an epoch.
writeFileSync(
  join(folder, 'line.mjs'),
  `export default function* () {
     for (let i = 0; i < 8; i++) yield { features: [1 + (i % 4) / 4], target: 5000 + 100 * (1 + (i % 4) / 4) };
   }`,
);
const file = writeConfig(folder, 'line', {
  data: { source: 'module', file: join(folder, 'line.mjs'), validation: 0, test: 0 },
  model: { layers: [{ dense: { units: 1, kernelInitializer: 'zeros' } }] },
  loss: 'meanSquaredError',
  optimizer: { adam: { learningRate: 0.5, epsilon: 1e-8 } },
  training: { epochs: 24, batchSize: 'all', logEvery: 1, precision: 'float16' },
});

it('skips the steps that PyTorch skips, and takes its others; goes on where it was stopped, to the same bits', async () => {
  const { events, epochs, end } = await trained(file, [], out);
  const steps = events.filter((event) => event.event === 'step');
  const scales = [65536, ...peer.steps.map(([, scale]: number[]) => scale)];
  expect(steps.map(({ lossScale }) => lossScale)).toEqual(scales.slice(0, -1));
  expect(steps.filter(({ gradientNorm }) => !Number.isFinite(gradientNorm))).toHaveLength(skipped);
  expect(epochs.map(({ skippedSteps }) => skippedSteps)).toEqual(steps.map((_, i) => Math.min(i + 1, skipped)));
  expect(end).toMatchObject({ lossScale: 4, skippedSteps: skipped });
  for (const [i, [loss]] of peer.steps.entries()) expect(steps[i]!.loss / loss).toBeCloseTo(1, 5);
  const [, , weight, bias] = peer.steps.at(-1);
  expect([...weightsOf(end.model)]).toEqual([expect.closeTo(weight, 3), expect.closeTo(bias, 3)]);

  for (const few of [5, 17]) {
    const stopped = await train(loadRunConfig(file, []), { out, threads: 1, steps: few });
    const { checkpoint } = await newestCheckpoint(join(stopped.resume!, 'checkpoints'));
    const { lossScaling } = checkpoint!.state.progress;
    expect(lossScaling).toEqual({
      scale: scales[few],
      good: Math.max(0, few - skipped),
      skipped: Math.min(few, skipped),
    });
    const gone = await resume(stopped.resume!, { threads: 2 });
    expect([gone.sha256, gone.skippedSteps]).toEqual([end.sha256, skipped]);
  }
});

it('has the mean loss of an epoch over the steps that have a loss', async () => {
  const one = join(folder, 'one-is-large.mjs');
  const body = `for (let i = 0; i < 40; i++) yield { features: [i === 7 ? 1e30 : 1], target: 5 };`;
  writeFileSync(one, `export default function* () { ${body} }`);
  const set = [`data.file=${one}`, 'training.batchSize=4', 'training.epochs=2'];
  const { events, epochs } = await trained(file, set, out);
  const losses = events.flatMap((event) => (event.event === 'step' ? [event.loss] : []));
  for (const [i, { loss }] of epochs.entries()) {
    const finite = losses.slice(10 * i, 10 * i + 10).filter(Number.isFinite);
    expect(finite).toHaveLength(9);
    expect(loss).toBeCloseTo(finite.reduce((sum, one) => sum + one) / 9, 10);
  }
  const { epochs: whole } = await trained(file, [...set, 'training.batchSize=all'], out);
  expect(whole.map(({ loss, skippedSteps }) => [loss, skippedSteps])).toEqual([
    [Number.NaN, 1],
    [Number.NaN, 2],
  ]);
});

it('comes to the same bits over workers, by the sum of all of them, with a coordinator that computes and one that does not', async () => {
  const set = ['training.shards=4', 'checkpoint.everySteps=6'];
  const here = await trained(file, set, out, 2);
  expect(here.end.skippedSteps).toBeGreaterThan(10);
  for (const threads of [0, 1]) {
    const setup = { threads, workers: [{ threads: 1 }, { threads: 1 }] };
    const { end, events, workers } = await trainedInWorld(file, set, out, join(folder, 'cache'), setup);
    const { sha256, lossScale, skippedSteps } = here.end;
    expect(end).toMatchObject({ sha256, lossScale, skippedSteps });
    const told = (all: typeof events) => all.filter((event) => event.event === 'step').map(({ loss }) => loss);
    expect(told(events)).toEqual(told(here.events));
    expect(workers).toHaveLength(2);
  }
});

it('stays near float32 for twenty steps of a decoder', async () => {
  writeFileSync(
    join(folder, 'story.txt'),
    Array.from({ length: 60 }, (_, i) => `line ${(i * 7919) % 1000} of it\n`).join(''),
  );
  const decoder = writeConfig(folder, 'decoder', {
    data: {
      source: 'text',
      file: join(folder, 'story.txt'),
      window: 8,
      stride: 2,
      targets: 'all',
      validation: 0,
      test: 0,
    },
    model: {
      layers: [
        { tokenAndPositionEmbedding: { width: 16, position: 'rotary' } },
        { transformerDecoder: { repeat: 2, heads: 2, feedForward: 32, normalization: 'rms' } },
        { logits: { tied: true } },
      ],
    },
    loss: 'sparseCategoricalCrossentropy',
    optimizer: { adamw: { learningRate: 0.002 } },
    training: { epochs: 1, batchSize: 16, shards: 2, logEvery: 1, clipNorm: 1 },
  });
  const lossesIn = async (precision: string) => {
    const { events } = await trained(decoder, [`training.precision=${precision}`], out);
    return events.flatMap((event) => (event.event === 'step' ? event.loss : [])).slice(0, 20);
  };
  const [wanted, actual] = [await lossesIn('float32'), await lossesIn('float16')];
  expect(actual).toHaveLength(20);
  expect(actual).not.toEqual(wanted);
  for (const [i, loss] of wanted.entries()) expect(Math.abs(actual[i]! / loss - 1)).toBeLessThan(1e-3);
});

it('ends as diverged where the loss overflows whatever its scale is, keeps the parameters, and tells apart a rate and data that are too large', async () => {
  const end = (set: string[]) => trained(file, [...set, 'training.epochs=60'], out);
  await expect(end(['optimizer.adam.learningRate=1e30'])).rejects.toMatchObject({
    code: 'LOCKSTEP_DIVERGED',
    problem: expect.stringMatching(
      / the loss is Infinity, after \d+ steps that overflowed in float16 .* The loss was \d/,
    ),
    remedy: expect.stringMatching(/^try a learning rate of 1e\+29 .* float32 /),
  });
  const large = join(folder, 'large.mjs');
  writeFileSync(large, 'export default () => Array(8).fill({ features: [1e30], target: 1 });');
  await expect(end([`data.file=${large}`, 'training.batchSize=2'])).rejects.toMatchObject({
    problem: expect.stringMatching(
      /at step 17: .* after 16 steps .* It was so from the start: look for values in the data/,
    ),
    remedy: expect.stringMatching(/^look at the ranges of the data .* float32 /),
  });
});

it('is refused where steps are not computed in float16', async () => {
  await expect(trained(file, ['engine=tfjs', 'backend=cpu'], out)).rejects.toMatchObject({
    problem: 'training.precision: float16: engine tfjs computes in float32, and this run needs it',
    remedy: 'leave training.precision out, or use engine onnx',
  });
  const set = ['cluster.precision=bfloat16'];
  await expect(coordinate(loadRunConfig(file, set), { out, port: 0 })).rejects.toMatchObject({
    problem: 'training.precision: float16: with cluster.precision there is no step that all can skip',
    remedy: 'leave cluster.precision out, or use --set training.precision=float32',
  });
});
