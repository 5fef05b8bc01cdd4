/** A class at each place of a sequence: the loss is the mean over places, metrics count them, mistakes are named. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { splitExamples } from '../../src/data/splits/split.js';
import { createStepModel } from '../../src/engine/step.js';
import { ModelError } from '../../src/errors.js';
import type { MetricSpec } from '../../src/evaluate/metric-spec.js';
import { type Case, createEngines, fill, relativeError, specOf } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { scored } from '../support/metrics.js';
import { batchParts, examplesOf } from '../support/parts.js';
import { trained } from '../support/runs.js';
import { randomFloats } from '../support/slabs.js';

const places = 4;
const classes = 6;
const sequence = (...layers: Case['layers']): Case => ({
  layers: [{ embedding: { inputDim: classes, outputDim: 3 } }, ...layers],
  input: [places],
  places,
  classes,
  loss: 'sparseCategoricalCrossentropy',
  features: (random) => Math.floor(random() * classes),
  bytes: true,
});

/** -log of the probability of each target, from logits. */
function plainLosses(logits: Float32Array, targets: ArrayLike<number>): number[] {
  return Array.from(targets, (target, row) => {
    const values = [...logits.subarray(row * classes, (row + 1) * classes)];
    return Math.log(values.reduce((sum, value) => sum + Math.exp(value), 0)) - values[target];
  });
}

const means = (values: readonly number[], size: number) =>
  Array.from({ length: values.length / size }, (_, i) =>
    values.slice(i * size, (i + 1) * size).reduce((sum, value) => sum + value / size, 0),
  );

describe('the loss', () => {
  it('of an example is the mean over its places, on both engines', async () => {
    const example = sequence({ lstm: { units: 5, returnSequences: true } }, { dense: { units: classes } });
    const { parameters, onnx, tfjs } = await createEngines(example, [7]);
    for (const engine of [onnx, tfjs]) {
      fill(engine, example, parameters, 7);
      const { outputs, losses } = await engine.evaluate(7);
      expect(outputs.length).toBe(7 * places * classes);
      const expected = means(plainLosses(outputs, batchParts(engine.buffers(7)).targets), places);
      expect(relativeError(losses, expected)).toBeLessThan(1e-5);
      const sum = await engine.computeGradients(7, { seed: 0, step: 0, shard: 0 });
      const total = expected.reduce((a, b) => a + b);
      expect(relativeError([sum], [total])).toBeLessThan(1e-5);
      await engine.dispose();
    }
  });

  it('reads a softmax inside timeDistributed as probabilities', async () => {
    const dense = (activation?: string) => ({ timeDistributed: { layer: { dense: { units: classes, activation } } } });
    const [logits, softmax] = await Promise.all(
      [dense(), dense('softmax')].map(async (layer) => {
        const { parameters, onnx } = await createEngines(sequence(layer), [3]);
        fill(onnx, sequence(layer), parameters, 3);
        const losses = (await onnx.evaluate(3)).losses.slice();
        await onnx.dispose();
        return losses;
      }),
    );
    expect(relativeError(softmax, logits)).toBeLessThan(1e-5);
  });
});

describe('metrics', () => {
  const examples = 37;
  const outputs = randomFloats(1, examples * places * classes).map((value) => Math.round(value * 5) / 5);
  const targets = Int32Array.from(randomFloats(2, examples * places), (x) => Math.floor(Math.abs(x) * classes));
  const losses = randomFloats(3, examples).map(Math.abs);
  const spec: MetricSpec = {
    metrics: ['accuracy', { topKAccuracy: { k: 3 } }, 'mae', 'mse', 'r2'],
    outputs: classes,
    places,
    classes: true,
    threshold: 0,
    binary: false,
    weighted: false,
  };
  const inBatches = (of: MetricSpec, batches: readonly [number, number][], losses: Float32Array) => {
    const evaluated = batches.map(([from, to]) => {
      const part = (width: number) => [from * of.places * width, to * of.places * width] as const;
      const [rows, wanted] = [outputs.subarray(...part(classes)), targets.subarray(...part(1))];
      const counts = { losses: losses.subarray(from, to), divisor: to - from, metrics: [] };
      return { ...counts, outputs: rows, targets: wanted };
    });
    return scored(of, evaluated);
  };

  it('count places as if each were an example', () => {
    const actual = inBatches(
      spec,
      [
        [0, 16],
        [16, 32],
        [32, 37],
      ],
      losses,
    );
    const flat = losses.length * places;
    const alone = inBatches(
      { ...spec, places: 1 },
      [
        [0, 100],
        [100, flat],
      ],
      new Float32Array(flat),
    );
    expect(actual.accuracy).toBe(alone.accuracy);
    expect(actual.topKAccuracy).toBe(alone.topKAccuracy);
    expect(actual.accuracy).toBeGreaterThan(0);
    expect(actual.accuracy).toBeLessThan(actual.topKAccuracy);
    for (const name of ['mae', 'mse', 'r2']) expect(actual[name]).toBeCloseTo(alone[name], 12);
    expect(actual.loss).toBeCloseTo(means([...losses], examples)[0], 12);
  });

  it('of two classes on one output each count places too', () => {
    const two: MetricSpec = { ...spec, metrics: ['accuracy'], outputs: 1, places: 3, binary: true };
    const counts = { losses: new Float32Array(2), divisor: 2, metrics: [] };
    const outputs = Float32Array.of(1, -1, 2, -3, 1, -1);
    const batch = { ...counts, outputs, targets: [1, 0, 0, 0, 1, 1] };
    expect(scored(two, [batch]).accuracy).toBe(4 / 6);
  });
});

