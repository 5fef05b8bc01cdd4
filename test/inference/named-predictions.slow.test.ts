/** Trained models of several inputs and outputs: predicted from, evaluated and exported by the names of their fields. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluate } from '../../coordinator/inference/evaluate.js';
import { exportModel } from '../../coordinator/inference/export.js';
import type { GivenInputs } from '../../coordinator/inference/input-batches.js';
import { encodeModel } from '../../src/engine/onnx/proto.js';
import { anyBatchGraph } from '../../src/export/inference.js';
import type { LayerWeight } from '../../src/model/build/layer-weights.js';
import { lockstepServed } from '../support/cli.js';
import { relativeError } from '../support/engines.js';
import { metricsOf } from '../support/evaluated.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { linesOf, namedRows, numbersOf, predictionOutput } from '../support/predictions.js';
import { type Trained, trained } from '../support/runs.js';
import { artifactsOf, writeSaved } from '../support/saved.js';
import { npyFile } from '../support/tables.js';

const folder = temporaryFolder();
const train = (name: string, config: object) => trained(writeConfig(folder, name, config), [], join(folder, 'runs'));
const common = { optimizer: { adam: { learningRate: 0.05 } }, training: { epochs: 2, batchSize: 8 } };

const layers = [
  { embedding: { name: 'userVector', from: 'user', inputDim: 'categories', outputDim: 3 } },
  { flatten: { name: 'u' } },
  { conv2d: { from: 'picture', filters: 2, kernelSize: 2 } },
  { flatten: { name: 'p' } },
  { concatenate: { from: ['u', 'p'] } },
  { dense: { name: 'hidden', units: 4, activation: 'tanh' } },
  // Not in the order of the targets.
  { dense: { name: 'kindLogits', units: 3 } },
  { dense: { name: 'score', from: 'hidden', units: 2 } },
];
const heads = {
  loss: { rating: 'meanSquaredError', kind: 'sparseCategoricalCrossentropy' },
  metrics: { rating: ['mae'], kind: ['accuracy'] },
};
// The same by a function of the user's.
const module = `export default (tf, { inputs }) => {
  const [user, picture] = ['user', 'picture'].map((name) => tf.input({ shape: inputs[name].shape, name }));
  const { categories } = inputs.user;
  const vector = tf.layers.flatten().apply(tf.layers.embedding({ inputDim: categories, outputDim: 3 }).apply(user));
  const all = tf.layers.concatenate().apply([vector, tf.layers.flatten().apply(picture)]);
  const [kind, score] = [3, 2].map((units, i) => tf.layers.dense({ units, name: ['kindLogits', 'score'][i] }).apply(all));
  return tf.model({ inputs: [picture, user], outputs: [kind, score] });
};`;
const outputs = { rating: 'score', kind: 'kindLogits' };
const users = [0, 2, 1, 4, 3];
const pictures = users.map((_, i) => Array.from({ length: 9 }, (_, j) => (i * 9 + j) / 10 - 2));
const nested = pictures.map((row) => [0, 3, 6].map((start) => row.slice(start, start + 3).map((value) => [value])));

const runs = new Map<string, Trained>();
beforeAll(async () => {
  const file = join(folder, 'rated.mjs');
  writeFileSync(
    file,
    `export default Array.from({ length: 40 }, (_, i) => ({
      inputs: { user: i % 5, picture: [0, 1, 2].map((y) => [0, 1, 2].map((x) => [Math.sin(i + 3 * y + x)])) },
      targets: { rating: [1000 + i % 5, i % 7], kind: i % 3 },
    }));`,
  );
  writeFileSync(join(folder, 'model.mjs'), module);
  const split = { validation: 0.2, test: 0.2, standardizeTargets: true };
  const data = { source: 'module', file, categories: { user: 5 }, classes: { kind: 3 }, ...split };
  const models = { layers: { layers, outputs }, module: { module: join(folder, 'model.mjs'), outputs } };
  for (const [name, model] of Object.entries(models)) {
    runs.set(name, await train(name, { data, model, ...heads, ...common }));
  }
});
const run = (name = 'layers') => runs.get(name)!.start.folder;

/** What plain tfjs makes of the examples, by the names of its layers. */
async function plainOutputs(path: string, count: number): Promise<Record<string, number[][]>> {
  const { modelTopology, weightsManifest } = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'));
  const bytes = readFileSync(join(path, weightsManifest[0].paths[0]));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  const parts = { modelTopology, weightSpecs: weightsManifest[0].weights, weightData };
  const model = await tfl.loadLayersModel(tf.io.fromMemory(parts));
  const given: Record<string, tf.Tensor> = {
    user: tf.tensor(users.slice(0, count), [count, 1]),
    picture: tf.tensor(nested.slice(0, count)),
  };
  const made = model.predict(model.inputNames.map((name) => given[name])) as tf.Tensor[];
  return Object.fromEntries(made.map((output, i) => [model.outputNames[i], output.arraySync() as number[][]]));
}

