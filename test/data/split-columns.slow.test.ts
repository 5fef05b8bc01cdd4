/** `data.split` of tables: by order, by group and by the values of a column, from CSV and Parquet; and groups of every size. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import type { Dataset, Splits } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { splitExamples } from '../../src/data/splits/split.js';
import type { SplitKey } from '../../src/data/splits/split-key.js';
import { DataError } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';
import { examplesOf } from '../support/parts.js';

type Cells = Readonly<Record<string, readonly (string | number | Date | null)[]>>;
const folder = temporaryFolder();
let files = 0;

/** The same rows in either format. */
function tableFile(source: 'csv' | 'parquet', cells: Cells): string {
  const file = join(folder, `${files++}.${source}`);
  const names = Object.keys(cells);
  if (source === 'parquet') {
    const columnData = names.map((name): ColumnSource => {
      const [first] = cells[name].filter((cell) => cell !== null);
      const type = typeof first === 'number' ? 'DOUBLE' : typeof first === 'string' ? 'STRING' : 'TIMESTAMP';
      return { name, data: [...cells[name]], type };
    });
    writeFileSync(file, Buffer.from(parquetWriteBuffer({ columnData })));
    return file;
  }
  const text = (cell: Cells[string][number]) => (cell instanceof Date ? cell.toISOString() : String(cell ?? ''));
  const rows = cells[names[0]].map((_, i) => names.map((name) => text(cells[name][i])).join(','));
  writeFileSync(file, `${[names.join(','), ...rows].join('\n')}\n`);
  return file;
}

async function load(data: object, seed = 0): Promise<{ dataset: Dataset; warnings: string[] }> {
  const warnings: string[] = [];
  const config = dataSchema.parse({ target: 'y', ...data });
  const dataset = await loadDataset(config, seed, { warn: (message) => warnings.push(message) });
  return { dataset, warnings };
}

async function refusal(data: object): Promise<DataError> {
  const error = await load(data).catch((reason) => reason);
  expect(error).toBeInstanceOf(DataError);
  return error;
}

/** Each row once, ascending in each split. */
function expectPartition(splits: Splits, count: number): void {
  const seen = new Int32Array(count);
  for (const split of Object.values(splits) as Int32Array[]) {
    for (const row of split) seen[row]++;
    expect(split.every((row, i) => i === 0 || row > split[i - 1])).toBe(true);
  }
  expect(seen.every((times) => times === 1)).toBe(true);
}

const lists = ({ training, validation, test }: Splits) => [[...training], [...validation], [...test]];
const range = <T>(count: number, of: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => of(i));

const y = range(10, (i) => (i * 7) % 5);
const x = range(10, (i) => i ** 2 / 10);
/** Descending but for one, with ties. */
const when = [90, 80, 95, 70, 60, 60, 50, 40, 30, 30];

describe.each(['csv', 'parquet'] as const)('split.order in %s', (source) => {
  const days = when.map((day) => new Date(Date.UTC(2020, 0, day, 12)));
  it.each([
    ['numbers', when, {}],
    ['dates', days, {}],
    ['dates that become seconds', days, { dates: { when: 'epoch' } }],
    ['dates that become parts', days, { dates: { when: ['month'] } }],
  ])('puts the highest %s last, ties by row', async (_, values, options) => {
    const file = tableFile(source, { x, when: values, y });
    const { dataset } = await load({ source, file, split: { test: 0.2, validation: 0.3, order: 'when' }, ...options });
    // Ascending: rows 8, 9 (30), 7, 6, 4, 5 (60), 3, 1, 0, 2; the last two are for test, three before them for validation.
    expect(lists(dataset.splits)).toEqual([
      [4, 6, 7, 8, 9],
      [1, 3, 5],
      [0, 2],
    ]);
  });

  it('leaves the column out of the features unless they name it', async () => {
    const file = tableFile(source, { x, when, y });
    const split = { order: 'when', test: 0.2, validation: 0 };
    const named = await load({ source, file, split, features: ['when', 'x'] });
    expect(named.dataset.examples.columns[0].shape).toEqual([2]);
    const { dataset } = await load({ source, file, split });
    expect(dataset.examples.columns[0].shape).toEqual([1]);
    expect(dataset.columns?.shown.filter(({ role }) => role === 'left out')).toEqual([
      { name: 'when', role: 'left out', why: 'data.split.order' },
    ]);
    expect(lists(dataset.splits)).toEqual(lists(named.dataset.splits));
  });

  it('takes a file of its own for test, and the end of the other for validation', async () => {
    const [file, test] = [tableFile(source, { x, when, y }), tableFile(source, { x: [1], when: [0], y: [2] })];
    const { dataset } = await load({ source, file, split: { test, validation: 0.2, order: 'when' } });
    expect(lists(dataset.splits)).toEqual([[1, 3, 4, 5, 6, 7, 8, 9], [0, 2], [10]]);
  });
});

