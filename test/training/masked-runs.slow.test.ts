/** Sequences whose padding does not count: a step divides once by the places of the whole batch, whoever computed them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eventOf } from '../support/cli.js';
import { relativeError } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { refusalOf, writeModule } from '../support/modules.js';
import { resultOf, trained, weightsOf } from '../support/runs.js';
import { npyFile } from '../support/tables.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();
const places = 8;

/** Tags that follow from the words; long sequences first, so that shards differ in what counts. Padding is word 0, tag 0. */
const words = writeModule(
  folder,
  'words.mjs',
  'export default function* ({ weighted, padding = 0, sure = false }) {',
  '  for (let i = 0; i < 180; i++) {',
  `    const length = 1 + ((i * 7) % ${places}), inside = (k) => k < length;`,
  `    const features = Array.from({ length: ${places} }, (_, k) => (inside(k) ? 1 + ((i * 31 + k * k * 17) % 9) : 0));`,
  '    const target = features.map((word, k) => (inside(k) ? 1 + (sure ? 0 : word % 2) : padding));',
  '    yield { features, target, weight: weighted ? features.map((word) => (word === 0 ? 0 : 1 + (word % 3))) : 1 };',
  '  }',
  '}',
);
const tagger = (maskZero: boolean) =>
  ({
    data: { source: 'module', file: words, classes: 3, validation: 0.2, test: 0.1, options: { weighted: false } },
    model: {
      layers: [
        { embedding: { inputDim: 10, outputDim: 6, maskZero } },
        { lstm: { units: 8, returnSequences: true } },
        { dropout: { rate: 0.2 } },
        { dense: { units: 'classes' } },
      ],
    },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy', { topKAccuracy: { k: 2 } }],
    optimizer: { adam: { learningRate: 0.01 } },
    training: { epochs: 2, batchSize: 48, shards: 8, clipNorm: 1, l2: 0.001 },
  }) as const;
const masked = writeConfig(folder, 'masked', tagger(true));
const plain = writeConfig(folder, 'plain', tagger(false));
const weighted = ['data.options.weighted=true'];
const ignoring = ['loss={"sparseCategoricalCrossentropy":{"ignoreClass":0}}'];

const [star, butterfly, stream] = ['cluster.allReduce=star', 'cluster.allReduce=butterfly', 'cluster.placement=stream'];
/** With the worlds that each is tried in, of three threads. */
const ways: [string, string, string[], string[]][] = [
  ['a mask', masked, [], [star]],
  ['an ignored class', plain, ignoring, [butterfly]],
  ['weights of places', plain, weighted, [stream]],
  ['all three', masked, [...weighted, ...ignoring], [butterfly, stream]],
];

describe.each(ways)('%s', (_, file, set, worlds) => {
  it('gives the same bits on one thread, in parts, and on two workers', async () => {
    const alone = await trained(file, set, newPath(), 1);
    expect(Number.isFinite(alone.end.validation!.loss)).toBe(true);
    // On as many threads as no world has.
    const parts = await trained(file, [...set, 'training.accumulate=4'], newPath(), 2);
    expect(resultOf(parts)).toEqual(resultOf(alone));
    for (const more of worlds) {
      const setup = { workers: [{ threads: 1 }, { threads: 2 }] };
      const run = await trainedInWorld(file, [...set, more], newPath(), newPath(), setup);
      expect(eventOf(run.events, 'summary').reproducible).toBe(true);
      expect({ more, ...resultOf(run) }).toEqual({ more, ...resultOf(alone) });
    }
  });

  it('takes the same step in one shard as in eight that count unlike', async () => {
    const still = [...set, 'model.layers.2.dropout.rate=0', 'training.epochs=1'];
    const [one, eight] = [
      await trained(file, [...still, 'training.shards=1'], newPath()),
      await trained(file, still, newPath()),
    ];
    expect(relativeError(weightsOf(one.end.model), weightsOf(eight.end.model))).toBeLessThan(1e-4);
    expect(one.epochs[0].loss).toBeCloseTo(eight.epochs[0].loss, 5);
  });
});

it('padding counts where nothing says otherwise, and neither way of leaving it out differs from the others', async () => {
  // Dropout off, no penalty: then a mask, an ignored class and weights of 0 and 1 (times the places) are one thing.
  const still = ['model.layers.2.dropout.rate=0', 'training.l2=0'];
  const counted = await trained(plain, still, newPath());
  const [byMask, byClass] = [
    await trained(masked, still, newPath()),
    await trained(plain, [...still, ...ignoring], newPath()),
  ];
  expect(byMask.end.validation!.loss).toBeCloseTo(byClass.end.validation!.loss, 6);
  expect(byMask.end.validation!.accuracy).toBe(byClass.end.validation!.accuracy);
  expect(counted.end.validation!.accuracy).not.toBe(byMask.end.validation!.accuracy);
  // Evaluated afterwards they are the same numbers.
  const metrics = await metricsOf(byMask.end.model, { split: 'validation', config: masked, overrides: still });
  expect(metrics).toEqual(byMask.end.validation);
});

/** What both of those below come to, trained by the first of them. */
let zero: ReturnType<typeof trained> | undefined;

