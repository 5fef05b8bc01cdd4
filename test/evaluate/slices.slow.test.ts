/** Slices: the numbers that pandas and scikit-learn give, in order, with gaps from the same draws; and standard errors by groups. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ColumnCollector, type ExampleColumn, plainNumber } from '../../src/data/example-columns.js';
import type { Cell } from '../../src/data/table/table.js';
import { DataError } from '../../src/errors.js';
import { multiplicities } from '../../src/evaluate/bootstrap.js';
import { sliceLines } from '../../src/evaluate/gate-lines.js';
import { percentileInterval } from '../../src/evaluate/intervals.js';
import { keptArrays } from '../../src/evaluate/kept-arrays.js';
import { type SliceOptions, slicesOf } from '../../src/evaluate/slices.js';
import { type SliceColumn, slicingOf } from '../../src/evaluate/slicing.js';
import { resampled } from '../../src/evaluate/uncertainty.js';
import type { MetricConfig } from '../../src/metrics/families.js';
import { slicesText } from '../../src/report/slices-text.js';
import { lcg } from '../support/engines.js';
import { packageRoot } from '../support/package.js';

interface Expected {
  readonly key: readonly string[];
  readonly examples: number;
  readonly accuracy: number;
  readonly f1Macro: number;
}

/** Iris, as pandas 3.1.1 and scikit-learn 1.9.1 slice it (scripts/peers/slices.py). */
const iris: {
  readonly outputs: number[][];
  readonly targets: number[];
  readonly length: number[];
  readonly site: (string | null)[];
  readonly quantiles: number[];
  readonly expected: Readonly<Record<'site' | 'quarter' | 'edge' | 'site, edge', readonly Expected[]>>;
} = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/slices.json'), 'utf8'));

function columnOf(cells: readonly Cell[]): ExampleColumn {
  const collector = new ColumnCollector();
  for (const cell of cells) collector.add(cell, plainNumber);
  return collector.finish();
}

const table: Readonly<Record<string, ExampleColumn>> = {
  site: columnOf(iris.site),
  length: columnOf(iris.length),
  y: columnOf(iris.targets.map(String)),
  row: columnOf(Array.from({ length: 999 }, (_, i) => i)),
};
const all = Int32Array.from(iris.targets, (_, i) => i);
const slicing = (...by: SliceColumn[]) => slicingOf(by, (name) => table[name], all, '--by it');

const metrics: MetricConfig[] = ['accuracy', { f1: { average: 'macro' } }];
const kept = keptArrays(
  {
    outputs: Float32Array.from(iris.outputs.flat()),
    of: 'probabilities',
    width: 3,
    targets: Int32Array.from(iris.targets),
    classes: ['setosa', 'versicolor', 'virginica'],
  },
  metrics,
);
const options: SliceOptions = { confidence: 0.95, resamples: 300, seed: 4, threads: 1 };
const withoutDraws = { ...options, resamples: 0 };

describe('metrics of slices', () => {
  const bySite = { name: 'site' };
  const byEdge = { name: 'length', bins: { edges: [2, 5] } };
  const edgeNames = ['< 2', '[2, 5)', '>= 5'];
  const quarters = ['[1, 1.6)', '[1.6, 4.35)', '[4.35, 5.1)', '[5.1, 6.9]'];

  it.each([
    ['site', [bySite], (key: readonly string[]) => key[0]],
    ['quarter', [{ name: 'length', bins: { bins: 4 } }], ([key]: readonly string[]) => quarters[Number(key)]],
    ['edge', [byEdge], ([key]: readonly string[]) => edgeNames[Number(key)]],
    ['site, edge', [bySite, byEdge], ([site, key]: readonly string[]) => `${site}, ${edgeNames[Number(key)]}`],
  ] as const)('by %s are those of pandas and scikit-learn', async (name, by, nameOf) => {
    const [{ groups }] = await slicesOf(kept, [slicing(...by)], withoutDraws);
    const found = new Map(groups.map((group) => [group.value, group]));
    expect([...found.keys()].sort()).toEqual(iris.expected[name].map(({ key }) => nameOf(key)).sort());
    for (const { key, examples, ...numbers } of iris.expected[name]) {
      const group = found.get(nameOf(key))!;
      expect(group.examples).toBe(examples);
      for (const [metric, value] of Object.entries(numbers)) expect(group.metrics[metric]).toBeCloseTo(value, 12);
    }
  });

  it('say where bins begin and end', () => {
    expect(slicing({ name: 'length', bins: { bins: 4 } }).edges).toEqual({ length: iris.quantiles });
    // So many equal numbers that two of the edges are one.
    const rows = columnOf([1, 1, 1, 1, 2, 3, null]);
    const made = slicingOf([{ name: 'n', bins: { bins: 4 } }], () => rows, Int32Array.of(0, 1, 2, 3, 4, 5, 6), '');
    expect(made.values).toEqual(['(missing)', '[1, 1.75)', '[1.75, 3]']);
    expect([...made.codes]).toEqual([1, 1, 1, 1, 2, 2, 0]);
  });

  it('come worst first, those that are too small last, and say so', async () => {
    const [{ by, groups }] = await slicesOf(kept, [slicing(bySite)], withoutDraws);
    expect(by).toBe('accuracy');
    expect(groups.map(({ value, note }) => [value, note])).toEqual([
      ['north', undefined],
      ['south', undefined],
      ['(missing)', 'fewer than 30 examples: too small to say'],
    ]);
    const halves = Int32Array.from(all, (i) => i % 5);
    const [grouped] = await slicesOf(kept, [slicing(bySite)], { ...withoutDraws, groups: halves });
    expect(grouped.groups.map(({ note }) => note)).toContain('fewer than 10 groups: too small to say');
  });

  it('that lack a class leave averages over classes out of gaps', async () => {
    const [edges, classes] = await slicesOf(kept, [slicing(byEdge), slicing({ name: 'y' })], withoutDraws);
    expect(edges.groups.find(({ value }) => value === '< 2')!.note).toBe('no example of class versicolor, virginica');
    expect(edges.gaps.map(({ metric }) => metric)).toEqual(['accuracy']);
    expect(classes.groups.map(({ note }) => note)).toEqual([undefined, undefined, undefined]);
    expect(classes.gaps.map(({ metric }) => metric)).toEqual(['accuracy']);
  });
});

