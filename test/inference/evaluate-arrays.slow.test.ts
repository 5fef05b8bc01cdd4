/** `lockstep evaluate --data` of arrays, modules and images with named fields: other examples, read as the model was trained. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import type { EvaluateOptions } from '../../coordinator/inference/evaluated-data.js';
import { lockstepServed } from '../support/cli.js';
import { metricsOf } from '../support/evaluated.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { picture, writeFile } from '../support/images.js';
import { writeModule } from '../support/modules.js';
import { trained } from '../support/runs.js';
import { npyFile, zipFile } from '../support/tables.js';

const folder = temporaryFolder();
const train = async (name: string, config: object) =>
  (await trained(writeConfig(folder, name, config), [], join(folder, 'runs'))).start.folder;
const common = { optimizer: { adam: { learningRate: 0.01 } }, training: { epochs: 1, batchSize: 8, shards: 2 } };

/** `count` examples, drawn from `seed`. */
function arraysOf(count: number, seed: number) {
  const each = <T>(of: (i: number) => T) => Array.from({ length: count }, (_, i) => of(i + seed));
  const lengths = each((i) => 1 + (i % 4));
  const words = lengths.flatMap((places, i) => Array.from({ length: places }, (_, j) => (i * 3 + j + seed) % 6));
  return {
    words,
    words_lengths: lengths,
    bias: each((i) => (i % 7) / 7),
    rating: each((i) => 100 + (i % 5)),
    liked: each((i) => (i % 3 === 0 ? 1 : 0)),
    liked_weights: each((i) => 1 + (i % 2)),
    tags: words.map((id) => id % 2),
  };
}
type Arrays = ReturnType<typeof arraysOf>;
const types = {
  words: '<i4',
  words_lengths: '<i8',
  bias: '<f8',
  rating: '<f4',
  liked: '|u1',
  liked_weights: '<f4',
  tags: '|u1',
} as const;
const views = { '<i4': Int32Array, '<f8': Float64Array, '<f4': Float32Array, '|u1': Uint8Array };
function npy(name: keyof Arrays, values: readonly number[]): Buffer {
  const descr = types[name];
  const own = descr === '<i8' ? BigInt64Array.from(values, BigInt) : views[descr].from(values);
  return npyFile(descr, [values.length], new Uint8Array(own.buffer));
}
const names = Object.keys(types) as (keyof Arrays)[];
/** An archive of them, and a file each. */
function write(name: string, arrays: Arrays) {
  const content = names.map((own) => [own, npy(own, arrays[own])] as const);
  const file = join(folder, `${name}.npz`);
  writeFileSync(file, zipFile(content.map(([own, bytes]) => [`${own}.npy`, bytes])));
  const files = Object.fromEntries(content.map(([own]) => [own, join(folder, `${name}-${own}.npy`)]));
  for (const [own, bytes] of content) writeFileSync(files[own], bytes);
  return { file, files };
}
const training = arraysOf(40, 0);
const first = write('training', training);
// Of one class alone, and shorter sequences.
const some = arraysOf(9, 1);
const keep = some.liked.flatMap((like, i) => (like === 0 && some.words_lengths[i] < 4 ? [i] : []));
const starts = some.words_lengths.map((_, i) => some.words_lengths.slice(0, i).reduce((a, b) => a + b, 0));
const few = {
  ...Object.fromEntries(names.map((name) => [name, keep.map((i) => some[name][i])])),
  ...Object.fromEntries(
    (['words', 'tags'] as const).map((name) => [
      name,
      keep.flatMap((i) => some[name].slice(starts[i], starts[i] + some.words_lengths[i])),
    ]),
  ),
} as Arrays;
const other = write('other', few);

const model = {
  layers: [
    { embedding: { name: 'h', from: 'words', inputDim: 'categories', outputDim: 3 } },
    { dense: { name: 'tag', units: 2 } },
    { globalAveragePooling1d: { name: 'mean', from: 'h' } },
    { concatenate: { name: 'all', from: ['mean', 'bias'] } },
    { dense: { name: 'score', units: 1 } },
    { dense: { name: 'logit', from: 'all', units: 1 } },
  ],
  outputs: { rating: 'score', liked: 'logit', tags: 'tag' },
};
const asked = {
  model,
  loss: { rating: 'meanSquaredError', liked: 'binaryCrossentropy', tags: 'sparseCategoricalCrossentropy' },
  metrics: { rating: ['mae'], liked: ['accuracy'], tags: ['accuracy'] },
  ...common,
};
const fields = {
  inputs: { words: { member: 'words', categories: 6, lengths: 'words_lengths' }, bias: 'bias' },
  targets: {
    rating: { member: 'rating', standardize: true },
    liked: { member: 'liked', weights: 'liked_weights' },
    tags: { member: 'tags', placesOf: 'words' },
  },
};
const separate = {
  inputs: {
    words: { file: first.files.words, categories: 6, lengths: first.files.words_lengths },
    bias: first.files.bias,
  },
  targets: {
    rating: { file: first.files.rating, standardize: true },
    liked: { file: first.files.liked, weights: first.files.liked_weights },
    tags: { file: first.files.tags, placesOf: 'words' },
  },
};
const split = { validation: 0, test: 0 };
const runs: Record<string, string> = {};
beforeAll(async () => {
  runs.archive = await train('archive', { data: { source: 'npy', file: first.file, ...fields, ...split }, ...asked });
  runs.files = await train('files', { data: { source: 'npy', ...separate, ...split }, ...asked });
});
const finalMetrics = (run: string, options: EvaluateOptions) => metricsOf(run, { model: 'final', ...options });

