/** A batch cut into shards: their gradients add up to the batch's, and their new state averages to the batch's. */
import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, it } from 'vitest';
import { epochOrder } from '../../src/data/sampler.js';
import { gradientStep, type StepModel } from '../../src/engine/step.js';
import { fillNoise } from '../../src/engine/step-noise.js';
import { loadNoiseKernels } from '../../src/kernels/load-kernels.js';
import { tensorOf } from '../../src/model/slab.js';
import { type Case, createEngines, type EngineWithSlabs, fill, lcg, relativeError } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { batchOfTensors, batchParts } from '../support/parts.js';
import { trained } from '../support/runs.js';

const folder = temporaryFolder();
const classified = { classes: 4, loss: 'sparseCategoricalCrossentropy' } as const;

const cases: Record<string, Case> = {
  'an MLP': {
    layers: [{ dense: { units: 32, activation: 'relu' } }, { dense: { units: 4 } }],
    input: [9],
    ...classified,
  },
  'a CNN': {
    layers: [
      { conv2d: { filters: 6, kernelSize: 3, activation: 'relu' } },
      { maxPooling2d: { poolSize: 2 } },
      { conv2d: { filters: 8, kernelSize: 3, activation: 'relu' } },
      { flatten: {} },
      { dense: { units: 4 } },
    ],
    input: [11, 12, 2],
    ...classified,
  },
  'an LSTM': { layers: [{ lstm: { units: 6 } }, { dense: { units: 2 } }], input: [5, 3], target: [2] },
  'penalties of weights and activities': {
    layers: [
      {
        dense: {
          units: 8,
          kernelRegularizer: { className: 'L1L2', config: { l1: 0.01, l2: 0.02 } },
          activityRegularizer: { className: 'L1L2', config: { l1: 0.03, l2: 0.02 } },
        },
      },
      { dense: { units: 3 } },
    ],
    input: [5],
    target: [3],
    loss: 'huber',
  },
};

const batch = 44;
const key = { seed: 5, step: 3 };

/** Rows of each shard of a batch of 44 examples: equal, but for the last one. */
function cut(shardSize: number): { start: number; count: number }[] {
  const starts = Array.from({ length: Math.ceil(batch / shardSize) }, (_, shard) => shard * shardSize);
  return starts.map((start) => ({ start, count: Math.min(shardSize, batch - start) }));
}

/** Puts rows of the whole batch's buffers into the buffers of a shard. */
function fillShard(engine: EngineWithSlabs, start: number, count: number): void {
  const [whole, part] = [engine.buffers(batch), engine.buffers(count)];
  whole.forEach((values, i) => {
    const width = values.length / batch;
    part[i].set(values.subarray(start * width, (start + count) * width));
  });
}

/** Sums of losses and gradients over the shards, in the order of the shards. */
async function overShards(engine: EngineWithSlabs, shardSize: number) {
  const gradients = new Float32Array(engine.gradients.length);
  let lossSum = 0;
  for (const [shard, { start, count }] of cut(shardSize).entries()) {
    fillShard(engine, start, count);
    lossSum += await engine.computeGradients(count, { ...key, shard });
    engine.gradients.forEach((value, i) => {
      gradients[i] += value;
    });
  }
  return { lossSum, gradients };
}

async function prepare(example: Case, shardSize: number) {
  const made = await createEngines(example, [...new Set([batch, ...cut(shardSize).map(({ count }) => count)])]);
  for (const engine of [made.onnx, made.tfjs]) fill(engine, example, made.parameters, batch);
  return made;
}

describe.each(Object.entries(cases))('%s', (_, example) => {
  it.each([22, 8, 1])('has one gradient, whole or in shards of %i', async (shardSize) => {
    const { onnx } = await prepare(example, shardSize);
    const lossSum = await onnx.computeGradients(batch, { ...key, shard: 0 });
    const whole = onnx.gradients.slice();
    expect(Math.max(...whole.map(Math.abs))).toBeGreaterThan(0.1);
    const shards = await overShards(onnx, shardSize);
    expect(relativeError(shards.gradients, whole)).toBeLessThan(1e-6);
    expect(relativeError([shards.lossSum], [lossSum])).toBeLessThan(1e-6);
    await onnx.dispose();
  });
});

/** The masks of the shards, one behind the other: what a single batch would have to draw to be the same step. */
function composedNoise(shardSize: number): (shape: readonly number[]) => tf.Tensor {
  let place = 0;
  return ([, ...rest]) => {
    const width = rest.reduce((a, b) => a * b, 1);
    const masks = cut(shardSize).map(({ count }, shard) => {
      const memory = new WebAssembly.Memory({ initial: 1 });
      const values = new Float32Array(memory.buffer, 0, count * width);
      fillNoise(loadNoiseKernels(memory), 'uniform', values, { ...key, shard }, place);
      return tf.tensor(values.slice(), [count, ...rest]);
    });
    place++;
    return tf.concat(masks);
  };
}

/** The gradients of the whole batch, with masks that a test decides. */
function wholeGradients(step: StepModel, engine: EngineWithSlabs, uniform: (shape: readonly number[]) => tf.Tensor) {
  const { features, targets } = batchParts(engine.buffers(batch));
  return tf.tidy(() => {
    const parameters = step.layout.tensors.map((t) => tf.tensor(tensorOf(engine.parameters, t).slice(), [...t.shape]));
    const [input, target] = step.fields;
    const inputs = tf.tensor(features.slice(), [batch, ...input.shape]);
    const wanted = tf.tensor(targets.slice(), [batch, ...target.shape], target.type as 'float32' | 'int32');
    const { gradients } = gradientStep(step, parameters, batchOfTensors(inputs, wanted), { uniform, normal: uniform });
    const slab = new Float32Array(step.layout.state);
    gradients.forEach((gradient, i) => {
      tensorOf(slab, step.layout.tensors[i]).set(gradient.dataSync());
    });
    return slab;
  });
}

