/** Models of several inputs and outputs: both engines agree, losses add up by their weights, and mistakes are named. */
import { afterAll, describe, expect, it } from 'vitest';
import { headsOf } from '../../src/config/heads.js';
import { type LayerConfig, lossesSchema } from '../../src/config/model.js';
import type { Field } from '../../src/data/field.js';
import type { HeadSpec } from '../../src/engine/heads.js';
import { createStepModel, type StepSpec } from '../../src/engine/step.js';
import { ConfigError, ModelError } from '../../src/errors.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { createEngines, type EngineWithSlabs, lcg, relativeError } from '../support/engines.js';

const count = 6;
const fields: Field[] = [
  { name: 'user', role: 'input', type: 'int32', shape: [1], categories: 7 },
  { name: 'film', role: 'input', type: 'int32', shape: [1], categories: 5 },
  { name: 'picture', role: 'input', type: 'uint8', shape: [4, 4, 1], scale: 1 / 255 },
  { name: 'rating', role: 'target', type: 'float32', shape: [1] },
  { name: 'liked', role: 'target', type: 'int32', shape: [], categories: 2 },
  { name: 'weights', role: 'weight', type: 'float32', shape: [] },
];
const layers: LayerConfig[] = [
  { embedding: { name: 'userVector', from: 'user', inputDim: 'categories', outputDim: 3 } },
  { flatten: { name: 'u' } },
  { embedding: { name: 'filmVector', from: 'film', inputDim: 'categories', outputDim: 3 } },
  { flatten: { name: 'f' } },
  { conv2d: { from: 'picture', filters: 2, kernelSize: 3 } },
  { flatten: { name: 'p' } },
  { concatenate: { from: ['u', 'f', 'p'] } },
  { dense: { name: 'hidden', units: 4, activation: 'tanh' } },
  { dense: { name: 'score', units: 1 } },
  { dense: { name: 'likedLogit', from: 'hidden', units: 1 } },
];
const outputs = { rating: 'score', liked: 'likedLogit' };
const heads: HeadSpec[] = [
  { target: 'rating', loss: 'meanSquaredError', weight: 1 },
  { target: 'liked', loss: 'binaryCrossentropy', weight: 0.3 },
];
const spec: Partial<StepSpec> = { model: { layers, outputs }, heads, fields };
const engines: EngineWithSlabs[] = [];
afterAll(async () => {
  for (const engine of engines) await engine.dispose();
});

async function pair(more: Partial<StepSpec>) {
  const made = await createEngines({ layers: [], input: [], spec: { ...spec, ...more } }, [count]);
  engines.push(made.onnx, made.tfjs);
  for (const engine of [made.onnx, made.tfjs]) {
    engine.parameters.set(made.parameters);
    const random = lcg(9);
    const own = more.fields ?? fields;
    engine.buffers(count).forEach((values, i) => {
      const { categories, type } = own[i];
      const range = categories ?? (type === 'uint8' ? 256 : 1);
      for (let j = 0; j < values.length; j++) {
        values[j] = categories || type === 'uint8' ? Math.floor(random() * range) : random();
      }
    });
  }
  return made;
}

const key = { seed: 1, step: 2, shard: 0 };

it('both engines compute the same losses, gradients and outputs', async () => {
  const { onnx, tfjs } = await pair({});
  const [a, b] = [await onnx.shard(count, key), await tfjs.shard(count, key)];
  expect(a.divisor).toBe(count);
  expect(relativeError([a.lossSum], [b.lossSum])).toBeLessThan(1e-5);
  expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
  expect(Math.max(...tfjs.gradients.map(Math.abs))).toBeGreaterThan(0.01);
  const [compiled, eager] = [await onnx.evaluateAll(count), await tfjs.evaluateAll(count)];
  expect(compiled).toHaveLength(2);
  compiled.forEach(({ outputs, losses }, head) => {
    expect(relativeError(outputs, eager[head].outputs)).toBeLessThan(1e-5);
    expect(relativeError(losses, eager[head].losses)).toBeLessThan(1e-5);
  });
});

