/** `source: npy` with fields by name: a file each. */
import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadRunConfig } from '../../src/config/load-config.js';
import { ConfigError, type LockstepError } from '../../src/errors.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { refusalOf } from '../support/modules.js';
import { trained } from '../support/runs.js';
import { load, npyFile } from '../support/tables.js';

const folder = temporaryFolder();
function npy(name: string, descr: string, shape: readonly number[], { buffer }: { buffer: ArrayBufferLike }): string {
  const file = join(folder, `${name}.npy`);
  writeFileSync(file, npyFile(descr, shape, new Uint8Array(buffer)));
  return file;
}
const count = 40;
const each = (of: (i: number) => number) => Array.from({ length: count }, (_, i) => of(i));
const user = npy('user', '<i4', [count], Int32Array.from(each((i) => i % 5)));
const picture = npy(
  'picture',
  '|u1',
  [count, 2, 2],
  Uint8Array.from({ length: 4 * count }, (_, i) => i),
);
const table = npy(
  'table',
  '<f4',
  [count, 2],
  Float32Array.from({ length: 2 * count }, (_, i) => i / 4),
);
const rating = npy('rating', '<f4', [count], Float32Array.from(each((i) => i % 5)));
const liked = npy('liked', '<i4', [count], Int32Array.from(each((i) => i % 2)));
const weights = npy('weights', '<f4', [count], Float32Array.from(each((i) => 1 + (i % 2))));
const short = npy('short', '<f4', [3], Float32Array.of(1, 2, 3));

const data = {
  source: 'npy',
  inputs: {
    user: { file: user, categories: 5 },
    picture: { file: picture, scale: 0.5 },
    table: { file: table, scale: 2 },
  },
  targets: { rating: { file: rating, standardize: true }, liked: { file: liked, weights }, copy: { of: 'picture' } },
};
const run = {
  data: { ...data, validation: 0.2, test: 0 },
  model: {
    layers: [
      { embedding: { name: 'u', from: 'user', inputDim: 'categories', outputDim: 2 } },
      { flatten: { name: 'v' } },
      { flatten: { name: 'p', from: 'picture' } },
      { concatenate: { name: 'all', from: ['v', 'p', 'table'] } },
      { dense: { name: 'score', units: 1 } },
      { dense: { name: 'logit', from: 'all', units: 1 } },
      { dense: { from: 'all', units: 4 } },
      { reshape: { name: 'back', targetShape: [2, 2] } },
    ],
    outputs: { rating: 'score', liked: 'logit', copy: 'back' },
  },
  loss: { rating: 'meanSquaredError', liked: 'binaryCrossentropy', copy: { meanSquaredError: { weight: 0.001 } } },
  metrics: { copy: ['mae'] },
  optimizer: { adam: { learningRate: 0.01 } },
  training: { epochs: 1, batchSize: 16, shards: 2 },
};

it('arrays are columns of their names, types and scales', async () => {
  const { examples, encoding } = await load({ ...data, validation: 0, test: 0 });
  expect(examples.columns.map(({ values, file, ...field }) => ({ ...field, first: values[1] }))).toEqual([
    { name: 'user', role: 'input', type: 'int32', shape: [1], scale: 1, categories: 5, first: 1 },
    { name: 'picture', role: 'input', type: 'uint8', shape: [2, 2], scale: 0.5, first: 1 },
    { name: 'table', role: 'input', type: 'float32', shape: [2], scale: 1, first: 0.5 },
    { name: 'rating', role: 'target', type: 'float32', shape: [1], first: Math.fround((1 - 2) / Math.SQRT2) },
    { name: 'liked', role: 'target', type: 'int32', shape: [], categories: 2, first: 1 },
    { name: 'copy', role: 'target', type: 'uint8', shape: [2, 2], scale: 0.5, of: 'picture', first: 1 },
    { name: 'liked_weight', role: 'weight', type: 'float32', shape: [], of: 'liked', first: 2 },
  ]);
  expect(encoding).toEqual({
    input: {
      kind: 'fields',
      fields: { user: { scale: 1, categories: 5 }, picture: { scale: 0.5 }, table: { scale: 2 } },
    },
    named: {
      rating: { targetScaling: { mean: [2], deviation: [Math.SQRT2] } },
      liked: { classes: ['0', '1'] },
      copy: {},
    },
  });
});