const softmax = (logits: number[]) => {
  const powers = logits.map(Math.exp);
  return powers.map((power) => power / powers.reduce((a, b) => a + b));
};

describe.each(['layers', 'module'])('a model of %s', (name) => {
  it('predicts what plain tfjs does, in the units and with the classes of each target', async () => {
    const rows = await namedRows(run(name), { user: users, picture: nested });
    const { score, kindLogits } = await plainOutputs(join(run(name), 'model'), 5);
    const { named } = JSON.parse(readFileSync(join(run(name), 'model', 'encoding.json'), 'utf8'));
    const { mean, deviation } = named.rating.targetScaling;
    expect(mean[0]).toBeGreaterThan(1000);
    rows.forEach(({ targets }, i) => {
      const wanted = score[i].map((value, j) => value * deviation[j] + mean[j]);
      expect(relativeError(numbersOf(targets!.rating), wanted)).toBeLessThan(1e-5);
      const shares = softmax(kindLogits[i]);
      const found = targets!.kind.classes!;
      expect(found.map(({ score }) => score)).toEqual(
        shares.toSorted((a, b) => b - a).map((x) => expect.closeTo(x, 5)),
      );
      expect(found[0].name).toBe(String(shares.indexOf(Math.max(...shares))));
    });
  });

  it('is evaluated to the numbers that its run reports, by target', async () => {
    const { metrics, examples } = await evaluate(run(name), { model: 'final' });
    expect(examples).toBe(8);
    expect(Object.keys(metrics)).toEqual(['loss', 'rating_loss', 'rating_mae', 'kind_loss', 'kind_accuracy']);
    expect(metrics).toEqual(runs.get(name)!.end.test);
  });

  it('runs in plain ONNX Runtime by the names of its fields, on batches of any size', async () => {
    const output = join(folder, `${name}.onnx`);
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    const options = { format: 'onnx', output, model: 'final', warn } as const;
    expect(await exportModel(run(name), options)).toMatchObject({
      input: { user: [1], picture: [3, 3, 1] },
      outputs: { rating: [2], kind: [3] },
    });
    expect(warnings).toEqual([expect.stringContaining('the outputs rating are standardized')]);
    const session = await InferenceSession.create(output, { logSeverityLevel: 3 });
    expect([...session.inputNames].sort()).toEqual(['picture', 'user']);
    expect([...session.outputNames].sort()).toEqual(['kind', 'rating']);
    for (const count of [1, 3, 5]) {
      const user = new Tensor('float32', Float32Array.from(users.slice(0, count)), [count, 1]);
      const values = Float32Array.from(pictures.slice(0, count).flat());
      const found = await session.run({ user, picture: new Tensor('float32', values, [count, 3, 3, 1]) });
      const { score, kindLogits } = await plainOutputs(join(run(name), 'model'), count);
      expect([found.rating.dims, found.kind.dims]).toEqual([
        [count, 2],
        [count, 3],
      ]);
      expect(relativeError(found.rating.data as Float32Array, score.flat())).toBeLessThan(1e-5);
      expect(relativeError(found.kind.data as Float32Array, kindLogits.flat())).toBeLessThan(1e-5);
    }
    await session.release();
  });
});

it('a folder of the model alone has the names too', async () => {
  const output = join(folder, 'alone');
  await exportModel(run(), { format: 'tfjs', output, model: 'final' });
  const given = { user: users, picture: nested };
  expect(await namedRows(output, given, { model: undefined })).toEqual(await namedRows(run(), given));
});

