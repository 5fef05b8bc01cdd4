/** Training on parts of the training split: nested, stratified as the split is, and compared on the same validation examples. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dataSchema } from '../../src/config/data.js';
import { targetColumn } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { curveVerdict } from '../../src/report/learning-curve.js';
import { lockstepServed } from '../support/cli.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { smallModel } from '../support/small.js';

const folder = temporaryFolder();
const data = { source: 'digits', examples: 300, validation: 0.2, test: 0.2, stratify: true };
const load = (more: object) => loadDataset(dataSchema.parse({ ...data, ...more }), 3);

it('takes parts that lie within each other, and leaves what is held out alone', async () => {
  const [all, half, tenth] = await Promise.all([
    load({}),
    load({ trainingFraction: 0.5 }),
    load({ trainingFraction: 0.1 }),
  ]);
  expect([all, half, tenth].map(({ splits }) => splits.training.length)).toEqual([180, 90, 20]);
  for (const { splits } of [half, tenth]) {
    expect([splits.validation, splits.test]).toEqual([all.splits.validation, all.splits.test]);
  }
  const within = (small: Int32Array, large: Int32Array) => small.every((row) => large.includes(row));
  expect(within(half.splits.training, all.splits.training)).toBe(true);
  expect(within(tenth.splits.training, half.splits.training)).toBe(true);
  const { values } = targetColumn(half.examples);
  const counts = new Array(10).fill(0);
  for (const row of half.splits.training) counts[values[row]]++;
  expect(counts).toEqual(new Array(10).fill(9));
  expect((await load({ trainingFraction: 0.5 })).splits).toEqual(half.splits);
  await expect(load({ trainingFraction: 0.001 })).rejects.toThrow(
    'data.trainingFraction: 0.001 of 180 training examples is not even one: use at least 0.006',
  );
});

it('says whether more examples would help, beside what chance makes of it', () => {
  const points = [0.9, 0.5].map((loss, i) => ({ size: 100 * (1 + 2 * i), metrics: { loss }, intervals: {} }));
  const verdict = (low: number, high: number) =>
    curveVerdict(points, { difference: -0.4, interval: { low, high }, confidence: 0.95 });
  expect(verdict(-0.5, -0.3)).toBe(
    'More training examples would help: the loss on validation went from 0.9000 to 0.5000 from 100 to 300 training examples ' +
      '(on the same examples it differs by -0.4000, 95 % interval -0.5000 to -0.3000).',
  );
  expect(verdict(-0.5, 0.1)).toContain('are not shown to help');
  expect(verdict(0.1, 0.5)).toContain('made it worse');
  expect(curveVerdict(points, undefined)).toContain('nobody can say');
  expect(curveVerdict(points.slice(1), undefined)).toContain('One size alone');
});

it('trains a run for each size, and keeps the curve in the folder of the largest', async () => {
  const file = writeConfig(folder, 'curve', { ...smallModel, data, training: { epochs: 1, batchSize: 18 } });
  const args = ['train', file, '--threads', '1', '--set', 'evaluation.resamples=50', '--json'];
  const { stdout, code } = await lockstepServed([...args, '--learning-curve', '0.2,1'], folder);
  expect(code).toBe(0);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const [small, large] = events.filter(({ event }) => event === 'end');
  // The test split is opened once, by the run on all examples.
  expect([small.test, large.test !== null]).toEqual([null, true]);
  const { event: _, ...curve } = events.find(({ event }) => event === 'learningCurve');
  expect(curve.points.map(({ size }: { size: number }) => size)).toEqual([40, 180]);
  expect(curve.points.map(({ metrics }: { metrics: object }) => metrics)).toEqual([small.validation, large.validation]);
  expect(JSON.parse(readFileSync(join(folder, 'runs', 'curve-2', 'learning-curve.json'), 'utf8'))).toEqual(curve);
  // The verdict is that of the two runs, compared on the same examples.
  const compared = await lockstepServed(
    ['compare', 'runs/curve-1', 'runs/curve-2', '--split', 'validation', '--json'],
    folder,
  );
  const [{ interval }] = JSON.parse(compared.stdout.trim().split('\n').at(-1)!).models[0].differences;
  expect(curve.verdict).toContain(`interval ${interval.low.toFixed(4)} to ${interval.high.toFixed(4)})`);
  const shown = await lockstepServed(['evaluate', 'runs/curve-2', '--split', 'validation', '--json'], folder);
  expect(JSON.parse(shown.stdout).learningCurve).toEqual(curve.points);
  const wrong = await lockstepServed(['train', file, '--learning-curve', '0.5,0.2'], folder);
  expect([wrong.code, wrong.stdout]).toEqual([
    2,
    expect.stringContaining('--learning-curve 0.5,0.2: is no list of ascending parts'),
  ]);
});
