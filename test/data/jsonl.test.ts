/** `source: jsonl`: lines of objects become what a CSV file of the same rows does, with the types that JSON has. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { dataSchema } from '../../src/config/data.js';
import { diagnose } from '../../src/data/doctor/diagnose.js';
import { closeRows } from '../../src/data/row-writer.js';
import { tableInputs } from '../../src/data/table/inputs.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { partsOf } from '../support/parts.js';
import { namedRows } from '../support/predictions.js';
import { trained } from '../support/runs.js';
import { failure, load, rowsOf, tableEncoding } from '../support/tables.js';

const folder = temporaryFolder();
let files = 0;
const raw = (content: string | Uint8Array, ending = 'jsonl') => {
  const file = join(folder, `${files++}.${ending}`);
  writeFileSync(file, content);
  return file;
};
const jsonl = (...rows: readonly object[]) => raw(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
const source = (file: string, options: object = {}) => ({ source: 'jsonl', file, target: 'y', ...options });
const plain = (file: string, options: object = {}) => source(file, { standardize: false, ...options });

describe('a file of JSON lines', () => {
  it('has numbers, texts and truth values; the keys of all lines are its columns', async () => {
    const dataset = await load(
      plain(jsonl({ x: 1.5, text: '7', y: 1 }, { text: 'b', x: -2e3, y: 2, flag: true }, { y: 3, x: 0, text: '7' }), {
        missing: 'mean',
      }),
    );
    expect(rowsOf(dataset.examples)).toEqual([
      [1.5, 1, 0, 0, 1],
      [-2000, 0, 1, 1, 0],
      [0, 1, 0, 0, 1],
    ]);
    expect([...partsOf(dataset.examples).targets]).toEqual([1, 2, 3]);
    expect(tableEncoding(dataset).columns.slice(1)).toEqual([
      { name: 'text', categories: ['7', 'b'], missing: false },
      { name: 'flag', categories: ['true'], missing: true },
    ]);
  });

  it('is read with a byte order mark, both line ends, blank lines and no last line end; places are lines', async () => {
    const file = raw('\ufeff{"x": 1, "y": 1}\r\n\n  \n{"x": null, "y": 2}\n{"x": 3, "y": "2"}');
    expect((await failure(source(file))).problem).toBe(`${file}, line 4: column x has no value`);
    const wrong = await failure(source(file, { missing: 'drop', targetType: 'number' }));
    expect(wrong.problem).toBe(`${file}, line 5: column y holds "2", not a number as the rows before`);
    expect(wrong.remedy).not.toContain('missingValues');
  });

  it('keeps all digits of whole numbers that are names', async () => {
    const file = raw(
      '{"id": 12345678901234567890, "note": "12345678901234567891", "x": 1, "y": 1}\n' +
        '{"id": 12345678901234567891, "note": "}", "x": 12345678901234567000, "y": 2}\n',
    );
    const dataset = await load(plain(file, { categorical: ['id'], features: ['id', 'x'] }));
    expect(tableEncoding(dataset).columns[0]).toMatchObject({
      categories: ['12345678901234567890', '12345678901234567891'],
    });
    expect(rowsOf(dataset.examples)[1][2]).toBe(Math.fround(12345678901234567000));
  });

  it('may have keys that objects have by themselves', async () => {
    const file = raw('{"constructor": 1, "__proto__": 4, "y": 1}\n{"y": 2}\n{"constructor": 2, "y": 3}\n');
    const { examples } = await load(plain(file, { missing: 'mean' }));
    expect(rowsOf(examples)).toEqual([
      [1, 4],
      [1.5, 4],
      [2, 4],
    ]);
  });

  const rows = Array.from({ length: 3000 }, (_, i) => ({
    x: Math.fround(Math.sin(i)),
    k: `é${'abc'[i % 3]}`,
    y: i % 4,
    patient: Math.floor(i / 7),
  }));
  const csv = raw(
    `x,k,y,patient\n${rows.map(({ x, k, y, patient }) => `${x},${k},${y},${patient}\n`).join('')}`,
    'csv',
  );
  const same = jsonl(...rows);

  it('is what a CSV file of the same rows is, plain and gzip, in memory and on disk', async () => {
    const options = {
      targetType: 'class',
      split: { validation: 0.1, test: 0.2, group: 'patient' },
      validation: undefined,
    };
    const wanted = await load({ ...source(csv, options), source: 'csv', test: undefined });
    const packed = raw(gzipSync(rows.map((row) => JSON.stringify(row)).join('\n')), 'jsonl.gz');
    for (const [file, memory] of [
      [same, undefined],
      [packed, undefined],
      [packed, '8KB'],
    ] as const) {
      const found = await load(source(file, { ...options, test: undefined, memory }));
      expect(JSON.stringify(rowsOf(found.examples))).toBe(JSON.stringify(rowsOf(wanted.examples)));
      expect(found.encoding).toEqual(wanted.encoding);
      expect(found.splits).toEqual(wanted.splits);
      const { file: rest } = partsOf(found.examples);
      expect(rest !== undefined).toBe(memory !== undefined);
      if (rest) closeRows(rest);
    }
    const inputs = await tableInputs(packed, tableEncoding(wanted));
    expect([...inputs.features]).toEqual(rowsOf(wanted.examples).flat());
  });

  it('is looked at by the doctor, with gaps and groups', async () => {
    const file = jsonl(...rows.slice(0, 70).map((row, i) => (i === 5 ? { ...row, x: null } : row)));
    const found = await diagnose(dataSchema.parse(source(file, { targetType: 'class', test: 0.3 })), 0);
    expect(JSON.stringify(found)).toContain(`${file}, line 6`);
    expect(JSON.stringify(found)).toContain('group: patient');
  });
});

describe('a mistake', () => {
  it.each([
    ['nothing', '', ' is empty', 'an object for each example'],
    ['another format', 'x,y\n1,2\n', ', line 1 is no JSON (', 'jq -c . FILE'],
    ['one object in several lines', '{\n  "x": 1\n}\n', ', line 1 is no JSON (', 'jq -c . FILE'],
    ['a list of objects', '[{"x": 1, "y": 2}]', ', line 1 holds a list, no object', 'jq -c'],
    ['a number', '{"x": 1, "y": 2}\n3\n', ', line 2 holds no object but 3', 'write an object a line'],
    ['half a line', '{"x": 1, "y": 2}\n{"x": 1, "y', ', line 2 is no JSON (', 'write an object a line'],
    ['NaN', '{"x": 1, "y": 2}\n{"x": NaN, "y": 2}\n', ', line 2 is no JSON (', 'write null'],
    ['a list', '{"x": [1], "y": 2}\n', ', line 1: column x holds a list, not a number or text', 'data.exclude'],
    ['an object', '{"x": {"digits": "1"}, "y": 1}', ', line 1: column x holds an object, not', 'data.exclude'],
    ['infinity', '{"x": 1e999, "y": 1}\n', ', line 1: column x holds "Infinity", which is not finite', ''],
    [
      'Latin-1',
      Buffer.from('{"x": 1, "y": 2}\n\n{"x": "caf\xe9", "y": 2}\n', 'latin1'),
      ', line 3 is not UTF-8',
      'UTF-8',
    ],
    ['Parquet', 'PAR1....', ' is a Parquet file, no JSON lines', 'data.source: parquet'],
    ['damaged gzip', gzipSync('{"x": 1, "y": 2}').subarray(0, 20), ' is gzip-damaged (', 'again'],
  ])('such as %s is told by its line', async (_, content, problem, remedy) => {
    const file = raw(content);
    const error = await failure(source(file));
    expect(error.problem).toContain(`${file}${problem}`);
    expect(error.remedy).toContain(remedy);
  });

  it('is none in a column that is not used', async () => {
    const { examples } = await load(
      plain(jsonl({ x: 1, tags: ['a'], y: 1 }, { x: 2, tags: [], y: 2 }), { exclude: ['tags'] }),
    );
    expect(rowsOf(examples)).toEqual([[1], [2]]);
  });
});

it('a model of such rows predicts and is evaluated, by slices too, on files of each kind', async () => {
  const rows = Array.from({ length: 60 }, (_, i) => ({ x: i % 10, site: 'ab'[i % 2], y: i % 10 > 4 ? 'high' : 'low' }));
  const file = jsonl(...rows);
  const table = raw(`x,site,y\n${rows.map(({ x, site, y }) => `${x},${site},${y}\n`).join('')}`, 'csv');
  const config = writeConfig(folder, 'rows', {
    data: { ...source(file), features: ['x'], validation: 0.2, test: 0 },
    model: { layers: [{ dense: { units: 'classes' } }] },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
    training: { epochs: 1, batchSize: 16 },
  });
  const { start } = await trained(config, [], join(folder, 'runs'));
  expect(await namedRows(start.folder, file)).toEqual(await namedRows(start.folder, table));
  const [ofLines, ofTable] = await Promise.all(
    [file, table].map((data) => evaluate(start.folder, { data, model: 'final', by: ['site'] })),
  );
  expect(ofLines.metrics).toEqual(ofTable.metrics);
  expect(ofLines.slices).toEqual(ofTable.slices);
  expect(JSON.stringify(ofLines.slices)).toContain('site');
});
