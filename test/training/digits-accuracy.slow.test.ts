/** The synthetic digits are worth learning: a small convolutional network passes 98 % (digits.slow.test.ts: a linear model stays under 95 %). */
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { configFile } from '../support/package.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();

it('configs/digits.yaml reaches 98 % on the test split in one epoch of small batches, from half of its data', async () => {
  const { start, end } = await trained(
    configFile('digits.yaml'),
    ['data.examples=6000', 'training.epochs=1', 'training.batchSize=16'],
    folder,
  );
  expect(start).toMatchObject({ engine: 'onnx', training: 4800, validation: 600, test: 600 });
  expect(end.test!.accuracy).toBeGreaterThan(0.98);
});