describe.each(['archive', 'files'])('a run of arrays, %s', (name) => {
  it('is evaluated on an archive or a file each, with one result', async () => {
    const wanted = await finalMetrics(runs[name], { split: 'training' });
    expect(await finalMetrics(runs[name], { data: first.file })).toEqual(wanted);
    expect(await finalMetrics(runs[name], { data: first.files })).toEqual(wanted);
    expect(await finalMetrics(runs.archive, { data: first.file })).toEqual(wanted);
  });

  it('has its scaling, classes and lengths on other examples', async () => {
    const found = await finalMetrics(runs[name], { data: other.file });
    expect(await finalMetrics(runs[name], { data: other.files })).toEqual(found);
    // Ratings are near 100: by a mean of these alone they would be far off.
    expect(found.rating_mae).toBeLessThan(20);
    expect(Object.values(found).every(Number.isFinite)).toBe(true);
    const flags = Object.entries(other.files).flatMap(([own, file]) => ['--data', `${own}=${file}`]);
    const { code, stdout } = await lockstepServed(
      ['evaluate', runs[name], '--model', 'final', ...flags, '--json'],
      folder,
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ split: null, examples: keep.length, metrics: found });
  });
});

it('arrays without names go by features and targets', async () => {
  const { bias, rating, liked_weights: weights } = first.files;
  const run = await train('plain', {
    data: { source: 'npy', features: bias, targets: rating, weights, standardizeTargets: true, ...split },
    model: { layers: [{ dense: { units: 1 } }] },
    loss: 'meanSquaredError',
    metrics: ['mae'],
    ...common,
  });
  const wanted = await finalMetrics(run, { split: 'training' });
  expect(await finalMetrics(run, { data: { features: bias, targets: rating, weights } })).toEqual(wanted);
  const file = join(folder, 'plain.npz');
  const content = (['bias', 'rating', 'liked_weights'] as const).map(
    (name, i) => [['features.npy', 'targets.npy', 'weights.npy'][i], npy(name, training[name])] as const,
  );
  writeFileSync(file, zipFile(content, true));
  expect(await finalMetrics(run, { data: file })).toEqual(wanted);
});

it('a module has another beside it', async () => {
  const text = (
    from: number,
    to: number,
    step: number,
  ) => `export default Array.from({ length: ${to - from} }, (_, i) => {
    const ids = Array.from({ length: 1 + ((i + ${from}) % ${step}) }, (_, j) => (i + j) % 5);
    return { inputs: { words: ids }, targets: { sum: 50 + ids.length, tags: ids.map((id) => id % 2 === 5 ? 1 : 0) } };
  });`;
  const file = writeModule(folder, 'first.mjs', text(0, 30, 4).replace('=== 5', '=== 1'));
  const rest = writeModule(folder, 'rest.mjs', text(30, 36, 2));
  const run = await train('module', {
    data: {
      source: 'module',
      file,
      categories: 5,
      classes: { tags: 2 },
      length: 'longest',
      standardizeTargets: true,
      ...split,
    },
    model: {
      layers: [
        { embedding: { name: 'h', inputDim: 'categories', outputDim: 3 } },
        { dense: { name: 'tag', units: 2 } },
        { globalAveragePooling1d: { name: 'mean', from: 'h' } },
        { dense: { name: 'score', units: 1 } },
      ],
      outputs: { sum: 'score', tags: 'tag' },
    },
    loss: { sum: 'meanSquaredError', tags: 'sparseCategoricalCrossentropy' },
    metrics: { sum: ['mae'] },
    ...common,
  });
  expect(await finalMetrics(run, { data: file })).toEqual(await finalMetrics(run, { split: 'training' }));
  // Sequences are shorter there, and all of one class; sums are about 51 in the scale of training.
  const { sum_mae: mae } = await finalMetrics(run, { data: rest });
  expect(mae).toBeLessThan(10);
});

