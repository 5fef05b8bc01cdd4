/** Whether two runs have the same examples: seen through other scalings, columns and places of the data. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../src/data/examples.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { type Sameness, sameExamples } from '../../src/data/same-examples.js';
import { temporaryFolder } from '../support/folder.js';
import { csvFiles, load, npyFile } from '../support/tables.js';

const folder = temporaryFolder();
const { csv } = csvFiles(folder);

const compared = (one: Dataset, other: Dataset): Promise<Sameness> =>
  sameExamples(
    { name: 'a', dataset: one, rows: one.splits.test },
    { name: 'b', dataset: other, rows: other.splits.test },
  );
const same = { seesInputs: true };

describe('rows of a table', () => {
  const lines = ['x,kind,y', '1.1,red,3.25', '2.7,blue,4.5', '3.3,red,5.125', '-4.9,green,0.1', '0.001,,7.7'];
  const file = csv(...lines);
  const training = csv('x,kind,y', '10,red,1', '20,green,2', '35,blue,9');
  const others = csv('x,kind,y', '-1000,red,1', '20.5,blue,2000', '35,red,3');
  const table = (options: object = {}) =>
    load({ source: 'csv', file: training, test: file, target: 'y', targetType: 'number', missing: 'mean', ...options });

  it('are the same however they are scaled', async () => {
    const plain = await table({ standardize: false });
    for (const options of [
      { standardize: true },
      { standardizeTargets: true },
      { file: others },
      { file: others, standardizeTargets: true },
      { features: ['kind'] },
      { features: ['kind', 'x'] },
      { test: csv(...lines) },
    ]) {
      expect(await compared(plain, await table(options))).toEqual(same);
    }
  });

  it('are others by a value, a target, their order or their number', async () => {
    const plain = await table();
    const changed = async (line: number, text: string, options: object = {}) => {
      const other = csv(...lines.with(line, text));
      const { difference } = await compared(plain, await table({ test: other, ...options }));
      return difference?.replaceAll(file, 'A').replaceAll(other, 'B');
    };
    const column = 'column x of the first that differs is 2.7 in a (A, line 3) and 2.71 in b (B, line 3)';
    expect(await changed(2, '2.71,blue,4.5')).toBe(column);
    expect(await changed(2, '2.71,blue,4.5', { file: others })).toMatch(
      /^column x of the first that differs is 2.7 in a/,
    );
    expect(await changed(3, '3.3,blue,5.125')).toBe(
      'column kind of the first that differs is "red" in a (A, line 4) and "blue" in b (B, line 4)',
    );
    expect(await changed(4, '-4.9,green,0.2', { standardizeTargets: true })).toMatch(
      /^target of the first that differs is 0.1 in a \(A, line 5\) and 0.2 in b/,
    );
    expect(await changed(1, '1.1,red,3.2500002')).toMatch(/^target of the first that differs is 3.25 in a/);
    const fewer = await table({ test: csv(...lines.slice(0, 4)) });
    expect((await compared(plain, fewer)).difference).toBe('a has 5 of them, b 3');
  });

  it('have classes by their names', async () => {
    const [red, blue] = [csv('x,y', '1,red', '2,blue'), csv('x,y', '1,blue', '2,red', '3,green')];
    const tests = csv('x,y', '1,red', '2,blue');
    const classes = (file: string, test = tests) => load({ source: 'csv', file, test, target: 'y' });
    expect(await compared(await classes(red), await classes(blue))).toEqual(same);
    const { difference } = await compared(await classes(red), await classes(blue, csv('x,y', '1,red', '2,red')));
    expect(difference).toMatch(/^target of the first that differs is "blue" in a \(.*, line 3\) and "red" in b/);
  });
});

describe('arrays', () => {
  const array = (name: string, shape: readonly number[], values: readonly number[]) => {
    const file = join(folder, `${name}.npy`);
    writeFileSync(file, npyFile('<f4', shape, Buffer.from(Float32Array.from(values).buffer)));
    return file;
  };
  const targets = array('targets', [4], [1, 2, 3, 4]);
  const arrays = (features: string, options: object = {}) =>
    load({ source: 'npy', features, targets, targetType: 'number', test: 0.5, ...options });

  it('are read where they are, and told apart by a number', async () => {
    const numbers = Array.from({ length: 8 }, (_, i) => i / 7);
    const one = await arrays(array('one', [4, 2], numbers));
    const [row] = one.splits.test;
    const other = await arrays(array('other', [4, 2], numbers.with(2 * row + 1, 9)));
    expect(await compared(one, one)).toEqual(same);
    expect((await compared(one, other)).difference).toMatch(/^input of the first that differs .* and 9 in b/);
  });

  it('of another shape say nothing about their inputs', async () => {
    const [narrow, wide] = [array('narrow', [4, 1], [1, 2, 3, 4]), array('wide', [4, 2], [1, 2, 3, 4, 5, 6, 7, 8])];
    expect(await compared(await arrays(narrow), await arrays(wide))).toEqual({ seesInputs: false });
  });
});

describe('pictures', () => {
  const digits = (options: object = {}) => load({ source: 'digits', examples: 60, test: 0.5, ...options });

  it('are the same in memory and on the disk', async () => {
    const [inMemory, onDisk] = [await digits(), await digits({ memory: '0.008MB' })];
    expect(onDisk.examples.columns.some(({ file }) => file !== undefined && file.first > 0)).toBe(true);
    expect(await compared(inMemory, onDisk)).toEqual(same);
    closeExamples(onDisk.examples);
  });

  it('in another order are others', async () => {
    const [one, other] = [await digits(), await digits()];
    other.splits.test.reverse();
    expect((await compared(one, other)).difference).toMatch(/^target of the first that differs is "\d" in a/);
  });
});