it('they train, and losses say whether a target is a class', async () => {
  const { end } = await trained(writeConfig(folder, 'run', run), [], folder);
  expect(Object.keys(end.validation!)).toEqual(['loss', 'rating_loss', 'liked_loss', 'copy_loss', 'copy_mae']);
  const classes = { ...run, loss: { ...run.loss, rating: 'sparseCategoricalCrossentropy' } };
  classes.data = { ...run.data, targets: { ...data.targets, rating } as never };
  const { data: typed } = loadRunConfig(writeConfig(folder, 'typed', classes), []);
  expect(typed).toMatchObject({ targets: { rating: { file: rating, type: 'class' } } });
});

describe('is refused by name, with a remedy:', () => {
  it.each([
    [
      'unequal lengths of inputs',
      { inputs: { user, table: short } },
      'short.npy has 3 inputs for the 40 examples of',
      'belong together',
    ],
    [
      'unequal lengths of targets',
      { targets: { rating: short } },
      'short.npy has 3 targets for the 40 examples of',
      'belong together',
    ],
    [
      'a category beyond',
      { inputs: { user: { file: user, categories: 4 } } },
      'row 4 holds 4, not one of 4 categories',
      '0 to 3',
    ],
    [
      'an array as two inputs',
      { inputs: { user: table, table } },
      `data.inputs.user and data.inputs.table both name ${table}`,
      'several layers may read one input, by from',
    ],
    [
      'an input as a target',
      { targets: { rating, copy: table } },
      `data.inputs.table and data.targets.copy both name ${table}`,
      'write data.targets: { copy: { of: table } }',
    ],
    [
      'an array as two targets, by another path',
      { targets: { rating, liked: { file: join(folder, '..', basename(folder), 'rating.npy'), type: 'class' } } },
      `data.targets.rating and data.targets.liked both name ${rating}`,
      'one role',
    ],
    [
      'a target as its weights',
      { targets: { rating: { file: rating, weights: rating } } },
      `data.targets.rating and data.targets.rating.weights both name ${rating}`,
      'one role',
    ],
    ['a copy of no input', { targets: { copy: { of: 'pictures' } } }, 'no input pictures', 'did you mean picture?'],
  ] as [string, object, string, string][])('%s', async (_, more, problem, remedy) => {
    const { error } = await refusalOf(load({ ...data, ...more, validation: 0, test: 0 }));
    expect((error as LockstepError).problem).toContain(problem);
    expect((error as LockstepError).remedy).toContain(remedy);
  });

  it('an array as input and target of no names; weights may be of several targets', async () => {
    const plain = { source: 'npy', features: table, targets: table, validation: 0, test: 0 };
    const { error } = await refusalOf(load(plain));
    expect((error as LockstepError).problem).toBe(`data.features and data.targets both name ${table}`);
    await load({ ...plain, targets: { copy: { of: 'features' } } });
    const shared = { rating: { file: rating, weights }, liked: { file: liked, weights } };
    const { examples } = await load({ ...data, targets: shared, validation: 0, test: 0 });
    expect(examples.columns.filter(({ role }) => role === 'weight')).toHaveLength(2);
  });

  it.each([
    ['features beside inputs', { features: table }, 'data.features', 'name all files under data.inputs'],
    ['no inputs', { inputs: undefined }, 'data.features', 'under data.inputs'],
    ['one scale for all', { scale: 2 }, 'data.scale', '{ file: FILE, scale: NUMBER }'],
    ['one type for all', { targetType: 'number' }, 'data.targetType', '{ file: FILE, type: class }'],
    ['weights for all', { weights }, 'data.weights', '{ file: FILE, weights: FILE }'],
    ['a name used twice', { targets: { user: rating } }, 'data.targets.user', 'name of its own'],
    [
      'a name of fields without names',
      { inputs: { features: table } },
      '"features" is what fields are called',
      'another name',
    ],
    ['what is no name', { inputs: { 'a-b': table } }, '"a-b" is no name', 'another name'],
  ] as [string, object, string, string][])('%s', (_, more, problem, remedy) => {
    const file = writeConfig(folder, `wrong-${_.replaceAll(' ', '-')}`, { ...run, data: { ...run.data, ...more } });
    const act = () => loadRunConfig(file, []);
    expect(act).toThrow(ConfigError);
    expect(act).toThrow(problem);
    expect(act).toThrow(remedy);
  });
});
