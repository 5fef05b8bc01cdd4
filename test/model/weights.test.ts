/** Weights of examples and classes in the training loss, against the formula. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { trained, weightsOf } from '../support/runs.js';

const folder = temporaryFolder();
const features = [0.5, -1, 2, 1.5, -0.5, 1];
const targets = [1, -2, 3.5, 2, 0, 1];
const weights = [1, 0, 2, 0.5, 1, 3];

/** One step of gradient descent from w = b = 0 on mean(weight * (w x + b - y)²). */
function oneStep(rate: number): [number, number] {
  let [w, b] = [0, 0];
  features.forEach((x, i) => {
    const slope = (-2 * weights[i] * targets[i]) / features.length;
    w -= rate * slope * x;
    b -= rate * slope;
  });
  return [w, b];
}

const regression = {
  model: { layers: [{ dense: { units: 1, kernelInitializer: 'zeros' } }] },
  loss: 'meanSquaredError',
  optimizer: { sgd: { learningRate: 0.1 } },
  training: { epochs: 1, batchSize: 'all', shards: 2 },
};

it.each(['onnx', 'tfjs'])('an example counts as often as its weight says (engine %s)', async (engine) => {
  const table = features.map((x, i) => `${x},${targets[i]},${weights[i]}`).join('\n');
  writeFileSync(join(folder, 'weighted.csv'), `x,y,w\n${table}\n`);
  const data = {
    source: 'csv',
    file: join(folder, 'weighted.csv'),
    target: 'y',
    weight: 'w',
    standardize: false,
    validation: 0,
    test: 0,
  };
  const backend = engine === 'tfjs' ? { backend: 'cpu' } : {};
  const file = writeConfig(folder, 'weighted', { ...regression, data, engine, ...backend });
  const { end, epochs } = await trained(file, [], folder);
  const [w, b] = oneStep(0.1);
  const [kernel, bias] = weightsOf(end.model);
  expect(kernel).toBeCloseTo(w, 6);
  expect(bias).toBeCloseTo(b, 6);
  const loss = targets.reduce((sum, y, i) => sum + weights[i] * y * y, 0) / targets.length;
  expect(epochs[0].loss).toBeCloseTo(loss, 5);
});

const classes = {
  data: {
    source: 'values',
    features: [
      [1, 0],
      [0.5, 1],
      [-1, 2],
      [2, 1],
      [1, 1],
      [0, -1],
      [1, -2],
      [2, 2],
    ],
    targets: [0, 0, 0, 0, 0, 1, 1, 2],
    classes: 3,
  },
  model: { layers: [{ dense: { units: 'classes', kernelInitializer: 'zeros' } }] },
  loss: 'sparseCategoricalCrossentropy',
  optimizer: { sgd: { learningRate: 0.3 } },
  training: { epochs: 1, batchSize: 'all' },
};
const file = writeConfig(folder, 'classes', classes);

/** Bias after one step from zero: all probabilities are 1/3. */
function bias(factors: readonly number[]): number[] {
  const { targets } = classes.data;
  return [0, 1, 2].map((unit) =>
    targets.reduce(
      (sum, target) => sum - (0.3 * factors[target] * (1 / 3 - Number(target === unit))) / targets.length,
      0,
    ),
  );
}

it('balanced class weights even out how often a class occurs', async () => {
  const { end } = await trained(file, ['training.classWeights=balanced'], folder);
  const factors = [5, 2, 1].map((count) => 8 / (3 * count));
  bias(factors).forEach((value, unit) => {
    expect(weightsOf(end.model)[6 + unit]).toBeCloseTo(value, 6);
  });
});

it('given class weights go by index, and others are 1', async () => {
  const { end } = await trained(file, ['training.classWeights={2: 10, 0: 0}'], folder);
  bias([0, 1, 10]).forEach((value, unit) => {
    expect(weightsOf(end.model)[6 + unit]).toBeCloseTo(value, 6);
  });
});

it('class weights of classes that are not there, or of numbers, are refused', async () => {
  const refused = (file: string, override: string) => expect(trained(file, [override], folder)).rejects;
  await refused(file, 'training.classWeights={3: 1}').toThrow(
    'training.classWeights: there is no class 3: name one of 0, 1, 2',
  );
  const numbers = writeConfig(folder, 'numbers', {
    ...regression,
    data: { source: 'values', features, targets },
  });
  await refused(numbers, 'training.classWeights=balanced').toThrow('the targets are not one class each');
});

it.each([
  // 1.0 in YAML is 1, and no index: the classes are 1.0, 2.0 and 3.0.
  { names: ['1.0', '2.0', '3.0'], given: '{1.0: 10, 3: 0}', factors: [10, 1, 0] },
  { names: ['2', '1', '0'], given: '{0: 10, 2: 0}', factors: [0, 1, 10] },
  { names: ['a', 'b', 'c'], given: '{a: 10, 2: 0}', factors: [10, 1, 0] },
])('class weights of classes $names go by name before index', async ({ names, given, factors }) => {
  const rows = classes.data.features.map((row, i) => `${row.join(',')},${names[classes.data.targets[i]]}`);
  writeFileSync(join(folder, 'named.csv'), `a,b,y\n${rows.join('\n')}\n`);
  const data = { source: 'csv', file: join(folder, 'named.csv'), target: 'y', validation: 0, test: 0 };
  const file = writeConfig(folder, 'named', { ...classes, data });
  const { end } = await trained(file, [`training.classWeights=${given}`], folder);
  const inOrder = [...names].sort();
  const expected = bias(factors);
  names.forEach((name, target) => {
    expect(weightsOf(end.model)[6 + inOrder.indexOf(name)]).toBeCloseTo(expected[target], 6);
  });
});

it('an index is no name for classes that are numbers', async () => {
  const rows = classes.data.features.map((row, i) => `${row.join(',')},${classes.data.targets[i] + 1}`);
  writeFileSync(join(folder, 'from-one.csv'), `a,b,y\n${rows.join('\n')}\n`);
  const data = { source: 'csv', file: join(folder, 'from-one.csv'), target: 'y', validation: 0, test: 0 };
  const file = writeConfig(folder, 'from-one', { ...classes, data });
  await expect(trained(file, ['training.classWeights={0: 9, 1: 2}'], folder)).rejects.toThrow(
    'training.classWeights: there is no class 0: name one of 1, 2, 3',
  );
});

it('weights that leave nothing to learn from are refused, wherever they come from', async () => {
  const none = 'all examples of the training split have the weight 0';
  await expect(trained(file, ['training.classWeights={0: 0, 1: 0, 2: 0}'], folder)).rejects.toThrow(none);
  writeFileSync(join(folder, 'nothing.csv'), `x,y,w\n${features.map((x, i) => `${x},${targets[i]},0`).join('\n')}\n`);
  const data = { source: 'csv', file: join(folder, 'nothing.csv'), target: 'y', weight: 'w', validation: 0, test: 0 };
  const weightless = writeConfig(folder, 'nothing', { ...regression, data });
  await expect(trained(weightless, [], folder)).rejects.toThrow(none);
});
