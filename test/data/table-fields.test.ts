/** `data.inputs` and `data.targets` of tables: fields by name, coded categories, targets of their own kinds, and what is refused. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { encodingSchema } from '../../src/data/encoding.js';
import type { Column, Dataset } from '../../src/data/examples.js';
import { widthOf } from '../../src/data/field.js';
import { loadDataset } from '../../src/data/load-data.js';
import { closeRows } from '../../src/data/row-writer.js';
import { ColumnFinding } from '../../src/data/table/finding.js';
import { tableInputs } from '../../src/data/table/inputs.js';
import { openObjects } from '../../src/data/table/objects.js';
import { DataError } from '../../src/errors.js';
import { columnsText } from '../../src/report/columns-text.js';
import { lockstepServed } from '../support/cli.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { failure, load, tableEncoding } from '../support/tables.js';

const folder = temporaryFolder();
let files = 0;

type Cells = Readonly<Record<string, readonly (string | number | null)[]>>;

/** The same rows in either format. */
function tableFile(source: 'csv' | 'parquet', cells: Cells): string {
  const file = join(folder, `${files++}.${source}`);
  const names = Object.keys(cells);
  if (source === 'parquet') {
    const columnData = names.map((name): ColumnSource => {
      const isNumber = cells[name].every((cell) => typeof cell !== 'string');
      return { name, data: [...cells[name]], type: isNumber ? 'DOUBLE' : 'STRING' };
    });
    writeFileSync(file, Buffer.from(parquetWriteBuffer({ columnData })));
    return file;
  }
  const rows = cells[names[0]].map((_, i) => names.map((name) => cells[name][i] ?? '').join(','));
  writeFileSync(file, `${[names.join(','), ...rows].join('\n')}\n`);
  return file;
}

/** Users by number, films by text; of two targets one is a class. */
const ratings: Cells = {
  userId: [10, 9, 10, 2, 9, 2],
  film: ['b', 'é', 'a', 'b', 'Z', 'a'],
  age: [30, 40, 30, 20, 40, 20],
  city: ['x', 'y', 'x', 'y', 'y', 'y'],
  rating: [4, 2.5, 5, 3, 1, 4.5],
  liked: ['yes', 'no', 'yes', 'no', 'no', 'yes'],
  trust: [1, 2, 1, 2, 1, 2],
};

const fields = {
  inputs: { user: { index: 'userId' }, movie: { index: 'film' }, rest: ['age', 'city'] },
  targets: { rating: 'rating', liked: { column: 'liked', type: 'class' } },
  weight: 'trust',
};

const columnOf = ({ examples }: Dataset, name: string): Column => {
  const found = examples.columns.find((column) => column.name === name);
  if (!found) throw new Error(`no field ${name}`);
  return found;
};
const rowsOf = (column: Column, count: number): number[][] =>
  Array.from({ length: count }, (_, i) => [...column.values.subarray(i * widthOf(column), (i + 1) * widthOf(column))]);

