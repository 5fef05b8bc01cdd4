/** Softmax cross-entropy on class indices of many classes is an operation of its own: what tfjs puts together, and its gradient. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { trace } from '../../src/engine/onnx/tracer.js';
import { elements } from '../../src/ground/elements.js';
import { createLoss } from '../../src/model/losses.js';
import { floats, integers, trains } from '../support/lowered.js';
import { compiled } from '../support/traced.js';

beforeAll(() => loadBackend('cpu'));

/** The loss of a config; one that ignores a class leaves its places out by a factor of 0. */
function lossOf(places: number[], classes: number, ignoreClass?: number) {
  const spec = { shape: [...places, classes], outputs: { kind: 'logits' as const }, targetShape: places, classes };
  const loss = createLoss({ sparseCategoricalCrossentropy: { ignoreClass } }, spec);
  return (logits: tf.Tensor, targets: tf.Tensor) => {
    const { values, valid } = loss(targets, logits);
    return valid ? tf.mul(values, tf.cast(valid, 'float32')) : values;
  };
}

const classesOf = (shape: number[], classes: number) =>
  integers(
    shape,
    Array.from({ length: elements(shape) }, (_, i) => (i * 7919) % classes),
  );

const operators = (logits: number[], loss: ReturnType<typeof lossOf>) =>
  trace(({ input, output }) => {
    const targets = input('t', logits.slice(0, -1), 'int32');
    const x = input('x', logits, 'float32');
    output('dx', tf.grads((given: tf.Tensor) => tf.sum(loss(given, targets)))([x])[0]);
  }, true).nodes.map(({ op }) => op);

for (const classes of [64, 67]) {
  const loss = lossOf([], classes);
  trains(`of ${classes} classes`, loss, floats([257, classes]), classesOf([257], classes));
}
trains('at each place', lossOf([3, 29], 191), floats([2, 3, 29, 191]), classesOf([2, 3, 29], 191));
trains('with a class that does not count', lossOf([9], 1021, 3), floats([2, 9, 1021]), classesOf([2, 9], 5));
trains('with targets that are no class', lossOf([], 4099), floats([5, 4099]), integers([5], [-1, 4098, 4099, 0, 9999]));

it('is two kernels, and no row of numbers for every class but theirs', () => {
  const found = operators([4, 64, 80], lossOf([64], 80));
  expect(found).toContain('crossEntropy');
  expect(found).toContain('crossEntropyGradient');
  expect(found.filter((op) => /Equal|Softmax|Exp$/.test(op))).toEqual([]);
});

it('of few classes, or few numbers, is operators of ONNX', () => {
  for (const shape of [
    [4096, 10],
    [8, 65],
  ]) {
    expect(operators(shape, lossOf([], shape[1])).filter((op) => op.startsWith('crossEntropy'))).toEqual([]);
  }
});

it('is exact far from zero, and no number where there is none', () => {
  const [rows, classes] = [6, 4096];
  const logits = floats([rows, classes]);
  for (let i = 0; i < classes; i++) logits.data[i] += 1e4;
  for (let i = 0; i < classes; i++) logits.data[classes + i] *= 1e4;
  logits.data[2 * classes + 5] = Number.NEGATIVE_INFINITY;
  logits.data[3 * classes + 7] = Number.NaN;
  logits.data[4 * classes + 4095] = Number.POSITIVE_INFINITY;
  const targets = integers([rows], [1, 2, 3, 4, 5, 6]);
  const loss = lossOf([], classes);
  const all = (x: tf.Tensor, t: tf.Tensor) => [
    loss(x, t),
    tf.grads((given: tf.Tensor) => tf.sum(loss(given, t)))([x])[0],
  ];
  const [values, gradient] = compiled(all as never, [logits, targets]);
  const sums = Array.from({ length: rows }, (_, row) => {
    const own = [...logits.data.slice(row * classes, (row + 1) * classes)];
    const most = Math.max(...own);
    const powers = own.map((x) => Math.exp(x - most));
    const sum = powers.reduce((a, b) => a + b, 0);
    return { loss: Math.log(sum) + most - own[targets.data[row]], shares: powers.map((power) => power / sum) };
  });
  for (const row of [0, 1, 2, 5]) {
    const { loss: wanted, shares } = sums[row];
    expect(Math.abs(values.data[row] - wanted)).toBeLessThan(1e-6 * Math.max(10, wanted));
    shares.forEach((share, i) => {
      const slope = share - Number(i === targets.data[row]);
      expect(Math.abs(gradient.data[row * classes + i] - slope)).toBeLessThan(1e-6);
    });
  }
  for (const row of [3, 4]) {
    expect(values.data[row]).toBeNaN();
    expect(gradient.data[row * classes]).toBeNaN();
  }
});
