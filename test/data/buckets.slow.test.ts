/** Batches of sequences that are computed at the length of their bucket: which one, the same bits everywhere, and refusals. */
import { describe, expect, it } from 'vitest';
import { resume, train } from '../../coordinator/local/train.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import { ConfigError } from '../../src/errors.js';
import type { RunEvent } from '../../src/report/events.js';
import { relativeError } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { newPaths, temporaryFolder, writeConfig } from '../support/folder.js';
import { refusalOf, writeModule } from '../support/modules.js';
import { resultOf, trained, weightsOf } from '../support/runs.js';
import { trainedInWorld } from '../support/worlds.js';

const folder = temporaryFolder();
const newPath = newPaths();

/** Most are of 2 to 4 words, some of up to 7, few of 12. */
const words = writeModule(
  folder,
  'words.mjs',
  'const lengthOf = (i) => (i % 101 === 7 ? 12 : i % 23 === 5 ? 5 + (i % 3) : 2 + (i % 3));',
  'export default function* ({ count }) {',
  '  for (let i = 0; i < count; i++) {',
  '    const words = Array.from({ length: lengthOf(i) }, (_, place) => (i * 7 + place * 3) % 9);',
  '    yield { inputs: { words }, targets: { tags: words.map((word) => word % 3), size: words.length } };',
  '  }',
  '}',
);

const functions = writeModule(
  folder,
  'functions.mjs',
  '/** Of each place: how many there are in the batch. */',
  'export const places = (tf, targets, outputs) => tf.add(tf.mul(tf.sum(outputs, -1), 0), outputs.shape[1]);',
);

const config = {
  data: {
    source: 'module',
    file: words,
    options: { count: 400 },
    validation: 0.5,
    test: 0,
    length: { words: 'longest' },
    categories: { words: 9 },
    classes: { tags: 3 },
  },
  model: {
    layers: [
      { embedding: { name: 'h', from: 'words', inputDim: 'categories', outputDim: 4 } },
      { gru: { name: 'read', units: 5, returnSequences: true } },
      { dropout: { rate: 0.2 } },
      { dense: { name: 'tag', units: 3 } },
      { globalAveragePooling1d: { from: 'read' } },
      { dense: { name: 'total', units: 1 } },
    ],
    outputs: { tags: 'tag', size: 'total' },
  },
  loss: { tags: 'sparseCategoricalCrossentropy', size: 'meanSquaredError' },
  metrics: { tags: ['accuracy', { custom: { name: 'places', module: functions } }], size: ['mae'] },
  training: { epochs: 2, batchSize: 16, shards: 2, buckets: [4, 8] as number[] | 'auto' | undefined },
};

const file = writeConfig(folder, 'tagged', config);

/** Without a recurrent layer, whose graph grows with its places, for what any layer shows. */
const quick = ['model.layers.1={"dense":{"name":"read","units":5,"activation":"tanh"}}'];

it('each batch has the first length that holds its longest sequence, and a graph is compiled for each', async () => {
  const counting = { custom: { name: 'places', module: functions } };
  const { data, model } = config;
  const measured = writeConfig(folder, 'measured', {
    data,
    model: { layers: model.layers.slice(0, 4), outputs: { tags: 'tag' } },
    loss: { tags: counting },
    metrics: { tags: [counting] },
    training: { epochs: 2, batchSize: 16, shards: 2, buckets: [4, 8], logEvery: 1 },
  });
  const only = writeModule(
    folder,
    'only.mjs',
    `import make from ${JSON.stringify(new URL(`file://${words}`).href)};`,
    'export default function* (options) {',
    '  for (const { inputs, targets: { tags } } of make(options)) yield { inputs, targets: { tags } };',
    '}',
  );
  const { start, epochs, events } = await trained(measured, [`data.file=${only}`], newPath());
  expect(start).toMatchObject({ training: 200, validation: 200 });
  // Shards of 8 in each bucket; and the two batches of validation, of 128 and 72 examples.
  expect(start.buckets).toEqual({ places: [4, 8, 12], graphs: 3 + 2 });
  for (const { epoch, stepsByPlaces, validation } of epochs) {
    const ran = events.filter((event) => event.event === 'step').slice(13 * (epoch - 1), 13 * epoch);
    const counts = { 4: 0, 8: 0, 12: 0 };
    // The loss is the number of places of what was computed.
    for (const { loss } of ran) counts[loss as 4]++;
    expect(stepsByPlaces).toEqual(counts);
    expect(Math.min(...Object.values(counts))).toBeGreaterThan(0);
    // None of the longest are in validation.
    expect(validation!.places).toBe(8);
  }
});

