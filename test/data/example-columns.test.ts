/** Columns that are asked for beside the examples: what each source shows of them, and a word where it has none. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import type { Dataset } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { DataError } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';
import { greyPixel, writeFile } from '../support/images.js';
import { csvFiles, csvSource, npyFile, zipFile } from '../support/tables.js';

const folder = temporaryFolder();
const { csv } = csvFiles(folder);

const load = (data: object, ...names: string[]): Promise<Dataset> =>
  loadDataset(dataSchema.parse({ validation: 0, test: 0, ...data }), 0, {
    columns: names.map((name) => ({ name, asked: `--by ${name}` })),
  });

/** What each example holds; null where it holds nothing. */
async function shown(data: object, name: string): Promise<(string | null)[]> {
  const { codes, values } = (await load(data, name)).shown!.get(name)!;
  return [...codes].map((code) => (code < 0 ? null : values[code]));
}

async function refusal(data: object, name: string) {
  const error = await load(data, name).catch((reason) => reason);
  expect(error).toBeInstanceOf(DataError);
  return [error.problem, error.remedy];
}

const floats = (...numbers: number[]) => new Uint8Array(new Float32Array(numbers).buffer);

describe('tables', () => {
  it('show columns that are inputs, targets, left out or neither, of the rows that are used', async () => {
    const file = csv('x,sex,y,id', '1,f,0,7', ',m,1,8', '3,,1,9', '4,m,0,10');
    const data = { ...csvSource(file), features: ['x'], missing: 'drop' };
    expect(await shown(data, 'sex')).toEqual(['f', null, 'm']);
    expect(await shown(data, 'y')).toEqual(['0', '1', '0']);
    expect(await shown({ ...data, features: undefined, exclude: ['sex', 'id'] }, 'id')).toEqual(['7', '9', '10']);
    const { numbers } = (await load(data, 'id', 'sex')).shown!.get('id')!;
    expect([...numbers]).toEqual([7, 9, 10]);
  });

  it('show dates as they are written, also where their parts are inputs', async () => {
    const file = csv('when,y', '2024-01-31,0', '2024-02-29,1');
    const data = { ...csvSource(file), dates: { when: ['month'] } };
    expect(await shown(data, 'when')).toEqual(['2024-01-31', '2024-02-29']);
    expect(await shown(data, 'when.month')).toEqual(['1', '2']);
  });

  it('of each split follow each other', async () => {
    const [first, second] = [csv('x,y,s', '1,0,a', '2,1,b'), csv('x,y,s', '3,0,b', '4,1,c')];
    expect(await shown({ ...csvSource(first), test: second }, 's')).toEqual(['a', 'b', 'b', 'c']);
  });

  it('in Parquet show numbers and gaps', async () => {
    const file = join(folder, 't.parquet');
    const columnData = [
      { name: 'x', data: [1, 2, 3], type: 'DOUBLE' as const },
      { name: 'y', data: [0, 1, 0], type: 'INT32' as const },
      { name: 'age', data: [31.5, Number.NaN, 40], type: 'DOUBLE' as const },
    ];
    writeFileSync(file, Buffer.from(parquetWriteBuffer({ columnData })));
    const data = { source: 'parquet', file, target: 'y', features: ['x'] };
    expect(await shown(data, 'age')).toEqual(['31.5', null, '40']);
  });

  it('that lack a column say which there are', async () => {
    const data = csvSource(csv('x,y,sex', '1,0,f', '2,1,m'));
    expect(await refusal(data, 'six')).toEqual([
      expect.stringMatching(/^--by six: .*\.csv has no column "six"$/),
      'did you mean sex?',
    ]);
    expect((await refusal(data, 'patient'))[1]).toBe('it has x, y, sex');
  });
});

describe('other sources', () => {
  it('of arrays show a field, a member of the archive or a file', async () => {
    const of = (...numbers: number[]) => npyFile('<f4', [numbers.length], floats(...numbers));
    const file = join(folder, 'a.npz');
    writeFileSync(
      file,
      zipFile([
        ['x.npy', of(1, 2, 3)],
        ['y.npy', of(4, 5, 6)],
        ['age.npy', of(30, 40, 30)],
      ]),
    );
    const archive = { source: 'npy', file, features: 'x', targets: 'y' };
    expect(await shown(archive, 'age')).toEqual(['30', '40', '30']);
    expect(await shown(archive, 'targets')).toEqual(['4', '5', '6']);
    expect(await refusal(archive, 'agee')).toEqual([
      `--by agee: ${file} has no member agee`,
      'did you mean age? it holds x, y, age',
    ]);
    const files = ['x', 'y', 'age'].map((name) => join(folder, `${name}.npy`));
    for (const path of files) writeFileSync(path, of(1, 2));
    const [features, targets, age] = files;
    expect(await shown({ source: 'npy', features, targets }, age)).toEqual(['1', '2']);
  });

  it('of modules show keys beside the fields', async () => {
    const file = join(folder, 'made.mjs');
    const example = (i: number, rest: string) => `{ features: [${i}], target: [${i}], ${rest} }`;
    writeFileSync(file, `export default [${example(1, "site: 'a', age: 3")}, ${example(2, 'age: null')}];`);
    const data = { source: 'module', file };
    expect(await shown(data, 'site')).toEqual(['a', null]);
    expect(await shown(data, 'age')).toEqual(['3', null]);
    expect(await refusal(data, 'ages')).toEqual([
      expect.stringMatching(/^--by ages: .*made\.mjs has no column "ages"$/),
      'did you mean age?',
    ]);
  });

  it('of image files show the folder of each', async () => {
    const dir = join(folder, 'images');
    for (const name of ['cat/a/1.png', 'cat/2.png', 'dog/b/3.png']) {
      writeFile(join(dir, name), await greyPixel(9));
    }
    expect(await shown({ source: 'images', dir, stratify: false }, 'folder')).toEqual(['cat', 'cat/a', 'dog/b']);
  });

  it('without columns say so', async () => {
    const data = { source: 'values', features: [1, 2], targets: [3, 4] };
    expect(await refusal(data, 'sex')).toEqual([
      '--by sex: source values has no column "sex"',
      'leave it out, or use class, the true class',
    ]);
  });
});
