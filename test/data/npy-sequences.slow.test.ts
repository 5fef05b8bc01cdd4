/** Sequences of unequal length in arrays of NumPy: what modules give, whichever way they are stored. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { predict } from '../../coordinator/inference/predict.js';
import { dataSchema } from '../../src/config/data.js';
import type { Dataset } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { relativeError } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { writeModule } from '../support/modules.js';
import { numbersOf } from '../support/predictions.js';
import { trained } from '../support/runs.js';
import { failure, npyFile, zipFile } from '../support/tables.js';

const folder = temporaryFolder();
// By scripts/peers/npz_files.py, numpy 2.4.6: 24 sequences; `padded` is filled up with -1, `steps` with NaN.
const fixture = new URL('../fixtures/npz-files.json', import.meta.url);
const { files, rows } = JSON.parse(readFileSync(fixture, 'utf8'));
const file = join(folder, 'sequences.npz');
writeFileSync(file, Buffer.from(files.compressed, 'base64'));
const [lengths, words, tags, values] = [rows.lengths.flat(), rows.words.flat(), rows.tags.flat(), rows.values] as [
  number[],
  number[],
  number[],
  number[][],
];
const sequences = <T>(flat: readonly T[]): T[][] => {
  let from = 0;
  return lengths.map((places) => {
    from += places;
    return flat.slice(from - places, from);
  });
};

const load = (data: object, options: object = {}): Promise<Dataset> =>
  loadDataset(dataSchema.parse({ validation: 0, test: 0, ...data }), 0, options);
const shown = ({ examples }: Dataset) =>
  examples.columns.map(({ name, role, type, shape, of, categories, values }) => ({
    name,
    role,
    type,
    shape,
    of,
    categories,
    values: [...values],
  }));

const module = writeModule(
  folder,
  'sequences.mjs',
  `const [words, tags, values, total] = ${JSON.stringify([sequences(words), sequences(tags), sequences(values), rows.total.flat()])};`,
  'export default words.map((ids, i) => ({ inputs: { words: ids, values: values[i] }, targets: { tags: tags[i], total: total[i] } }));',
);
const ofModule = { source: 'module', file: module, categories: { words: 7 }, classes: { tags: 2 } };
const target = { member: 'tags', type: 'class', placesOf: 'words' };

describe('sequences in arrays are those of a module', () => {
  it.each<[string, object, string, string, number | 'longest']>([
    ['one behind the other, with lengths', { lengths: 'lengths' }, 'words', 'values', 'longest'],
    ['one behind the other, with offsets', { offsets: 'starts' }, 'words', 'values', 'longest'],
    ['in rows that are filled up', { lengths: 'lengths', length: 'longest' }, 'padded', 'steps', 'longest'],
    ['filled up to a length', { lengths: 'lengths', length: 8 }, 'padded', 'values', 8],
    ['cut', { offsets: 'starts', length: 3, truncate: true }, 'words', 'values', 3],
  ])('%s', async (_, keys, ids, steps, length) => {
    const data = {
      source: 'npy',
      file,
      inputs: { words: { member: ids, categories: 7, ...keys }, values: { member: steps, ...keys } },
      targets: { tags: target, total: 'total' },
    };
    const { encoding, ...own } = await load(data);
    const wanted = await load({ ...ofModule, length: { words: length, values: length }, truncate: true });
    expect(shown({ encoding, ...own })).toEqual(shown(wanted));
    expect(encoding.input).toMatchObject(wanted.encoding.input);
  });

  it('without names, with weights of their places', async () => {
    const data = {
      source: 'npy',
      file,
      features: 'values',
      lengths: 'lengths',
      targets: 'tags',
      placesOf: 'features',
      weights: 'words',
    };
    const { examples, encoding } = await load(data);
    expect(examples.columns.map(({ name, shape }) => [name, shape])).toEqual([
      ['features', [5, 2]],
      ['targets', [5]],
      ['weights', [5]],
      ['features_mask', [5]],
      ['targets_mask', [5]],
    ]);
    const members = { values: 'values', lengths: 'lengths' };
    expect(encoding.input).toEqual({ kind: 'numbers', scale: 1, length: 5, members });
    const [first] = sequences(words);
    expect([...examples.columns[2].values.subarray(0, 5)]).toEqual([...first, 0, 0, 0, 0].slice(0, 5));
    const plain = await load({ ...data, weights: 'lengths', targetType: 'number' });
    expect(plain.examples.columns.map(({ shape }) => shape)).toEqual([[5, 2], [5, 1], [], [5], [5]]);
  });
});

it('a model of them is evaluated as each is predicted', async () => {
  const { start } = await trained(
    writeConfig(folder, 'run', {
      data: {
        source: 'npy',
        file,
        validation: 0,
        test: 0,
        inputs: {
          words: { member: 'padded', categories: 7, lengths: 'lengths' },
          values: { member: 'values', offsets: 'starts' },
        },
        targets: { total: 'total', tags: target },
      },
      model: {
        layers: [
          { embedding: { name: 'h', from: 'words', inputDim: 'categories', outputDim: 3 } },
          { gru: { name: 'read', units: 3, returnSequences: true } },
          { globalAveragePooling1d: { name: 'mean' } },
          { globalAveragePooling1d: { name: 'steps', from: 'values' } },
          { concatenate: { name: 'both', from: ['mean', 'steps'] } },
          { dense: { name: 'sum', units: 1 } },
          { dense: { name: 'tag', from: 'read', units: 2 } },
        ],
        outputs: { total: 'sum', tags: 'tag' },
      },
      loss: { total: 'meanSquaredError', tags: 'sparseCategoricalCrossentropy' },
      metrics: { tags: ['accuracy'] },
      optimizer: { adam: { learningRate: 0.05 } },
      training: { epochs: 3, batchSize: 8 },
    }),
    [],
    folder,
  );
  const metrics = await metricsOf(start.folder, { model: 'final', split: 'training' });
  const [ids, steps] = [sequences(words), sequences(values)];
  let [squares, right] = [0, 0];
  // Each as long as it is.
  const { rows: found } = await predict(
    start.folder,
    { words: ids, values: steps.map((own) => own.flat()) },
    { model: 'final' },
  );
  for await (const { row, targets } of found) {
    squares += (numbersOf(targets!.total)[0] - rows.total[row - 1][0]) ** 2;
    right += targets!.tags.places!.filter((name, j) => Number(name) === sequences(tags)[row - 1][j]).length;
  }
  expect(relativeError([squares / lengths.length], [metrics.total_loss])).toBeLessThan(1e-6);
  expect(right / words.length).toBeCloseTo(metrics.tags_accuracy, 10);
});

describe('is refused by name, with a remedy:', () => {
  const ints = (...of: number[]) => npyFile('<i4', [of.length], new Uint8Array(Int32Array.from(of).buffer));
  const wide = (shape: number[]) => npyFile('<f4', shape, new Uint8Array(4 * shape.reduce((a, b) => a * b)));
  const wrong = join(folder, 'wrong.npz');
  writeFileSync(
    wrong,
    zipFile([
      ['x.npy', wide([6, 2])],
      ['y.npy', ints(0, 1, 0)],
      ['lengths.npy', ints(1, 2, 3)],
      ['zero.npy', ints(3, 0, 3)],
      ['more.npy', ints(1, 2, 4)],
      ['minus.npy', ints(7, -1, 0)],
      ['starts.npy', ints(0, 1, 3)],
      ['late.npy', ints(1, 3, 6)],
      ['falls.npy', ints(0, 4, 3)],
      ['places.npy', ints(0, 1, 1, 0, 1, 0)],
      ['square.npy', wide([3, 2])],
    ]),
  );
  it.each([
    ['other lengths', { lengths: 'more' }, 'sequences have 7 places, the longest 4', 'the shape [7, ...]'],
    [
      'rows that are too short',
      { features: 'square', lengths: 'lengths' },
      'has the shape [3, 2]',
      '[3, 3 or more, ...]',
    ],
    ['a sequence of nothing', { lengths: 'zero' }, 'sequence 1 has no places', 'leave the example out'],
    ['a length below zero', { lengths: 'minus' }, 'row 1 holds -1, no number of places', 'whole numbers'],
    ['lengths that are rows', { lengths: 'x' }, 'has the shape [6, 2]', 'one whole number for each sequence'],
    ['offsets that start late', { offsets: 'late' }, 'the first offset is 1', 'start at 0'],
    ['offsets that fall', { offsets: 'falls' }, 'sequence 1 starts at 4 and ends at 3', 'numpy.cumsum'],
    [
      'sequences beyond the length',
      { lengths: 'lengths', length: 2 },
      'sequence 2 of features has 3 places, and its length is 2',
      'make it 3 or longest, or set truncate: true',
    ],
    [
      'targets of places that do not say so',
      { lengths: 'lengths', targets: 'places' },
      'has 6 targets for the 3 examples',
      'placesOf: features',
    ],
    [
      'places of what is no sequence',
      { features: 'y', placesOf: 'features' },
      'data.placesOf: the input features has no lengths',
      'lengths or offsets',
    ],
    [
      'places of no input',
      { lengths: 'lengths', placesOf: 'feature' },
      'data.placesOf: there is no input feature',
      'did you mean features?',
    ],
    [
      'a row for each as targets of places',
      { lengths: 'lengths', targets: 'y', placesOf: 'features' },
      'has the shape [3]',
      'the shape [6, ...]',
    ],
  ] as [string, object, string, string][])('%s', async (_, more, problem, remedy) => {
    const error = await failure({ source: 'npy', file: wrong, features: 'x', targets: 'y', ...more });
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });

  it('a length of what is no sequence', () => {
    const parse = (more: object) =>
      dataSchema.safeParse({ source: 'npy', features: 'x.npy', targets: 'y.npy', ...more });
    expect(parse({ length: 3 }).success).toBe(false);
    expect(parse({ truncate: true }).success).toBe(false);
    expect(parse({ lengths: 'l.npy', offsets: 'o.npy' }).success).toBe(false);
    expect(parse({ lengths: 'l.npy', length: 3, truncate: true }).success).toBe(true);
  });
});
