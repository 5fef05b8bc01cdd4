/** Gradient accumulation: a batch computed in parts is the batch. */
import { expect, it } from 'vitest';
import { loadRunConfig } from '../../src/config/load-config.js';
import { relativeError } from '../support/engines.js';
import { temporaryFolder } from '../support/folder.js';
import { configFile } from '../support/package.js';
import { resultOf, trained, weightsOf } from '../support/runs.js';

const folder = temporaryFolder();
const file = configFile('digits-mlp.yaml');
const small = ['data.examples=400', 'training.epochs=1', 'training.batchSize=256'];
const rows = (shards: number, accumulate: number) => [`training.shards=${shards}`, `training.accumulate=${accumulate}`];

it('takes the step of the whole batch, in the parts of a smaller one', async () => {
  const whole = await trained(file, [...small, 'training.shards=8'], folder);
  // A part is some of the shards, so the same number of shards is the same sum in the same order.
  const parts = await trained(file, [...small, ...rows(8, 4)], folder, 2);
  expect(parts.start).toMatchObject({ batchSize: 256, shards: 8, steps: whole.start.steps });
  expect(resultOf(parts)).toEqual(resultOf(whole));
  // `auto` gives each part the shards that a batch of its size would have.
  const auto = await trained(file, [...small, 'training.accumulate=4'], folder);
  expect(auto.start.shards).toBe(4 * 2);
  // Cut otherwise, it differs by rounding and by the masks of dropout alone.
  const still = [...small, 'model.layers.2.dropout.rate=0'];
  const [one, many] = [
    await trained(file, [...still, 'training.shards=1'], folder),
    await trained(file, [...still, ...rows(16, 16)], folder),
  ];
  expect(relativeError(weightsOf(one.end.model), weightsOf(many.end.model))).toBeLessThan(1e-4);
  expect(one.end.sha256).not.toBe(many.end.sha256);
});

it('must divide the batch and the shards', () => {
  const load =
    (...overrides: string[]) =>
    () =>
      loadRunConfig(file, [...small, ...overrides]);
  expect(load('training.accumulate=3')).toThrow(
    'training.accumulate: 3 does not divide batchSize 256: use a divisor of the batch size',
  );
  expect(load(...rows(6, 4))).toThrow('training.shards: 6 is not a multiple of accumulate 4: use 8, or auto');
});

it('must divide a batch that is the whole training split', async () => {
  const all = ['data.examples=100', 'training.batchSize=all', 'training.accumulate=3'];
  await expect(trained(file, [...small, ...all], folder)).rejects.toThrow(
    'does not divide the whole training split of 80',
  );
});
