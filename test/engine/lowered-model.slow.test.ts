/** A model, a loss and metrics of a user that are made of kernels beyond those of layers, trained compiled as on tfjs. */
import { describe, expect, it } from 'vitest';
import { type Case, createEngines, fill, relativeError } from '../support/engines.js';
import { temporaryFolder, writeConfig } from '../support/folder.js';
import { writeModule } from '../support/modules.js';
import { resultOf, trained } from '../support/runs.js';

const folder = temporaryFolder();
const module = writeModule(
  folder,
  'model.mjs',
  'export default (tf, { inputShape, classes }) => {',
  '  const layer = (name, shape, call) => new (class extends tf.layers.Layer {',
  '    computeOutputShape() { return shape; }',
  '    call(x, { training }) { return call([x].flat()[0], training); }',
  '    static get className() { return name; }',
  '  })({});',
  "  const frame = layer('Frame', [null, 7, 9, 1], (x) => {",
  "    const around = tf.mirrorPad(tf.image.resizeBilinear(x, [8, 8], true), [[0, 0], [1, 2], [2, 1], [0, 0]], 'reflect');",
  '    return tf.image.resizeBilinear(around, [7, 9], false, true);',
  '  });',
  "  const norm = layer('Norm', [null, 6, 8, 4], (x) => tf.localResponseNormalization(x, 2, 1, 0.5, 0.7));",
  "  const blocks = layer('Blocks', [null, 3, 4, 16], (x) => {",
  '    const [n] = x.shape;',
  '    const parts = tf.reshape(tf.spaceToBatchND(x, [2, 2], [[0, 0], [0, 0]]), [4, n, 3, 4, 4]);',
  '    return tf.reshape(tf.transpose(parts, [1, 2, 3, 0, 4]), [n, 3, 4, 16]);',
  '  });',
  "  const noisy = layer('Noisy', [null, 24], (x, training) => {",
  '    if (!training) return x;',
  '    const kept = tf.multinomial(tf.zeros([x.shape[0], 4]), x.shape[1]);',
  "    return tf.mul(x, tf.cast(tf.greater(kept, 0), 'float32'));",
  '  });',
  "  const running = layer('Running', [null, 24], (x) => tf.atan2(tf.cumsum(x, 1), tf.add(1, tf.asinh(tf.square(x)))));",
  '  return tf.sequential({ layers: [',
  '    tf.layers.inputLayer({ inputShape }), frame,',
  '    tf.layers.conv2d({ filters: 4, kernelSize: 2 }), norm, blocks,',
  '    tf.layers.reshape({ targetShape: [3, 4, 4, 4] }),',
  "    tf.layers.conv3d({ filters: 4, kernelSize: 2, activation: 'tanh' }),",
  '    tf.layers.averagePooling3d({ poolSize: [1, 2, 2], strides: [1, 1, 1] }),',
  '    tf.layers.maxPooling3d({ poolSize: [2, 2, 2], strides: [1, 2, 2], padding: "same" }),',
  '    tf.layers.flatten(), tf.layers.dense({ units: 24 }), noisy, running,',
  '    tf.layers.dense({ units: classes }),',
  '  ] });',
  '};',
  '// Label smoothing, and how far the probability mass is from its place.',
  'export const smoothed = (tf, targets, outputs) => {',
  '  const classes = outputs.shape[1];',
  "  const wanted = tf.oneHot(targets, classes, 0.9, 0.1 / (classes - 1), 'float32');",
  '  const entropy = tf.neg(tf.sum(tf.mul(wanted, tf.logSoftmax(outputs)), -1));',
  '  const moved = tf.sub(tf.cumsum(tf.softmax(outputs), 1), tf.cumsum(wanted, 1));',
  '  const own = tf.squeeze(tf.gather(tf.softmax(outputs), tf.expandDims(targets, 1), 1, 1), [1]);',
  '  return tf.add(tf.add(entropy, tf.mean(tf.square(moved), -1)), tf.square(tf.sub(1, own)));',
  '};',
  'export const amongThree = (tf, targets, outputs) =>',
  '  tf.any(tf.equal(tf.topk(outputs, 3).indices, tf.expandDims(targets, 1)), -1);',
  'export const expected = (tf, targets, outputs) =>',
  "  tf.einsum('ij,j->i', tf.softmax(outputs), tf.range(0, outputs.shape[1]));",
);

const custom = (name: string) => ({ custom: { name } });
const metrics = [custom('amongThree'), custom('expected')];

it('computes what tfjs computes, and the same gradients', async () => {
  const example: Case = {
    layers: [],
    input: [8, 8, 1],
    classes: 10,
    loss: custom('smoothed'),
    spec: { model: { module } },
    head: { metrics },
  };
  const { parameters, onnx, tfjs } = await createEngines(example, [5]);
  for (const engine of [onnx, tfjs]) fill(engine, example, parameters, 5);
  const key = { seed: 1, step: 2, shard: 0 };
  const [a, b] = [await onnx.computeGradients(5, key), await tfjs.computeGradients(5, key)];
  expect(relativeError([a], [b])).toBeLessThan(1e-5);
  expect(Math.max(...tfjs.gradients.map(Math.abs))).toBeGreaterThan(0.1);
  expect(relativeError(onnx.gradients, tfjs.gradients)).toBeLessThan(1e-4);
  const [compiled, eager] = [await onnx.evaluate(5), await tfjs.evaluate(5)];
  expect(relativeError(compiled.losses, eager.losses)).toBeLessThan(1e-4);
  compiled.metrics.forEach((values, i) => {
    expect(relativeError(values, eager.metrics[i])).toBeLessThan(1e-4);
  });
});

describe('lockstep train', () => {
  const config = writeConfig(folder, 'lowered', {
    data: { source: 'digits', examples: 300, validation: 0.2, test: 0.2 },
    model: { module },
    engine: 'onnx',
    loss: custom('smoothed'),
    metrics: ['accuracy', ...metrics],
    optimizer: { adam: { learningRate: 0.02 } },
    training: { epochs: 15, batchSize: 20, shards: 4 },
  });

  it('learns, with the same bits on one thread and two', async () => {
    const runs = [await trained(config, [], folder, 1), await trained(config, [], folder, 2)];
    expect(resultOf(runs[1])).toEqual(resultOf(runs[0]));
    const [{ epochs, end }] = runs;
    expect(epochs.at(-1)!.loss).toBeLessThan(0.8 * epochs[0].loss);
    expect(end.test!.amongThree).toBeGreaterThanOrEqual(end.test!.accuracy);
    // Digits are 4.5 on average.
    expect(Math.abs(end.test!.expected - 4.5)).toBeLessThan(1.5);
  });
});