describe.each(['csv', 'parquet'] as const)('split.group in %s', (source) => {
  const who = range(60, (i) => `u${(i * i) % 13}`);
  const cells = { x: range(60, (i) => (i * 37) % 17), who, y: range(60, (i) => (i * 7) % 5) };

  it('puts no group into two splits, by the seed', async () => {
    const data = { source, file: tableFile(source, cells), split: { test: 0.2, validation: 0.2, group: 'who' } };
    const [{ dataset }, again, other] = await Promise.all([load(data, 1), load(data, 1), load(data, 2)]);
    expectPartition(dataset.splits, 60);
    const groups = lists(dataset.splits).map((rows) => new Set(rows.map((row) => who[row])));
    expect(groups.reduce((sum, { size }) => sum + size, 0)).toBe(new Set(who).size);
    expect(again.dataset.splits).toEqual(dataset.splits);
    expect(other.dataset.splits).not.toEqual(dataset.splits);
    expect(dataset.examples.columns[0].shape).toEqual([1]);
  });

  it('refuses a group that is in the files of two splits', async () => {
    const file = tableFile(source, cells);
    const test = tableFile(source, { x: [1, 2], who: ['new', 'u4'], y: [0, 1] });
    const { problem } = await refusal({ source, file, split: { test, group: 'who' } });
    expect(problem).toBe('data.split.group: "u4" of column who is in the files of two splits');
    const own = tableFile(source, { x: [1, 2], who: ['new', 'newer'], y: [0, 1] });
    const { dataset } = await load({ source, file, split: { test: own, validation: 0.2, group: 'who' } });
    expect([...dataset.splits.test]).toEqual([60, 61]);
    expectPartition(dataset.splits, 62);
  });

  it('refuses fewer groups than splits', async () => {
    const file = tableFile(source, { ...cells, who: who.map((_, i) => `u${i % 2}`) });
    const error = await refusal({ source, file, split: { group: 'who' } });
    expect(error.problem).toBe('data.split.group: column who has 2 values, too few for 3 splits');
    const followed = await load({ source, file, split: { group: 'who', validation: 0, test: 0.4 } });
    expect(followed.dataset.splits.test.length).toBe(30);
    expect(followed.warnings).toEqual([expect.stringMatching(/data.split.test: 24 .*make it 30/)]);
  });
});

describe.each(['csv', 'parquet'] as const)('split.stratify in %s', (source) => {
  const site = range(40, (i) => (i % 4 === 0 ? 'b' : 'a'));
  const cells = { x: range(40, (i) => (i * 37) % 17), site, y: range(40, (i) => `c${i % 2}`) };

  it('gives each split its share of the values of a column that is no target, and keeps it as a feature', async () => {
    const { dataset } = await load({ source, file: tableFile(source, cells), split: { stratify: 'site' } });
    expectPartition(dataset.splits, 40);
    const shares = lists(dataset.splits).map((rows) => rows.filter((row) => site[row] === 'b').length);
    expect([shares, lists(dataset.splits).map(({ length }) => length)]).toEqual([
      [8, 1, 1],
      [32, 4, 4],
    ]);
    expect(dataset.examples.columns[0].shape).toEqual([3]);
  });

  it('splits by classes as the keys without `split` do, and by the target under its name', async () => {
    const file = tableFile(source, cells);
    const common = { source, file, target: 'y' };
    const old = await load({ ...common, validation: 0.2, test: 0.1, stratify: true }, 5);
    for (const stratify of [true, 'y']) {
      const { dataset } = await load({ ...common, split: { validation: 0.2, test: 0.1, stratify } }, 5);
      expect(dataset.splits).toEqual(old.dataset.splits);
      expect(dataset.examples.columns).toEqual(old.dataset.examples.columns);
    }
    const plain = await load({ ...common, validation: 0.2, test: 0.1 }, 5);
    const same = await load({ ...common, split: { validation: 0.2, test: 0.1 } }, 5);
    expect(same.dataset.splits).toEqual(plain.dataset.splits);
  });

  it('names a value that is too rare', async () => {
    const file = tableFile(source, { ...cells, site: site.map((_, i) => (i < 3 ? 'rare' : 'a')) });
    const error = await refusal({ source, file, split: { stratify: 'site' } });
    expect(error.problem).toContain('"rare" of column site has 3 examples, too few to give 0.1 of them to validation');
  });
});

describe.each(['csv', 'parquet'] as const)('a column that decides, in %s', (source) => {
  const unit = source === 'csv' ? ', line 4' : ', row 3';
  it.each(['order', 'group', 'stratify'])('is refused with gaps by the row (%s)', async (kind) => {
    const file = tableFile(source, { x, when: when.map((value, i) => (i === 2 ? null : value)), y });
    const split = { [kind]: 'when', test: 0.2, validation: 0.2 };
    for (const missing of ['error', 'mean']) {
      const error = await refusal({ source, file, split, missing });
      expect(error.problem).toBe(`${file}${unit}: column when has no value`);
    }
    if (kind !== 'order') return;
    const { dataset } = await load({ source, file, split, missing: 'drop' });
    expect(dataset.examples.count).toBe(9);
  });

  it('is refused where it is not there, with the name that may be meant', async () => {
    const file = tableFile(source, { x, when, y });
    const error = await refusal({ source, file, split: { group: 'whem' } });
    expect([error.problem, error.remedy]).toEqual([
      `data.split.group: ${file} has no column "whem"`,
      'did you mean when?',
    ]);
  });

  it('is refused for what has no order', async () => {
    const file = tableFile(source, { x, when: when.map((_, i) => (i === 2 ? 'soon' : `2020-01-0${1 + (i % 9)}`)), y });
    const error = await refusal({ source, file, split: { order: 'when' } });
    expect(error.problem).toBe(`${file}${unit}: column when holds "soon", not a date as the rows before`);
  });
});