describe.each(['csv', 'parquet'] as const)('named fields of %s', (source) => {
  it('are columns of their own, in the order inputs, targets, weight', async () => {
    const dataset = await load({ source, file: tableFile(source, ratings), standardize: false, ...fields });
    const said = dataset.examples.columns.map(({ name, role, type, shape, categories }) => [
      ...[name, role, type, shape.join(), categories],
    ]);
    expect(said).toEqual([
      ['user', 'input', 'int32', '1', 4],
      ['movie', 'input', 'int32', '1', 5],
      ['rest', 'input', 'float32', '3', undefined],
      ['rating', 'target', 'float32', '1', undefined],
      ['liked', 'target', 'int32', '', 2],
      ['weights', 'weight', 'float32', '', undefined],
    ]);
    // Numbers by value: 2, 9, 10; texts by code point: Z, a, b, é.
    expect([...columnOf(dataset, 'user').values]).toEqual([2, 1, 2, 0, 1, 0]);
    expect([...columnOf(dataset, 'movie').values]).toEqual([2, 3, 1, 2, 0, 1]);
    expect(rowsOf(columnOf(dataset, 'rest'), 6)).toEqual(
      [30, 40, 30, 20, 40, 20].map((age, i) => [age, i % 2 === 0 && i < 3 ? 1 : 0, i % 2 === 0 && i < 3 ? 0 : 1]),
    );
    expect([...columnOf(dataset, 'rating').values]).toEqual(ratings.rating);
    expect([...columnOf(dataset, 'liked').values]).toEqual([1, 0, 1, 0, 0, 1]);
    expect([...columnOf(dataset, 'weights').values]).toEqual(ratings.trust);
    expect(dataset.description).toContain('6 examples of inputs user [1], movie [1], rest [3], targets rating, liked');
  });

  it('are described in the encoding, which predictions follow', async () => {
    const dataset = await load({ source, file: tableFile(source, ratings), ...fields });
    const saved = encodingSchema.parse(JSON.parse(JSON.stringify(dataset.encoding)));
    expect(saved).toEqual(dataset.encoding);
    expect(saved).toMatchObject({
      input: {
        columns: [
          { codes: ['2', '9', '10'] },
          { codes: ['Z', 'a', 'b', 'é'] },
          { mean: 30 },
          { categories: ['x', 'y'] },
        ],
        inputs: [
          { name: 'user', columns: 1 },
          { name: 'movie', columns: 1 },
          { name: 'rest', columns: 2 },
        ],
      },
      named: { rating: { targets: ['rating'] }, liked: { classes: ['no', 'yes'] } },
    });
    expect(saved).not.toHaveProperty('classes');
    const rows = [
      { userId: 9, film: 'new', age: 40, city: 'x' },
      { userId: 11, film: 'Z', age: 20, city: 'y' },
    ];
    const { inputs, features, width, count } = await tableInputs(rows, tableEncoding(dataset));
    expect([count, width, inputs.map(({ name }) => name)]).toEqual([2, 1, ['user', 'movie', 'rest']]);
    expect(features).toEqual(inputs[0].values);
    // What training did not see is the number of categories.
    expect([...inputs[0].values]).toEqual([1, 3]);
    expect([...inputs[1].values]).toEqual([4, 0]);
    // Ages 30 40 30 20 40 20: mean 30, deviation sqrt(400 / 6).
    const z = Math.fround(10 / Math.sqrt(400 / 6));
    expect([...inputs[2].values]).toEqual([z, 1, 0, -z, 0, 1]);
    const own = await tableInputs(tableFile('csv', ratings), tableEncoding(dataset));
    for (const { name, values } of own.inputs) {
      expect([...values]).toEqual([...columnOf(dataset, name).values]);
    }
  });

  it('have codes of the training file: other files may hold what it lacks, and gaps are no category', async () => {
    const file = tableFile(source, { ...ratings, film: ['b', null, 'a', 'b', 'Z', 'a'] });
    const test = tableFile(source, { ...ratings, film: ['b', 'q', 'a', null, 'Z', 'a'] });
    const common = { source, file, test, inputs: { movie: { index: 'film' } }, target: 'rating' };
    const dataset = await load({ ...common, missing: 'mean' });
    expect(columnOf(dataset, 'movie')).toMatchObject({ categories: 4 });
    expect([...columnOf(dataset, 'movie').values]).toEqual([2, 3, 1, 2, 0, 1, 2, 3, 1, 3, 0, 1]);
    expect((await failure(common)).problem).toContain('column film has no value');
  });

  it('are split as any others, and standardized by themselves on the training split', async () => {
    const twice = Object.fromEntries(Object.entries(ratings).map(([name, cells]) => [name, [...cells, ...cells]]));
    const targets = { rating: { column: 'rating', standardize: true }, both: ['age', 'trust'] };
    const data = { source, file: tableFile(source, twice), targets, inputs: { user: { index: 'userId' } } };
    const dataset = await load({
      ...data,
      validation: undefined,
      test: undefined,
      split: { group: 'userId', test: 0.3, validation: 0 },
    });
    const { training, test } = dataset.splits;
    const users = (rows: Int32Array) => new Set([...rows].map((row) => twice.userId[row]));
    expect([...users(test)].filter((user) => users(training).has(user))).toEqual([]);
    const values = [...training].map((row) => Number(twice.rating[row]));
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    const scaling = dataset.encoding.named?.rating.targetScaling;
    expect(scaling?.mean[0]).toBeCloseTo(mean, 12);
    const target = columnOf(dataset, 'rating').values;
    expect(target[0] * scaling!.deviation[0] + scaling!.mean[0]).toBeCloseTo(4, 5);
    expect(dataset.encoding.named?.both).toEqual({ targets: ['age', 'trust'] });
    expect([...columnOf(dataset, 'both').values.subarray(0, 4)]).toEqual([30, 1, 40, 2]);
    // A model that was trained on the numbers as they come is not measured on others.
    const trained = { input: { kind: 'numbers', scale: 1 }, named: { both: {} } } as const;
    const other = loadDataset(dataSchema.parse(data), 0, { trained });
    await expect(other).rejects.toThrow('data.targets.rating: the model was not trained on standardized numbers');
    const plain = { ...data, targets: { ...targets, rating: { column: 'rating', standardize: false } } };
    expect((await loadDataset(dataSchema.parse(plain), 0, { trained })).encoding.named?.rating.targetScaling).toBe(
      undefined,
    );
  });

  it('share the memory budget', async () => {
    const count = 9000;
    const cells = {
      id: Array.from({ length: count }, (_, i) => `i${i % 100}`),
      a: Array.from({ length: count }, (_, i) => i % 7),
      b: Array.from({ length: count }, (_, i) => i % 11),
      y: Array.from({ length: count }, (_, i) => i % 5),
    };
    const data = { source, file: tableFile(source, cells), target: 'y', standardize: false };
    const inputs = { id: { index: 'id' }, rest: ['a', 'b'] };
    const whole = await load({ ...data, inputs });
    const part = await load({ ...data, inputs, memory: '0.02MB' });
    const held = part.examples.columns.filter(({ file }) => file);
    expect(held.map(({ name, type }) => [name, type])).toEqual([
      ['id', 'int32'],
      ['rest', 'float32'],
    ]);
    const inMemory = held.reduce((sum, { values }) => sum + values.byteLength, 0);
    expect(inMemory).toBeLessThanOrEqual(0.02 * 2 ** 20);
    for (const { name, values, file } of held) {
      const start = [...columnOf(whole, name).values.subarray(0, values.length)];
      expect([...values]).toEqual(start);
      closeRows(file!);
    }
  });

  it('say in the report which field a column belongs to', async () => {
    const dataset = await load({ source, file: tableFile(source, ratings), ...fields });
    expect(dataset.columns?.shown.map(({ name, field, role, coded }) => [name, field, role, coded])).toEqual([
      ['rating', 'rating', 'target', undefined],
      ['liked', 'liked', 'target', undefined],
      ['trust', undefined, 'weight', undefined],
      ['userId', 'user', 'feature', true],
      ['film', 'movie', 'feature', true],
      ['age', 'rest', 'feature', undefined],
      ['city', 'rest', 'feature', undefined],
    ]);
    const plain = { dim: (text: string) => text } as Parameters<typeof columnsText>[1];
    const text = columnsText({ event: 'columns', ...dataset.columns! }, plain, 80);
    expect(text).toMatch(/userId +input user +3 categories as whole numbers: 2, 9, 10/);
    expect(text).toMatch(/liked +target liked +2 classes: no, yes/);
  });

  it.each([
    [{ inputs: { a: 'userId', b: 'userId' } }, 'data.inputs.a and data.inputs.b both name userId', 'one role'],
    [{ inputs: { a: ['age', 'age'] } }, 'data.inputs.a names the column age twice', 'one role'],
    [{ inputs: { a: 'rating' } }, 'data.targets.rating and data.inputs.a both name rating', 'one role'],
    [{ weight: 'userId' }, 'data.weight and data.inputs.user both name userId', 'one role'],
    [{ inputs: { a: { index: 'usrId' } } }, 'data.inputs.a:', 'did you mean userId?'],
    [{ targets: { a: 'ratings' } }, 'data.targets.a:', 'did you mean rating?'],
    [{ targets: { a: ['rating', 'liked'] } }, 'data.targets.a: column liked is text', 'a target of its own name'],
    [
      { targets: { a: { column: ['rating', 'trust'], type: 'class' } }, weight: undefined },
      'data.targets.a names 2',
      'name one column',
    ],
    [{ targets: { a: { column: 'liked', standardize: true } } }, 'classes have no mean', 'type: number'],
    [
      { categorical: ['rating'] },
      'data.categorical names the target rating',
      'data.targets.rating: { column: rating, type: class }',
    ],
  ])('are refused with a remedy: %j', async (change, problem, remedy) => {
    const error = await failure({ source, file: tableFile(source, ratings), ...fields, ...change });
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });
});

