/** `lockstep score arrays`: metrics of predictions in files of NumPy, from the command line. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scoreArrays } from '../../coordinator/inference/score-arrays.js';
import { lockstepServed } from '../support/cli.js';
import { temporaryFolder } from '../support/folder.js';

const folder = temporaryFolder();

/** A .npy file of version 1, as NumPy's documentation of the format has it. */
function npy(name: string, values: Float64Array | Int32Array, shape: readonly number[]): void {
  const descr = values instanceof Int32Array ? '<i4' : '<f8';
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')},), }`;
  const header = `${text.padEnd(128 - 10 - 1)}\n`;
  const start = Buffer.alloc(10);
  start.write('\x93NUMPY\x01\x00', 'latin1');
  start.writeUInt16LE(header.length, 8);
  writeFileSync(join(folder, name), Buffer.concat([start, Buffer.from(header), Buffer.from(values.buffer)]));
}

const truth = Int32Array.from({ length: 90 }, (_, i) => Number(i % 3 === 0));
const scores = Float64Array.from(truth, (value, i) => (value + ((i * 37) % 90) / 60) / 3);
npy('truth.npy', truth, [90]);
npy('scores.npy', scores, [90]);
npy('few.npy', scores.slice(0, 4), [4]);
npy('rows.npy', Float64Array.of(0.25, 0.75, 0.5, 0.5), [2, 2]);
npy('one.npy', Int32Array.of(1, 0), [2]);

const scored = (...args: string[]) => lockstepServed(['score', 'arrays', ...args], folder);
const files = ['truth.npy', 'scores.npy', '--of', 'probabilities'];

describe('lockstep score arrays', () => {
  it('prints what the library computes', async () => {
    const { code, stdout } = await scored(...files, '--metrics', 'auc,logLoss', '--resamples', '50', '--json');
    expect(code).toBe(0);
    const predictions = { outputs: scores, of: 'probabilities', targets: truth } as const;
    const expected = await scoreArrays(predictions, { metrics: ['auc', 'logLoss'], resamples: 50 });
    expect(JSON.parse(stdout)).toEqual({ event: 'scores', ...expected });
  });

  it('prints a table for people', async () => {
    const { stdout } = await scored(...files, '--metrics', '[accuracy, perClass]', '--classes', 'no,yes');
    expect(stdout).toMatch(
      /^90 examples\n +score +95 % interval\naccuracy +0\.\d{4} +0\.\d{4} to 0\.\d{4}\nperClass\n/,
    );
    expect(stdout).toMatch(/^ {2}yes +\d\.?\d*/m);
    const rows = await scored(
      'one.npy',
      'rows.npy',
      '--of',
      'probabilities',
      '--metrics',
      'logLoss',
      '--resamples',
      '0',
    );
    expect(rows.stdout).toContain(`logLoss  ${((-Math.log(0.75) - Math.log(0.5)) / 2).toFixed(4)}\n`);
  });

  it.each([
    [['--metrics', 'auk'], 'auk', 'auc'],
    [['--metrics', '[{ f1: { averag: macro } }]'], 'averag', 'average'],
    [['--metrics', ''], 'names no metric', 'accuracy'],
    [['--metrics', '[['], 'is no list', '--metrics accuracy,auc'],
    [['--metrics', 'mae'], 'mae is of numbers', 'accuracy'],
    [['--metrics', 'auc', '--confidence', '2'], '--confidence 2', '0.95'],
    [['--metrics', 'auc', '--classes', 'a,b,c'], 'classes: 3', 'one column a class'],
    [['--metrics', 'auc', '--weights', 'few.npy'], 'weights (few.npy): 4 numbers', 'same examples'],
    [['--metrics', 'auc', '--weights', 'none.npy'], 'none.npy', 'one.npy?'],
    [['--metrics', 'auc', '--weights', 'elsewhere.npy'], 'elsewhere.npy', 'check the path'],
  ])('refuses %j', async (args, problem, remedy) => {
    const { code, stdout, stderr } = await scored(...files, ...args);
    expect([code, stdout]).toEqual([2, '']);
    const [first, second] = stderr.split('\n');
    expect(first).toContain(problem);
    expect(second).toContain(remedy);
  });

  it('names the file of a number that cannot be', async () => {
    const { code, stderr } = await scored('scores.npy', 'truth.npy', '--of', 'classes', '--metrics', 'accuracy');
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/^error: targets \(scores\.npy\): number 0 is 0\.\d+, and must be a whole/),
    ]);
  });
});
