/** Real text: configs/shakespeare.yaml on the first 300 kB of Shakespeare, where they lie beside the package. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { temporaryFolder } from '../support/folder.js';
import { configFile, shakespeareFile } from '../support/package.js';
import { trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';

const folder = temporaryFolder();
const missing = !existsSync(shakespeareFile) && `there is no file ${shakespeareFile}`;

// Knowing only how often each character occurs leaves 3.3 nats, knowing the character before it 2.5.
skipIf(missing).it('a character model comes under 1.9 nats in one epoch over its first 270 kB', async () => {
  const file = join(folder, 'beginning.txt');
  writeFileSync(file, readFileSync(shakespeareFile).subarray(0, 300_000));
  const overrides = [`data.file=${file}`, 'training.epochs=1'];
  const { start, end } = await trained(configFile('shakespeare.yaml'), overrides, folder);
  expect(start).toMatchObject({ engine: 'onnx', test: 0 });
  expect(end.validation!.loss).toBeLessThan(1.9);
  expect(end.validation!.accuracy).toBeGreaterThan(0.44);
});
