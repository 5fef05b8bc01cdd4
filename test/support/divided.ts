/** The same few examples in every source of data, to be divided in every way. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import type { Dataset, Splits } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { DataError } from '../../src/errors.js';
import { temporaryFolder } from './folder.js';
import { idxFile } from './idx.js';
import { greyPixel } from './images.js';
import { writeModule } from './modules.js';
import { npyFile } from './tables.js';

export const count = 60;
export const range = <T>(length: number, of: (i: number) => T): T[] => Array.from({ length }, (_, i) => of(i));
export const [x, y] = [range(count, (i) => (i * 37) % 17), range(count, (i) => ((i * 7) % 10 < 6 ? 0 : 1))];
export const who = range(count, (i) => (i * i) % 41);
export const when = range(count, (i) => 1.7e9 + ((i * 41) % 29));
export const rows = x.map((features, i) => ({ features, target: y[i], who: who[i], when: when[i] }));

/** An array of NumPy as a member of an archive. */
export const member = (name: string, values: readonly number[], shape = [values.length]) =>
  [`${name}.npy`, npyFile('<f8', shape, new Uint8Array(Float64Array.from(values).buffer))] as const;

/** Writes files of each kind that holds numbers into a folder; they return where. */
function writers(folder: string) {
  const array = (name: string, values: readonly number[], shape?: number[]): string => {
    const [file, bytes] = member(name, values, shape);
    writeFileSync(join(folder, file), bytes);
    return join(folder, file);
  };
  const module = (name: string, rows: readonly object[]): string =>
    writeModule(folder, `${name}.mjs`, `export default ${JSON.stringify(rows)};`);
  const table = (name: string, columns: Readonly<Record<string, readonly (string | number)[]>>): string => {
    const file = join(folder, `${name}.csv`);
    const names = Object.keys(columns);
    const rows = columns[names[0]].map((_, i) => names.map((key) => columns[key][i]).join(','));
    writeFileSync(file, `${[names.join(','), ...rows].join('\n')}\n`);
    return file;
  };
  return { array, module, table };
}

/** Writes the files of {@link sourcesIn}. */
async function writeSources(folder: string): Promise<void> {
  const { array, module, table } = writers(folder);
  mkdirSync(join(folder, 'idx'));
  for (const [prefix, labels] of [
    ['train', y],
    ['t10k', [0, 1, 1]],
  ] as const) {
    writeFileSync(join(folder, 'idx', `${prefix}-images-idx3-ubyte`), idxFile([labels.length, 1, 1], labels));
    writeFileSync(join(folder, 'idx', `${prefix}-labels-idx1-ubyte`), idxFile([labels.length], labels));
  }
  const pixel = await greyPixel(7);
  for (const [dir, counts] of [
    ['images', [36, 24]],
    ['held', [2, 1]],
  ] as const) {
    counts.forEach((files, label) => {
      mkdirSync(join(folder, dir, `c${label}`), { recursive: true });
      for (let i = 0; i < files; i++) writeFileSync(join(folder, dir, `c${label}`, `${i}.png`), pixel);
    });
  }
  for (const [name, values] of Object.entries({ x, y, who })) array(name, values);
  array('when', when, [count, 1]);
  table('t', { x, y, who, when });
  module('m', rows);
}

/** The examples as the data of a config, by source: each with two classes. */
function sourcesIn(folder: string): Record<string, Record<string, unknown>> {
  const file = (name: string) => join(folder, name);
  return {
    digits: { source: 'digits', examples: count },
    idx: { source: 'idx', dir: file('idx') },
    values: { source: 'values', features: x, targets: y, classes: 2 },
    csv: { source: 'csv', file: file('t.csv'), target: 'y', targetType: 'class', features: ['x'] },
    npy: { source: 'npy', features: file('x.npy'), targets: file('y.npy'), targetType: 'class' },
    images: { source: 'images', dir: file('images') },
    module: { source: 'module', file: file('m.mjs'), classes: 2 },
  };
}

/** The sources in a folder that holds their files before the first test, and what writes more of them there. To be called outside of tests. */
export function dividedSources() {
  const folder = temporaryFolder();
  beforeAll(() => writeSources(folder));
  return { folder, sources: sourcesIn(folder), ...writers(folder) };
}

export const load = (data: object, seed = 3): Promise<Dataset> => loadDataset(dataSchema.parse(data), seed);
export const lists = ({ training, validation, test }: Splits) => [[...training], [...validation], [...test]];

/** What data are refused with. */
export async function refusal(data: object): Promise<DataError> {
  const error = await load(data).catch((reason) => reason);
  expect(error).toBeInstanceOf(DataError);
  return error;
}

export function expectPartition(splits: Splits, total: number): void {
  const all = lists(splits).flat();
  expect([...all].sort((a, b) => a - b)).toEqual(range(total, (i) => i));
}
