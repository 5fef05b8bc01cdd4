/** `data.split` by files of their own: each is a split, read as the others were, and refused where it does not fit them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { eachRow } from '../../src/data/each-row.js';
import type { Dataset } from '../../src/data/examples.js';
import { closeExamples } from '../../src/data/row-writer.js';
import {
  dividedSources,
  expectPartition,
  lists,
  load,
  member,
  range,
  refusal,
  rows,
  x,
  y,
} from '../support/divided.js';
import { zipFile } from '../support/tables.js';

const { folder, sources, array, module, table } = dividedSources();

it('a text has splits in files of their own, whose characters are of one vocabulary', async () => {
  const write = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const [first, second, third] = ['abcabcabcabcé', 'bcdbcdb', 'aaaaaaax'];
  const text = { source: 'text', file: write('a.txt', first), window: 3 };
  const [validation, test] = [write('b.txt', second), write('c.txt', third)];
  for (const said of [{ validation, test }, { split: { validation, test } }]) {
    const { splits, examples, encoding } = await load({ ...text, ...said });
    expect(encoding.classes).toEqual(['a', 'b', 'c', 'd', 'x', 'é']);
    // Of 13, 7 and 8 characters: those that have three and one more before their own end.
    expect(lists(splits)).toEqual([range(10, (i) => i), range(4, (i) => 13 + i), range(5, (i) => 20 + i)]);
    const characters = [...examples.columns[0].values].map((token) => encoding.classes![token]).join('');
    expect(characters).toBe(first + second + third);
  }
  // A fraction is of the file for training.
  const { splits } = await load({ ...text, split: { test, validation: 0.4 } });
  expect(lists(splits)).toEqual([range(5, (i) => i), range(2, (i) => 8 + i), range(5, (i) => 13 + i)]);
  expect((await refusal({ ...text, test: text.file })).problem).toContain('is named twice');
  expect((await refusal({ ...text, split: { test: join(folder, 'none.txt') } })).message).toContain(
    'data.split.test: ',
  );
  const short = await refusal({ ...text, split: { test: write('short.txt', 'abc'), validation: 0.4 } });
  expect(short.remedy).toBe('use a window of at most 2, or a longer file');
});
describe('given files of modules and arrays', () => {
  const held = rows.slice(0, 5).map((row, i) => ({ ...row, features: 100 + i, target: 1 }));
  const own = module('held', held);
  const arrays = () => ({
    features: array(
      'hx',
      held.map(({ features }) => features),
    ),
    targets: array(
      'hy',
      held.map(({ target }) => target),
    ),
  });
  const archive = (name: string, members: Record<string, readonly number[]>) => {
    const file = join(folder, name);
    writeFileSync(file, zipFile(Object.entries(members).map(([key, values]) => member(key, values))));
    return file;
  };

  it.each([
    ['module', () => own],
    ['npy', arrays],
    ['npy', () => archive('held.npz', { features: range(5, (i) => 100 + i), targets: range(5, () => 1) })],
  ])('are a split of their own, read as the others were (%s)', async (name, given) => {
    for (const said of [{ test: given(), validation: 0.2 }, { split: { test: given(), validation: 0.2 } }]) {
      const { splits, examples, where } = await load({ ...sources[name], ...said });
      expectPartition(splits, 65);
      expect(lists(splits)[2]).toEqual([60, 61, 62, 63, 64]);
      expect([...examples.columns[0].values].slice(58)).toEqual([...x.slice(58), 100, 101, 102, 103, 104]);
      expect([...examples.columns[1].values]).toEqual([...y, 1, 1, 1, 1, 1]);
      // One class alone is no mistake there: the classes are those of the others.
      expect(examples.columns[1].categories).toBe(2);
      expect(where?.(61, 'features')).toMatch(/1$/);
      const alone = await load({ ...sources[name], validation: 0.2, test: 0 });
      expect(lists(splits)[1]).toEqual(lists(alone.splits)[1]);
    }
  });

  it('go to disk beyond the memory that there may be, with the same values', async () => {
    const wide = (name: string, from: number, length: number) =>
      array(
        name,
        range(length * 50_000, (i) => (from + i) % 251),
        [length, 50_000],
      );
    const data = {
      source: 'npy',
      features: wide('wx', 0, 8),
      targets: array(
        'wy',
        range(8, (i) => i % 2),
      ),
      targetType: 'class',
      split: { validation: 0, test: { features: wide('vx', 7, 3), targets: array('vy', [1, 0, 1]) } },
    };
    const [inMemory, onDisk] = [await load(data), await load({ ...data, memory: '1MB' })];
    expect(onDisk.examples.columns[0].file).toBeDefined();
    const sums = async ({ examples }: Dataset) => {
      const found: number[] = [];
      await eachRow(examples.columns[0], 11, (values, start) => {
        found.push(values[start], values[start + 1], values[start + 49_999]);
      });
      closeExamples(examples);
      return found;
    };
    expect(await sums(onDisk)).toEqual(await sums(inMemory));
  });

  it('are measured by the training split, and weigh 1 where they say nothing', async () => {
    const numbers = range(20, (i) => ({ features: [i, 1], target: 10 * i, weight: 1 + (i % 3) }));
    const data = {
      source: 'module',
      file: module('n', numbers),
      standardizeTargets: true,
      split: { validation: 0, test: module('h', [{ features: [1, 2], target: 95 }]) },
    };
    const { examples, encoding } = await load(data);
    const { mean, deviation } = encoding.targetScaling!;
    expect(examples.columns[1].values[20]).toBeCloseTo((95 - mean[0]) / deviation[0], 6);
    const plain = await load({ ...data, split: { validation: 0, test: 0 } });
    expect(encoding).toEqual(plain.encoding);
    expect(examples.columns[2].values[20]).toBe(1);
  });

  it('are refused where they do not fit', async () => {
    const { module: one, npy } = sources;
    const twice = await refusal({ ...one, test: one.file });
    expect(twice.problem).toContain('is to serve two splits');
    const wide = module('wide', [{ features: [1, 2], target: 0 }]);
    expect((await refusal({ ...one, split: { test: wide } })).problem).toBe(
      'data.split.test: the input features is float32 [2], and that of other splits float32 [1]',
    );
    expect((await refusal({ ...one, split: { test: own, group: 'who' } })).problem).toContain('data.split.group: ');
    const other = module('classes', [{ features: 1, target: 2 }]);
    expect((await refusal({ ...one, test: other })).problem).toContain('classes.mjs: example 0');
    const { features } = arrays();
    const missing = await load({ ...npy, split: { test: { features } } }).catch((error) => error);
    expect(missing.message).toContain('data.split.test: ');
    expect(missing.message).toContain('targets is missing');
    const three = { features: array('h3', [1]), targets: array('y3', [2]) };
    expect((await refusal({ ...npy, test: three })).problem).toContain('not one of the 2 classes');
  });
});

describe('given files', () => {
  it.each([
    ['idx', 't10k'],
    ['images', join(folder, 'held')],
    ['csv', table('held', { x: [1, 2, 3], y: [0, 1, 1], who: [90, 91, 92], when: [1, 2, 3] })],
  ])('are a split of their own (%s)', async (name, test) => {
    const own = await load({ ...sources[name], split: { test, validation: 0.2 } });
    expect(own.splits).toEqual((await load({ ...sources[name], test, validation: 0.2 })).splits);
    expect(lists(own.splits)[2]).toEqual([60, 61, 62]);
    expectPartition(own.splits, 63);
  });
});