describe('a config without names', () => {
  it('gives the values and the encoding that the same columns give by name', async () => {
    const data = { source: 'csv', file: tableFile('csv', ratings), target: 'liked', weight: 'trust' };
    const plain = await load({ ...data, features: ['age', 'city', 'userId'] });
    const { target, ...rest } = data;
    const named = await load({ ...rest, inputs: { all: ['age', 'city', 'userId'] }, targets: { liked: target } });
    expect(plain.examples.columns.map(({ name }) => name)).toEqual(['features', 'targets', 'weights']);
    expect(named.examples.columns.map(({ values }) => values)).toEqual(
      plain.examples.columns.map(({ values }) => values),
    );
    expect(tableEncoding(plain).columns).toEqual(tableEncoding(named).columns);
    expect(JSON.parse(JSON.stringify(plain.encoding))).toEqual({
      input: { ...JSON.parse(JSON.stringify(tableEncoding(named))), inputs: undefined },
      classes: named.encoding.named?.liked.classes,
    });
  });
});

it('refuses a column of more categories than 32-bit numbers can number', () => {
  const table = openObjects('rows', [{ id: 'a' }]);
  const finding = new ColumnFinding(
    table,
    { name: 'id', role: 'feature', field: 'user', coded: true },
    {} as never,
    new Set(),
  );
  finding.see('a', 1);
  // 2^24 of them would take a gigabyte.
  Object.defineProperty(finding.categories, 'size', { value: 2 ** 24 });
  finding.see('a', 2);
  expect(() => finding.see('b', 3)).toThrow(DataError);
  expect(() => finding.see('b', 3)).toThrow('rows: column id has more than 16,777,216 categories');
});

