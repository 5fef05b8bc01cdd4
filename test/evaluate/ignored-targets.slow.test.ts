/**
 * Several targets whose losses ignore a class, under weights of examples, of places and of classes, against Keras 3.15.1
 * (scripts/peers/keras_ignored_targets.py): parameters, losses and metrics; the same bits for any number of threads.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { elements } from '../../src/ground/elements.js';
import { metricsOf } from '../support/evaluated.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { refusalOf, writeModule } from '../support/modules.js';
import { packageRoot } from '../support/package.js';
import { resultOf, trained, weightsOf } from '../support/runs.js';
import { npyFile } from '../support/tables.js';

interface Expected {
  readonly kernels: number[][];
  readonly biases: number[][];
  readonly losses: number[];
  readonly evaluated: Record<string, number>;
  readonly kindAccuracy: number;
}
interface Fixture {
  readonly x: number[];
  readonly kind: number[];
  readonly parts: number[];
  readonly size: number[];
  readonly byExample: number[];
  readonly byPlace: number[];
  readonly initial: number[][];
  readonly plain: Expected;
  readonly weighted: Expected;
  readonly classes: Expected;
}
const file = join(packageRoot, 'test/fixtures/keras-ignored-targets.json');
const fixture: Fixture = JSON.parse(readFileSync(file, 'utf8'));
const folder = temporaryFolder();
const rowsOf = (values: readonly number[], width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, i) => values.slice(i * width, (i + 1) * width));

const examples = writeModule(
  folder,
  'examples.mjs',
  `const { x, kind, parts, size, byExample, byPlace } = ${JSON.stringify({
    ...fixture,
    x: rowsOf(fixture.x, 5),
    parts: rowsOf(fixture.parts, 4),
    byPlace: rowsOf(fixture.byPlace, 4),
  })};`,
  'export default function* ({ weights }) {',
  '  for (let i = 0; i < x.length; i++) {',
  '    const all = { kind: byExample[i], parts: byPlace[i] };',
  '    yield {',
  '      inputs: { x: x[i] },',
  '      targets: { kind: kind[i], parts: parts[i], size: size[i] },',
  '      weights: Object.fromEntries(weights.map((name) => [name, all[name]])),',
  '    };',
  '  }',
  '}',
);
const model = writeModule(
  folder,
  'model.mjs',
  `const initial = ${JSON.stringify([rowsOf(fixture.initial[0], 3), rowsOf(fixture.initial[1], 12), rowsOf(fixture.initial[2], 1)])};`,
  'export default (tf, { inputs }) => {',
  '  const input = tf.input({ name: "x", shape: inputs.x.shape });',
  '  const dense = (name, place) => {',
  '    const kernel = initial[place];',
  '    const weights = [tf.tensor2d(kernel), tf.zeros([kernel[0].length])];',
  '    return tf.layers.dense({ name, units: kernel[0].length, weights }).apply(input);',
  '  };',
  '  const parts = tf.layers.reshape({ name: "parts", targetShape: [4, 3] }).apply(dense("places", 1));',
  '  return tf.model({ inputs: input, outputs: [dense("kind", 0), parts, dense("size", 2)] });',
  '};',
);
const ignoring = (ignoreClass: number, weight: number) => ({
  sparseCategoricalCrossentropy: { fromLogits: true, ignoreClass, weight },
});
const config = (weights: readonly string[], shards: number) => ({
  data: {
    source: 'module',
    file: examples,
    classes: { kind: 3, parts: 3 },
    options: { weights },
    validation: 0,
    test: 0,
  },
  model: { module: model },
  loss: { kind: ignoring(-1, 1), parts: ignoring(1, 0.5), size: { meanSquaredError: { weight: 0.25 } } },
  metrics: { kind: ['accuracy'], parts: ['accuracy'] },
  optimizer: { sgd: { learningRate: 0.2 } },
  training: { epochs: 3, batchSize: 'all', shards },
});

/** Those of a saved model by their names. */
function namedWeights(model: string): Map<string, number[]> {
  const [{ weights }] = JSON.parse(readFileSync(model, 'utf8')).weightsManifest as {
    weights: { name: string; shape: number[] }[];
  }[];
  const all = weightsOf(model);
  let start = 0;
  return new Map(
    weights.map(({ name, shape }) => {
      const values = [...all.subarray(start, start + elements(shape))];
      start += values.length;
      return [name, values];
    }),
  );
}