describe('a run in buckets', () => {
  let first: ReturnType<typeof trained> | undefined;
  const onOneThread = () => {
    first ??= trained(file, quick, newPath());
    return first;
  };

  it('has the same bits on any number of threads, on workers, and when it is resumed', async () => {
    const alone = await onOneThread();
    expect(alone.start.buckets!.places).toEqual([4, 8, 12]);
    expect(resultOf(await trained(file, quick, newPath(), 2))).toEqual(resultOf(alone));
    for (const [threads, set] of [
      [0, quick],
      [1, [...quick, 'cluster.placement=stream']],
    ] as const) {
      const run = await trainedInWorld(file, set, newPath(), newPath(), { threads, workers: [{ threads: 1 }] });
      expect(resultOf(run)).toEqual(resultOf(alone));
      expect(run.epochs.map(({ stepsByPlaces }) => stepsByPlaces)).toEqual(
        alone.epochs.map(({ stepsByPlaces }) => stepsByPlaces),
      );
    }
    const part = await train(loadRunConfig(file, quick), { threads: 1, out: newPath(), steps: 5 });
    const events: RunEvent[] = [];
    const end = await resume(part.resume!, { threads: 2, report: (event) => events.push(event) });
    expect(end.sha256).toBe(alone.end.sha256);
    const metrics = await metricsOf(part.resume!, { split: 'validation' });
    expect(metrics).toEqual(alone.end.validation);
  });

  it('comes to what it does at the full length, up to rounding', async () => {
    const still = [...quick, 'model.layers.2.dropout.rate=0', 'training.epochs=1'];
    const cut = await trained(file, still, newPath());
    const whole = await trained(
      writeConfig(folder, 'whole', { ...config, training: { ...config.training, buckets: undefined } }),
      still,
      newPath(),
    );
    expect(whole.start.buckets).toBeUndefined();
    expect(whole.epochs[0].stepsByPlaces).toBeUndefined();
    expect(relativeError(weightsOf(cut.end.model), weightsOf(whole.end.model))).toBeLessThan(1e-4);
    expect(cut.end.validation!.loss).toBeCloseTo(whole.end.validation!.loss, 5);
    expect(cut.end.validation!.tags_accuracy).toBe(whole.end.validation!.tags_accuracy);
  });

  it('may have batches of examples of like length', async () => {
    // Filled up further than anything is long, which no batch pays for.
    const grouped = [...quick, 'training.groupByLength=true', 'data.length.words=30', 'training.buckets=[4,8,12,20]'];
    const one = await trained(file, grouped, newPath());
    expect(resultOf(await trained(file, grouped, newPath(), 2))).toEqual(resultOf(one));
    const mixed = await onOneThread();
    // Sorted, the 200 examples make eleven batches of four words at most, one of more, and the rest with those of twelve.
    expect(one.epochs[0].stepsByPlaces).toEqual({ 4: 11, 8: 1, 12: 1 });
    expect(mixed.epochs[0].stepsByPlaces![4]).toBeLessThan(11);
  });

  it('runs on engine tfjs too', async () => {
    const few = [...quick, 'data.options.count=60', 'training.epochs=1'];
    const [onnx, tfjs] = [
      await trained(file, few, newPath()),
      await trained(file, [...few, 'engine=tfjs', 'backend=cpu'], newPath()),
    ];
    expect(tfjs.epochs[0].stepsByPlaces).toEqual(onnx.epochs[0].stepsByPlaces);
    expect(tfjs.end.validation!.loss).toBeCloseTo(onnx.end.validation!.loss, 4);
  });

  it('evaluates a model whose file says a length at that length, and says so', async () => {
    const overrides = [...quick, 'training.epochs=1'];
    const { end } = await trained(file, overrides, newPath());
    const warnings: string[] = [];
    const metrics = await metricsOf(end.model, {
      split: 'validation',
      config: file,
      overrides,
      warn: (message: string) => warnings.push(message),
    });
    expect(metrics.loss).toBeCloseTo(end.validation!.loss, 5);
    expect(warnings.join()).toContain('all batches are evaluated at the full length');
  });
});

