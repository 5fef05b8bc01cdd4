/**
 * Every loss under every way in which places do not count alike, on both engines, against Keras 3.15.1: loss, gradient, and
 * metrics (scripts/peers/keras_masked_losses.py).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LossConfig } from '../../src/config/model.js';
import type { MetricSpec } from '../../src/evaluate/metric-spec.js';
import type { MetricConfig } from '../../src/metrics/families.js';
import { type Case, createEngines, relativeError } from '../support/engines.js';
import { scored } from '../support/metrics.js';
import { packageRoot } from '../support/package.js';
import { batchParts, fieldsOf } from '../support/parts.js';

interface Expected {
  readonly loss: string;
  readonly mask: boolean;
  readonly weights: 'example' | 'place' | null;
  readonly ignoreClass: number | null;
  readonly value: number;
  readonly gradient: number[];
  readonly evaluated: Record<string, number>;
}
type Table = number[][];
interface Fixture {
  readonly ids: Table;
  readonly table: Table;
  readonly classes: Table;
  readonly outside: Table;
  readonly numbers: Table[];
  readonly oneHot: Table[];
  readonly bits: Table[];
  readonly byPlace: Table;
  readonly byExample: number[];
  readonly cases: Expected[];
}
const fixture: Fixture = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/keras-masked-losses.json'), 'utf8'));
const [count, places, units, vocabulary] = [5, 4, 3, 7];
const key = { seed: 0, step: 0, shard: 0 };

function targetsOf({ loss, ignoreClass }: Expected): number[] {
  if (loss.startsWith('sparse')) return (ignoreClass === -1 ? fixture.outside : fixture.classes).flat();
  if (loss === 'categoricalCrossentropy') return fixture.oneHot.flat(2);
  if (loss === 'binaryCrossentropy') return fixture.bits.flat(2);
  if (loss === 'hinge') return fixture.bits.flat(2).map((bit) => 2 * bit - 1);
  return fixture.numbers.flat(2);
}

function caseOf({ loss, mask, weights, ignoreClass }: Expected): Case {
  const classes = loss.startsWith('sparse') ? units : undefined;
  const fields = fieldsOf({
    featureShape: [places],
    classes,
    targetShape: classes ? [places] : [places, units],
    targetType: classes ? 'int32' : 'float32',
    weightShape: weights === null ? undefined : weights === 'place' ? [places] : [],
  });
  return {
    layers: [{ embedding: { inputDim: vocabulary, outputDim: units, maskZero: mask } }],
    input: [places],
    classes,
    loss: (ignoreClass === null ? loss : { [loss]: { ignoreClass } }) as LossConfig,
    spec: { fields },
  };
}

function specOf(expected: Expected, perPlace: number): MetricSpec {
  const classes = expected.loss.startsWith('sparse');
  const metrics = Object.keys(expected.evaluated)
    .filter((name) => name !== 'loss')
    .map((name) => (name === 'topKAccuracy' ? { topKAccuracy: { k: 2 } } : name)) as MetricConfig[];
  const outputs = (places * units) / perPlace;
  const weighted = expected.weights === 'place';
  return { metrics, outputs, places: perPlace, classes, threshold: 0, binary: false, weighted };
}

const nameOf = ({ loss, mask, weights, ignoreClass }: Expected): string =>
  [
    loss,
    mask && 'a mask',
    weights && `weights of each ${weights}`,
    ignoreClass !== null && `class ${ignoreClass} ignored`,
  ]
    .filter(Boolean)
    .join(', ');

describe.each(fixture.cases.map((expected) => [nameOf(expected), expected] as const))('%s', (_, expected) => {
  let engines: Awaited<ReturnType<typeof createEngines>>;
  beforeAll(async () => {
    engines = await createEngines(caseOf(expected), [count]);
  });
  afterAll(async () => {
    for (const engine of [engines.onnx, engines.tfjs]) await engine.dispose();
  });

  it.each(['onnx', 'tfjs'] as const)('has the loss, gradient and metrics of Keras on engine %s', async (name) => {
    const engine = engines[name];
    engine.parameters.set(fixture.table.flat());
    const buffers = engine.buffers(count);
    batchParts(buffers).features.set(fixture.ids.flat());
    batchParts(buffers).targets.set(targetsOf(expected));
    batchParts(buffers).weights?.set(expected.weights === 'place' ? fixture.byPlace.flat() : fixture.byExample);
    const { lossSum, divisor } = await engine.shard(count, key);
    expect(lossSum / divisor).toBeCloseTo(expected.value, 5);
    const length = vocabulary * units;
    const gradient = engine.gradients.subarray(0, length).map((value) => value / divisor);
    expect(relativeError(gradient, expected.gradient)).toBeLessThan(2e-5);

    const evaluation = await engine.evaluate(count);
    const spec = specOf(expected, engines.step.heads[0].places);
    const { targets, weights: given } = batchParts(buffers);
    const weights = expected.weights === 'place' ? given : undefined;
    const { r2, ...metrics } = scored(spec, [{ ...evaluation, targets, weights }]);
    const { r2: kerasR2, ...keras } = expected.evaluated;
    expect(Object.keys(metrics).sort()).toEqual(Object.keys(keras).sort());
    for (const [metric, value] of Object.entries(keras)) expect(metrics[metric], metric).toBeCloseTo(value, 5);
    // Where places are told apart, each is a row of its own.
    if (kerasR2 !== undefined && engines.step.heads[0].places > 1) expect(r2).toBeCloseTo(kerasR2, 5);
  });
});

it('metrics of several batches are sums over the places that count, not means of means', () => {
  const spec: MetricSpec = {
    metrics: ['mae', 'mse'],
    outputs: 1,
    places: 3,
    classes: false,
    threshold: 0,
    binary: false,
    weighted: false,
  };
  const batch = (errors: number[], valid: number[]) => ({
    outputs: Float32Array.from(errors),
    targets: new Float32Array(errors.length),
    losses: Float32Array.of(errors.reduce((sum, error, i) => sum + valid[i] * error * error, 0)),
    divisor: valid.reduce((a, b) => a + b),
    metrics: [],
    valid: Float32Array.from(valid),
  });
  // One row a batch. Keras 3 gives the mean of the batches' means, ((0 + 1) / 2 + (16 + 16 + 16) / 3) / 2 = 8.25.
  expect(scored(spec, [batch([0, 1, 9], [1, 1, 0]), batch([4, 4, 4], [1, 1, 1])])).toEqual({
    loss: 49 / 5,
    mae: 13 / 5,
    mse: 49 / 5,
  });
  // What is left out may be anything.
  expect(scored(spec, [batch([0, 1, Number.NaN], [1, 1, 0])]).mae).toBe(1 / 2);
});