const ways: [keyof Fixture, string[], string[]][] = [
  ['plain', [], []],
  ['weighted', ['kind', 'parts'], []],
  ['classes', ['kind'], ['training.classWeights={"kind": {"0": 2, "2": 0.5}}']],
];

describe.each(ways)('ignored classes of several targets (%s)', (name, weights, set) => {
  const expected = fixture[name] as Expected;
  const run = writeConfig(folder, `run-${name}`, config(weights, 4));

  it('train as in Keras, to the same bits on any number of threads', async () => {
    const one = await trained(run, set, folder);
    const two = await trained(run, set, folder, 2);
    expect(resultOf(two)).toEqual(resultOf(one));
    one.epochs.forEach(({ loss }, epoch) => {
      expect(loss).toBeCloseTo(expected.losses[epoch], 5);
    });
    const layers = ['kind', 'places', 'size'];
    const wanted = layers.flatMap((layer, i) => [
      [`${layer}/kernel`, expected.kernels[i]] as const,
      [`${layer}/bias`, expected.biases[i]] as const,
    ]);
    const named = namedWeights(one.end.model);
    for (const [key, values] of wanted) {
      const own = named.get(key) ?? [];
      expect(own).toHaveLength(values.length);
      own.forEach((value, i) => {
        expect(value).toBeCloseTo(values[i], 5);
      });
    }
  });

  it('evaluate as in Keras', async () => {
    const { end } = await trained(run, set, folder);
    const metrics = await metricsOf(end.model, { split: 'training', config: run, overrides: set });
    for (const [key, value] of Object.entries(expected.evaluated)) expect(metrics[key]).toBeCloseTo(value, 5);
    expect(metrics.kind_accuracy).toBeCloseTo(expected.kindAccuracy, 6);
  });
});

describe('a class that is ignored and none of the classes', () => {
  const inputs = new Float32Array(24).map((_, i) => Math.sin(i));
  const [kind, other] = [Int32Array.from({ length: 12 }, (_, i) => (i % 5 === 0 ? 255 : i % 3)), new Int32Array(12)];
  other.forEach((_, i) => {
    other[i] = i % 2;
  });
  const array = (name: string, descr: string, shape: readonly number[], values: Float32Array | Int32Array) => {
    writeFileSync(join(folder, name), npyFile(descr, shape, new Uint8Array(values.buffer)));
    return join(folder, name);
  };
  const npy = {
    source: 'npy',
    inputs: { x: array('x.npy', '<f4', [12, 2], inputs) },
    targets: { kind: array('kind.npy', '<i4', [12], kind), other: array('other.npy', '<i4', [12], other) },
  };
  const rows = rowsOf([...inputs], 2).map((x, i) => ({ inputs: { x }, targets: { kind: kind[i], other: other[i] } }));
  const module = {
    source: 'module',
    file: writeModule(folder, 'rows.mjs', `export default ${JSON.stringify(rows)};`),
    classes: { kind: 3, other: 2 },
  };
  const made = (name: string, data: object, more: object = {}) =>
    writeConfig(folder, name, {
      data: { ...data, validation: 0, test: 0 },
      model: {
        layers: [{ dense: { name: 'a', units: 3, from: 'x' } }, { dense: { name: 'b', units: 2, from: 'x' } }],
        outputs: { kind: 'a', other: 'b' },
      },
      loss: { kind: { sparseCategoricalCrossentropy: { ignoreClass: 255 } }, other: 'sparseCategoricalCrossentropy' },
      optimizer: 'sgd',
      training: { epochs: 1, batchSize: 6 },
      ...more,
    });

  it.each([
    ['npy', npy],
    ['module', module],
  ])('is read of its own target alone (%s)', async (name, data) => {
    const { end } = await trained(made(name, data), [], folder);
    expect(end.sha256).toMatch(/^[0-9a-f]{64}$/);
    const sparse = 'sparseCategoricalCrossentropy';
    const swapped = made(`${name}-swapped`, data, {
      loss: { kind: sparse, other: { [sparse]: { ignoreClass: 255 } } },
    });
    // Arrays have as many classes as they hold.
    if (name === 'npy') await expect(trained(swapped, [], folder)).rejects.toThrow('the data has 256 classes');
    else
      await expect(trained(swapped, [], folder)).rejects.toThrow(
        'target kind with 255, not a class of data.classes.kind 3',
      );
  });

  it('is refused where nothing is left', async () => {
    const none = rows.map((row) => ({ ...row, targets: { ...row.targets, kind: 255 } }));
    // One class would be refused before.
    none[0] = { ...none[0], targets: { kind: 1, other: 0 } };
    const file = writeModule(folder, 'none.mjs', `export default ${JSON.stringify(none)};`);
    const ignoring = (ignoreClass: number) => ({ sparseCategoricalCrossentropy: { ignoreClass } });
    const loss = { kind: ignoring(255), other: ignoring(0) };
    const run = made(
      'none',
      { ...module, file, classes: { kind: 256, other: 2 } },
      {
        loss,
        model: {
          layers: [{ dense: { name: 'a', units: 256, from: 'x' } }, { dense: { name: 'b', units: 2, from: 'x' } }],
          outputs: { kind: 'a', other: 'b' },
        },
      },
    );
    // Of this seed, the only example that counts is held out.
    const seeds = Array.from({ length: 12 }, (_, seed) => seed);
    const refusals = [];
    for (const seed of seeds) {
      const outcome = await trained(run, ['data.test=0.5', `seed=${seed}`], folder).catch((error) => error.message);
      if (typeof outcome === 'string') refusals.push(outcome);
      if (refusals.length > 0) break;
    }
    expect(refusals).toEqual([
      'loss.kind: ignoreClass 255 leaves none of the targets in the training split: name another class, or add examples of other classes',
    ]);
  });
});