it('codes texts beyond the first plane by their code points, as Python sorts them', async () => {
  // sorted(['\U0001F600', '\uFF21', 'z']) in Python 3.11; UTF-16 has the surrogates of U+1F600 before U+FF21.
  const names = ['\u{1F600}', '\uFF21', 'z'];
  const file = tableFile('csv', { id: names, y: [1, 2, 3] });
  const dataset = await load({ source: 'csv', file, target: 'y', inputs: { id: { index: 'id' } } });
  expect([...columnOf(dataset, 'id').values]).toEqual([2, 1, 0]);
});

it('ends the command with code 2 for a column that is used twice, and writes nothing', async () => {
  const file = join(folder, 'twice.yaml');
  const data = tableFile('csv', ratings);
  const text = `data: { source: csv, file: ${data}, inputs: { a: age, b: age }, targets: { y: rating } }
model: { layers: [{ dense: { units: 1 } }] }
loss: meanSquaredError
training: { epochs: 1, batchSize: 2 }
`;
  writeFileSync(file, text);
  const { code, stdout, stderr } = await lockstepServed(['train', file, '--out', join(folder, 'runs')], folder);
  expect([code, stdout + stderr]).toEqual([
    2,
    expect.stringContaining('data.inputs.a and data.inputs.b both name age'),
  ]);
  expect(existsSync(join(folder, 'runs'))).toBe(false);
});

describe('a run', () => {
  const run = async (change: { inputs?: object; layers?: object[]; training?: object }) => {
    const config = {
      data: {
        source: 'csv',
        file: tableFile('csv', ratings),
        split: { test: 0, validation: 0 },
        inputs: change.inputs ?? { rest: ['age', 'city'], user: 'userId' },
        targets: { liked: 'liked' },
      },
      model: {
        layers: [
          ...(change.layers ?? [{ embedding: { from: 'user', inputDim: 11, outputDim: 2 } }]),
          { flatten: { name: 'u' } },
          { concatenate: { from: ['u', 'rest'] } },
          { dense: { units: 'classes' } },
        ],
      },
      loss: { liked: 'sparseCategoricalCrossentropy' },
      training: { epochs: 1, batchSize: 2, ...change.training },
    };
    const out = join(folder, `run-${files++}`);
    const { code, stdout, stderr } = await lockstepServed(
      ['train', writeConfig(folder, `c${files++}`, config), '--threads', '1', '--out', out],
      folder,
    );
    expect(existsSync(out)).toBe(code === 0);
    return { code, text: stdout + stderr };
  };

  it('reads ids as they are beside an input that is standardized', async () => {
    expect(await run({})).toMatchObject({ code: 0 });
  });

  it('knows the classes of a target by their names', async () => {
    expect(await run({ training: { classWeights: { yes: 2, no: 1 } } })).toMatchObject({ code: 0 });
    const { code, text } = await run({ training: { classWeights: { yess: 2 } } });
    expect([code, text]).toEqual([2, expect.stringContaining('did you mean yes?')]);
  });

  it.each([
    [
      {
        inputs: { rest: 'age', user: { index: 'userId' } },
        layers: [{ embedding: { from: 'user', inputDim: 3, outputDim: 2 } }],
      },
      'inputDim: 3 is less than the 4 categories of input user',
      'use inputDim: categories (vocabulary: categories of tokenAndPositionEmbedding)',
    ],
    [
      { inputs: { rest: 'age', user: 'city' } },
      'column city becomes features of 0 and 1',
      'data.inputs.user: { index: "city" }',
    ],
    [
      { inputs: { rest: 'age', user: { columns: 'userId', standardize: true } } },
      'column userId is standardized',
      'set data.inputs.user: { columns: ..., standardize: false }',
    ],
    [
      {
        inputs: { rest: 'city', user: 'userId' },
        layers: [{ embedding: { from: 'user', inputDim: 10, outputDim: 2 } }],
      },
      ': column userId holds 10,',
      'set inputDim: 11',
    ],
  ])('refuses ids that are none: %j', async (change, problem, remedy) => {
    const { code, text } = await run(change);
    expect(code).toBe(2);
    expect(text).toContain(problem);
    expect(text).toContain(remedy);
  });
});
