/** Tiles and broadcasts: values and gradients, and that neither copies are written out for who broadcasts, nor nodes made one a copy. */
import '../../src/model/tfjs/core-gaps.js';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { trace } from '../../src/engine/onnx/tracer.js';
import { floats, trains, withGradients } from '../support/lowered.js';

beforeAll(() => loadBackend('cpu'));

describe('copies', () => {
  for (const [shape, reps] of [
    [[3], [2]],
    [
      [2, 3],
      [2, 3],
    ],
    [
      [1, 3],
      [4, 1],
    ],
    [
      [2, 1, 3],
      [1, 5, 1],
    ],
    [
      [2, 1, 3],
      [3, 5, 2],
    ],
    [
      [1, 2, 1, 3],
      [2, 1, 4, 2],
    ],
    [
      [2, 1, 3, 1, 2],
      [1, 2, 2, 3, 1],
    ],
    [
      [2, 3],
      [1, 1],
    ],
    [
      [1, 1],
      [1, 1],
    ],
  ]) {
    trains(`tile [${shape}] by [${reps}]`, (x) => tf.square(tf.tile(x, reps)), floats(shape));
  }
  trains(
    'tile read by others',
    (x, y) => tf.mul(tf.tile(x, [4, 1]), tf.add(tf.tile(y, [1, 3]), 1)),
    floats([1, 3]),
    floats([4, 1]),
  );
  trains(
    'tile of what is computed',
    (x, y) => tf.add(y, tf.tile(tf.exp(tf.tile(x, [4, 1])), [2, 1])),
    floats([1, 3]),
    floats([8, 3]),
  );
  trains(
    'tile in another shape',
    (x, y) => tf.add(tf.reshape(tf.tile(x, [4, 1]), [2, 6]), y),
    floats([1, 3]),
    floats([2, 6]),
  );
  trains('tile as a factor of a product', (x, y) => tf.matMul(tf.tile(x, [4, 1]), y), floats([1, 3]), floats([3, 2]));
  trains('broadcastTo', (x, y) => tf.sub(tf.broadcastTo(x, [2, 3, 4]), y), floats([3, 1]), floats([2, 3, 4]));
  trains('prelu of copies', (x, y) => tf.prelu(tf.tile(x, [4, 1]), y), floats([1, 3]), floats([4, 3]));
  trains(
    'copies beside channels that came first',
    (x, y, z) => tf.mul(tf.conv2d(x as tf.Tensor4D, y as tf.Tensor4D, 1, 'same'), tf.tile(z, [1, 4, 5, 1])),
    floats([2, 4, 5, 2]),
    floats([3, 3, 2, 2]),
    floats([2, 1, 1, 2]),
  );
});

/** Operators of a body and its gradients, as many as there are of each. */
function operators(body: (...inputs: tf.Tensor[]) => tf.Tensor, ...shapes: number[][]): string[] {
  const graph = trace(({ input, output }) => {
    const inputs = shapes.map((shape, i) => input(`x${i}`, shape, 'float32'));
    withGradients(body)(...inputs).forEach((result, i) => {
      output(`y${i}`, result, true);
    });
  }, true);
  return graph.nodes.map(({ op }) => op);
}

it('writes no copies out for sums and products', () => {
  const found = operators((x, y) => tf.mul(tf.tile(x, [4, 1]), y), [1, 3], [4, 3]);
  expect(found.filter((op) => ['Tile', 'Expand', 'Slice'].includes(op))).toEqual([]);
});

it('makes as few nodes for many copies as for few', () => {
  const count = (times: number) => operators((x) => tf.tile(x, [times, 3]), [2, 2]).length;
  expect(count(90)).toBe(count(3));
  const gathered = (batch: number) =>
    operators((x) => tf.gather(x, tf.zeros([batch, 2], 'int32'), 1, 1), [batch, 3, 2]).length;
  expect(gathered(40)).toBe(gathered(2));
});