/** A run on classes of these labels, its hash and its validation. */
async function labelled(labels: readonly string[], ignoreClass: number) {
  const rows = Array.from({ length: 24 }, (_, i) => `${((i * 7) % 11) / 11},${labels[(i * 5) % 3]}`);
  writeFileSync(join(folder, 'labels.csv'), ['x,kind', ...rows, ''].join('\n'));
  const run = writeConfig(folder, 'labels', {
    data: {
      source: 'csv',
      file: join(folder, 'labels.csv'),
      validation: 0.25,
      test: 0,
      inputs: { x: 'x' },
      targets: { kind: { column: 'kind', type: 'class' } },
    },
    model: { layers: [{ dense: { units: 'classes' } }] },
    loss: { sparseCategoricalCrossentropy: { ignoreClass } },
    metrics: ['accuracy'],
    training: { epochs: 2, batchSize: 6, shards: 2, classWeights: 'balanced' },
  });
  const { end } = await trained(run, [], folder);
  return { run, model: end.model, sha256: end.sha256, validation: end.validation };
}

/** Of labels that are no numbers, which go by their index. */
const byIndex = new Map<number, Awaited<ReturnType<typeof labelled>>>();

it.each([
  [['1', '2', '3'], 3, 2],
  [['1', '2', '3'], 1, 0],
  [['1', '2', '3'], 0, -1],
  [['-1', '0', '1'], -1, 0],
  [['0', '1', '255'], 255, 2],
  [['0.0', '1.0', '2.0'], 1, 1],
  [['0', '1', '2'], 7, -1],
])('classes of a column whose names are numbers, %j, go by those: %i', async (names, ignoreClass, index) => {
  const { run, model, sha256, validation } = await labelled(names, ignoreClass);
  const metrics = await metricsOf(model, { split: 'validation', config: run });
  expect(metrics).toEqual(validation);
  const lettered = byIndex.get(index) ?? (await labelled(['a', 'b', 'c'], index));
  byIndex.set(index, lettered);
  expect({ sha256, validation }).toEqual({ sha256: lettered.sha256, validation: lettered.validation });
});

it('of one target that leaves nothing to learn from is refused', async () => {
  const run = {
    data: {
      source: 'values',
      features: [[1], [2], [3], [4]],
      targets: [2, 2, 2, 2],
      classes: 3,
      validation: 0,
      test: 0,
    },
    model: { layers: [{ dense: { units: 'classes' } }] },
    training: { epochs: 1, batchSize: 2 },
  };
  for (const loss of ['sparseCategoricalCrossentropy', 'categoricalCrossentropy']) {
    const alone = writeConfig(folder, 'alone', { ...run, loss: { [loss]: { ignoreClass: 2 } } });
    expect((await refusalOf(trained(alone, [], folder))).message).toBe(
      'loss: ignoreClass 2 leaves none of the targets in the training split: name another class, or add examples of other classes',
    );
  }
});