describe('dropout', () => {
  const example: Case = {
    layers: [
      { dense: { units: 16, activation: 'relu' } },
      { dropout: { rate: 0.4 } },
      { dense: { units: 12, activation: 'tanh' } },
      { dropout: { rate: 0.3 } },
      { dense: { units: 4 } },
    ],
    input: [9],
    ...classified,
  };

  // Masks are keyed by the shard and not by the example, so another number of shards is another draw of masks, and shards
  // of a batch agree with the batch only under the masks that theirs make together.
  it('has one gradient under the masks that the shards draw', async () => {
    const { onnx, tfjs, step } = await prepare(example, 8);
    const shards = await overShards(tfjs, 8);
    const whole = wholeGradients(step, tfjs, composedNoise(8));
    expect(relativeError(shards.gradients, whole)).toBeLessThan(1e-6);
    const compiled = await overShards(onnx, 8);
    expect(relativeError(compiled.gradients, whole)).toBeLessThan(1e-5);
    await onnx.computeGradients(batch, { ...key, shard: 0 });
    expect(relativeError(onnx.gradients, whole)).toBeGreaterThan(0.01);
    await onnx.dispose();
  });

  it('draws the same masks for the same shard, and others for another shard, step or seed', async () => {
    const { onnx } = await prepare(example, 8);
    const gradients = async (changed: object) => {
      await onnx.computeGradients(batch, { ...key, shard: 2, ...changed });
      return [...onnx.gradients];
    };
    const first = await gradients({});
    for (const changed of [{ shard: 3 }, { step: 4 }, { seed: 6 }]) expect(await gradients(changed)).not.toEqual(first);
    expect(await gradients({})).toEqual(first);
    await onnx.dispose();
  });
});

describe('the moving statistics of batch normalization', () => {
  const [features, momentum] = [3, 0.9];
  const example: Case = {
    layers: [{ batchNormalization: { momentum } }, { dense: { units: 2 } }],
    input: [features],
    target: [2],
  };

  /** Mean and population variance of a feature over some rows, in float64. */
  function statistics(values: ArrayLike<number>, feature: number, start: number, count: number) {
    const column = Array.from({ length: count }, (_, i) => values[(start + i) * features + feature]);
    const mean = column.reduce((sum, value) => sum + value, 0) / count;
    return { mean, variance: column.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count };
  }

  it.each(['onnx', 'tfjs'] as const)('become the mean of the shards weighted by their examples (%s)', async (name) => {
    const { step, parameters, ...engines } = await prepare(example, 8);
    const engine = engines[name];
    const { gradients } = await overShards(engine, 8);
    const state = step.layout.tensors.filter(({ offset }) => offset >= step.layout.trainable);
    expect(state.map((tensor) => tensor.name)).toEqual([
      'batch_normalization_1/moving_mean',
      'batch_normalization_1/moving_variance',
    ]);
    for (const tensor of state) {
      const field = tensor.name.endsWith('mean') ? 'mean' : 'variance';
      const expected = Array.from(tensorOf(parameters, tensor), (before, feature) => {
        const weighted = cut(8).map(({ start, count }) => {
          return count * statistics(batchParts(engine.buffers(batch)).features, feature, start, count)[field];
        });
        return momentum * before + ((1 - momentum) * weighted.reduce((sum, value) => sum + value, 0)) / batch;
      });
      const sums = tensorOf(gradients, tensor);
      expect(sums).toHaveLength(features);
      expect(
        relativeError(
          [...sums].map((sum) => sum / batch),
          expected,
        ),
      ).toBeLessThan(1e-6);
    }
    await engines.onnx.dispose();
  });

  it('come out of a run so, last smaller batch included', async () => {
    const random = lcg(1);
    const rows = Array.from({ length: 11 }, () => Array.from({ length: features }, () => random() * 4 - 1));
    const config = {
      data: { source: 'values', features: rows, targets: rows.map(() => [1, 2]) },
      model: { layers: example.layers },
      loss: 'meanSquaredError',
      training: { epochs: 1, batchSize: 8, shards: 4 },
    };
    const { end, start } = await trained(writeConfig(folder, 'statistics', config), [], folder);
    expect(start.steps).toBe(2);
    const order = epochOrder(Int32Array.from(rows.keys()), 0, 0);
    const values = Float32Array.from([...order].flatMap((row) => rows[row]));
    // Steps of 8 and 3 examples, in shards of 2; the last shard has the one example that is left.
    const steps: number[][] = [
      [2, 2, 2, 2],
      [2, 1],
    ];
    for (const [field, initial] of [
      ['mean', 0],
      ['variance', 1],
    ] as const) {
      const expected = Array.from({ length: features }, (_, feature) => {
        let at = 0;
        return steps.reduce<number>((moving, counts) => {
          const total = counts.reduce((sum, count) => sum + count, 0);
          const weighted = counts.map((count) => {
            at += count;
            return count * statistics(values, feature, at - count, count)[field];
          });
          return momentum * moving + ((1 - momentum) * weighted.reduce((sum, value) => sum + value, 0)) / total;
        }, initial);
      });
      expect(relativeError(end.weights![`batch_normalization_1/moving_${field}`], expected)).toBeLessThan(1e-6);
    }
  });
});
