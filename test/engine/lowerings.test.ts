/** Every kernel beyond those of layers: the compiled engine computes what tfjs's backend `cpu` does, and the same gradients. */
import '../../src/model/tfjs/core-gaps.js';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { bools, computes, floats, integers, trains } from '../support/lowered.js';

beforeAll(() => loadBackend('cpu'));

describe('what is taken apart, into one piece too', () => {
  for (const axis of [0, 1, 2]) {
    for (const count of [1, 3]) {
      const shape = [2, 2, 2].map((size, i) => (i === axis ? count : size));
      const joined = (parts: tf.Tensor[]) => parts.map((part, i) => tf.mul(part, i + 2)).reduce((a, b) => tf.add(a, b));
      trains(`unstack ${count} of axis ${axis}`, (x) => tf.square(joined(tf.unstack(x, axis))), floats(shape));
      trains(`split ${count} of axis ${axis}`, (x) => tf.square(joined(tf.split(x, count, axis))), floats(shape));
    }
  }
});

describe('running sums and products', () => {
  for (const axis of [0, 1, 2]) {
    for (const [exclusive, reverse] of [
      [false, false],
      [true, false],
      [false, true],
      [true, true],
    ]) {
      const how = `axis ${axis}${exclusive ? ' exclusive' : ''}${reverse ? ' reverse' : ''}`;
      trains(`cumsum ${how}`, (x) => tf.cumsum(x, axis, exclusive, reverse), floats([2, 5, 3]));
      computes(`cumprod ${how}`, (x) => tf.cumprod(x, axis, exclusive, reverse), floats([2, 5, 3]));
    }
  }
  trains('cumsum of a square', (x) => tf.cumsum(x, 0), floats([4, 4]));
  computes('cumsum of integers', (x) => tf.cumsum(x, 1), integers([2, 3], [1, -2, 3, 4, 5, 6]));
  computes('cumsum of booleans', (x) => tf.cumsum(bools(x), 0), integers([4], [1, 0, 1, 1]));
  computes('cumprod of integers', (x) => tf.cumprod(x, 0), integers([4], [3, -2, 5, 2]));
  trains('prod', (x) => tf.prod(x, 1), floats([3, 4]));
  trains('prod over two axes', (x) => tf.prod(x, [0, 2]), floats([3, 2, 4]));
  trains('prod of all', (x) => tf.prod(x), floats([5]));
});

describe('ranges', () => {
  trains('range', (x) => tf.mul(x, tf.range(0, 5)), floats([2, 5]));
  computes('range of integers, downwards', (x) => tf.add(x, tf.range(9, 0, -3, 'int32')), integers([3], [1, 2, 3]));
  trains('linspace', (x) => tf.mul(x, tf.linspace(-1, 1, 7)), floats([7]));
});

describe('tests', () => {
  const odd = floats([6], [1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -3]);
  computes('isNaN, isInf, isFinite', (x) => [tf.isNaN(x), tf.isInf(x), tf.isFinite(x)], odd);
  computes('of integers', (x) => [tf.isNaN(x), tf.isInf(x), tf.isFinite(x)], integers([2], [0, 3]));
  const some = integers([2, 3, 2], [1, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, 1]);
  for (const axis of [undefined, 0, 1, -1, [0, 2]]) {
    computes(`all and any along ${axis}`, (x) => [tf.all(bools(x), axis), tf.any(bools(x), axis)], some);
    computes(
      `all and any along ${axis}, kept`,
      (x) => [tf.all(bools(x), axis, true), tf.any(bools(x), axis, true)],
      some,
    );
  }
  computes(
    'logicalXor',
    (x, y) => tf.logicalXor(bools(x), bools(y)),
    integers([4], [0, 0, 1, 1]),
    integers([4], [0, 1, 0, 1]),
  );
});

describe('angles and hyperbolic functions', () => {
  trains('atan2', (y, x) => tf.atan2(y, x), floats([4, 5]), floats([4, 5], [1, 2]));
  trains('atan2, broadcast', (y, x) => tf.atan2(y, x), floats([4, 1]), floats([5]));
  const [zero, inf] = [0, Number.POSITIVE_INFINITY];
  computes(
    'atan2 at the ends',
    (y, x) => tf.atan2(y, x),
    floats([12], [zero, -zero, zero, -zero, inf, -inf, inf, -inf, 1, 1, Number.NaN, 0]),
    floats([12], [zero, zero, -zero, -zero, inf, inf, -inf, -inf, 0, -0, 1, -5]),
  );
  trains('acosh', (x) => tf.acosh(x), floats([4], [1.5, 2, 3, 40]));
  trains('asinh', (x) => tf.asinh(x), floats([3, 3]));
  trains('atanh', (x) => tf.atanh(x), floats([4], [0.5, -0.5, 0.9, 0]));
  computes('of integers', (x) => tf.asinh(x), integers([3], [0, 2, -20]));
});

describe('one-hot', () => {
  const ids = integers([2, 3], [0, 3, -1, 7, 2, 1]);
  computes('with values', (x) => tf.oneHot(tf.cast(x, 'int32'), 4, 0.9, 0.025, 'float32'), ids);
  computes('of integers with values', (x) => tf.oneHot(tf.cast(x, 'int32'), 4, 5, -3), ids);
  trains(
    'label smoothing',
    (x) => tf.mul(x, tf.oneHot(tf.tensor1d([0, 2], 'int32'), 3, 0.9, 0.05, 'float32')),
    floats([2, 3]),
  );
});
