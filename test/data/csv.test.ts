/** `source: csv`: text becomes rows, classes and weights as the config says, or an error that names the line. */
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tableInputs } from '../../src/data/table/inputs.js';
import { temporaryFolder } from '../support/folder.js';
import { partsOf } from '../support/parts.js';
import { csvFiles, csvSource, failure, load, plainCsv, rounded, rowsOf, tableEncoding } from '../support/tables.js';

const folder = temporaryFolder();
const { csv, raw } = csvFiles(folder);

describe('a CSV file', () => {
  it('becomes features, classes in sorted order and their names', async () => {
    const { examples, encoding, description } = await load(
      plainCsv(csv('length,colour,y', '1.5,red,no', '-2,blue,yes', '.5,red,maybe', '4e1,green,no')),
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
    const dataset = await load(plainCsv(file));
    const { examples, encoding } = dataset;
    expect(tableEncoding(dataset).columns.map(({ name }) => name)).toEqual(['a', 'b, c']);
    expect(tableEncoding(dataset).columns[1]).toMatchObject({ categories: ['x\r\nz', 'x "1", y', 'ü'] });
    expect([...partsOf(examples).targets]).toEqual([0.5, -1, 2]);
    expect(partsOf(examples).targets).toBeInstanceOf(Float32Array);
    expect(partsOf(examples)).toMatchObject({ targetShape: [1], classes: undefined });
    expect(encoding.targets).toEqual(['y']);
  });

  it('may hold the character that stands for broken bytes', async () => {
    const dataset = await load(plainCsv(csv('a,y', '\ufffd,1', 'b,2')));
    expect(tableEncoding(dataset).columns[0]).toMatchObject({ categories: ['b', '\ufffd'] });
  });

  it('may have no header and another delimiter', async () => {
    const file = csv('1\t\t7', '2\t5\t8');
    const { examples } = await load(
      plainCsv(file, { header: false, delimiter: '\t', target: 'c3', missing: 'drop', features: ['c2', 'c1'] }),
    );
    expect(rowsOf(examples)).toEqual([[5, 2]]);
    expect([...partsOf(examples).targets]).toEqual([8]);
  });

  it('with Excel’s line about the delimiter is refused by name', async () => {
    const file = csv('sep=;', 'x;y', '1;2');
    expect(await failure(plainCsv(file))).toMatchObject({
      problem: `${file} starts with a line for Excel, sep=;`,
      remedy: 'remove that line, and say the same by data.delimiter: ";"',
    });
  });

  it('gives unnamed columns the name of their place', async () => {
    const dataset = await load(plainCsv(csv(',x,y', '0,5,1', '1,6,2'), { exclude: ['c1'] }));
    expect(rowsOf(dataset.examples)).toEqual([[5], [6]]);
  });

  it('predicts several numbers, in the order asked for', async () => {
    const file = csv('a,y,x,id', '1,2,3,q', '4,5,6,r');
    const { examples, encoding } = await load(plainCsv(file, { target: ['x', 'y'], exclude: ['id'] }));
    expect([...partsOf(examples).targets]).toEqual([3, 2, 6, 5]);
    expect([partsOf(examples).targetShape, partsOf(examples).featureShape]).toEqual([[2], [1]]);
    expect(encoding.targets).toEqual(['x', 'y']);
  });

  it('makes classes of numbers where asked, in the order of numbers', async () => {
    const { examples, encoding } = await load(
      plainCsv(csv('x,y', '1,10', '2,9', '3,-1', '4,10'), { targetType: 'class' }),
    );
    expect(encoding.classes).toEqual(['-1', '9', '10']);
    expect([...partsOf(examples).targets]).toEqual([2, 1, 0, 2]);
  });

  it('makes categories of numbers where asked, as they are written', async () => {
    const dataset = await load(plainCsv(csv('zip,y', '01234,1', '1234,2', '01234,3'), { categorical: ['zip'] }));
    expect(tableEncoding(dataset).columns).toEqual([{ name: 'zip', categories: ['01234', '1234'], missing: false }]);
    expect(rowsOf(dataset.examples)).toEqual([
      [1, 0],
      [0, 1],
      [1, 0],
    ]);
  });

  it('has weights', async () => {
    const { examples } = await load(plainCsv(csv('x,w,y', '1,0.5,1', '2,0,2', '3,7,3'), { weight: 'w' }));
    expect([...partsOf(examples).weights!]).toEqual([0.5, 0, 7]);
    expect(partsOf(examples).featureShape).toEqual([1]);
    expect(partsOf((await load(plainCsv(csv('x,y', '1,1')))).examples).weights).toBeUndefined();
  });
});

describe('missing values', () => {
  const file = csv('x,kind,y', '1,a,1', 'NA,b,2', '4,?,3', '10, ,4');

  it('are refused, naming the line and the column', async () => {
    const error = await failure(csvSource(file));
    expect(error.problem).toContain(`${file}, line 3: column x has no value`);
    expect(error.remedy).toContain('data.missing');
  });

  it('leave the row out', async () => {
    const { examples, encoding } = await load(plainCsv(file, { missing: 'drop' }));
    expect(rowsOf(examples)).toEqual([[1, 1]]);
    expect([...partsOf(examples).targets]).toEqual([1]);
    expect(encoding.input).toMatchObject({ missing: 'drop' });
  });

  it('become the mean, and a category of their own', async () => {
    const dataset = await load(plainCsv(file, { missing: 'mean' }));
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
    const { examples } = await load(csvSource(file, { missing: 'mean', features: ['x'] }));
    const deviation = Math.sqrt((16 + 1 + 25) / 3);
    expect(rowsOf(examples)).toEqual(rounded([[-4 / deviation], [0], [-1 / deviation], [5 / deviation]]));
  });

  it('are what the config lists', async () => {
    const { examples } = await load(
      plainCsv(csv('x,y', '1,2', '-999,3'), { missingValues: ['-999'], missing: 'drop' }),
    );
    expect(examples.count).toBe(1);
  });

  it('are refused in targets and weights, which have no mean', async () => {
    const gaps = csv('x,w,y', '1,1,1', '1,,1', '1,1,');
    const weight = await failure(csvSource(gaps, { missing: 'mean', weight: 'w' }));
    expect(weight.problem).toContain('line 3: column w has no value');
    expect(weight.remedy).toContain('data.missing: drop');
    const target = await failure(csvSource(gaps, { missing: 'mean', features: ['x'] }));
    expect(target.problem).toContain('line 4: column y has no value');
  });
});

describe('standardization', () => {
  it('tells large numbers apart that differ by little, as times in seconds do', async () => {
    const noon = 1_700_000_000;
    const times = Array.from({ length: 9 }, (_, i) => noon + i * i + 0.5);
    const dataset = await load(csvSource(csv('time,y', ...times.map((time, i) => `${time},${i}`))));
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
      csvSource(csv('time,y', ...times.map((time, i) => `${time},${i}`), ',9'), { missing: 'mean' }),
    );
    expect(rowsOf(gaps.examples)[9][0]).toBeCloseTo(0, 6);
  });

  it('measures the training split alone, and leaves constants and categories as they are', async () => {
    const values = [3, 8, -1, 2, 5, 14, 0, 7, 100, -60];
    const lines = values.map((value, i) => `${value},4,${i % 2 ? 'a' : 'b'},${i}`);
    const dataset = await load(csvSource(csv('x,same,kind,y', ...lines), { test: 0.3 }));
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
    const { examples, splits, encoding } = await load(csvSource(training, { validation, test }));
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
    const error = await failure(csvSource(training, { test: csv(...lines) }));
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });

  it('serve one split each', async () => {
    expect((await failure(csvSource(training, { test: training }))).problem).toContain('is to serve two splits');
    const link = join(folder, 'link.csv');
    symlinkSync(training, link);
    expect((await failure(csvSource(training, { test: link }))).problem).toContain('is to serve two splits');
  });
});