it('images that are their own targets are evaluated on another folder', async () => {
  const dir = join(folder, 'pictures');
  for (let i = 0; i < 12; i++) {
    const pixels = Uint8Array.from({ length: 48 }, (_, j) => (i * 31 + j * 7) % 256);
    const part = i < 8 ? 'train' : 'test';
    writeFile(join(dir, part, 'ab'[i % 2], `${i}.png`), await picture(pixels, 4, 4, 3).png().toBuffer());
  }
  const run = await train('pictures', {
    data: {
      source: 'images',
      dir: join(dir, 'train'),
      targets: { copy: { of: 'features' } },
      validation: 0,
      test: join(dir, 'test'),
    },
    model: { layers: [{ conv2d: { filters: 3, kernelSize: 1 } }] },
    loss: { copy: 'meanSquaredError' },
    ...common,
  });
  expect(await finalMetrics(run, { data: join(dir, 'test') })).toEqual(await finalMetrics(run, { split: 'test' }));
});

it('pictures and masks have folders each', async () => {
  const draw = async (part: string, count: number, inside: number) => {
    for (let i = 0; i < count; i++) {
      const mask = Uint8Array.from({ length: 16 }, (_, j) => (j % 4 > i % 3 ? inside : 0));
      const pixels = Uint8Array.from({ length: 48 }, (_, j) => 40 + 3 * mask[Math.floor(j / 3)] + ((i + j) % 9));
      writeFile(join(folder, part, 'pictures', `${i}.png`), await picture(pixels, 4, 4, 3).png().toBuffer());
      writeFile(join(folder, part, 'masks', `${i}.png`), await picture(mask, 4, 4, 1).png().toBuffer());
    }
    return { picture: join(folder, part, 'pictures'), mask: join(folder, part, 'masks') };
  };
  const [train1, rest] = [await draw('scenes', 12, 2), await draw('empty', 3, 0)];
  const data = {
    source: 'images',
    ...split,
    inputs: { picture: { images: train1.picture, size: 4 } },
    targets: { mask: { masks: train1.mask } },
  };
  const run = await train('masks', {
    data,
    model: { layers: [{ conv2d: { filters: 3, kernelSize: 1 } }] },
    loss: { mask: 'sparseCategoricalCrossentropy' },
    metrics: { mask: ['accuracy'] },
    ...common,
  });
  expect(await finalMetrics(run, { data: train1 })).toEqual(await finalMetrics(run, { split: 'training' }));
  // Masks of one class alone, where training has three.
  const { data: said, examples } = await evaluate(run, { model: 'final', data: rest });
  expect([examples, said]).toEqual([3, expect.stringContaining('masks')]);
  const error = await evaluate(run, { model: 'final', data: rest.picture }).catch((reason) => reason);
  expect(error.problem).toContain("is one folder, and the model's data are picture, mask");
  expect(error.remedy).toBe('name each: --data picture=FOLDER --data mask=FOLDER');
  const { mask: _, ...one } = rest;
  const missing = await evaluate(run, { model: 'final', data: one }).catch((reason) => reason);
  expect([missing.problem, missing.remedy]).toEqual([
    `--data picture=${rest.picture}: mask is missing`,
    `give --data picture=${rest.picture} --data mask=PATH`,
  ]);
});