it('counts neither what fills sequences up nor the ignored class, in training as in evaluation', async () => {
  const rows = Array.from({ length: 12 }, (_, i) => {
    const words = Array.from({ length: 1 + (i % 5) }, (_, place) => [Math.sin(i + place), Math.cos(i * place)]);
    return { inputs: { words }, targets: { tags: words.map((_, place) => (i + place) % 3), long: Number(i % 5 > 2) } };
  });
  const file = writeModule(folder, 'sequences.mjs', `export default ${JSON.stringify(rows)};`);
  const sparse = 'sparseCategoricalCrossentropy';
  const run = writeConfig(folder, 'sequences', {
    data: {
      source: 'module',
      file,
      length: { words: 'longest' },
      classes: { tags: 3, long: 2 },
      validation: 0,
      test: 0,
    },
    model: {
      layers: [
        { dense: { name: 'tags', units: 3, from: 'words' } },
        { globalAveragePooling1d: { from: 'words' } },
        { dense: { name: 'long', units: 2 } },
      ],
      outputs: { tags: 'tags', long: 'long' },
    },
    loss: { tags: { [sparse]: { ignoreClass: 1 } }, long: sparse },
    metrics: { tags: ['accuracy'] },
    // Next to nothing changes, so that the losses before and after the step are alike.
    optimizer: { sgd: { learningRate: 1e-9 } },
    training: { epochs: 1, batchSize: 'all', shards: 3 },
  });
  const { end, epochs } = await trained(run, [], folder);
  const metrics = await metricsOf(end.model, { split: 'training', config: run });
  expect(epochs[0].loss).toBeCloseTo(metrics.loss, 6);
  expect(metrics.loss).toBeCloseTo(metrics.tags_loss + metrics.long_loss, 6);
  // The mean over all places that count, by hand.
  const [kernel, bias] = ['tags/kernel', 'tags/bias'].map((name) => namedWeights(end.model).get(name)!);
  const losses = rows.flatMap(({ inputs: { words }, targets: { tags } }) =>
    words.flatMap(([a, b], place) => {
      if (tags[place] === 1) return [];
      const logits = [0, 1, 2].map((tag) => a * kernel[tag] + b * kernel[3 + tag] + bias[tag]);
      return Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0)) - logits[tags[place]];
    }),
  );
  expect(metrics.tags_loss).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / losses.length, 6);
});

describe('class weights of several targets', () => {
  const run = writeConfig(folder, 'refused', config([], 1));
  it.each([
    [
      'balanced',
      'training.classWeights: the data have the targets kind, parts, size, and it does not say of which it is: name the target: training.classWeights: { kind: balanced }',
    ],
    ['{"0": 2}', 'and it does not say of which it is: name the target: training.classWeights: { kind: { ... } }'],
    ['{"knd": "balanced"}', 'training.classWeights.knd: the data have no target knd: did you mean kind?'],
    ['{"parts": "balanced"}', 'training.classWeights.parts: the targets are not one class each: remove it'],
    ['{"size": {"0": 1}}', 'training.classWeights.size: the targets are not one class each: remove it'],
    ['{"kind": {"0": -1}}', 'training.classWeights.kind.0: -1 is not a number of at least 0'],
    ['{"kind": "balanced", "0": 2}', '0 has a number, as classes have, and kind has none, as targets'],
    ['{"kind": {"7": 1}}', 'training.classWeights.kind: there is no class 7: name one of 0, 1, 2'],
    ['{"kind": {"0": 0, "1": 0, "2": 0}}', 'all examples of the training split have the weight 0 for kind'],
  ])('refuses %s', async (given, problem) => {
    const { message } = await refusalOf(trained(run, [`training.classWeights=${given}`], folder));
    expect(message).toContain(problem);
  });

  it('balanced are those of scikit-learn over the examples that count', async () => {
    // n / (classes * n of the class) of 8 examples that are not ignored.
    const counts = [0, 1, 2].map((index) => fixture.kind.filter((kind) => kind === index).length);
    const named = Object.fromEntries(counts.map((count, index) => [index, 8 / (3 * count)]));
    const results = [];
    for (const given of ['{"kind": "balanced"}', JSON.stringify({ kind: named })]) {
      results.push(resultOf(await trained(run, [`training.classWeights=${given}`], folder)));
    }
    expect(results[0]).toEqual(results[1]);
  });
});
