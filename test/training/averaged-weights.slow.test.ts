/** A moving average of the weights: what is validated and saved in a run that keeps one. */
import { expect, it } from 'vitest';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();

it('is what a run validates and saves, while it is trained with the weights themselves', async () => {
  const line = writeConfig(folder, 'line', {
    data: { source: 'values', features: [1, 2, 3, 4, 5, 6], targets: [2, 4, 6, 8, 10, 12], validation: 0.2 },
    model: { layers: [{ dense: { units: 1, useBias: false } }] },
    loss: 'meanSquaredError',
    training: { epochs: 2, batchSize: 'all' },
  });
  const run = (...set: string[]) => trained(line, ['optimizer.sgd.learningRate=0.01', ...set], folder, 2);
  // Of one step an epoch: its average is the weights after the first, and 0.75 and 0.25 of both after the second.
  const [once, twice, averaged] = [
    await run('training.epochs=1'),
    await run(),
    await run('optimizer.sgd.emaMomentum=0.75'),
  ];
  const weight = ({ end }: typeof once) => Object.values(end.weights!)[0][0];
  expect(weight(averaged)).toBeCloseTo(0.75 * weight(once) + 0.25 * weight(twice), 6);
  expect(weight(averaged)).not.toBeCloseTo(weight(twice), 3);
  expect(averaged.epochs.map(({ loss }) => loss)).toEqual(twice.epochs.map(({ loss }) => loss));
  // The error of one example x is (w - 2) x, so losses go as the squares of w - 2.
  const losses = [averaged, twice].map(({ epochs }) => epochs[1].validation!.loss as number);
  const ratio = (weight(averaged) - 2) ** 2 / (weight(twice) - 2) ** 2;
  expect(losses[0] / losses[1]).toBeCloseTo(ratio, 4);
  expect(averaged.end.validation!.loss).toBe(losses[0]);
  expect(averaged.epochs[0].validation).toEqual(twice.epochs[0].validation);
});
