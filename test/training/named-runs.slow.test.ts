/** Runs on named fields end to end: equal bits on any number of threads and on workers, and gradients of both engines. */
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { exportModel } from '../../coordinator/inference/export.js';
import { locateModel } from '../../coordinator/inference/locate.js';
import { openModel } from '../../coordinator/inference/saved-model.js';
import { ignoredClasses } from '../../src/config/heads.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { ModelConfig } from '../../src/config/model.js';
import { loadDataset } from '../../src/data/load-data.js';
import { metaOf } from '../../src/data/packed.js';
import type { HeadSpec } from '../../src/engine/heads.js';
import { portsOf } from '../../src/export/inference.js';
import { createPredictor } from '../../src/export/predictor.js';
import { elements } from '../../src/ground/elements.js';
import { eventOf, eventsOf, lockstepServed } from '../support/cli.js';
import { createEngines, type EngineWithSlabs, relativeError } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { writeModule } from '../support/modules.js';
import { compiled } from '../support/package.js';
import { resultOf, type Trained, trained } from '../support/runs.js';
import { edge, writeScenes } from '../support/scenes.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const generator = (name: string) => JSON.stringify(compiled(`src/data/${name}.js`).href);

const ratings = writeModule(
  folder,
  'ratings.mjs',
  'export default function* ({ count }) {',
  '  for (let i = 0; i < count; i++) {',
  '    const [user, film] = [(i * 7) % 13, (i * 5) % 11];',
  '    const rating = 1 + ((user * film) % 5);',
  '    yield { inputs: { user, film }, targets: { rating, liked: Number(rating > 3) }, weights: { liked: 1 + (i % 2) } };',
  '  }',
  '}',
);
const pairs = writeModule(
  folder,
  'pairs.mjs',
  'export default function* ({ count }) {',
  '  for (let i = 0; i < count; i++) {',
  '    const [left, right] = [[i % 4, (i * 3) % 5], [(i * 7) % 4, (i * 3) % 5]];',
  '    yield { inputs: { left, right }, targets: { same: Number(left[0] === right[0]) } };',
  '  }',
  '}',
);
const siamese = writeModule(
  folder,
  'siamese.mjs',
  'export default (tf, { inputs }) => {',
  '  const seeded = { kernelInitializer: tf.initializers.glorotUniform({ seed: 3 }) };',
  "  const embed = tf.layers.embedding({ name: 'ids', inputDim: 5, outputDim: 4, embeddingsInitializer: tf.initializers.randomUniform({ minval: -1, maxval: 1, seed: 4 }) });",
  '  const flat = tf.layers.flatten();',
  "  const encode = tf.layers.dense({ name: 'encode', units: 6, activation: 'tanh', ...seeded });",
  '  const made = Object.entries(inputs).map(([name, { shape }]) => tf.input({ name, shape }));',
  '  const [a, b] = made.map((input) => encode.apply(flat.apply(embed.apply(input))));',
  '  const merged = tf.layers.multiply().apply([a, b]);',
  "  return tf.model({ inputs: made, outputs: tf.layers.dense({ name: 'same', units: 1, ...seeded }).apply(merged) });",
  '};',
);
// A picture of a digit, and a table whose sum with the digit is asked.
const priced = writeModule(
  folder,
  'priced.mjs',
  `import { generateDigits } from ${generator('digits/digits')};`,
  `import { Reading } from ${generator('reading')};`,
  'export default async function* ({ count }) {',
  '  const { columns: [pictures, digits] } = await generateDigits(count, 5, new Reading());',
  '  for (let i = 0; i < count; i++) {',
  '    const bytes = pictures.values.subarray(i * 784, (i + 1) * 784);',
  '    const picture = Array.from({ length: 28 }, (_, y) => Array.from({ length: 28 }, (_, x) => bytes.subarray(y * 28 + x, y * 28 + x + 1)));',
  '    const table = [i % 3, (i * 5) % 7];',
  '    yield { inputs: { picture, table }, targets: { price: digits.values[i] + table[0] } };',
  '  }',
  '}',
);
// Two digits beside each other, at half their size; the class of a pixel is its digit, or that of the ground.
const scenes = writeModule(
  folder,
  'scenes.mjs',
  `import { generateDigits } from ${generator('digits/digits')};`,
  `import { Reading } from ${generator('reading')};`,
  'const [height, width] = [14, 28];',
  'export default async function* ({ count }) {',
  '  const { columns: [pictures, digits] } = await generateDigits(2 * count, 6, new Reading());',
  '  const at = (digit, y, x) => pictures.values[digit * 784 + 2 * y * 28 + 2 * x];',
  '  for (let i = 0; i < count; i++) {',
  '    const digitOf = (x) => 2 * i + Math.floor(x / 14);',
  '    const each = (of) => Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => of(digitOf(x), y, x % 14)));',
  '    const scene = each((digit, y, x) => [at(digit, y, x) / 255]);',
  '    const mask = each((digit, y, x) => (at(digit, y, x) > 100 ? digits.values[digit] : 10));',
  '    yield { inputs: { scene }, targets: { mask } };',
  '  }',
  '}',
);

