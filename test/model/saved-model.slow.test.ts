/** A saved model is a plain tfjs model: loaded without Lockstep, it predicts what Lockstep reported. */
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { loadRunConfig } from '../../src/config/load-config.js';
import { loadDataset } from '../../src/data/load-data.js';
import type { EndEvent } from '../../src/report/events.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { compiled } from '../support/package.js';
import { partsOf } from '../support/parts.js';
import { trained } from '../support/runs.js';

const run = promisify(execFile);
const folder = temporaryFolder();
const program = fileURLToPath(compiled('test/support/predict.js'));

const layers = {
  'a CNN with batch normalization and dropout': [
    { conv2d: { filters: 6, kernelSize: 3, strides: 2 } },
    { batchNormalization: {} },
    { activation: { activation: 'relu' } },
    { maxPooling2d: { poolSize: 2 } },
    { flatten: {} },
    { dropout: { rate: 0.3 } },
    { dense: { units: 'classes', kernelRegularizer: { className: 'L1L2', config: { l2: 0.001 } } } },
  ],
  'an LSTM over the rows of the image': [
    { reshape: { targetShape: [28, 28] } },
    { lstm: { units: 12, dropout: 0.1 } },
    { dense: { units: 'classes', activation: 'softmax' } },
  ],
  'a model with merged branches': [
    { flatten: { name: 'pixels' } },
    { dense: { units: 16, activation: 'tanh', name: 'a' } },
    { dense: { units: 16, activation: 'swish', from: 'pixels', name: 'b' } },
    { multiply: { from: ['a', 'b'], name: 'product' } },
    { concatenate: { from: ['product', 'a'] } },
    { dense: { units: 'classes' } },
  ],
};

type Name = keyof typeof layers;
const names = Object.keys(layers) as Name[];
const ends = new Map<Name, EndEvent>();
/** Of the test split. */
let targets: number[];
let outputs: Record<Name, number[][]>;

/** The outputs of models for examples, from a process that has only tfjs. */
async function predictions(models: readonly string[], features: Float32Array, shape: readonly number[]) {
  const server = createServer((request, response) => {
    createReadStream(join(folder, request.url!))
      .on('error', () => response.writeHead(404).end())
      .pipe(response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  try {
    const file = join(folder, 'features.bin');
    writeFileSync(file, features);
    const { port } = server.address() as AddressInfo;
    const urls = models.map((model) => `http://127.0.0.1:${port}${model.slice(folder.length)}`);
    const { stdout, stderr } = await run(execPath, [program, file, shape.join(), ...urls], { maxBuffer: 2 ** 24 });
    expect(stderr).toBe('');
    return JSON.parse(stdout) as number[][][];
  } finally {
    server.close();
  }
}

beforeAll(async () => {
  const configOf = (name: Name) =>
    writeConfig(folder, 'config', {
      data: { source: 'digits', examples: 350, validation: 0.1, test: 0.2, stratify: true },
      model: { layers: layers[name] },
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
      optimizer: { adam: { learningRate: 0.01 } },
      training: { epochs: 3, batchSize: 8 },
    });
  for (const name of names) ends.set(name, (await trained(configOf(name), [], folder)).end);
  const config = loadRunConfig(configOf(names[0]), []);
  const { examples, splits } = await loadDataset(config.data, config.seed);
  const { features, featureShape, featureScale, targets: all } = partsOf(examples);
  const width = features.length / examples.count;
  const rows = [...splits.test].flatMap((row) => [...features.subarray(row * width, (row + 1) * width)]);
  const models = names.map((name) => ends.get(name)!.model);
  const scaled = Float32Array.from(rows, (value) => value * featureScale);
  const predicted = await predictions(models, scaled, [splits.test.length, ...featureShape]);
  outputs = Object.fromEntries(names.map((name, i) => [name, predicted[i]])) as typeof outputs;
  targets = [...splits.test].map((row) => all[row]);
});

it.each(names)('%s is loaded by plain tfjs', (name) => {
  const end = ends.get(name)!;
  const probabilities = JSON.stringify(layers[name]).includes('softmax');
  const losses = outputs[name].map((row, i) => {
    const total = row.map(Math.exp).reduce((sum, value) => sum + value, 0);
    return -Math.log(probabilities ? row[targets[i]] : Math.exp(row[targets[i]]) / total);
  });
  const correct = outputs[name].filter((row, i) => row.indexOf(Math.max(...row)) === targets[i]).length;
  expect(outputs[name]).toHaveLength(70);
  expect(end.test!.accuracy).toBe(correct / 70);
  // Better than chance, so that the agreement is one of something learned.
  expect(end.test!.accuracy).toBeGreaterThan(0.2);
  const loss = losses.reduce((sum, value) => sum + value, 0) / 70;
  expect(Math.abs(loss / end.test!.loss - 1)).toBeLessThan(1e-5);
});
