/** `source: values`: numbers in the config become rows, classes or a clear error. */
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { dataSchema } from '../../src/config/data.js';
import { loadDataset } from '../../src/data/load-data.js';
import { DataError } from '../../src/errors.js';
import { partsOf } from '../support/parts.js';

const load = (values: object) => loadDataset(dataSchema.parse({ source: 'values', ...values }), 0);

async function failure(values: object): Promise<DataError> {
  const error = await load(values).catch((reason) => reason);
  expect(error).toBeInstanceOf(DataError);
  return error;
}

describe('values', () => {
  it('reads flat lists as rows of one', async () => {
    const { examples, splits, description } = await load({ features: [1, 2, 3, 4, 5], targets: [2, 4, 6, 8, 10] });
    expect(examples.count).toBe(5);
    expect(partsOf(examples).features).toEqual(toShared([1, 2, 3, 4, 5]));
    expect(partsOf(examples).targets).toEqual(toShared([2, 4, 6, 8, 10]));
    expect([partsOf(examples).featureShape, partsOf(examples).targetShape, partsOf(examples).featureScale]).toEqual([
      [1],
      [1],
      1,
    ]);
    expect(partsOf(examples).features.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(partsOf(examples).classes).toBeUndefined();
    expect([...splits.training]).toEqual([0, 1, 2, 3, 4]);
    expect(description).toBe('5 examples of shape [1] (values in the config)');
  });

  it('reads rows of several numbers, row by row', async () => {
    const { examples } = await load({
      features: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      targets: [
        [0.5, -1],
        [0.25, -2],
      ],
    });
    expect([partsOf(examples).featureShape, partsOf(examples).targetShape]).toEqual([[3], [2]]);
    expect(partsOf(examples).features).toEqual(toShared([1, 2, 3, 4, 5, 6]));
    expect(partsOf(examples).targets).toEqual(toShared([0.5, -1, 0.25, -2]));
  });

  it('reads class indices', async () => {
    const { examples } = await load({
      features: [
        [1, 0],
        [0, 1],
        [1, 1],
      ],
      targets: [0, 2, 1],
      classes: 3,
    });
    expect(partsOf(examples).targets).toBeInstanceOf(Int32Array);
    expect([...partsOf(examples).targets]).toEqual([0, 2, 1]);
    expect([partsOf(examples).targetShape, partsOf(examples).classes]).toEqual([[], 3]);
  });

  it.each([
    {
      values: { features: [1, 2, 3], targets: [1, 2] },
      problem: 'data.targets has 2 rows for the 3 rows of data.features',
    },
    {
      values: { features: [[1, 2], [3]], targets: [1, 2] },
      problem: 'data.features[1] has 1 number, data.features[0] has 2',
    },
    { values: { features: [1, 2, [3, 4]], targets: [1, 2, 3] }, problem: 'data.features[2] has 2 numbers' },
    { values: { features: [1, 2], targets: [[1], [1, 2]] }, problem: 'data.targets[1] has 2 numbers' },
    {
      values: { features: [1, 2], targets: [0, 2], classes: 2 },
      problem: 'data.targets[1] is 2, not a class of data.classes 2',
    },
    { values: { features: [1, 2], targets: [0, 0.5], classes: 2 }, problem: 'data.targets[1] is 0.5' },
    { values: { features: [1, 2], targets: [0, [1]], classes: 2 }, problem: 'data.targets[1] is [1]' },
    { values: { features: [1, 1e39], targets: [0, 1] }, problem: '1e+39 is beyond the range of 32-bit numbers' },
  ])('refuses $values', async ({ values, problem }) => {
    expect((await failure(values)).problem).toContain(problem);
  });
});

describe('the data section', () => {
  it('fills in defaults', () => {
    expect(dataSchema.parse({ source: 'digits' })).toEqual({
      source: 'digits',
      examples: 12_000,
      seed: 0,
      validation: 0.1,
      test: 0.1,
      stratify: false,
    });
    expect(dataSchema.parse({ source: 'idx', dir: 'x' })).toEqual({
      source: 'idx',
      dir: 'x',
      validation: 0.1,
      test: 0.1,
      stratify: false,
    });
  });

  it.each([
    { data: { source: 'digits', examples: 19 }, path: 'examples' },
    { data: { source: 'digits', validation: 1 }, path: 'validation' },
    { data: { source: 'digits', validation: 't10k' }, path: 'validation' },
    { data: { source: 'digits', dir: 'x' }, path: '' },
    { data: { source: 'idx' }, path: 'dir' },
    { data: { source: 'idx', dir: 'x', test: -0.1 }, path: 'test' },
    { data: { source: 'values', features: [1, Number.POSITIVE_INFINITY], targets: [1, 2] }, path: 'features.1' },
    { data: { source: 'values', features: [1, Number.NaN], targets: [1, 2] }, path: 'features.1' },
    { data: { source: 'values', features: [], targets: [] }, path: 'features' },
    { data: { source: 'values', features: [1], targets: ['a'] }, path: 'targets.0' },
    { data: { source: 'xml' }, path: 'source' },
    { data: { source: 'csv' }, path: 'file' },
  ])('refuses $data', ({ data, path }) => {
    const { error } = dataSchema.safeParse(data);
    expect(error?.issues[0].path.join('.')).toBe(path);
  });

  it('has a JSON schema in which every option is described', () => {
    const { oneOf } = z.toJSONSchema(dataSchema, { io: 'input' });
    expect(oneOf).toHaveLength(10);
    for (const source of oneOf ?? []) {
      const { source: name, ...options } = (source as { properties: Record<string, { description?: string }> })
        .properties;
      expect(name).toHaveProperty('const');
      expect(Object.keys(options).length).toBeGreaterThan(4);
      for (const option of Object.values(options)) expect(option.description).toBeTruthy();
    }
  });
});

function toShared(values: number[]): Float32Array {
  const shared = new Float32Array(new SharedArrayBuffer(4 * values.length));
  shared.set(values);
  return shared;
}