describe('gaps', () => {
  it('have the interval of differences in the same draws of the whole split', async () => {
    const [{ groups, gaps }] = await slicesOf(kept, [slicing({ name: 'site' })], options);
    const isRight = iris.outputs.map((row, i) => Number(row.indexOf(Math.max(...row)) === iris.targets[i]));
    const accuracy = (site: string, times: Float64Array) => {
      const own = [...all].filter((i) => iris.site[i] === site);
      const count = own.reduce((sum, i) => sum + times[i], 0);
      return own.reduce((sum, i) => sum + times[i] * isRight[i], 0) / count;
    };
    const differences = Float64Array.from({ length: 300 }, (_, replicate) => {
      const times = multiplicities({ seed: 4, examples: 150 }, replicate);
      return accuracy('south', times) - accuracy('north', times);
    });
    const { low, high } = percentileInterval(differences, 0.95)!;
    const [gap] = gaps;
    expect(gap).toMatchObject({ metric: 'accuracy', least: 'north', most: 'south' });
    expect(gap.gap).toBeCloseTo(groups[1].metrics.accuracy - groups[0].metrics.accuracy, 14);
    expect([gap.low, gap.high]).toEqual([expect.closeTo(low, 12), expect.closeTo(high, 12)]);
    expect(groups[0].intervals.accuracy.method).toBe('wilson');
    expect(groups[0].intervals.f1Macro.method).toBe('bootstrap');
    expect(gap.byChance).toBeGreaterThan(0);
  });

  it('are as large by chance as they seldom are between slices that do not differ', async () => {
    const random = lcg(3);
    const column = columnOf(Array.from({ length: 320 }, (_, i) => `s${i % 8}`));
    const rows = Int32Array.from({ length: 320 }, (_, i) => i);
    const made = slicingOf([{ name: 's' }], () => column, rows, '');
    let beyond = 0;
    for (let trial = 0; trial < 40; trial++) {
      const outputs = Float32Array.from(rows, () => random() + random() - 1);
      const arrays = keptArrays({ outputs, of: 'numbers', targets: new Float32Array(320) }, ['mae']);
      const [{ gaps }] = await slicesOf(arrays, [made], { ...options, resamples: 60, seed: trial });
      if (gaps[0].gap > gaps[0].byChance) beyond++;
    }
    // A twentieth of 40, give or take: 7 or more have a chance of 0.3 %.
    expect(beyond).toBeLessThan(7);
  });

  it('say why a metric is no number in a slice, and fail a gate there unless the slice is too small', async () => {
    const targets = Int32Array.from({ length: 80 }, (_, i) => (i < 40 ? 0 : i % 2));
    const outputs = Float32Array.from(targets, (target, i) => (target === 1 ? 0.8 : 0.2) + (i % 5) / 100);
    const two = keptArrays({ outputs, of: 'probabilities', targets }, ['auc', 'accuracy']);
    const column = columnOf(Array.from({ length: 80 }, (_, i) => (i < 40 ? 'a' : 'b')));
    const rows = Int32Array.from({ length: 80 }, (_, i) => i);
    const [found] = await slicesOf(two, [slicingOf([{ name: 's' }], () => column, rows, '')], options);
    const a = found.groups.find(({ value }) => value === 'a')!;
    expect([a.metrics.auc, a.notes?.auc, a.isSmall]).toEqual([
      Number.NaN,
      'it needs examples of every class',
      undefined,
    ]);
    expect(slicesText(found, 80)).toContain('a: auc is no number: it needs examples of every class\n');
    // The other class is lacking, and still its examples have to be right.
    const lines = [...sliceLines('accuracy', { min: 1.1 }, found), ...sliceLines('auc', { min: 0.5 }, found)];
    expect(lines.map(({ slice, passed }) => [slice, passed]).sort()).toEqual([
      ['s a', false],
      ['s a', false],
      ['s b', false],
      ['s b', true],
    ]);
    expect(lines.find(({ metric, slice }) => metric === 'auc' && slice === 's a')?.note).toBe(
      'it needs examples of every class',
    );
  });

  it('are printed under their slices', async () => {
    const text = slicesText((await slicesOf(kept, [slicing({ name: 'site' })], options))[0], 80);
    expect(text).toMatch(/slices by site, the worst accuracy first, with 95 % intervals\n/);
    expect(text).toMatch(/north +67 +0\.7612 +0\.\d+ to 0\.\d+/);
    expect(text).toMatch(/\(missing\): fewer than 30 examples: too small to say\n/);
    expect(text).toMatch(
      /gap of accuracy: 0\.0749 from north to south \(-?0\.\d+ to 0\.\d+\); chance alone gives up to/,
    );
  });
});

