/** Orthogonal initial weights: tfjs's own, by a faster decomposition. */
import '../../src/model/tfjs/core-gaps.js';

import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

import { describe, expect, it } from 'vitest';
import { relativeError } from '../support/engines.js';

interface Initializer {
  apply(shape: number[]): tf.Tensor;
}
const drawn = (shape: number[], seed: number, gain = 1) =>
  (tfl.initializers.orthogonal({ seed, gain }) as unknown as Initializer).apply(shape);

/** As tfjs 4.22 has it: Q of a normal matrix, each column times the sign of R's diagonal. */
function composed([height, width]: [number, number], seed: number): tf.Tensor2D {
  const [tall, narrow] = [Math.max(height, width), Math.min(height, width)];
  const [q, r] = tf.linalg.qr(tf.randomNormal([tall, narrow], 0, 1, 'float32', seed), false);
  const signs = tf.sign(tf.tensor1d((r.arraySync() as number[][]).slice(0, narrow).map((row, i) => row[i])));
  const signed = tf.mul(q, signs) as tf.Tensor2D;
  return height < width ? tf.transpose(signed) : signed;
}

describe('orthogonal weights', () => {
  for (const shape of [
    [3, 12],
    [7, 7],
    [9, 4],
    [1, 5],
    [1, 1],
  ] as [number, number][]) {
    it(`of ${shape.join(' x ')} are those of tfjs`, () => {
      const [actual, expected] = [drawn(shape, 5), composed(shape, 5)];
      expect(actual.shape).toEqual(shape);
      expect(relativeError(actual.dataSync(), expected.dataSync())).toBeLessThan(1e-5);
    });
  }

  it('are orthogonal where tfjs would take a quarter of a minute', () => {
    const weights = drawn([128, 512], 3, 2);
    const products = tf.matMul(weights as tf.Tensor2D, weights as tf.Tensor2D, false, true);
    expect(relativeError(products.dataSync(), tf.mul(tf.eye(128), 4).dataSync())).toBeLessThan(1e-5);
  });

  it('keep the shape of filters', () => {
    expect(drawn([2, 2, 3], 1).shape).toEqual([2, 2, 3]);
    expect(relativeError(drawn([2, 2, 3], 1).dataSync(), composed([4, 3], 1).dataSync())).toBeLessThan(1e-5);
  });
});