it('inputs are the same in whatever way they are given', async () => {
  const wanted = await namedRows(run(), { user: users, picture: nested });
  const write = (name: string, content: string | Buffer) => {
    writeFileSync(join(folder, name), content);
    return join(folder, name);
  };
  const objects = users.map((user, i) => ({ picture: nested[i], user }));
  const files = {
    user: write('user.npy', npyFile('<i8', [5], Buffer.from(BigInt64Array.from(users, BigInt).buffer))),
    picture: write('picture.json', JSON.stringify(pictures)),
  };
  const ways: GivenInputs[] = [
    objects,
    { user: Int32Array.from(users), picture: Float64Array.from(pictures.flat()) },
    { user: users.map((user) => [user]), picture: pictures },
    files,
    { ...files, user: users },
    write('columns.json', JSON.stringify({ user: users, picture: nested })),
    write('objects.json', JSON.stringify(objects)),
  ];
  for (const way of ways) expect(await namedRows(run(), way)).toEqual(wanted);
  const flags = Object.entries(files).flatMap(([name, file]) => ['--input', `${name}=${file}`]);
  const lines = linesOf(await predictionOutput([run(), ...flags, '--model', 'final', '--json'], folder));
  expect(lines.map((line) => JSON.parse(line))).toEqual(
    wanted.map(({ row, targets }) => {
      const [first, second] = targets!.rating.values!;
      const [{ name, score }] = targets!.kind.classes!;
      const rating = { values: { rating1: first, rating2: second } };
      return { row, targets: { rating, kind: { class: name, probability: score } } };
    }),
  );
});

it('a table gives inputs by its columns, and each target has columns of its own', async () => {
  const file = join(folder, 'ratings.csv');
  const lines = Array.from(
    { length: 40 },
    (_, i) => `${'abcde'[i % 5]},${i % 4},${i / 10},${i % 5},${i % 2 ? 'yes' : 'no'}`,
  );
  writeFileSync(file, ['who,film,age,rating,liked', ...lines].join('\n'));
  const inputs = { user: { index: 'who' }, rest: ['film', 'age'] };
  const { start, end } = await train('table', {
    data: { source: 'csv', file, inputs, targets: { rating: 'rating', liked: 'liked' }, split: { test: 0.2 } },
    model: {
      layers: [
        { embedding: { from: 'user', inputDim: 'categories', outputDim: 2 } },
        { flatten: { name: 'u' } },
        { concatenate: { from: ['u', 'rest'] } },
        { dense: { name: 'score', units: 1 } },
        { dense: { name: 'logit', from: 'score', units: 1 } },
      ],
      outputs: { rating: 'score', liked: 'logit' },
    },
    loss: { rating: 'meanSquaredError', liked: 'binaryCrossentropy' },
    ...common,
  });
  const place = start.folder;
  expect(await metricsOf(place, { model: 'final' })).toEqual(end.test);
  const whole = await evaluate(place, { model: 'final', data: file });
  expect(whole.examples).toBe(40);
  expect(Object.keys(whole.metrics)).toEqual(['loss', 'rating_loss', 'liked_loss']);

  const rows = await namedRows(place, file);
  const squares = rows.map(({ targets }, i) => (numbersOf(targets!.rating)[0] - (i % 5)) ** 2);
  expect(squares.reduce((a, b) => a + b) / 40).toBeCloseTo(whole.metrics.rating_loss, 5);
  const columns = { who: ['a', 'z'], film: [1, 2], age: [0.5, 1] };
  const two = await namedRows(place, columns);
  const objects = columns.who.map((who, i) => ({ who, film: columns.film[i], age: columns.age[i] }));
  expect(await namedRows(place, objects)).toEqual(two);

  const [header, first] = linesOf(await predictionOutput([place, file, '--csv', '--keep', 'who'], folder));
  expect(header).toBe('row,who,rating,liked_class,liked_probability,liked_probability_no,liked_probability_yes');
  expect(first).toMatch(/^1,a,/);
  const [plain] = linesOf(await predictionOutput([place, file], folder));
  expect(plain).toMatch(/^1 {2}rating -?[\d.]+ {2}liked (?:yes|no ) {2}0\.\d+$/);
});