it.each(['-1', '255'])('an ignored class may be none of the classes, such as %s', async (padding) => {
  const set = [`loss={"sparseCategoricalCrossentropy":{"ignoreClass":${padding}}}`, `data.options.padding=${padding}`];
  const other = await trained(plain, set, newPath());
  zero ??= trained(plain, ignoring, newPath());
  expect(resultOf(other)).toEqual(resultOf(await zero));
  const { message } = await refusalOf(trained(plain, set.slice(1), newPath()));
  expect(message).toContain(`has the target ${padding}, not a class of data.classes 3`);
});

it('a batch in which no place counts has the loss 0 and changes nothing', async () => {
  const rows = Array.from({ length: 8 }, () => ({ features: [0, 0], target: [1, 2] }));
  const file = writeModule(folder, 'nothing.mjs', `export default ${JSON.stringify(rows)};`);
  const config = writeConfig(folder, 'nothing', {
    ...tagger(true),
    data: { source: 'module', file, classes: 3, validation: 0, test: 0 },
    optimizer: { sgd: { learningRate: 1 } },
    training: { epochs: 1, batchSize: 4 },
  });
  const [run, none] = [
    await trained(config, [], newPath()),
    await trained(config, ['optimizer.sgd.learningRate=1e-30'], newPath()),
  ];
  expect(run.epochs[0].loss).toBe(0);
  expect(run.end.sha256).toBe(none.end.sha256);
});

describe('functions of users', () => {
  const module = writeModule(
    folder,
    'own.mjs',
    'const each = (tf, targets, outputs) => tf.neg(tf.sum(tf.mul(tf.oneHot(targets, 3), tf.logSoftmax(outputs)), -1));',
    'export { each };',
    'export const whole = (tf, targets, outputs) => tf.mean(each(tf, targets, outputs), -1);',
  );
  const own = (name: string) => [`loss={"custom":{"name":"${name}","module":${JSON.stringify(module)}}}`, 'metrics=[]'];

  it('that give a number a place leave out what does not count', async () => {
    const still = ['model.layers.2.dropout.rate=0'];
    const metric = { custom: { name: 'each', module } };
    const set = [...still, `metrics=${JSON.stringify([metric])}`];
    const built = await trained(masked, set, newPath());
    expect(built.end.validation!.each).toBeCloseTo(built.end.validation!.loss, 5);
    const written = await trained(masked, [...still, ...own('each'), `metrics=${JSON.stringify([metric])}`], newPath());
    expect(written.end.validation!.loss).toBeCloseTo(built.end.validation!.loss, 5);
  });

  it('that give a number an example have no place for weights of places', async () => {
    const { message } = await refusalOf(trained(plain, [...weighted, ...own('whole')], newPath()));
    expect(message).toContain('the loss gives one number an example, and data.weights has one for each place');
  });
});

describe('weights of places from a file', () => {
  const npy = (name: string, shape: number[], values: ArrayLike<number>): string => {
    const file = join(folder, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, npyFile('<f4', shape, new Uint8Array(Float32Array.from(values).buffer)));
    return file;
  };
  const count = 40;
  const length = (row: number) => 1 + (row % 4);
  const flat = (of: (row: number, place: number) => number) =>
    Array.from({ length: count * 4 }, (_, i) => of(Math.floor(i / 4), i % 4));
  const features = npy(
    'x.npy',
    [count, 4],
    flat((row, place) => (place < length(row) ? 1 + ((row * 5 + place) % 3) : 0)),
  );
  const targets = npy(
    'y.npy',
    [count, 4],
    flat((row, place) => (place < length(row) ? 1 + ((row + place) % 2) : 0)),
  );
  const weights = npy(
    'w.npy',
    [count, 4],
    flat((row, place) => Number(place < length(row))),
  );
  const config = (more: object) =>
    writeConfig(folder, `npy-${Object.keys(more).length}`, {
      ...tagger(false),
      data: { source: 'npy', features, targets, targetType: 'class', validation: 0.25, test: 0, ...more },
      metrics: ['accuracy'],
      training: { epochs: 1, batchSize: 10 },
    });

  it('leave padding out of metrics', async () => {
    const run = await trained(config({ weights }), [], newPath());
    const metrics = await metricsOf(run.end.model, { split: 'validation' });
    expect(metrics).toEqual(run.end.validation);
    // Class 0 is that of padding and of nothing else.
    const still = ['optimizer={"sgd":{"learningRate":1e-30}}'];
    const [byWeight, byClass] = [
      await trained(config({ weights }), still, newPath()),
      await trained(config({}), [...still, ...ignoring], newPath()),
    ];
    expect(byWeight.end.validation!.accuracy).toBe(byClass.end.validation!.accuracy);
    expect(byWeight.end.validation!.loss).toBeLessThan(byClass.end.validation!.loss);
  });

  it('must have the shape of the places', async () => {
    const pairs = npy('pairs.npy', [count, 2], new Float32Array(2 * count));
    const { message } = await refusalOf(trained(config({ weights: pairs }), [], newPath()));
    expect(message).toContain('has weights of shape [2] for an example: use one weight for each example, or 4');
  });
});