describe('is refused with a remedy', () => {
  const readsAll = (...layers: object[]) => ({
    ...config,
    data: { ...config.data, file: sizes },
    model: { layers: [config.model.layers[0], ...layers, { dense: { units: 1 } }] },
    loss: 'meanSquaredError',
    metrics: [],
    training: { epochs: 1, batchSize: 2, buckets: [4, 8] },
  });
  const sizes = writeModule(
    folder,
    'sizes.mjs',
    'export default [2, 3, 9].flatMap((length) => Array(20).fill({ inputs: { words: Array(length).fill(1) }, targets: { size: length } }));',
  );
  const plainData = { source: 'values', features: [[1], [2], [3]], targets: [1, 2, 3] };
  const dense = { layers: [{ dense: { units: 1 } }] };
  const data = { ...config.data, file: sizes, classes: undefined, validation: 0 };
  const cases: [string, object, string, string][] = [
    [
      'a layer whose weights are of one length',
      { ...readsAll({ flatten: {} }), data },
      'at the full length, and not for 4 places',
      'leave training.buckets out',
    ],
    [
      'a layer that says the length',
      { ...readsAll({ reshape: { targetShape: [36] } }), data },
      'training.buckets: 4: sequences of 4 places: model.layers.1 (reshape)',
      'leave training.buckets out',
    ],
    [
      'a layer that needs more places than the shortest have',
      {
        ...readsAll({ conv1d: { filters: 2, kernelSize: 5 } }, { globalMaxPooling1d: {} }),
        data,
      },
      'training.buckets: 4: sequences of 4 places: model.layers.1 (conv1d)',
      'list longer ones alone',
    ],
    [
      'grouping without lengths',
      { ...config, training: { epochs: 1, batchSize: 2, groupByLength: true } },
      'training.groupByLength: true needs lengths to group by',
      'add training.buckets: auto',
    ],
    [
      'data without sequences',
      {
        data: plainData,
        model: dense,
        loss: 'meanSquaredError',
        training: { epochs: 1, batchSize: 1, buckets: 'auto' },
      },
      'no input of the data is a sequence of unequal length',
      'data.length',
    ],
  ];
  it.each(cases)('%s', async (name, wrong, problem, remedy) => {
    const { error, message } = await refusalOf(
      trained(writeConfig(folder, name.replaceAll(' ', '-'), wrong), [], newPath()),
    );
    expect(message).toContain(problem);
    expect((error as ConfigError).remedy).toContain(remedy);
  });

  it.each([
    ['[8, 4]', 'training.buckets', 'from the shortest'],
    ['[4, 4]', 'training.buckets', 'from the shortest'],
    ['[]', 'training.buckets', ''],
    ['[0, 4]', 'training.buckets', ''],
    ['[4.5]', 'training.buckets', ''],
    ['true', 'training.buckets', ''],
    [JSON.stringify(Array.from({ length: 17 }, (_, i) => i + 1)), 'training.buckets', ''],
  ])('training.buckets: %s', (value, problem, remedy) => {
    let error: unknown;
    try {
      loadRunConfig(file, [`training.buckets=${value}`]);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as ConfigError).message).toContain(problem);
    expect((error as ConfigError).message + (error as ConfigError).remedy).toContain(remedy);
  });
});

it('may have a single place, and the shorter ones may be left out where a layer needs more', async () => {
  const singles = writeModule(
    folder,
    'singles.mjs',
    'export default Array.from({ length: 30 }, (_, i) => ({ features: Array(i % 3 ? 1 : 6).fill([i / 30, 1]), target: i % 3 }));',
  );
  const of = (layers: object[], buckets: number[]) =>
    writeConfig(folder, 'singles', {
      data: { source: 'module', file: singles, length: 'longest', validation: 0, test: 0 },
      model: { layers: [...layers, { dense: { units: 1 } }] },
      loss: 'meanSquaredError',
      training: { epochs: 2, batchSize: 5, shards: 1, buckets, groupByLength: true },
    });
  // What comes before a recurrent layer needs the gradient of what that takes apart.
  const recurrent = [{ dense: { units: 2 } }, { gru: { units: 2, returnSequences: true } }, { lstm: { units: 2 } }];
  const single = of(recurrent, [1]);
  const onnx = await trained(single, [], newPath());
  const tfjs = await trained(single, ['engine=tfjs', 'backend=cpu'], newPath());
  expect(onnx.epochs[0].stepsByPlaces).toEqual({ 1: 4, 6: 2 });
  expect(relativeError(weightsOf(onnx.end.model), weightsOf(tfjs.end.model))).toBeLessThan(1e-5);
  const convolved = [{ conv1d: { filters: 2, kernelSize: 5 } }, { globalMaxPooling1d: {} }];
  const { start } = await trained(of(convolved, [5]), [], newPath());
  expect(start.buckets!.places).toEqual([5, 6]);
});

it('buckets that hardly a batch has are no mistake, and a warning', async () => {
  const { start, events } = await trained(file, [...quick, 'training.buckets=[12,40]', 'training.epochs=1'], newPath());
  expect(start.buckets!.places).toEqual([12]);
  expect(events).toContainEqual({
    event: 'warning',
    message: expect.stringContaining('hardly a batch is shorter than the full length of 12 places'),
  });
});