describe('mistakes', () => {
  const remedy = `end the model with a dense layer of ${classes} units (units: classes)`;
  it.each([
    {
      name: 'one output for all places',
      example: sequence({ flatten: {} }, { dense: { units: classes } }),
      problem: `the model's output [${classes}]: the data has ${classes} classes at each of [${places}] places`,
      remedy: `${remedy}, after layers that keep every place (returnSequences: true)`,
    },
    {
      name: 'other classes',
      example: sequence({ dense: { units: 5 } }),
      problem: `the model's output [${places}, 5]: the data has ${classes} classes at each of [${places}] places`,
      remedy,
    },
    {
      name: 'an output at each place for one class',
      example: { ...sequence({ dense: { units: classes } }), places: undefined },
      problem: `the model's output [${places}, ${classes}]: the data has ${classes} classes`,
      remedy: `${remedy}, after flatten or a layer that pools`,
    },
    {
      name: 'two classes without an axis for the unit',
      example: { ...sequence({ flatten: {} }, { dense: { units: places } }), classes: 2, loss: 'hinge' as const },
      problem: `the model's output [${places}]: the data has a class at each of [${places}] places`,
      remedy: 'end the model with a dense layer of 1 unit',
    },
  ])('$name', async ({ example, problem, remedy }) => {
    const error = await createStepModel(specOf(example)).catch((reason) => reason);
    expect(error).toBeInstanceOf(ModelError);
    expect(error.problem).toContain(problem);
    expect(error.remedy).toContain(remedy);
  });
});

it('stratifying by several classes an example is refused', () => {
  const shape = { count: 2, featureScale: 1, featureShape: [1], targetShape: [2], classes: 2 };
  const examples = examplesOf({ ...shape, features: new Float32Array(2), targets: Int32Array.of(0, 1, 1, 0) });
  expect(() => splitExamples(examples, { validation: 0.5, test: 0, stratify: true }, 0)).toThrow(
    'data.stratify: an example has several classes',
  );
});

describe('a run', () => {
  const folder = temporaryFolder();

  it('on targets: all learns a text that repeats itself', async () => {
    const file = join(folder, 'text.txt');
    writeFileSync(file, 'to be, or not to be: '.repeat(60));
    const config = writeConfig(folder, 'gru', {
      data: { source: 'text', file, window: 12, stride: 3, targets: 'all', validation: 0.2, test: 0.1 },
      model: {
        layers: [
          { embedding: { inputDim: 'classes', outputDim: 8 } },
          { gru: { units: 24, returnSequences: true } },
          { dense: { units: 'classes' } },
        ],
      },
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy', { topKAccuracy: { k: 2 } }],
      optimizer: { adam: { learningRate: 0.02 } },
      training: { epochs: 8, batchSize: 32, shards: 2 },
    });
    const { start, epochs, end } = await trained(config, [], folder);
    expect(start.engine).toBe('onnx');
    // "to be" goes on in two ways, so the first places of a window cannot all be known.
    for (const metrics of [end.validation!, end.test!]) {
      expect(metrics.loss).toBeLessThan(0.4);
      expect(metrics.accuracy).toBeGreaterThan(0.85);
      expect(metrics.accuracy).toBeLessThan(1);
      expect(metrics.topKAccuracy).toBeGreaterThan(metrics.accuracy);
    }
    expect(epochs[0].validation!.loss).toBeGreaterThan(1);
  });
});
