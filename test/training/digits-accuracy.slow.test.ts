/** The synthetic digits are worth learning: a small convolutional network passes 98 % (digits.slow.test.ts: a linear model stays under 95 %). */
import { expect, it } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { configFile } from '../support/package.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();

it('configs/digits.yaml reaches 98 % on the test split in two epochs', { timeout: 120_000 }, async () => {
  const { start, end } = await trained(configFile('digits.yaml'), ['training.epochs=2'], folder);
  expect(start).toMatchObject({ engine: 'onnx', training: 9600, validation: 1200, test: 1200 });
  expect(end.test!.accuracy).toBeGreaterThan(0.98);
});
