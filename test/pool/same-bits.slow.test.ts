/** A run is a function of its config and seed: the same parameters and metrics, bit for bit, on any number of threads. */
import { expect, it } from 'vitest';
import { eventOf, eventsOf, lockstep } from '../support/cli.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { configFile } from '../support/package.js';
import { resultOf, trained } from '../support/runs.js';

const folder = temporaryFolder();

const digits = { source: 'digits', validation: 0.3, test: 0.2, stratify: true };
const classified = { loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy', { topKAccuracy: { k: 3 } }] };

const cnnWithBatchNormalization = {
  data: { ...digits, examples: 700 },
  model: {
    layers: [
      { conv2d: { filters: 6, kernelSize: 3, strides: 2 } },
      { batchNormalization: {} },
      { activation: { activation: 'relu' } },
      { conv2d: { filters: 8, kernelSize: 3, strides: 2, activation: 'relu' } },
      { batchNormalization: {} },
      { flatten: {} },
      { dropout: { rate: 0.3 } },
      { dense: { units: 'classes' } },
    ],
  },
  ...classified,
  optimizer: { momentum: { learningRate: 0.05, nesterov: true } },
  training: { epochs: 2, batchSize: 64, shards: 8, clipNorm: 0.5 },
};

const tinyMlp = {
  data: { ...digits, examples: 150 },
  model: { layers: [{ flatten: {} }, { dense: { units: 8 } }, { dropout: { rate: 0.5 } }, { dense: { units: 10 } }] },
  ...classified,
  training: { epochs: 1, batchSize: 32, shards: 4 },
  optimizer: { lamb: { weightDecay: 0.1, emaMomentum: 0.9 } },
  engine: 'tfjs',
  backend: 'cpu',
};

// 710 examples leave 284 for training: a last batch smaller than the others, in a last shard smaller than the others,
// and 355 for validation: three batches on up to four threads.
const small = ['data.examples=710', 'data.validation=0.5', 'data.test=0.1', 'training.epochs=2'];
// Whole matrices, slots of some weights only, and an average that is evaluated.
const withMuon = [...small, 'optimizer={muon: {noDecay: [bias], emaMomentum: 0.8}}'];
const once = [...small, 'training.epochs=1'];
const cases = [
  { name: 'configs/digits.yaml', file: configFile('digits.yaml'), overrides: once, others: [4] },
  {
    name: 'an MLP with dropout, muon and averaged weights',
    file: configFile('digits-mlp.yaml'),
    overrides: withMuon,
    // Two of them in another process, below.
    others: [4, 1],
  },
  {
    name: 'a CNN with batch normalization, momentum and clipping',
    file: writeConfig(folder, 'normalized', cnnWithBatchNormalization),
    overrides: [],
    others: [3],
  },
  { name: 'engine tfjs with lamb', file: writeConfig(folder, 'tfjs', tinyMlp), overrides: [], others: [2] },
];

/** Of each file on one thread, by the first test that asks. */
const onOne = new Map<string, ReturnType<typeof trained>>();
function onOneThread(file: string, overrides: readonly string[]): ReturnType<typeof trained> {
  if (!onOne.has(file)) onOne.set(file, trained(file, overrides, folder, 1));
  return onOne.get(file)!;
}

it.each(cases)('$name comes to the same bits on any number of threads', async (example) => {
  const { file, overrides, others } = example;
  const first = await onOneThread(file, overrides);
  const { training, batchSize, shards, threads } = first.start;
  expect(threads).toBe(1);
  expect(shards).toBeGreaterThan(1);
  expect((training % batchSize) % (batchSize / shards)).toBeGreaterThan(0);
  expect(first.end.sha256).toMatch(/^[0-9a-f]{64}$/);
  for (const threads of others) {
    const other = await trained(file, overrides, folder, threads);
    expect(other.start.threads).toBe(threads);
    expect(resultOf(other)).toEqual(resultOf(first));
  }
  // Equal bits prove something only if they could differ.
  const reseeded = await trained(file, [...overrides, 'seed=43'], folder);
  expect(reseeded.end.sha256).not.toBe(first.end.sha256);
  expect(reseeded.epochs[0].loss).not.toBe(first.epochs[0].loss);
});

it('comes to the same bits in another process', async () => {
  const file = configFile('digits-mlp.yaml');
  const flags = withMuon.flatMap((override) => ['--set', override]);
  const { stdout, code } = await lockstep(
    ['train', file, ...flags, '--json', '--threads', '2', '--out', folder],
    folder,
  );
  expect(code).toBe(0);
  const { sha256, validation, test } = eventOf(eventsOf(stdout), 'end');
  const { end } = await onOneThread(file, withMuon);
  expect({ sha256, validation, test }).toEqual({ sha256: end.sha256, validation: end.validation, test: end.test });
});
