/** `data.split` of every source: by fractions, by classes, by order, by group; the same values give the same splits whatever source they come from. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { diagnose } from '../../src/data/doctor/diagnose.js';
import {
  count,
  dividedSources,
  expectPartition,
  lists,
  load,
  member,
  range,
  refusal,
  rows,
  when,
  who,
  x,
  y,
} from '../support/divided.js';
import { writeConfig } from '../support/folder.js';
import { writeModule } from '../support/modules.js';
import { resultOf, trained } from '../support/runs.js';
import { zipFile } from '../support/tables.js';

const { folder, sources, array, module, table } = dividedSources();
/** What each calls the values that decide. */
const keys: Record<string, (name: 'who' | 'when') => string> = {
  csv: (name) => name,
  npy: (name) => join(folder, `${name}.npy`),
  module: (name) => name,
};

describe.each(Object.keys(sources))('data.split of %s', (name) => {
  const source = sources[name];

  it('says what the keys beside it say', async () => {
    for (const stratify of [false, true]) {
      const said = { validation: 0.2, test: 0.2, stratify };
      const [old, own] = [await load({ ...source, ...said }), await load({ ...source, split: said })];
      expect(own.splits).toEqual(old.splits);
      expectPartition(own.splits, count);
      expect(lists(own.splits).map(({ length }) => length)).toEqual([36, 12, 12]);
      if (!stratify || name === 'digits') continue;
      const shares = lists(own.splits).map((split) => split.filter((row) => own.examples.columns[1].values[row] === 1));
      expect(shares[1].length / 12).toBeCloseTo(0.4, 0);
    }
    const preset = await load({ ...source, split: {} });
    expect(preset.splits).toEqual((await load(source)).splits);
  });

  it('does not stand beside them, and comes out the same when defined twice', () => {
    for (const key of ['validation', 'test', 'stratify']) {
      const beside = { ...source, split: {}, [key]: key === 'stratify' ? false : 0.2 };
      const issue = dataSchema.safeParse(beside).error?.issues[0];
      expect([issue?.path, issue?.message]).toEqual([[key], 'stands beside data.split, which says the same']);
    }
    for (const said of [{ split: { stratify: true } }, { validation: 0.3 }, {}]) {
      const once = dataSchema.parse({ ...source, ...said });
      expect(dataSchema.parse(once)).toEqual(once);
    }
  });
});

it('a text is cut by data.split as by the keys beside it', async () => {
  const file = join(folder, 'text.txt');
  writeFileSync(file, 'the quick brown fox jumps over the lazy dog. '.repeat(8));
  const text = { source: 'text', file, window: 8 };
  const said = { validation: 0.2, test: 0.2 };
  const own = await load({ ...text, split: said });
  expect(own.splits).toEqual((await load({ ...text, ...said })).splits);
  const once = dataSchema.parse(text);
  expect(dataSchema.parse(once)).toEqual(once);
  expect((await load({ ...text, split: {} })).splits).toEqual((await load(text)).splits);
  expect((await refusal({ ...text, split: { validation: 0.01 } })).remedy).toContain('data.split.validation');
});