describe('a model that another program saved', () => {
  /** A siamese pair under a shared encoder; its inputs and outputs are called as tensors inside of graphs are. */
  function siamese(): tfl.LayersModel {
    const [a, b] = ['t0', 'output'].map((name) => tfl.input({ shape: [3], name }));
    const encoder = tfl.layers.dense({ units: 4, activation: 'tanh', name: 'weight0' });
    const [left, right] = [encoder.apply(a), encoder.apply(b)] as tfl.SymbolicTensor[];
    const both = tfl.layers.add({ name: 'c1' }).apply([left, right]) as tfl.SymbolicTensor;
    const distance = tfl.layers.dense({ units: 1, name: 't1' }).apply(both) as tfl.SymbolicTensor;
    return tfl.model({ inputs: [a, b], outputs: [distance, both] });
  }
  const rows = [
    [0.1, 0.2, 0.3],
    [1, 0, -1],
  ];

  it('goes by its own names, which no tensor inside of a graph takes', async () => {
    const model = siamese();
    const place = writeSaved(join(folder, 'siamese'), await artifactsOf(model));
    const [distance, both] = (model.predict([tf.tensor(rows), tf.tensor(rows)]) as tf.Tensor[]).map(
      (output) => output.arraySync() as number[][],
    );
    const found = await namedRows(place, { t0: rows, output: rows }, { model: undefined, top: undefined });
    found.forEach(({ targets }, i) => {
      expect(relativeError(numbersOf(targets!.t1), distance[i])).toBeLessThan(1e-5);
      expect(relativeError(numbersOf(targets!.c1), both[i])).toBeLessThan(1e-5);
    });
    const weights = model.weights as unknown as LayerWeight[];
    const inputs = ['t0', 'output'].map((name) => ({ name, shape: [3] }));
    const graph = anyBatchGraph({ model, weights, inputs, outputs: [{ name: 't1' }, { name: 'c1' }] })!;
    const session = await InferenceSession.create(encodeModel(graph), { logSeverityLevel: 3 });
    const input = new Tensor('float32', Float32Array.from(rows.flat()), [2, 3]);
    const run = await session.run({ t0: input, output: input });
    expect(relativeError(run.t1.data as Float32Array, distance.flat())).toBeLessThan(1e-5);
    expect(relativeError(run.c1.data as Float32Array, both.flat())).toBeLessThan(1e-5);
    await session.release();
  });
});

describe('is refused by name, with a remedy:', () => {
  const good = { user: users, picture: nested };
  it.each([
    ['an input that is missing', { user: users }, 'the input picture is missing', 'user, picture'],
    ['one that the model has not', { ...good, usr: users }, 'no input "usr"', 'did you mean user?'],
    ['inputs of unequal length', { ...good, user: [1, 2] }, 'user has 2 rows, and picture has 5', 'as many'],
    ['one array', nested, 'is one array, and the model reads the inputs user, picture', '--input user=FILE'],
    ['one typed array', new Float32Array(50), 'is one array', '"picture": [...]'],
    ['a row without an input', [{ user: 1, picture: pictures[0] }, { user: 1 }], 'row 2: the input picture', 'all'],
    ['an id without a row', { ...good, user: [0, 1, 5, 2, 3] }, 'row 3 holds 5 as user', 'leave the row out'],
    ['an example of another shape', { ...good, picture: [[1]] }, 'picture: row 1 has 1 number', 'shape [3, 3, 1]'],
    ['no list', { ...good, user: 3 }, 'user: holds no list of examples', 'write a list'],
    ['an array of NumPy', 'one.npy', 'is one array', '--input picture=FILE'],
    ['a table', 'x.csv', 'is no .json file', 'by its name'],
    ['a path inside of JSON', 'paths.json', 'holds "user.npy"', 'numbers'],
  ] as [string, GivenInputs, string, string][])('%s', async (_, given, problem, remedy) => {
    writeFileSync(join(folder, 'paths.json'), JSON.stringify({ user: 'user.npy', picture: nested }));
    const input = typeof given === 'string' ? join(folder, given) : given;
    const error = await namedRows(run(), input).catch((reason) => reason);
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });

  it.each([
    [['--input', 'user'], 'is no name=file'],
    [['--input', 'user=a.npy', '--input', 'user=b.npy'], 'user is given twice'],
    [['x.json', '--input', 'user=a.npy'], 'both name inputs'],
    [['--input', 'user=nowhere.npy', '--input', 'picture=nowhere.npy'], 'nowhere.npy'],
  ])('on the command line, with exit code 2: %s', async (flags, problem) => {
    const { code, stdout, stderr } = await lockstepServed(['predict', run(), ...flags], folder);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(problem);
    expect(stderr).toContain('remedy: ');
  });
});
