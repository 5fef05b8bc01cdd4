/** Examples to look at: the ones that are most confidently wrong, with their inputs as they are in the data. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { inputColumn } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import { lockstepServed } from '../support/cli.js';
import { lcg } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained } from '../support/runs.js';
import { smallModel } from '../support/small.js';

const folder = temporaryFolder();
const training = { epochs: 1, batchSize: 32 };
const overrides = ['evaluation.gallery=5', 'evaluation.resamples=0'];

it('of a table are its rows', async () => {
  const random = lcg(5);
  const rows = Array.from({ length: 200 }, () => {
    const [age, kind] = [Math.round(1000 * random()) / 10, random() < 0.2 ? '' : random() < 0.5 ? 'red' : 'blue'];
    return [String(age), kind, String(Math.round(100 * random())), age > 50 !== random() < 0.2 ? 'old' : 'young'];
  });
  writeFileSync(join(folder, 't.csv'), [['age', 'kind', 'code', 'label'], ...rows].map((row) => row.join()).join('\n'));
  const file = writeConfig(folder, 'table', {
    ...smallModel,
    data: { source: 'csv', file: join(folder, 't.csv'), target: 'label', missing: 'mean', validation: 0.5, test: 0 },
    model: { layers: [{ dense: { units: 'classes' } }] },
    training,
  });
  const { start } = await trained(file, [], join(folder, 'runs'));
  const { gallery = [], metrics } = await evaluate(start.folder, { overrides, threads: 1 });
  const [{ title, examples }] = gallery;
  expect(title).toBe('Most confidently wrong');
  expect(examples.length).toBe(Math.min(5, Math.round(100 * (1 - metrics.accuracy))));
  for (const { example, truth, predicted, row, confidence } of examples) {
    const [age, kind, code, label] = rows[example];
    expect(row).toEqual({ age, kind, code });
    expect({ truth, isWrong: predicted !== truth }).toEqual({ truth: label, isWrong: true });
    expect(confidence).toBeGreaterThan(0.5);
  }
  const sure = examples.map(({ confidence }) => confidence!);
  expect(sure).toEqual(sure.toSorted((a, b) => b - a));
  // What was trained on says nothing of labels.
  const other = await evaluate(start.folder, { overrides, split: 'training', threads: 1 });
  expect(other.gallery?.map(({ title }) => title)).toEqual(['Most confidently wrong']);
  expect((await evaluate(start.folder, { overrides: overrides.slice(1), threads: 1 })).gallery).toBeUndefined();
});

it('of images are pictures', async () => {
  const data = { source: 'digits', examples: 150, validation: 0.4, test: 0 };
  const file = writeConfig(folder, 'digits', { ...smallModel, data, training });
  const { start } = await trained(file, [], join(folder, 'runs'));
  const { gallery = [] } = await evaluate(start.folder, { overrides, threads: 1 });
  const config = loadRunConfig(file, []);
  const { values } = inputColumn((await loadDataset(config.data, config.seed)).examples);
  expect(gallery[0].examples.length).toBe(5);
  for (const { example, picture } of gallery[0].examples) {
    const png = Buffer.from(picture!.replace('data:image/png;base64,', ''), 'base64');
    const bytes = await sharp(png).toColourspace('b-w').raw().toBuffer();
    const scaled = Array.from(values.subarray(784 * example, 784 * (example + 1)));
    const wanted = values instanceof Uint8Array ? scaled : scaled.map((value) => Math.round(255 * value));
    expect([...bytes]).toEqual(wanted);
  }
  const asked = ['evaluate', start.folder, '--threads', '1', '--gallery'];
  const { stdout } = await lockstepServed([...asked, '2', '--set', overrides[1]], folder);
  expect(stdout).toMatch(
    /\nMost confidently wrong\n {2}example +truth +predicted +confidence +loss\n( {2}\d+ .*\n){2}\n/,
  );
  const { code, stderr } = await lockstepServed([...asked, 'all'], folder);
  expect(code).toBe(2);
  expect(stderr).toContain('--gallery all is not a whole number from 0 to 1000');
});
