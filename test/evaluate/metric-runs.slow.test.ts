/** Metrics of every kind in real runs: counted, summed, and over all examples at once; the same bits wherever they are computed. */
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { configFile } from '../support/package.js';
import { resultOf, type Trained, trained } from '../support/runs.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const metrics = [
  ...['accuracy', 'balancedAccuracy', 'mcc', 'cohenKappa', 'perClass', 'confusionMatrix', 'logLoss', 'brier'],
  ...['calibrationError', 'reliability', 'mrr', { f1: { average: 'macro' } }, { ndcg: { k: 3 } }],
  ...[{ auc: { average: 'macro' } }, { auc: { average: 'weighted', of: 'oneVsOne' } }],
  { averagePrecision: { average: 'macro' } },
];
const overrides = [
  `metrics=${JSON.stringify(metrics)}`,
  ...['data.examples=700', 'training.epochs=1', 'training.batchSize=16', 'training.shards=4'],
];
const file = configFile('digits-mlp.yaml');
const all = (run: Trained) => ({ ...resultOf(run), figures: run.end.figures });

it('come to the same on one thread, on three, and over two workers', async () => {
  const one = await trained(file, overrides, folder);
  const { validation, figures } = all(one);
  expect(Object.keys(validation!)).toHaveLength(1 + metrics.length - 3);
  for (const [name, value] of Object.entries(validation!)) expect(value, name).toBeGreaterThan(0);
  const { confusionMatrix: table, perClass } = figures!.test!;
  if (table.kind !== 'table' || perClass.kind !== 'table') throw new Error('not tables');
  expect(table.rows).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  const right = table.values.reduce((sum, row, i) => sum + row[i], 0);
  expect(right / table.values.flat().reduce((a, b) => a + b)).toBe(one.end.test!.accuracy);
  expect(perClass.values.map((row) => row.at(-1))).toEqual(table.values.map((row) => row.reduce((a, b) => a + b)));

  expect(all(await trained(file, overrides, folder, 3))).toEqual(all(one));
  const workers = [{ threads: 1 }, { threads: 2 }];
  expect(all(await trainedInWorld(file, overrides, folder, folder, { workers }))).toEqual(all(one));
});