const tagged = writeModule(
  folder,
  'tagged.mjs',
  'export default function* ({ count }) {',
  '  for (let i = 0; i < count; i++) {',
  '    const words = Array.from({ length: 2 + (i % 4) }, (_, place) => (i * 7 + place * 3) % 9);',
  '    yield { inputs: { words }, targets: { tags: words.map((word) => word % 3), size: words.length } };',
  '  }',
  '}',
);

const training = { epochs: 2, batchSize: 32, shards: 4 };
const common = { source: 'module', options: { count: 64 }, validation: 0.2, test: 0.1 };
interface Case {
  data: object;
  augment?: object;
  model: object;
  loss: unknown;
  metrics?: unknown;
}
const cases: Record<string, Case> = {
  'two inputs and two outputs with weighted losses': {
    data: { ...common, file: ratings, classes: { liked: 2 }, categories: { user: 13, film: 11 } },
    model: {
      layers: [
        { embedding: { name: 'u', from: 'user', inputDim: 'categories', outputDim: 3 } },
        { embedding: { name: 'f', from: 'film', inputDim: 'categories', outputDim: 3 } },
        { concatenate: { from: ['u', 'f'] } },
        { flatten: {} },
        { dense: { name: 'hidden', units: 8, activation: 'relu' } },
        { dense: { name: 'score', units: 1 } },
        { dense: { name: 'logit', from: 'hidden', units: 1 } },
      ],
      outputs: { rating: 'score', liked: 'logit' },
    },
    loss: { rating: 'meanSquaredError', liked: { binaryCrossentropy: { weight: 0.3 } } },
    metrics: { rating: ['mae'], liked: ['accuracy'] },
  },
  'a siamese pair with a shared encoder': {
    data: { ...common, file: pairs, classes: 2, categories: { left: 5, right: 5 } },
    model: { module: siamese },
    loss: 'binaryCrossentropy',
    metrics: ['accuracy'],
  },
  'an image and a table': {
    data: { ...common, file: priced },
    model: {
      layers: [
        { rescaling: { from: 'picture', scale: 1 / 255 } },
        { conv2d: { filters: 3, kernelSize: 5, strides: 3, activation: 'relu' } },
        { flatten: { name: 'seen' } },
        { concatenate: { from: ['seen', 'table'] } },
        { dense: { units: 1 } },
      ],
    },
    loss: 'meanSquaredError',
    metrics: ['mae'],
  },
  'masks of segments': {
    data: { ...common, file: scenes, classes: 11 },
    model: {
      layers: [
        { conv2d: { filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' } },
        { conv2d: { filters: 'classes', kernelSize: 3, padding: 'same' } },
      ],
    },
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  },
};
cases['sequences of unequal length'] = {
  data: { ...common, file: tagged, classes: { tags: 3 }, categories: { words: 9 }, length: { words: 'longest' } },
  model: {
    layers: [
      { embedding: { name: 'h', from: 'words', inputDim: 'categories', outputDim: 4 } },
      { dense: { name: 'more', units: 4, activation: 'tanh' } },
      { add: { name: 'block', from: ['h', 'more'] } },
      { layerNormalization: {} },
      { dense: { name: 'tag', units: 'classes' } },
      { globalAveragePooling1d: { from: 'block' } },
      { dense: { name: 'length', units: 1 } },
    ],
    outputs: { tags: 'tag', size: 'length' },
  },
  loss: { tags: 'sparseCategoricalCrossentropy', size: 'meanSquaredError' },
  metrics: { tags: ['accuracy'], size: ['mae'] },
};
const { folder: digits } = await writeScenes(join(folder, 'scenes'), 60);
const images = { source: 'images', greyscale: true, validation: 0.2, test: 0.1 };
const small = { conv2d: { filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' } };
cases['masks in a folder, augmented, with places that do not count'] = {
  data: {
    ...images,
    inputs: { picture: { images: join(digits, 'pictures') } },
    targets: { mask: { masks: join(digits, 'masks'), classes: 11 } },
  },
  augment: { shift: 0.1, rotate: 20, flip: 'horizontal' },
  model: { layers: [small, { conv2d: { filters: 'classes', kernelSize: 3, padding: 'same' } }] },
  loss: { sparseCategoricalCrossentropy: { ignoreClass: edge } },
  metrics: ['accuracy'],
};
cases['an image that a table names, its columns and its mask'] = {
  data: {
    ...images,
    table: join(digits, 'scenes.csv'),
    dir: join(digits, 'pictures'),
    inputs: { table: ['tint', 'kind'], picture: { image: 'file' } },
    targets: {
      sum: 'sum',
      mask: {
        mask: 'mask',
        dir: join(digits, 'masks'),
        values: [0, ...Array.from({ length: 10 }, (_, i) => i + 1), edge],
      },
    },
  },
  augment: { shift: 0.1 },
  model: {
    layers: [
      { ...small, conv2d: { ...small.conv2d, name: 'seen', from: 'picture' } },
      { globalAveragePooling2d: { name: 'mean' } },
      { concatenate: { from: ['mean', 'table'] } },
      { dense: { name: 'price', units: 1 } },
      { conv2d: { name: 'places', from: 'seen', filters: 'classes', kernelSize: 1 } },
    ],
    outputs: { sum: 'price', mask: 'places' },
  },
  loss: { sum: 'meanSquaredError', mask: 'sparseCategoricalCrossentropy' },
  metrics: { sum: ['mae'], mask: ['accuracy'] },
};
cases['an autoencoder of a folder'] = {
  data: { ...images, inputs: { picture: { images: join(digits, 'pictures') } }, targets: { copy: { of: 'picture' } } },
  augment: { flip: 'horizontal', cutout: 0.3 },
  model: { layers: [small, { conv2d: { filters: 1, kernelSize: 3, padding: 'same', activation: 'sigmoid' } }] },
  loss: 'binaryCrossentropy',
  metrics: ['mse'],
};
const configs = Object.entries(cases).map(([name, config]) => {
  const file = writeConfig(folder, name.replaceAll(' ', '-'), { ...config, training });
  return [name, file] as const;
});

const runs = new Map<string, Promise<Trained>>();
function onOneThread(file: string): Promise<Trained> {
  const run = runs.get(file) ?? trained(file, [], folder, 1);
  runs.set(file, run);
  return run;
}

it('the command trains them too', async () => {
  const [, file] = configs[0];
  const args = ['train', file, '--json', '--threads', '2', '--out', folder];
  const { stdout, code } = await lockstepServed(args, folder);
  expect(code).toBe(0);
  const { end } = await onOneThread(file);
  expect(eventOf(eventsOf(stdout), 'end')).toMatchObject({ sha256: end.sha256, test: end.test });
});

const engines: EngineWithSlabs[] = [];
afterAll(async () => {
  for (const engine of engines) await engine.dispose();
});

describe.each(configs)('%s', (_, file) => {
  it('come to the same bits on one thread and on two workers, of one thread and of two', async () => {
    const one = await onOneThread(file);
    const world = await trainedInWorld(file, [], folder, folder, { workers: [{ threads: 1 }, { threads: 2 }] });
    expect(resultOf(world)).toEqual(resultOf(one));
    expect(one.epochs[1].loss).toBeLessThan(one.epochs[0].loss);
  });

  it('are evaluated to what they report, and exported as what predicts the same', async () => {
    const { start, end } = await onOneThread(file);
    expect(await metricsOf(start.folder, { model: 'final' })).toEqual(end.test);
    const output = join(start.folder, 'model.onnx');
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    await exportModel(start.folder, { format: 'onnx', output, model: 'final', warn });
    const saved = await openModel(locateModel(start.folder, 'final'), undefined, warn);
    const predict = await createPredictor(saved, warn);
    const { data, seed, loss } = loadRunConfig(file, []);
    const { examples } = await loadDataset(data, seed, { ignoreClass: ignoredClasses(loss) });
    const count = 6;
    const given = portsOf(saved).map(({ name, shape }) => {
      const { values } = examples.columns.find((column) => column.name === name)!;
      return Float32Array.from(values.subarray(0, count * elements(shape)));
    });
    const outputs = await predict(given, count);
    const session = await InferenceSession.create(output, { logSeverityLevel: 3 });
    const feeds = portsOf(saved).map(({ name, shape }, i) => [
      name,
      new Tensor('float32', given[i], [count, ...shape]),
    ]);
    const made = await session.run(Object.fromEntries(feeds));
    saved.outputs.forEach(({ name }, i) => {
      expect(relativeError(made[name].data as Float32Array, outputs[i])).toBeLessThan(1e-5);
    });
    await session.release();
    expect(warnings).toEqual([]);
  });

  it('have the gradients of tfjs', async () => {
    const { data, model, loss, seed } = loadRunConfig(file, []);
    const { examples } = await loadDataset(data, seed, { ignoreClass: ignoredClasses(loss) });
    const fields = metaOf(examples).fields;
    const count = 3;
    const targets = fields.filter(({ role }) => role === 'target');
    const heads = targets.map(({ name }) => {
      const own = typeof loss === 'object' && name in loss ? (loss as Record<string, unknown>)[name] : loss;
      const isWeighted = typeof own === 'object' && own !== null && 'binaryCrossentropy' in own;
      return { target: name, loss: isWeighted ? 'binaryCrossentropy' : own, weight: isWeighted ? 0.3 : 1 } as HeadSpec;
    });
    const spec = { model: model as ModelConfig, heads, fields };
    const { onnx, tfjs, parameters } = await createEngines({ layers: [], input: [], spec }, [count]);
    engines.push(onnx, tfjs);
    for (const engine of [onnx, tfjs]) {
      engine.parameters.set(parameters);
      engine.buffers(count).forEach((buffer, i) => {
        buffer.set(examples.columns[i].values.subarray(0, buffer.length));
      });
    }
    const key = { seed: 1, step: 2, shard: 0 };
    const [a, b] = [await onnx.shard(count, key), await tfjs.shard(count, key)];
    expect(relativeError([a.lossSum], [b.lossSum])).toBeLessThan(1e-5);
    expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
    expect(Math.max(...tfjs.gradients.map(Math.abs))).toBeGreaterThan(0.01);
  });
});