it('the loss is the sum of the outputs’ losses by their weights, in training and in results', async () => {
  const { onnx } = await pair({});
  const weights = onnx.buffers(count)[5];
  const { lossSum } = await onnx.shard(count, key);
  const evaluated = await onnx.evaluateAll(count);
  const weighted = (values: Float32Array) => values.reduce((sum, value, i) => sum + value * weights[i], 0);
  expect(lossSum).toBeCloseTo(weighted(evaluated[0].losses) + 0.3 * weighted(evaluated[1].losses), 4);

  const common = { places: 1, outputs: 1, threshold: 0, weighted: false };
  const metrics = new RunMetrics([
    { ...common, target: 'rating', factor: 1, metrics: ['mae'], classes: false, binary: false },
    { ...common, target: 'liked', factor: 0.3, metrics: ['accuracy'], classes: true, binary: true },
  ]);
  const [sums, counts] = [new Float64Array(metrics.width), new Float64Array(metrics.counts)];
  const buffers = onnx.buffers(count);
  const batches = evaluated.map((each, i) => ({ ...each, targets: buffers[3 + i] }));
  const kept = new Float32Array(0);
  metrics.add(batches, sums, counts, kept);
  const { scalars } = metrics.results({ sums: metrics.merged(sums), counts, kept });
  const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / count;
  expect(Object.keys(scalars)).toEqual(['loss', 'rating_loss', 'rating_mae', 'liked_loss', 'liked_accuracy']);
  expect(scalars.loss).toBeCloseTo(mean(evaluated[0].losses) + 0.3 * mean(evaluated[1].losses), 6);
  const right = evaluated[1].outputs.filter((logit, i) => logit > 0 === (buffers[4][i] === 1)).length;
  expect(scalars.liked_accuracy).toBeCloseTo(right / count, 12);
});

it('a mask field leaves places out: padded sequences come to what shorter ones come to by themselves', async () => {
  const sequence = (places: number): Field[] => [
    { name: 'words', role: 'input', type: 'float32', shape: [places, 2] },
    { name: 'counts', role: 'mask', type: 'float32', shape: [places], of: 'words' },
    { name: 'sum', role: 'target', type: 'float32', shape: [1] },
  ];
  const layers: LayerConfig[] = [
    { lstm: { units: 3, returnSequences: true } },
    { globalAveragePooling1d: {} },
    { dense: { units: 1 } },
  ];
  const model = { layers };
  const head = [{ target: 'sum', loss: 'meanSquaredError' as const, weight: 1 }];
  const results = [];
  for (const places of [5, 3]) {
    const { onnx, tfjs } = await pair({ model, heads: head, fields: sequence(places) });
    for (const engine of [onnx, tfjs]) {
      const [words, counts, sum] = engine.buffers(count);
      for (let row = 0; row < count; row++) {
        for (let place = 0; place < places; place++) {
          counts[row * places + place] = Number(place < 3);
          for (let i = 0; i < 2; i++) {
            words[(row * places + place) * 2 + i] = place < 3 ? Math.sin(row + 2 * place + i) : 100;
          }
        }
        sum[row] = row;
      }
      const { lossSum } = await engine.shard(count, key);
      results.push({ lossSum, gradients: engine.gradients.slice() });
    }
  }
  for (const { lossSum, gradients } of results) {
    expect(relativeError([lossSum], [results[3].lossSum])).toBeLessThan(1e-6);
    expect(relativeError(gradients, results[3].gradients)).toBeLessThan(1e-5);
  }
});

describe('is refused by name, with a remedy:', () => {
  const inputs = fields.slice(0, 3);
  const refusal = async (more: Partial<StepSpec>): Promise<ModelError> => {
    const error = await createStepModel({ ...spec, seed: 1, ...more } as StepSpec).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ModelError);
    return error as ModelError;
  };

  it.each([
    ['an input that no layer reads', { fields: [...fields, { ...inputs[0], name: 'age' }] }, 'age', 'from: age'],
    ['outputs that are not said', { model: { layers } }, 'model.outputs: is missing', 'outputs: { rating: <layer>'],
    ['an output of no target', { model: { layers, outputs: { ...outputs, sold: 'u' } } }, 'model.outputs.sold', 'use'],
    ['a target of no output', { model: { layers, outputs: { rating: 'score' } } }, 'the target liked', 'add liked'],
    ['a layer that is not there', { model: { layers, outputs: { ...outputs, liked: 'no' } } }, '"no" names no', 'use'],
    [
      'a first layer that does not say what it reads',
      { model: { layers: [{ dense: { units: 1 } }], outputs } },
      'which have the inputs user, film, picture',
      'from: user',
    ],
    [
      'categories of an input that has none',
      { model: { layers: [{ dense: { from: 'picture', units: 'categories' } }, ...layers], outputs } },
      'units: categories, but',
      'write the number',
    ],
  ] as [string, Partial<StepSpec>, string, string][])('%s', async (_, more, problem, remedy) => {
    const error = await refusal(more);
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });

  it.each([
    ['a target without a loss', { rating: 'meanSquaredError' }, [], 'the target liked', 'add liked'],
    ['a loss without a target', { rating: 'huber', liked: 'huber', x: 'huber' }, [], 'loss.x', 'data.targets'],
    ['one loss for two targets', 'huber', [], 'does not say of which', 'loss: { rating'],
    ['metrics without a name', { rating: 'huber', liked: 'huber' }, ['mae'], 'metrics', 'metrics: { rating'],
  ] as [string, unknown, never[], string, string][])('%s', (_, loss, metrics, problem, remedy) => {
    const act = () => headsOf({ loss: lossesSchema.parse(loss), metrics }, ['rating', 'liked']);
    expect(act).toThrow(ConfigError);
    expect(act).toThrow(problem);
    expect(act).toThrow(remedy);
  });
});
