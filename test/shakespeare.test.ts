/** Real text: configs/shakespeare.yaml on 1.1 MB of Shakespeare, where they lie beside the package. */
import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { temporaryFolder } from './support/folder.js';
import { configFile, shakespeareFile } from './support/package.js';
import { trained } from './support/runs.js';

const folder = temporaryFolder();
const here = existsSync(shakespeareFile);
if (!here) console.log(`The test on Shakespeare is left out: there is no file ${shakespeareFile}.`);

// Knowing only how often each character occurs leaves 3.3 nats, knowing the character before it 2.5.
it.skipIf(!here)(
  'a character model comes under 2 nats in one epoch over half of it',
  { timeout: 180_000 },
  async () => {
    const overrides = [`data.file=${shakespeareFile}`, 'training.epochs=1', 'data.validation=0.5'];
    const { start, end } = await trained(configFile('shakespeare.yaml'), overrides, folder);
    expect(start).toMatchObject({ engine: 'onnx', test: 0 });
    expect(end.validation!.loss).toBeLessThan(2);
    expect(end.validation!.accuracy).toBeGreaterThan(0.42);
  },
);