describe.each(Object.keys(keys))('what decides, in %s', (name) => {
  const source = sources[name];
  const by = (kind: string, key: 'who' | 'when', more: object = {}) => ({
    ...source,
    split: { validation: 0.2, test: 0.1, [kind]: keys[name](key), ...more },
  });

  it('is an order: the highest are for test', async () => {
    const { splits } = await load(by('order', 'when'));
    const order = range(count, (i) => i).sort((a, b) => when[a] - when[b] || a - b);
    const parts = [order.slice(0, 42), order.slice(42, 54), order.slice(54)];
    expect(lists(splits)).toEqual(parts.map((part) => part.sort((a, b) => a - b)));
  });

  it('keeps groups together, as every other source does', async () => {
    const { splits } = await load(by('group', 'who'));
    expectPartition(splits, count);
    const groups = lists(splits).map((part) => new Set(part.map((row) => who[row])));
    expect(groups.reduce((sum, { size }) => sum + size, 0)).toBe(new Set(who).size);
    expect(groups.every(({ size }) => size > 0)).toBe(true);
    expect((await load(by('group', 'who'), 4)).splits).not.toEqual(splits);
    for (const other of Object.keys(keys)) {
      const split = { validation: 0.2, test: 0.1, group: keys[other]('who') };
      expect((await load({ ...sources[other], split })).splits).toEqual(splits);
    }
  });

  it('balances by its values', async () => {
    const halves = who.map((group) => group % 2);
    const key = name === 'npy' ? array('halves', halves) : 'halves';
    const file =
      name === 'csv'
        ? table('halves', { x, y, halves })
        : module(
            'halves',
            rows.map((row, i) => ({ ...row, halves: halves[i] })),
          );
    const { splits } = await load({ ...source, ...(name !== 'npy' && { file }), split: { stratify: key } });
    const share = (part: readonly number[]) => part.filter((row) => halves[row] === 1).length;
    const whole = share(range(count, (i) => i));
    expect(Math.abs(share(lists(splits)[2]) - whole / 10)).toBeLessThan(1);
  });

  it('is refused where it is no order, no group, or not one alone', async () => {
    const label = { csv: 'column', npy: 'file', module: 'field' }[name];
    const constant = range(count, () => 5);
    const file =
      name === 'csv'
        ? table('constant', { x, y, when: constant })
        : module(
            'constant',
            rows.map((row) => ({ ...row, when: 5 })),
          );
    const key = name === 'npy' ? array('constant', constant) : 'when';
    const data = { ...source, ...(name !== 'npy' && { file }) };
    expect((await refusal({ ...data, split: { order: key } })).problem).toBe(
      `data.split.order: ${label} ${key} is the same in every example, which is no order`,
    );
    expect((await refusal({ ...data, split: { group: key } })).problem).toBe(
      `data.split.group: ${label} ${key} has one value, too few for 3 splits`,
    );
    const both = dataSchema.safeParse({ ...data, split: { order: key, group: key } });
    expect(both.error?.issues[0].message).toBe('order and group cannot decide together');
    if (name === 'module') {
      const field = await refusal({ ...data, split: { group: 'target' } });
      expect(field.problem).toContain('has target for its fields, and data.split.group names a key beside them');
      expect(field.remedy).toContain('{ features, target, key }');
    }
    const error = await refusal({ ...data, split: { group: `${keys[name]('who')}x` } });
    expect(error.problem).toMatch(/who(.npy)?x/);
  });

  it('trains to the same bits on one thread and two', async () => {
    const config = writeConfig(folder, `run-${name}`, {
      data: by('group', 'who'),
      model: { layers: [{ dense: { units: 'classes' } }] },
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
      optimizer: 'adam',
      training: { epochs: 1, batchSize: 16 },
    });
    const [one, two] = [await trained(config, [], folder), await trained(config, [], folder, 2)];
    expect(resultOf(two)).toEqual(resultOf(one));
    expect(one.end.test).not.toBeNull();
  });
});

describe('a module', () => {
  const load1 = (more: object, key: string, kind: string) => {
    const name = `odd-${kind}-${Object.values(more)[0] === undefined ? 'none' : String(Object.values(more)[0])}`;
    const odd = rows.map((row, i) => (i === 4 ? { ...row, ...more } : row));
    return refusal({ ...sources.module, file: module(name.replace(/\W/g, ''), odd), split: { [kind]: key } });
  };

  it.each(['order', 'group', 'stratify'])('is refused with gaps, by the example (%s)', async (kind) => {
    for (const gap of [null, '', undefined]) {
      const { problem, remedy } = await load1({ when: gap }, 'when', kind);
      expect(problem).toMatch(/example 4: field when has no value$/);
      expect(remedy).toBe('fill it in, or leave the example out');
    }
  });

  it('is refused for what has no order, or is neither number, text nor date', async () => {
    expect((await load1({ when: 'soon' }, 'when', 'order')).problem).toMatch(
      /example 4: field when holds "soon", not a number as the rows before$/,
    );
    expect((await load1({ when: [1, 2] }, 'when', 'group')).problem).toMatch(/example 4 has when that is/);
  });

  it('takes dates, texts and truth values', async () => {
    const file = writeModule(
      folder,
      'dates.mjs',
      'export default function* () {',
      '  for (let i = 0; i < 30; i++)',
      '    yield { features: i, target: i % 2, day: new Date(Date.UTC(2020, 0, 40 - i)), isOdd: i % 3 === 0, name: ["a", "b", "c", "d"][i % 4] };',
      '}',
    );
    const data = { source: 'module', file, classes: 2 };
    expect(lists((await load({ ...data, split: { order: 'day' } })).splits)[2]).toEqual([0, 1, 2]);
    const { splits } = await load({ ...data, split: { group: 'name' } });
    const parts = lists(splits).map((part) => new Set(part.map((row) => row % 4)));
    expect(parts.reduce((sum, { size }) => sum + size, 0)).toBe(4);
    expectPartition((await load({ ...data, split: { stratify: 'isOdd' } })).splits, 30);
  });

  it('says which key may be meant', async () => {
    const { problem, remedy } = await refusal({ ...sources.module, split: { group: 'whom' } });
    expect([problem.replace(/^.*: example/, 'example'), remedy]).toEqual([
      'example 0 has no whom, which data.split.group names',
      'did you mean who?',
    ]);
    const { problem: input } = await refusal({ ...sources.module, split: { group: 'features' } });
    expect(input).toContain('has features for its fields, and data.split.group names a key beside them');
  });
});

