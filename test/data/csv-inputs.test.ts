/** CSV files to predict from, and those of more rows than memory is to hold. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { closeRows } from '../../src/data/row-writer.js';
import { tableInputs } from '../../src/data/table/inputs.js';
import { DataError } from '../../src/errors.js';
import { temporaryFolder } from '../support/folder.js';
import { partsOf } from '../support/parts.js';
import { csvFiles, csvSource, failure, load, npyFile, plainCsv, rowsOf, tableEncoding } from '../support/tables.js';

const folder = temporaryFolder();
const { csv, raw } = csvFiles(folder);

describe('inputs of a trained model', () => {
  const training = csv('x,kind,y', '1,a,2', '2.5,b,3', ',b,4', '7,,5');

  it('are encoded as the examples were, bit for bit, without the target and in any order of columns', async () => {
    const dataset = await load(csvSource(training, { missing: 'mean' }));
    const encoding = tableEncoding(JSON.parse(JSON.stringify(dataset)));
    const { count, width, features } = await tableInputs(
      csv('kind,note,x', 'a,?,1', 'b,?,2.5', 'b,?,', ',?,7', 'z,?,7'),
      encoding,
    );
    expect([count, width]).toEqual([5, 4]);
    const expected = rowsOf(dataset.examples);
    expect([...features]).toEqual([...expected.flat(), expected[3][0], 0, 0, 0]);
  });

  it('are refused where they do not fit', async () => {
    const dataset = await load(csvSource(training, { missing: 'drop' }));
    const encoding = tableEncoding(dataset);
    const failed = async (file: string) => {
      const error = await tableInputs(file, encoding).catch((reason) => reason);
      expect(error).toBeInstanceOf(DataError);
      return error.message;
    };
    expect(await failed(csv('x,knd', '1,a'))).toContain('no column "kind": did you mean knd?');
    // The column that is there is itself.
    const ofTwo = tableEncoding(await load(csvSource(csv('x1,x2,y', '1,2,3', '2,3,5'))));
    const { message } = await tableInputs(csv('x1,other', '1,2'), ofTwo).catch((reason) => reason);
    expect(message).toMatch(/no column "x2": it has x1, other$/);
    expect(await failed(csv('x,kind', '1,a', ',b'))).toContain('line 3: column x has no value');
    expect(await failed(csv('x,kind', '1,a', 'two,b'))).toContain('line 3: column x holds "two"');
    expect(await failed(csv('x,kind'))).toContain('has no rows');
    expect(await failed(join(folder, 'none'))).toContain('none does not exist');
  });

  it('may have no header if the examples had none', async () => {
    const dataset = await load(plainCsv(csv('1;2;3', '4;5;6'), { header: false, delimiter: ';', target: 'c3' }));
    const { features } = await tableInputs(csv('7;8'), tableEncoding(dataset));
    expect([...features]).toEqual([7, 8]);
  });
});

describe('a table larger than data.memory', () => {
  it('has the same rows in a file', async () => {
    const lines = Array.from({ length: 8000 }, (_, i) => {
      const x = i % 7 === 0 ? '' : String(Math.sin(i));
      return `${x},${i * 1.5},${'abcdefgh'[i % 8]},${i % 3},${i % 5}`;
    });
    const file = csv('x,n,kind,w,y', ...lines);
    const options = { targetType: 'class', weight: 'w', missing: 'mean', test: 0.1, stratify: true };
    const inMemory = await load(csvSource(file, options));
    const onDisk = await load(csvSource(file, { ...options, memory: '128KB' }));
    expect(partsOf(inMemory.examples).file).toBeUndefined();
    expect(partsOf(onDisk.examples).features.byteLength).toBeLessThanOrEqual(128 * 1024);
    expect(onDisk.description).toContain('read from disk');
    // Not by the matcher, which would take its time over 80,000 numbers.
    expect(JSON.stringify(rowsOf(onDisk.examples)) === JSON.stringify(rowsOf(inMemory.examples))).toBe(true);
    expect(
      Buffer.compare(
        Buffer.from(partsOf(onDisk.examples).targets.buffer),
        Buffer.from(partsOf(inMemory.examples).targets.buffer),
      ),
    ).toBe(0);
    expect(onDisk.encoding).toEqual(inMemory.encoding);
    expect(onDisk.splits).toEqual(inMemory.splits);
    closeRows(partsOf(onDisk.examples).file!);
  });
});

it.each(['[{"x":1,"y":2}]', '{"x":{"0":1},"y":{"0":2}}', '\ufeff [ [1, 2]]', '{"x":1,"y":2}\n{"x":2,"y":1}\n'])(
  'JSON in the place of a table is called that: %s',
  async (text) => {
    const file = raw(text);
    const packed = `${file}.gz`;
    writeFileSync(packed, gzipSync(`${text}${' '.repeat(100_000)}`));
    for (const one of [file, packed]) {
      const { problem, remedy } = await failure(csvSource(one));
      expect(problem).toContain('is JSON, no CSV');
      expect(remedy).toContain('to_csv(index=False)');
    }
  },
);

it('an array of NumPy in the place of the table to predict is told so, with a remedy for that', async () => {
  const encoding = tableEncoding(await load(plainCsv(csv('x,y', '1,2', '2,1'), { targetType: 'number' })));
  const file = `${raw('')}.npy`;
  writeFileSync(file, npyFile('<f4', [1, 1], new Uint8Array(4)));
  const error = await tableInputs(file, encoding).catch((reason) => reason);
  expect(error.problem).toBe(`${file} is an array of NumPy, and the model reads columns by their names`);
  // As the remedy says.
  const named = csv('x', '5');
  expect((await tableInputs(named, encoding)).count).toBe(1);
});

it('a column may be called what begins like JSON', async () => {
  const { examples } = await load(plainCsv(csv('[a],{b},y', '1,2,3', '2,1,4'), { targetType: 'number' }));
  expect(rowsOf(examples)).toEqual([
    [1, 2],
    [2, 1],
  ]);
});