it.each([
  [{ split: {}, validation: 0.2 }, 'data.validation'],
  [{ split: { test: 0 }, test: 0.2 }, 'data.test'],
  [{ split: {}, stratify: false }, 'data.stratify'],
  [{ split: { order: 'a', group: 'b' } }, 'order and group cannot decide together'],
  [{ split: { stratify: true, group: 'b' } }, 'group and stratify cannot decide together'],
])('refuses %j', (data, text) => {
  const result = dataSchema.safeParse({ source: 'csv', file: 'a.csv', target: 'y', ...data });
  const said = result.error?.issues.map(({ path, message }) => `data.${path.join('.')}: ${message}`).join();
  expect(said).toContain(text);
});

it('comes out the same when a config is defined twice', () => {
  for (const data of [{ validation: 0.2 }, { split: { order: 'when' } }]) {
    const once = dataSchema.parse({ source: 'csv', file: 'a.csv', target: 'y', ...data });
    expect(dataSchema.parse(once)).toEqual(once);
  }
});

describe('groups of any sizes', () => {
  const numbers = (count: number) =>
    examplesOf({
      count,
      features: new Float32Array(count),
      featureScale: 1,
      featureShape: [1],
      targets: new Float32Array(count),
      targetShape: [],
    });
  const keyOf = (sizes: readonly number[]): SplitKey => {
    const values = Int32Array.from(sizes.flatMap((size, group) => new Array<number>(size).fill(group)));
    return { kind: 'group', unit: 'column', name: 'g', values, names: sizes.map(String) };
  };
  const total = (sizes: readonly number[]) => sizes.reduce((a, b) => a + b, 0);
  const split = (sizes: readonly number[], validation: number, test: number, seed = 0) =>
    splitExamples(numbers(total(sizes)), { validation, test, stratify: false, by: keyOf(sizes) }, seed);

  const many = range(300, (i) => 1 + ((i * 7919) % 29));
  it.each([
    ['one each', range(50, () => 1)],
    ['equal', range(20, () => 7)],
    ['as powers of two', range(9, (i) => 2 ** i)],
    ['one giant', [1000, ...range(30, () => 10)]],
    ['three', [5, 5, 90]],
    ['many', many],
  ])('keeps together those that are %s', (_, sizes) => {
    const { values } = keyOf(sizes);
    for (const [validation, test] of [
      [0.1, 0.1],
      [0, 0.25],
      [0.3, 0.02],
    ]) {
      for (let seed = 0; seed < 5; seed++) {
        const splits = split(sizes, validation, test, seed);
        expectPartition(splits, total(sizes));
        const groups = lists(splits).map((rows) => new Set(rows.map((row) => values[row])));
        expect(total(groups.map(({ size }) => size))).toBe(sizes.length);
        expect(groups.map(({ size }) => size > 0)).toEqual([true, validation > 0, true]);
      }
    }
  });

  it('come as near to the size asked for as any choice of them does', () => {
    const draw = (i: number) => 1 + ((i * 7919) % 53);
    for (let first = 0; first < 40; first++) {
      const sizes = range(10, (i) => draw(first * 10 + i) + (i === 0 ? first : 0));
      const wanted = Math.round(0.3 * total(sizes));
      // Every choice that leaves something for training and takes something.
      const sums = range(2 ** 10 - 2, (choice) => total(sizes.filter((_, i) => ((choice + 1) >> i) & 1)));
      const best = Math.min(...sums.map((sum) => Math.abs(sum - wanted)));
      expect(Math.abs(split(sizes, 0, 0.3, first).test.length - wanted)).toBe(best);
    }
  });

  it('are chosen by chance, whatever their sizes: large ones are held out as often as small ones', () => {
    const sizes = range(200, (i) => (i < 100 ? 2 : 6));
    let [small, large] = [0, 0];
    for (let seed = 0; seed < 200; seed++) {
      for (const row of split(sizes, 0, 0.2, seed).test) {
        if (row < 200) small += 1 / 2;
        else large += 1 / 6;
      }
    }
    // 20 of 100 each time, 4000 of either; more by 3 small ones where there is one large one less.
    expect(Math.abs(small - 4000)).toBeLessThan(320);
    expect(Math.abs(large - 4000)).toBeLessThan(320);
  });

  it('are as many as there are rows', () => {
    const splits = split(
      range(200_000, () => 1),
      0.1,
      0.2,
    );
    expect(lists(splits).map(({ length }) => length)).toEqual([140_000, 20_000, 40_000]);
  });
});