describe('what cannot be sliced', () => {
  const refusal = (...by: SliceColumn[]) => {
    try {
      slicing(...by);
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
      return [(error as DataError).problem, (error as DataError).remedy];
    }
  };

  it('is refused: bins of text, and columns of too many values', () => {
    expect(refusal({ name: 'site', bins: { bins: 3 } })).toEqual([
      expect.stringMatching(/^--by it: column site holds "(north|south)", which is no finite number$/),
      'slice by its values: site',
    ]);
    const rows = Int32Array.from({ length: 999 }, (_, i) => i);
    expect(() => slicingOf([{ name: 'row' }], (name) => table[name], rows, '--by row')).toThrow(
      '--by row: there are 999 values of row, more than the 200 slices that are told apart',
    );
  });
});

describe('draws', () => {
  const random = lcg(8);
  const size = 4000;
  const column = columnOf(Array.from({ length: size }, () => 'abc'[Math.floor(3 * random())]));
  const groups = Int32Array.from({ length: size }, (_, i) => Math.floor(i / 20));
  const effects = Array.from({ length: size / 20 }, () => random() + random() - 1);
  const outputs = Float32Array.from(groups, (group) => Math.abs(effects[group] + 0.4 * (random() - 0.5)));
  const numbers = keptArrays({ outputs, of: 'numbers', targets: new Float32Array(size) }, ['mae']);
  const rows = Int32Array.from({ length: size }, (_, i) => i);
  const made = slicingOf([{ name: 'c' }], () => column, rows, '');

  it('give slices the same bits on any number of threads', async () => {
    const asked = { ...options, resamples: 1100, groups };
    const [one, two] = await Promise.all([1, 2].map((threads) => slicesOf(numbers, [made], { ...asked, threads })));
    expect(two).toEqual(one);
    expect(one[0].gaps[0].byChance).toBeGreaterThan(0);
  });

  it('of whole groups have the standard error of a clustered mean', async () => {
    const mean = outputs.reduce((sum, value) => sum + value, 0) / size;
    const sums = new Float64Array(size / 20);
    groups.forEach((group, i) => {
      sums[group] += outputs[i] - mean;
    });
    // Liang and Zeger (1986), without a correction for few groups.
    const clustered = Math.sqrt(sums.reduce((sum, value) => sum + value ** 2, 0)) / size;
    const plain = Math.sqrt(outputs.reduce((sum, value) => sum + (value - mean) ** 2, 0)) / size;
    const asked = { ...options, resamples: 1000 };
    const error = async (own: object) =>
      (await resampled(numbers, { mae: mean }, { ...asked, ...own })).intervals.mae.standardError;
    expect(Math.abs((await error({ groups })) / clustered - 1)).toBeLessThan(0.05);
    expect(Math.abs((await error({})) / plain - 1)).toBeLessThan(0.05);
    expect(clustered / plain).toBeGreaterThan(3);
  });
});
