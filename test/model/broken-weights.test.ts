/** A model whose weights are not finite: every command that loads one says so by name. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { exportModel } from '../../coordinator/inference/export.js';
import { predict } from '../../coordinator/inference/predict.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();
const newPath = newPaths();
const input = join(folder, 'x.json');
writeFileSync(input, JSON.stringify([[0.1, 0.2]]));
const config = {
  data: {
    source: 'values',
    features: [
      [0, 1],
      [1, 0],
      [1, 1],
      [0, 0],
    ],
    targets: [[0], [1], [0], [1]],
    validation: 0.25,
  },
  model: { layers: [{ dense: { units: 3, name: 'first' } }, { dense: { units: 1, name: 'last' } }] },
  loss: 'meanSquaredError',
  training: { epochs: 1, batchSize: 2, shards: 1 },
};
let run: string;
let whole: string;

beforeAll(async () => {
  const { start } = await trained(writeConfig(folder, 'run', config), [], folder, 1);
  whole = start.folder;
  run = newPath();
  cpSync(whole, run, { recursive: true });
  for (const name of ['model', 'best']) {
    const file = join(run, name, 'weights.bin');
    const bytes = readFileSync(file);
    // The second and third of first/kernel [2, 3].
    bytes.writeFloatLE(Number.NaN, 4);
    bytes.writeFloatLE(Number.NEGATIVE_INFINITY, 8);
    writeFileSync(file, bytes);
  }
});

const commands = {
  predict: (place: string, warn: (message: string) => void) => predict(place, input, { warn }),
  evaluate: (place: string, warn: (message: string) => void) =>
    evaluate(place, { split: 'training', threads: 1, warn }),
  export: (place: string, warn: (message: string) => void) =>
    exportModel(place, { format: 'safetensors', output: newPath(), warn }),
};

it.each(Object.entries(commands))('%s warns', async (_, command) => {
  const warnings: string[] = [];
  await command(run, (message) => warnings.push(message));
  expect(warnings).toEqual([`${join(run, 'best')}: 2 of the 6 numbers of first/kernel are NaN or infinite`]);
  warnings.length = 0;
  await command(whole, (message) => warnings.push(message));
  expect(warnings).toEqual([]);
});

it('training from them is refused', async () => {
  const file = writeConfig(folder, 'tune', { ...config, model: { ...config.model, weights: join(run, 'model') } });
  await expect(trained(file, [], folder, 1)).rejects.toThrow('first/kernel holds NaN or infinity');
});
