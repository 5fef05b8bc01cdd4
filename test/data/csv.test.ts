/** `source: csv`: text becomes rows, classes and weights as the config says, or an error that names the line. */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { closeRows } from '../../src/data/row-writer.js';
import { tableInputs } from '../../src/data/table/inputs.js';
import { DataError } from '../../src/errors.js';
import { eventOf, eventsOf, lockstepServed } from '../support/cli.js';
import { snapshot, temporaryFolder, writeConfig } from '../support/folder.js';
import { partsOf } from '../support/parts.js';
import { failure, load, npyFile, rounded, rowsOf, tableEncoding } from '../support/tables.js';

const folder = temporaryFolder();
let files = 0;
function csv(...lines: string[]): string {
  return raw(`${lines.join('\n')}\n`);
}
function raw(content: string | Buffer): string {
  const file = join(folder, `${files++}.csv`);
  writeFileSync(file, content);
  return file;
}
const source = (file: string, options: object = {}) => ({ source: 'csv', file, target: 'y', ...options });
const plain = (file: string, options: object = {}) => source(file, { standardize: false, ...options });

describe('a CSV file', () => {
  it('becomes features, classes in sorted order and their names', async () => {
    const { examples, encoding, description } = await load(
      plain(csv('length,colour,y', '1.5,red,no', '-2,blue,yes', '.5,red,maybe', '4e1,green,no')),
    );
    expect(rowsOf(examples)).toEqual([
      [1.5, 0, 0, 1],
      [-2, 1, 0, 0],
      [0.5, 0, 0, 1],
      [40, 0, 1, 0],
    ]);
    expect(partsOf(examples).targets).toBeInstanceOf(Int32Array);
    expect(partsOf(examples).targets.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect([...partsOf(examples).targets]).toEqual([1, 2, 0, 1]);
    expect(partsOf(examples)).toMatchObject({
      count: 4,
      featureShape: [4],
      targetShape: [],
      classes: 3,
      featureScale: 1,
    });
    expect(encoding.classes).toEqual(['maybe', 'no', 'yes']);
    expect(encoding.targets).toBeUndefined();
    expect(description).toContain('4 examples of shape [4], 3 classes');
  });

  it('is read with a byte order mark, both line ends, quotes, spaces, blank lines and no last line end', async () => {
    const file = raw('\ufeff"a" , "b, c" ,y\r\n1, "x ""1"", y" ,0.5\n\n2,"x\r\nz",-1\r\n \n3,ü,2');
    const dataset = await load(plain(file));
    const { examples, encoding } = dataset;
    expect(tableEncoding(dataset).columns.map(({ name }) => name)).toEqual(['a', 'b, c']);
    expect(tableEncoding(dataset).columns[1]).toMatchObject({ categories: ['x\r\nz', 'x "1", y', 'ü'] });
    expect([...partsOf(examples).targets]).toEqual([0.5, -1, 2]);
    expect(partsOf(examples).targets).toBeInstanceOf(Float32Array);
    expect(partsOf(examples)).toMatchObject({ targetShape: [1], classes: undefined });
    expect(encoding.targets).toEqual(['y']);
  });

  it('may have no header and another delimiter', async () => {
    const file = csv('1\t\t7', '2\t5\t8');
    const { examples } = await load(
      plain(file, { header: false, delimiter: '\t', target: 'c3', missing: 'drop', features: ['c2', 'c1'] }),
    );
    expect(rowsOf(examples)).toEqual([[5, 2]]);
    expect([...partsOf(examples).targets]).toEqual([8]);
  });

  it('with Excel’s line about the delimiter is refused by name', async () => {
    const file = csv('sep=;', 'x;y', '1;2');
    expect(await failure(plain(file))).toMatchObject({
      problem: `${file} starts with a line for Excel, sep=;`,
      remedy: 'remove that line, and say the same by data.delimiter: ";"',
    });
  });

  it('gives unnamed columns the name of their place', async () => {
    const dataset = await load(plain(csv(',x,y', '0,5,1', '1,6,2'), { exclude: ['c1'] }));
    expect(rowsOf(dataset.examples)).toEqual([[5], [6]]);
  });

  it('predicts several numbers, in the order asked for', async () => {
    const file = csv('a,y,x,id', '1,2,3,q', '4,5,6,r');
    const { examples, encoding } = await load(plain(file, { target: ['x', 'y'], exclude: ['id'] }));
    expect([...partsOf(examples).targets]).toEqual([3, 2, 6, 5]);
    expect([partsOf(examples).targetShape, partsOf(examples).featureShape]).toEqual([[2], [1]]);
    expect(encoding.targets).toEqual(['x', 'y']);
  });

  it('makes classes of numbers where asked, in the order of numbers', async () => {
    const { examples, encoding } = await load(
      plain(csv('x,y', '1,10', '2,9', '3,-1', '4,10'), { targetType: 'class' }),
    );
    expect(encoding.classes).toEqual(['-1', '9', '10']);
    expect([...partsOf(examples).targets]).toEqual([2, 1, 0, 2]);
  });

  it('makes categories of numbers where asked, as they are written', async () => {
    const dataset = await load(plain(csv('zip,y', '01234,1', '1234,2', '01234,3'), { categorical: ['zip'] }));
    expect(tableEncoding(dataset).columns).toEqual([{ name: 'zip', categories: ['01234', '1234'], missing: false }]);
    expect(rowsOf(dataset.examples)).toEqual([
      [1, 0],
      [0, 1],
      [1, 0],
    ]);
  });

  it('has weights', async () => {
    const { examples } = await load(plain(csv('x,w,y', '1,0.5,1', '2,0,2', '3,7,3'), { weight: 'w' }));
    expect([...partsOf(examples).weights!]).toEqual([0.5, 0, 7]);
    expect(partsOf(examples).featureShape).toEqual([1]);
    expect(partsOf((await load(plain(csv('x,y', '1,1')))).examples).weights).toBeUndefined();
  });
});

describe('missing values', () => {
  const file = csv('x,kind,y', '1,a,1', 'NA,b,2', '4,?,3', '10, ,4');

  it('are refused, naming the line and the column', async () => {
    const error = await failure(source(file));
    expect(error.problem).toContain(`${file}, line 3: column x has no value`);
    expect(error.remedy).toContain('data.missing');
  });

  it('leave the row out', async () => {
    const { examples, encoding } = await load(plain(file, { missing: 'drop' }));
    expect(rowsOf(examples)).toEqual([[1, 1]]);
    expect([...partsOf(examples).targets]).toEqual([1]);
    expect(encoding.input).toMatchObject({ missing: 'drop' });
  });

  it('become the mean, and a category of their own', async () => {
    const dataset = await load(plain(file, { missing: 'mean' }));
    expect(rowsOf(dataset.examples)).toEqual([
      [1, 1, 0, 0],
      [5, 0, 1, 0],
      [4, 0, 0, 1],
      [10, 0, 0, 1],
    ]);
    expect(tableEncoding(dataset).columns).toEqual([
      { name: 'x', fill: 5, mean: 0, scale: 1 },
      { name: 'kind', categories: ['a', 'b'], missing: true },
    ]);
  });

  it('are 0 in standardized columns', async () => {
    const { examples } = await load(source(file, { missing: 'mean', features: ['x'] }));
    const deviation = Math.sqrt((16 + 1 + 25) / 3);
    expect(rowsOf(examples)).toEqual(rounded([[-4 / deviation], [0], [-1 / deviation], [5 / deviation]]));
  });

  it('are what the config lists', async () => {
    const { examples } = await load(plain(csv('x,y', '1,2', '-999,3'), { missingValues: ['-999'], missing: 'drop' }));
    expect(examples.count).toBe(1);
  });

  it('are refused in targets and weights, which have no mean', async () => {
    const gaps = csv('x,w,y', '1,1,1', '1,,1', '1,1,');
    const weight = await failure(source(gaps, { missing: 'mean', weight: 'w' }));
    expect(weight.problem).toContain('line 3: column w has no value');
    expect(weight.remedy).toContain('data.missing: drop');
    const target = await failure(source(gaps, { missing: 'mean', features: ['x'] }));
    expect(target.problem).toContain('line 4: column y has no value');
  });
});

describe('standardization', () => {
  it('tells large numbers apart that differ by little, as times in seconds do', async () => {
    const noon = 1_700_000_000;
    const times = Array.from({ length: 9 }, (_, i) => noon + i * i + 0.5);
    const dataset = await load(source(csv('time,y', ...times.map((time, i) => `${time},${i}`))));
    const mean = times.reduce((a, b) => a + b) / times.length;
    const deviation = Math.sqrt(times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / times.length);
    rowsOf(dataset.examples).forEach(([value], i) => {
      expect(value).toBeCloseTo((times[i] - mean) / deviation, 6);
    });
    const [column] = tableEncoding(dataset).columns;
    expect(column).toMatchObject({
      name: 'time',
      mean: expect.closeTo(mean, 5),
      scale: expect.closeTo(1 / deviation, 9),
    });
    // Predictions read the very same numbers.
    const inputs = await tableInputs(csv('time', ...times.map(String)), tableEncoding(dataset));
    expect([...inputs.features]).toEqual(rowsOf(dataset.examples).flat());
    // A missing one is the mean: 0.
    const gaps = await load(
      source(csv('time,y', ...times.map((time, i) => `${time},${i}`), ',9'), { missing: 'mean' }),
    );
    expect(rowsOf(gaps.examples)[9][0]).toBeCloseTo(0, 6);
  });

  it('measures the training split alone, and leaves constants and categories as they are', async () => {
    const values = [3, 8, -1, 2, 5, 14, 0, 7, 100, -60];
    const lines = values.map((value, i) => `${value},4,${i % 2 ? 'a' : 'b'},${i}`);
    const dataset = await load(source(csv('x,same,kind,y', ...lines), { test: 0.3 }));
    const { training } = dataset.splits;
    expect(training).toHaveLength(7);
    const mean = [...training].reduce((sum, i) => sum + values[i], 0) / 7;
    const deviation = Math.sqrt([...training].reduce((sum, i) => sum + (values[i] - mean) ** 2, 0) / 7);
    const [x, same] = tableEncoding(dataset).columns as unknown as { mean: number; scale: number }[];
    expect(x.mean).toBeCloseTo(mean, 12);
    expect(x.scale).toBeCloseTo(1 / deviation, 12);
    expect(same).toEqual({ name: 'same', fill: 4, mean: 4, scale: 1 });
    const rows = values.map((value, i) => [(value - x.mean) * x.scale, 0, i % 2, 1 - (i % 2)]);
    expect(rowsOf(dataset.examples)).toEqual(rounded(rows));
  });
});

describe('files of their own for splits', () => {
  const training = csv('x,kind,y', '1,a,no', '3,b,yes', '5,a,no');

  it('are ranges of rows, encoded as the training file says', async () => {
    const validation = csv('y,x,extra,kind', 'yes,5,1,c');
    const test = csv('x,kind,y', '1,b,no', '7,a,yes');
    const { examples, splits, encoding } = await load(source(training, { validation, test }));
    expect([...splits.training, -1, ...splits.validation, -1, ...splits.test]).toEqual([0, 1, 2, -1, 3, -1, 4, 5]);
    expect([...partsOf(examples).targets]).toEqual([0, 1, 0, 1, 0, 1]);
    const scale = 1 / Math.sqrt(8 / 3);
    expect(rowsOf(examples).slice(3)).toEqual(
      rounded([
        [2 * scale, 0, 0],
        [-2 * scale, 0, 1],
        [4 * scale, 1, 0],
      ]),
    );
    expect(encoding.input).toMatchObject({ columns: [{ mean: 3 }, { categories: ['a', 'b'] }] });
  });

  it.each([
    { lines: ['x,kind,y', '1,a,no', '1,a,maybe'], problem: 'line 3: column y holds the class "maybe"' },
    { lines: ['x,kindd,y', '1,a,no'], problem: 'has no column "kind"', remedy: 'did you mean kindd?' },
    { lines: ['x,kind,y', 'one,a,no'], problem: 'line 2: column x holds "one", not a number' },
    { lines: ['x,kind,y'], problem: 'has no rows' },
  ])('are checked: $problem', async ({ lines, problem, remedy = '' }) => {
    const error = await failure(source(training, { test: csv(...lines) }));
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });

  it('serve one split each', async () => {
    expect((await failure(source(training, { test: training }))).problem).toContain('is to serve two splits');
    const link = join(folder, `${files++}.csv`);
    symlinkSync(training, link);
    expect((await failure(source(training, { test: link }))).problem).toContain('is to serve two splits');
  });
});

const good = ['1,a,0.5', '2,b,1'];
const manyNames = Array.from({ length: 10_001 }, (_, i) => `${i},name ${i},${i}`);

describe('a mistake', () => {
  it.each([
    { what: 'no file', file: join(folder, 'none.csv'), problem: 'none.csv does not exist', remedy: 'check the path' },
    { what: 'a folder', file: folder, problem: 'is a folder' },
    { what: 'an empty file', file: raw(''), problem: 'is empty', remedy: 'a row for each example' },
    { what: 'only a header', file: csv('x,k,y'), problem: 'has no rows' },
    {
      what: 'no complete row',
      file: csv('x,k,y', '1,,2'),
      options: { missing: 'drop' },
      problem: 'has no complete row',
      remedy: 'data.missing: mean',
    },
    {
      what: 'a short row',
      file: csv('x,k,y', ...good, '1,2'),
      problem: 'line 4 has 2 values, the first row has 3',
      remedy: 'data.delimiter',
    },
    {
      what: 'a long row behind a quoted line end',
      file: raw('x,k,y\r\n1,"a\r\nb",2\r\n\r\n1,2,3,4\r\n'),
      problem: 'line 5 has 4',
    },
    {
      what: 'another name for the target',
      file: csv('x,k,label', ...good),
      options: { target: 'lable' },
      problem: 'data.target: ',
      remedy: 'did you mean label?',
    },
    { what: 'an unlike name', file: csv('aa,bb,cc', ...good), problem: 'no column "y"', remedy: 'it has aa, bb, cc' },
    {
      what: 'an unknown weight',
      file: csv('x,weight,y', ...good),
      options: { weight: 'wieght' },
      problem: 'data.weight: ',
      remedy: 'did you mean weight?',
    },
    {
      what: 'an unknown feature',
      file: csv('x,k,y', ...good),
      options: { features: ['x', 'q'] },
      problem: 'data.features: ',
    },
    {
      what: 'an unknown column left out',
      file: csv('x,k,y', ...good),
      options: { exclude: ['id'] },
      problem: 'data.exclude: ',
    },
    {
      what: 'an unknown category',
      file: csv('x,k,y', ...good),
      options: { categorical: ['kk'] },
      problem: 'data.categorical: ',
      remedy: 'did you mean k?',
    },
    {
      what: 'a target among the features',
      file: csv('x,k,y', ...good),
      options: { features: ['x', 'y'] },
      problem: 'data.target and data.features both name y',
      remedy: 'one role',
    },
    {
      what: 'a target among the categories',
      file: csv('x,k,y', ...good),
      options: { categorical: ['y'] },
      problem: 'data.categorical names the target y',
      remedy: 'data.targetType: class',
    },
    { what: 'a target alone', file: csv('y', '1', '2'), problem: 'no column left to predict from' },
    {
      what: 'two columns of one name',
      file: csv('x,x,y', ...good),
      problem: 'two columns named "x"',
      remedy: 'rename',
    },
    {
      what: 'text among numbers',
      file: csv('x,k,y', ...good, '12 cm,a,1'),
      problem: 'line 4: column x holds "12 cm", not a number as the rows before',
      remedy: 'list the column under data.categorical, or list "12 cm" under data.missingValues',
    },
    {
      what: 'text among numbers to predict',
      file: csv('x,k,y', ...good, '1,a,high'),
      problem: 'line 4: column y holds "high"',
      remedy: 'data.targetType: class',
    },
    {
      what: 'text to predict as numbers',
      file: csv('x,k,y', '1,a,high'),
      options: { targetType: 'number' },
      problem: 'line 2: column y holds "high"',
    },
    {
      what: 'infinity',
      file: csv('x,k,y', ...good, '-inf,a,1'),
      problem: 'line 4: column x holds "-inf", which is not finite',
    },
    {
      what: 'a huge number',
      file: csv('x,k,y', '1e39,a,1'),
      problem: 'beyond the range of 32-bit numbers',
      remedy: '3.4e38',
    },
    {
      what: 'a negative weight',
      file: csv('x,w,y', '1,1,1', '1,-1,1'),
      options: { weight: 'w' },
      problem: 'line 3: column w holds "-1", but a weight is 0 or more',
    },
    {
      what: 'one class',
      file: csv('x,k,y', '1,a,yes', '2,b,yes'),
      problem: 'all rows have one class in column y, "yes"',
      remedy: 'two classes or more',
    },
    {
      what: 'text in one of several targets',
      file: csv('x,k,y', ...good),
      options: { target: ['y', 'k'] },
      problem: 'column k is text, and several targets must be numbers',
    },
    {
      what: 'several classes to predict',
      file: csv('x,k,y', ...good),
      options: { target: ['y', 'k'], targetType: 'class' },
      problem: 'takes one target, data.target names 2 columns',
    },
    {
      what: 'a column without a value',
      file: csv('x,k,y', '1,,1', '2,NA,2'),
      options: { missing: 'mean' },
      problem: 'column k has no value in any row',
      remedy: 'data.exclude',
    },
    {
      what: 'identifiers for categories',
      file: csv('x,k,y', ...manyNames),
      problem: 'column k holds another text in nearly every row: 10,001 in 10,001 rows',
      remedy: 'data.exclude',
    },
    {
      what: 'a quote that is not closed',
      file: csv('x,k,y', '1,"a,1', '2,b,2'),
      problem: 'ends inside of a quoted value',
    },
    {
      what: 'a quote inside of a value',
      file: csv('x,k,y', ...good, '1,5" pipe,2'),
      problem: 'line 4 has a quote inside',
      remedy: '""',
    },
    { what: 'text after a quote', file: csv('x,k,y', '1,"a"b,1'), problem: 'line 2 has text after a closing quote' },
    {
      what: 'another encoding',
      file: raw(Buffer.from('x,k,y\n1,a,1\n1,\xfc,1\n', 'latin1')),
      problem: 'line 3 is not UTF-8',
      remedy: 'save the file as UTF-8',
    },
  ])('such as $what is told', async ({ file, options = {}, problem, remedy = '' }) => {
    const error = await failure(source(file, options));
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });

  it('ends the command with code 2, and nothing is written', async () => {
    const config = {
      data: source(csv('x,k,y', ...good, 'one,a,1')),
      model: { layers: [{ dense: { units: 1 } }] },
      loss: 'meanSquaredError',
      training: { epochs: 1, batchSize: 2 },
    };
    const file = writeConfig(folder, 'mistake', config);
    const before = snapshot(folder);
    const { code, stdout, stderr } = await lockstepServed(['train', file, '--json'], folder);
    expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
    const { message, remedy } = eventOf(eventsOf(stdout), 'error');
    expect(message).toContain('line 4: column x holds "one"');
    expect(remedy).toContain('correct it');
    expect(snapshot(folder)).toEqual(before);
  });
});

describe('inputs of a trained model', () => {
  const training = csv('x,kind,y', '1,a,2', '2.5,b,3', ',b,4', '7,,5');

  it('are encoded as the examples were, bit for bit, without the target and in any order of columns', async () => {
    const dataset = await load(source(training, { missing: 'mean' }));
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
    const dataset = await load(source(training, { missing: 'drop' }));
    const encoding = tableEncoding(dataset);
    const failed = async (file: string) => {
      const error = await tableInputs(file, encoding).catch((reason) => reason);
      expect(error).toBeInstanceOf(DataError);
      return error.message;
    };
    expect(await failed(csv('x,knd', '1,a'))).toContain('no column "kind": did you mean knd?');
    expect(await failed(csv('x,kind', '1,a', ',b'))).toContain('line 3: column x has no value');
    expect(await failed(csv('x,kind', '1,a', 'two,b'))).toContain('line 3: column x holds "two"');
    expect(await failed(csv('x,kind'))).toContain('has no rows');
    expect(await failed(join(folder, 'none'))).toContain('none does not exist');
  });

  it('may have no header if the examples had none', async () => {
    const dataset = await load(plain(csv('1;2;3', '4;5;6'), { header: false, delimiter: ';', target: 'c3' }));
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
    const inMemory = await load(source(file, options));
    const onDisk = await load(source(file, { ...options, memory: '128KB' }));
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
      const { problem, remedy } = await failure(source(one));
      expect(problem).toContain('is JSON, no CSV');
      expect(remedy).toContain('to_csv(index=False)');
    }
  },
);

it('an array of NumPy in the place of the table to predict is told so, with a remedy for that', async () => {
  const encoding = tableEncoding(await load(plain(csv('x,y', '1,2', '2,1'), { targetType: 'number' })));
  const file = `${raw('')}.npy`;
  writeFileSync(file, npyFile('<f4', [1, 1], new Uint8Array(4)));
  const error = await tableInputs(file, encoding).catch((reason) => reason);
  expect(error.problem).toBe(`${file} is an array of NumPy, and the model reads columns by their names`);
  // As the remedy says.
  const named = csv('x', '5');
  expect((await tableInputs(named, encoding)).count).toBe(1);
});

it('a column may be called what begins like JSON', async () => {
  const { examples } = await load(plain(csv('[a],{b},y', '1,2,3', '2,1,4'), { targetType: 'number' }));
  expect(rowsOf(examples)).toEqual([
    [1, 2],
    [2, 1],
  ]);
});
