/** Real data: configs/mnist.yaml on the 10,000 test images of MNIST, where they lie beside the package. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { relativeError } from '../support/engines.js';
import { temporaryFolder } from '../support/folder.js';
import { idxFile } from '../support/idx.js';
import { configFile, mnistFolder } from '../support/package.js';
import { type Trained, trained } from '../support/runs.js';
import { skipIf } from '../support/skip-if.js';

const config = configFile('mnist.yaml');
const missing = !existsSync(mnistFolder) && `there is no folder ${mnistFolder}`;

skipIf(missing).describe('configs/mnist.yaml', () => {
  const folder = temporaryFolder();

  it('reaches 96.5 % on the held-out test images in 2 of its 5 epochs, of small batches', async () => {
    const overrides = [`data.dir=${mnistFolder}`, 'training.epochs=2', 'training.batchSize=32'];
    const { start, epochs, end } = await trained(config, overrides, folder);
    expect(start).toMatchObject({ engine: 'onnx', training: 8000, validation: 1000, test: 1000, epochs: 2 });
    expect(epochs).toHaveLength(2);
    expect(end.test!.accuracy).toBeGreaterThanOrEqual(0.965);
    expect(end.validation!.accuracy).toBeGreaterThanOrEqual(0.965);
  });

  it('has the same losses on engine tfjs', async () => {
    const dir = join(folder, 'first');
    mkdirSync(dir);
    const read = (name: string) => gunzipSync(readFileSync(join(mnistFolder, `t10k-${name}-ubyte.gz`)));
    // With all filters, the cpu backend takes half a second for an example's convolutions and their gradients.
    const count = 6;
    const images = read('images-idx3').subarray(16, 16 + count * 28 * 28);
    writeFileSync(join(dir, 'first-images-idx3-ubyte'), idxFile([count, 28, 28], images));
    writeFileSync(join(dir, 'first-labels-idx1-ubyte'), idxFile([count], read('labels-idx1').subarray(8, 8 + count)));

    const overrides = [
      // The same layers, with few filters.
      ...['model.layers.0.conv2d.filters=4', 'model.layers.2.conv2d.filters=8'],
      ...[`data.dir=${dir}`, 'data.stratify=false', 'training.epochs=1', 'training.logEvery=1'],
      ...['training.batchSize=2', 'training.shards=2', 'schedule.cosine.warmupSteps=2'],
    ];
    const losses = ({ events }: Trained) => events.flatMap((event) => (event.event === 'step' ? [event.loss] : []));
    const compiled = await trained(config, [...overrides, 'engine=onnx'], folder);
    const eager = await trained(config, [...overrides, 'engine=tfjs', 'backend=cpu'], folder);
    expect(eager.start).toMatchObject({ engine: 'tfjs', backend: 'cpu', training: 4 });
    expect(losses(eager)).toHaveLength(2);
    expect(relativeError(losses(eager), losses(compiled))).toBeLessThan(1e-4);
    expect(relativeError([eager.end.test!.loss], [compiled.end.test!.loss])).toBeLessThan(1e-4);
  });
});
