/** `source: parquet`: columns of every common type, over several row groups, become what a CSV file of them would. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type ColumnSource, parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, it } from 'vitest';
import { closeRows } from '../../src/data/row-writer.js';
import { tableInputs } from '../../src/data/table/inputs.js';
import { temporaryFolder } from '../support/folder.js';
import { partsOf } from '../support/parts.js';
import { failure, load, rounded, rowsOf, tableEncoding } from '../support/tables.js';

const folder = temporaryFolder();
let files = 0;
function parquet(columnData: ColumnSource[], options: object = {}): string {
  const file = join(folder, `${files++}.parquet`);
  writeFileSync(file, Buffer.from(parquetWriteBuffer({ columnData, ...options })));
  return file;
}
const source = (file: string, options: object = {}) => ({ source: 'parquet', file, target: 'y', ...options });
const plain = (file: string, options: object = {}) => source(file, { standardize: false, ...options });
const y: ColumnSource = { name: 'y', data: [1, 2, 3], type: 'DOUBLE' };

describe('a Parquet file', () => {
  it('has numbers of every type, texts and truth values', async () => {
    const file = parquet([
      { name: 'int32', data: [1, -2, 3], type: 'INT32' },
      { name: 'int64', data: [4n, 5n, -6n], type: 'INT64' },
      { name: 'float', data: [0.5, 0.25, 8], type: 'FLOAT' },
      { name: 'double', data: [0.1, 1e-3, 1e9], type: 'DOUBLE' },
      { name: 'text', data: ['7', 'b', '7'], type: 'STRING' },
      { name: 'flag', data: [true, false, true], type: 'BOOLEAN' },
      { name: 'day', data: [new Date(0), new Date(1), new Date(2)], type: 'TIMESTAMP' },
      y,
    ]);
    const dataset = await load(plain(file, { exclude: ['day'] }));
    expect(rowsOf(dataset.examples)).toEqual(
      rounded([
        [1, 4, 0.5, 0.1, 1, 0, 0, 1],
        [-2, 5, 0.25, 1e-3, 0, 1, 1, 0],
        [3, -6, 8, 1e9, 1, 0, 0, 1],
      ]),
    );
    expect([...partsOf(dataset.examples).targets]).toEqual([1, 2, 3]);
    expect(tableEncoding(dataset).columns.slice(4)).toEqual([
      { name: 'text', categories: ['7', 'b'], missing: false },
      { name: 'flag', categories: ['false', 'true'], missing: false },
    ]);
  });

  it.each(['STRING', 'BYTE_ARRAY'] as const)(
    'has text in columns of %s, and refuses bytes that are none',
    async (type) => {
      const column = (...data: Uint8Array[]): ColumnSource => ({ name: 'c', data, type: 'BYTE_ARRAY' });
      const text = new TextEncoder();
      const words = ['b', 'é', 'b'];
      const fine: ColumnSource =
        type === 'STRING' ? { name: 'c', data: words, type } : column(...words.map((word) => text.encode(word)));
      expect(tableEncoding(await load(plain(parquet([fine, y])))).columns).toEqual([
        { name: 'c', categories: ['b', 'é'], missing: false },
      ]);
      // Decoded loosely, both would be one category, of the sign for what cannot be read.
      const bytes = column(Uint8Array.of(0xff), Uint8Array.of(0xfe), text.encode('b'));
      const { problem, remedy } = await failure(plain(parquet([bytes, y])));
      expect(problem).toContain('column c holds bytes that are no UTF-8 text');
      expect(remedy).toContain('data.exclude');
    },
  );

  it('names categories and classes by numbers where asked', async () => {
    const file = parquet([
      { name: 'code', data: [10n, 9n, 10n], type: 'INT64' },
      { name: 'y', data: [2, 11, 2], type: 'INT32' },
    ]);
    const { examples, encoding } = await load(plain(file, { categorical: ['code'], targetType: 'class' }));
    expect(rowsOf(examples)).toEqual([
      [0, 1],
      [1, 0],
      [0, 1],
    ]);
    expect(encoding.classes).toEqual(['2', '11']);
    expect([...partsOf(examples).targets]).toEqual([0, 1, 0]);
  });

  it('lacks values where they are null or NaN', async () => {
    const file = parquet([
      { name: 'x', data: [1, null, 4], type: 'INT32' } as ColumnSource,
      { name: 'z', data: [Number.NaN, 2, 6], type: 'DOUBLE' },
      { name: 'k', data: ['a', 'b', null], type: 'STRING' } as ColumnSource,
      y,
    ]);
    expect(rowsOf((await load(plain(file, { missing: 'mean' }))).examples)).toEqual([
      [1, 4, 1, 0, 0],
      [2.5, 2, 0, 1, 0],
      [4, 6, 0, 0, 1],
    ]);
    const error = await failure(source(file, { features: ['x'] }));
    expect(error.problem).toContain(`${file}, row 2: column x has no value`);
    expect((await load(plain(file, { missing: 'drop', features: ['x'] }))).examples.count).toBe(2);
  });

  const count = 5000;
  const numbers = Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i)));
  const columns: ColumnSource[] = [
    { name: 'x', data: numbers, type: 'FLOAT' },
    { name: 'k', data: numbers.map((_, i) => 'abc'[i % 3]), type: 'STRING' },
    { name: 'y', data: numbers.map((_, i) => i % 4), type: 'INT32' },
  ];

  it('is read over its row groups, in order, also into a file', async () => {
    const file = parquet(columns, { rowGroupSize: [700] });
    const { examples } = await load(plain(file));
    expect(rowsOf(examples).map(([x]) => x)).toEqual(numbers);
    expect([...partsOf(examples).targets]).toEqual(numbers.map((_, i) => i % 4));
    const onDisk = await load(plain(file, { memory: '16KB' }));
    expect(partsOf(onDisk.examples).file).toBeDefined();
    expect(rowsOf(onDisk.examples)).toEqual(rowsOf(examples));
    closeRows(partsOf(onDisk.examples).file!);
  });

  it('is what a CSV file of the same rows is', async () => {
    const text = numbers.map((x, i) => `${x},${'abc'[i % 3]},${i % 4}`).join('\n');
    const csv = join(folder, 'same.csv');
    writeFileSync(csv, `x,k,y\n${text}\n`);
    const options = { targetType: 'class', test: 0.2 };
    const fromParquet = await load(source(parquet(columns), options));
    const fromCsv = await load({ ...source(csv, options), source: 'csv' });
    expect(rowsOf(fromParquet.examples)).toEqual(rowsOf(fromCsv.examples));
    expect(fromParquet.encoding).toEqual(fromCsv.encoding);
    expect(partsOf(fromParquet.examples).targets).toEqual(partsOf(fromCsv.examples).targets);

    const inputs = await tableInputs(parquet(columns.slice(0, 2)), tableEncoding(fromCsv));
    expect(inputs.count).toBe(count);
    expect([...inputs.features]).toEqual(rowsOf(fromCsv.examples).flat());
  });

  it('may be compressed by what other programs use', async () => {
    const compressors = {
      GZIP: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)),
      BROTLI: (bytes: Uint8Array) => new Uint8Array(brotliCompressSync(bytes)),
    };
    const repeated: ColumnSource[] = [
      { name: 'x', data: new Array(3000).fill(1.5), type: 'DOUBLE', encoding: 'PLAIN' },
      { name: 'y', data: numbers.slice(0, 3000), type: 'FLOAT' },
    ];
    for (const codec of ['SNAPPY', 'GZIP', 'BROTLI', 'UNCOMPRESSED']) {
      const { examples } = await load(plain(parquet(repeated, { codec, compressors })));
      expect(rowsOf(examples)).toEqual(new Array(3000).fill([1.5]));
      expect([...partsOf(examples).targets]).toEqual(numbers.slice(0, 3000));
    }
  });
});

describe('a mistake', () => {
  const whole = readFileSync(parquet([{ name: 'x', data: [1, 2, 3], type: 'DOUBLE' }, y]));
  const written = (name: string, content: Uint8Array | string) => {
    const file = join(folder, name);
    writeFileSync(file, content);
    return file;
  };
  const scrambled = Buffer.from(whole);
  scrambled.fill(0xff, 4, 40);

  it.each([
    { what: 'no file', file: join(folder, 'none.parquet'), problem: 'does not exist' },
    { what: 'a folder', file: folder, problem: 'is a folder' },
    {
      what: 'another kind of file',
      file: written('text.parquet', 'x,y\n1,2\n'),
      problem: 'text.parquet is damaged or no Parquet file',
      remedy: 'data.source: csv',
    },
    { what: 'an empty file', file: written('empty.parquet', ''), problem: 'is damaged or no Parquet file' },
    {
      what: 'half a file',
      file: written('half.parquet', whole.subarray(0, 60)),
      problem: 'is damaged or no Parquet file',
    },
    { what: 'damaged pages', file: written('scrambled.parquet', scrambled), problem: 'is damaged or no Parquet file' },
    {
      what: 'no rows',
      file: parquet([
        { name: 'x', data: [], type: 'DOUBLE' },
        { name: 'y', data: [], type: 'DOUBLE' },
      ]),
      problem: 'has no rows',
    },
    { what: 'no target', file: parquet([{ name: 'x', data: [1] }]), problem: 'has no column "y"' },
    {
      what: 'dates',
      file: parquet([{ name: 'x', data: [new Date(0), new Date(1), new Date(2)], type: 'TIMESTAMP' }, y]),
      problem: 'column x looks like dates or times, such as "1970-01-01T00:00:00.000Z"',
      remedy: 'data.exclude',
    },
    {
      what: 'infinity',
      file: parquet([{ name: 'x', data: [1, 2, Number.POSITIVE_INFINITY], type: 'DOUBLE' }, y]),
      problem: 'row 3: column x holds "Infinity", which is not finite',
    },
    {
      what: 'one class',
      file: parquet([
        { name: 'x', data: [1, 2, 3] },
        { name: 'y', data: ['a', 'a', 'a'] },
      ]),
      problem: 'one class in column y, "a"',
    },
    {
      what: 'a text to predict as a number',
      file: parquet([
        { name: 'x', data: [1, 2, 3] },
        { name: 'y', data: ['1', '2', '3'] },
      ]),
      options: { targetType: 'number' },
      problem: 'row 1: column y holds "1", not a number',
      remedy: 'data.targetType: class',
    },
  ])('such as $what is told', async ({ file, options = {}, problem, remedy = '' }) => {
    const error = await failure(source(file, options));
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });
});