it('a table of pictures has another, whose columns are read as training read them', async () => {
  const table = (name: string, rows: readonly number[], age: (i: number) => number) => {
    const lines = rows.map((i) => `${i}.png,${age(i)},${'rgb'[i % 3]},${i % 2 ? 'cat' : 'dog'},m${i}.png,${i * 10}`);
    writeFile(join(folder, 'table', name), Buffer.from(['file,age,colour,kind,mask,size', ...lines].join('\n')));
    return join(folder, 'table', name);
  };
  const all = Array.from({ length: 12 }, (_, i) => i);
  for (const i of all) {
    const pixels = Uint8Array.from({ length: 75 }, (_, j) => (i * 20 + j) % 256);
    const mask = Uint8Array.from({ length: 25 }, (_, j) => (i < 10 ? j % 3 : 0));
    writeFile(join(folder, 'table', `${i}.png`), await picture(pixels, 5, 5, 3).png().toBuffer());
    writeFile(join(folder, 'table', `m${i}.png`), await picture(mask, 5, 5, 1).png().toBuffer());
  }
  const file = table('train.csv', all, (i) => 20 + i);
  const run = await train('table', {
    data: {
      source: 'images',
      table: file,
      size: 4,
      ...split,
      inputs: { picture: { image: 'file' }, about: ['age', 'colour'] },
      targets: {
        kind: { column: 'kind', type: 'class' },
        mask: { mask: 'mask' },
        size: { column: 'size', standardize: true },
        copy: { of: 'picture' },
      },
    },
    model: {
      layers: [
        { conv2d: { name: 'places', from: 'picture', filters: 3, kernelSize: 1 } },
        { conv2d: { name: 'back', from: 'picture', filters: 3, kernelSize: 1 } },
        { flatten: { name: 'flat', from: 'picture' } },
        { concatenate: { name: 'both', from: ['flat', 'about'] } },
        { dense: { name: 'logit', units: 1 } },
        { dense: { name: 'number', from: 'both', units: 1 } },
      ],
      outputs: { kind: 'logit', mask: 'places', size: 'number', copy: 'back' },
    },
    loss: {
      kind: 'binaryCrossentropy',
      mask: 'sparseCategoricalCrossentropy',
      size: 'meanSquaredError',
      copy: 'meanSquaredError',
    },
    metrics: { kind: ['accuracy'], size: ['mae'] },
    ...common,
  });
  const whole = await finalMetrics(run, { data: file });
  expect(whole).toEqual(await finalMetrics(run, { split: 'training' }));
  // Rows that measure another mean and have no other kind or colour than each other: parts come to the whole.
  const parts = [all.slice(0, 11), [11]];
  const found = await Promise.all(
    parts.map((part, i) => metricsOf(run, { data: table(`${i}.csv`, part, (own) => 20 + own) })),
  );
  for (const name of ['kind_loss', 'mask_loss', 'size_mae', 'copy_loss'] as const) {
    const sum = found.reduce((all, own, i) => all + own[name] * parts[i].length, 0);
    expect(sum / 12).toBeCloseTo(whole[name], 4);
  }
});

it('a folder may have one class of images', async () => {
  const dir = join(folder, 'kinds');
  for (let i = 0; i < 12; i++) {
    const pixels = new Uint8Array(48).fill((i % 2) * 200 + i);
    writeFile(join(dir, 'train', 'ab'[i % 2], `${i}.png`), await picture(pixels, 4, 4, 3).png().toBuffer());
    if (i % 2) writeFile(join(dir, 'test', 'b', `${i}.png`), await picture(pixels, 4, 4, 3).png().toBuffer());
  }
  const run = await train('kinds', {
    data: { source: 'images', dir: join(dir, 'train'), ...split },
    model: { layers: ['flatten', { dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    ...common,
    training: { epochs: 30, batchSize: 12 },
  });
  const { accuracy } = await finalMetrics(run, { data: join(dir, 'test') });
  const { accuracy: both } = await finalMetrics(run, { split: 'training' });
  expect([accuracy, both]).toEqual([1, 1]);
});

describe('is refused by name, with a remedy:', () => {
  const { rating: _, ...less } = other.files;
  it.each([
    [
      'one array for all',
      other.files.words,
      "is one array, and the model's data are words, words_lengths, bias, rating",
      '--data words=FILE --data words_lengths=FILE',
    ],
    ['an array that is missing', less, 'rating is missing', '--data rating=PATH'],
    ['an array that it has not', { ...other.files, ratings: 'x' }, 'have no ratings', 'did you mean rating?'],
    [
      'a class that the model has not',
      { ...other.files, tags: other.files.words },
      'not one of the 2 classes that the model was trained on',
      '0 to 1',
    ],
    [
      'longer sequences',
      { ...other.files, words: 'long', words_lengths: 'lengths', tags: 'long' },
      'sequence 0 of words has 5 places, and the model takes 4',
      'train with length: 5',
    ],
    ['arrays of unequal length', { ...other.files, bias: first.files.bias }, '40 inputs for the', 'belong together'],
  ] as [string, EvaluateOptions['data'], string, string][])('%s', async (_, data, problem, remedy) => {
    const places = few.words_lengths.map((n, i) => (i === 0 ? 5 : n));
    const all = places.reduce((a, b) => a + b);
    writeFileSync(join(folder, 'long'), npy('words', new Array(all).fill(1)));
    writeFileSync(join(folder, 'lengths'), npy('words_lengths', places));
    const given =
      typeof data === 'object'
        ? Object.fromEntries(
            Object.entries(data).map(([name, file]) => [name, file.includes('/') ? file : join(folder, file)]),
          )
        : data;
    const error = await evaluate(runs.files, { model: 'final', data: given }).catch((reason) => reason);
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });

  it('names where there is one place', async () => {
    const { code, stderr } = await lockstepServed(['evaluate', runs.archive, '--data', 'a', '--data', 'b'], folder);
    expect(code).toBe(2);
    expect(stderr).toContain('--data a: is no name=file');
  });
});
