/** Gradients as histograms: that of an epoch's last step, on threads and over workers, before clipping. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import { expect, it } from 'vitest';
import { TensorTelling } from '../../coordinator/prepare/trackers.js';
import type { StepModel } from '../../src/engine/step.js';
import { bodiesIn } from '../../src/track/tensorboard/framing.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { type Trained, trained } from '../support/runs.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const config = {
  name: 'graded',
  data: { source: 'digits', examples: 300, validation: 0.2 },
  model: { layers: [{ flatten: {} }, { dense: { units: 4 } }, { dense: { units: 'classes' } }], freeze: ['dense_1'] },
  loss: 'sparseCategoricalCrossentropy',
  // The last batch is a smaller one.
  training: { epochs: 2, batchSize: 100, shards: 4, logEvery: 1, clipNorm: 0.01 },
  track: { tensorboard: true },
};
const file = writeConfig(folder, 'graded', config);

/** Sums of squares of the histograms of gradients in a run's event file, by step and tag. */
function squaresIn(run: string): Map<number, Map<string, number>> {
  const place = join(run, 'tensorboard');
  const found = new Map<number, Map<string, number>>();
  for (const event of bodiesIn(readFileSync(join(place, readdirSync(place)[0])))) {
    const { 2: step = 0, 5: summary } = fieldsOf(event);
    for (const value of summary ? listed(summary as Uint8Array, 1) : []) {
      const { 1: tag, 5: histogram } = fieldsOf(value);
      const name = Buffer.from(tag as Uint8Array).toString();
      if (!name.startsWith('gradients/')) continue;
      const at = found.get(Number(step)) ?? new Map<string, number>();
      found.set(Number(step), at.set(name, fieldsOf(histogram as Uint8Array)[5] as number));
    }
  }
  return found;
}

function* entries(message: Uint8Array): Generator<[field: number, value: number | bigint | Uint8Array]> {
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    if (wire === 0) yield [field, BigInt(reader.int64())];
    else if (wire === 1) yield [field, reader.double()];
    else if (wire === 5) yield [field, reader.float()];
    else yield [field, reader.bytes()];
  }
}
const fieldsOf = (message: Uint8Array) => Object.fromEntries(entries(message));
const listed = (message: Uint8Array, of: number) =>
  [...entries(message)].filter(([field]) => field === of).map(([, value]) => value as Uint8Array);

/** Together they have the norm that the step was logged with, which is that of the mean before clipping. */
function expectNorms({ start, events }: Trained): void {
  const squares = squaresIn(start.folder);
  expect([...squares.keys()]).toEqual([3, 6]);
  for (const [step, tags] of squares) {
    expect([...tags.keys()].sort()).toEqual(['gradients/dense_2/bias', 'gradients/dense_2/kernel']);
    const norm = Math.sqrt([...tags.values()].reduce((sum, each) => sum + each));
    const logged = events.find((event) => event.event === 'step' && event.step === step);
    expect(norm / (logged as { gradientNorm: number }).gradientNorm).toBeCloseTo(1, 6);
  }
}

it.each([1, 2])('on %i threads', async (threads) => {
  expectNorms(await trained(file, [], folder, threads));
});

it('of epochs that are short, the first has them, the last, and one each five seconds', () => {
  const layout = { tensors: [{ name: 'w', shape: [2], size: 2, offset: 0 }], trainable: 2, size: 2 };
  const told: number[] = [];
  let now = 0;
  const telling = new TensorTelling(
    {
      step: { layout } as unknown as StepModel,
      trainer: { updateEvaluated: () => Float32Array.of(1, 2), lastGradient: () => undefined },
      trackers: [{ report: () => {}, tensors: (step) => told.push(step), close: () => {} }],
    },
    () => now,
  );
  // An epoch takes two seconds, but for one that takes ten.
  for (let epoch = 1; epoch <= 12; epoch++) {
    now += epoch === 8 ? 10_000 : 2000;
    telling.afterEpoch(epoch, epoch === 12);
  }
  expect(told).toEqual([1, 4, 7, 8, 11, 12]);
});

it('over workers', async () => {
  expectNorms(
    await trainedInWorld(file, [], join(folder, 'world'), join(folder, 'cache'), {
      threads: 1,
      workers: [{ threads: 1 }],
    }),
  );
});
