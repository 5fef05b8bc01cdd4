/** One config gives one result, bit for bit, whichever machines compute it and however gradients and data travel. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadRunConfig } from '../../src/config/load-config.js';
import { eventOf } from '../support/cli.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { resultOf, type Trained, trained } from '../support/runs.js';
import { type InWorld, trainedInWorld, type WorldSetup } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();

// 142 examples for training: a last batch smaller than the others, in a last shard smaller than the others.
const images = writeConfig(folder, 'images', {
  data: { source: 'digits', examples: 355, validation: 0.5, test: 0.1, stratify: true },
  augment: { shift: 0.1, rotate: 10 },
  model: {
    layers: [
      { conv2d: { filters: 6, kernelSize: 3, strides: 2 } },
      'batchNormalization',
      { activation: { activation: 'relu' } },
      'flatten',
      { dropout: { rate: 0.3 } },
      // More than one segment of the gradient.
      { dense: { units: 80, activation: 'relu' } },
      { dense: { units: 'classes' } },
    ],
  },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy', { topKAccuracy: { k: 3 } }],
  // Some state for matrices, other for the rest, and an average that is evaluated.
  optimizer: { muon: { learningRate: 0.003, noDecay: ['bias', 'gamma', 'beta'], emaMomentum: 0.8 } },
  training: { epochs: 2, batchSize: 64, shards: 8, clipNorm: 0.5 },
});

// Windows that overlap: an example is a place in the text.
const story = join(folder, 'story.txt');
writeFileSync(story, Array.from({ length: 400 }, (_, i) => `line ${(i * 7919) % 1000} of it\n`).join(''));
const text = writeConfig(folder, 'text', {
  data: { source: 'text', file: story, window: 8, validation: 0.2, test: 0.1 },
  model: {
    layers: [
      { embedding: { inputDim: 'classes', outputDim: 8 } },
      'flatten',
      { dense: { units: 16, activation: 'relu' } },
      { dense: { units: 'classes' } },
    ],
  },
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  optimizer: 'adafactor',
  training: { epochs: 1, batchSize: 512, shards: 4 },
});

/** Workers by their threads. */
const workers = (...threads: number[]): WorldSetup => ({ workers: threads.map((each) => ({ threads: each })) });

const cases: { name: string; setup: WorldSetup; set?: string[]; from?: string }[] = [
  { name: '1 thread of the coordinator and a worker of 2', setup: { threads: 1, ...workers(2) } },
  { name: '3 workers, star', setup: workers(1, 1, 1), set: ['cluster.allReduce=star'] },
  { name: '3 workers, butterfly', setup: workers(1, 1, 1), set: ['cluster.allReduce=butterfly'] },
  {
    name: 'a coordinator that computes in a butterfly with 2 workers',
    setup: { threads: 1, ...workers(1, 1) },
    set: ['cluster.allReduce=butterfly'],
  },
  { name: 'placement stream', setup: workers(1, 1), set: ['cluster.placement=stream'], from: 'step by step' },
];

describe('images', () => {
  // All of them look into one cache: the data come over the wire for the first worlds only.
  const cache = newPath();
  const local = () => {
    const { data, seed } = loadRunConfig(images, []);
    return { workers: [1, 1].map((threads) => ({ threads, local: { data, seed }, cache: newPath() })) };
  };

  it('come to the result of two threads on one machine', async () => {
    const alone = await trained(images, [], newPath(), 2);
    const sent = new Map<string, number>();
    const { training, batchSize, shards } = alone.start;
    expect((training % batchSize) % (batchSize / shards)).toBeGreaterThan(0);
    const all = [
      ...cases,
      { name: 'placement local', setup: local(), set: ['cluster.placement=local'], from: 'own copy' },
    ];
    for (const { name, setup, set = [], from } of all) {
      const run = await trainedInWorld(images, set, newPath(), cache, setup);
      expect({ name, ...resultOf(run) }).toEqual({ name, ...resultOf(alone) });
      expectAllComputed(run, setup);
      const { workers } = eventOf(run.events, 'summary');
      sent.set(
        name,
        workers.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
      );
      for (const said of run.workers) {
        const sources = said.flatMap((event) => (event.event === 'data' ? event.from : []));
        expect(sources).toEqual([from ?? expect.stringMatching(/^coordinator|cache$/)]);
      }
    }
    // In a butterfly the coordinator has to pass on no sums.
    expect(sent.get('3 workers, butterfly')).toBeLessThan(0.75 * sent.get('3 workers, star')!);
    // Equal bits prove something only if they could differ.
    expect((await trained(images, ['seed=43'], newPath())).end.sha256).not.toBe(alone.end.sha256);
  });
});

it('a run that ends with its best epoch evaluates that, over workers too', async () => {
  // Steps too long for the loss to fall for good.
  const set = [
    'training.restoreBest=true',
    'training.epochs=4',
    'data.examples=710',
    'optimizer={adam: {learningRate: 0.06, emaMomentum: 0.3}}',
  ];
  const alone = await trained(images, set, newPath());
  expect(alone.end.restored).toBe(true);
  for (const threads of [0, 1]) {
    const run = await trainedInWorld(images, set, newPath(), newPath(), { threads, ...workers(1) });
    expect(run.end.restored).toBe(true);
    expect(resultOf(run)).toEqual(resultOf(alone));
  }
});

describe('a text whose examples overlap', () => {
  let alone: Trained;
  beforeAll(async () => {
    alone = await trained(text, [], newPath());
  });

  it.each(['replicate', 'stream'])('comes to the result of one machine with placement %s', async (placement) => {
    const setup = workers(1, 1);
    const run = await trainedInWorld(text, [`cluster.placement=${placement}`], newPath(), newPath(), setup);
    expect(resultOf(run)).toEqual(resultOf(alone));
    expectAllComputed(run, setup);
  });
});

/** Nobody was lost on the way, and everybody has done something. */
function expectAllComputed({ events }: InWorld, { threads = 0, workers }: WorldSetup): void {
  expect(events.filter(({ event }) => event === 'warning')).toEqual([]);
  const { workers: done, steps, reproducible, bytesPerStep, fewestBytesPerStep } = eventOf(events, 'summary');
  expect({ steps, reproducible }).toEqual({ steps: eventOf(events, 'start').steps, reproducible: true });
  expect(done.map((worker) => worker.threads)).toEqual([threads, ...workers.map((worker) => worker.threads)]);
  for (const { threads, shards, timesLost } of done) {
    expect(shards > 0).toBe(threads > 0);
    expect(timesLost).toBe(0);
  }
  expect(bytesPerStep).toBeGreaterThanOrEqual(fewestBytesPerStep);
  expect(fewestBytesPerStep).toBeGreaterThan(0);
}