it('a table of images is divided by its columns, as other tables are', async () => {
  const name = range(count, (i) => (i < 36 ? `c0/${i}.png` : `c1/${i - 36}.png`));
  const data = {
    source: 'images',
    dir: join(folder, 'images'),
    table: table('pictures', { name, y, who, when }),
    inputs: { picture: { image: 'name' } },
    targets: { kind: { column: 'y', type: 'class' } },
  };
  const parts = { validation: 0.2, test: 0.1 };
  for (const by of [{ group: 'who' }, { order: 'when' }, { stratify: 'y' }, { stratify: true }, {}]) {
    const { splits } = await load({ ...data, split: { ...parts, ...by } });
    expect(splits).toEqual((await load({ ...sources.csv, split: { ...parts, ...by } })).splits);
  }
  const found = await diagnose(dataSchema.parse({ ...data, split: { ...parts, group: 'who' } }), 3);
  expect(found.splitBy).toEqual({ kind: 'group', of: 'column who' });
  expect(found.groups?.[0].shared).toBe(0);
});

it('a file of another length, or of several numbers an example, decides nothing', async () => {
  const { problem } = await refusal({ ...sources.npy, split: { group: array('short', [1, 2, 3]) } });
  expect(problem).toMatch(/short.npy has 3 values for the 60 examples of .*x.npy$/);
  const wide = array(
    'wide',
    range(120, (i) => i),
    [60, 2],
  );
  expect((await refusal({ ...sources.npy, split: { group: wide } })).problem).toBe(
    `data.split.group: ${wide} has 2 numbers for an example`,
  );
});

it('an array of an archive decides as one in a file of its own', async () => {
  const file = join(folder, 'all.npz');
  writeFileSync(file, zipFile([member('x', x), member('y', y), member('who', who)]));
  const data = { source: 'npy', file, features: 'x', targets: 'y', targetType: 'class' };
  const split = { validation: 0.2, test: 0.1 };
  const own = await load({ ...data, split: { ...split, group: 'who' } });
  expect(own.splits).toEqual((await load({ ...sources.npy, split: { ...split, group: keys.npy('who') } })).splits);
  expect((await refusal({ ...data, split: { group: 'whom' } })).message).toContain('who');
});

describe('several targets', () => {
  const two = rows.map(({ features, target, who: group }) => ({
    inputs: { x: features },
    targets: { kind: target, size: features },
    who: group,
  }));
  const sizes = array(
    'sizes',
    range(count, (i) => i),
  );
  const data = {
    module: { source: 'module', file: module('two', two), classes: { kind: 2 } },
    npy: {
      source: 'npy',
      inputs: { x: join(folder, 'x.npy') },
      targets: { kind: { file: sources.npy.targets, type: 'class' }, size: { file: sizes, type: 'number' } },
    },
  };

  it.each(Object.entries(data))('are balanced by the classes of one, by its name (%s)', async (name, source) => {
    const said = { validation: 0.2, test: 0.1 };
    const { splits } = await load({ ...source, split: { ...said, stratify: 'kind' } });
    const { classes: _, ...plain } = { classes: 0, ...sources[name] };
    const alone = { ...plain, ...(name === 'module' && { classes: 2 }) };
    expect(splits).toEqual((await load({ ...alone, ...said, stratify: true })).splits);
    const unnamed = await refusal({ ...source, split: { stratify: true } });
    expect(unnamed.problem).toBe('data.split.stratify: true: there are the targets kind, size');
    expect(unnamed.remedy).toContain('data.split: { stratify: kind }');
    const numbers = await refusal({ ...source, split: { stratify: 'size' } });
    expect(numbers.problem).toBe('data.split.stratify: target size has numbers, not classes');
  });
});
