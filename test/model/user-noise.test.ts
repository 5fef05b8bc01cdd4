/** Random functions that users call: what they make of the step's noise, eagerly and compiled. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import type { StepHooks } from '../../src/model/tfjs/hooks.js';
import { noiseFunctions } from '../../src/model/tfjs/user-noise.js';
import { compiled, eager, type Given } from '../support/traced.js';

beforeAll(() => loadBackend('cpu'));

/** The random functions, with `numbers` as the step's uniform noise. */
const drawing = (numbers: tf.Tensor) =>
  noiseFunctions({ current: { uniform: (shape) => tf.reshape(numbers, [...shape]) } as StepHooks });

const floats = (shape: number[], values: number[]): Given => ({
  shape,
  type: 'float32',
  data: Float32Array.from(values),
});

/** Of both engines, which must agree. */
function drawn(body: (...inputs: tf.Tensor[]) => tf.Tensor, inputs: Given[]): number[] {
  const [[found], [expected]] = [compiled((...xs) => [body(...xs)], inputs), eager((...xs) => [body(...xs)], inputs)];
  expect(found).toEqual(expected);
  expect(found.type).toBe('int32');
  return found.data;
}

it('multinomial: each number is in the part of [0, 1) of its class', () => {
  const numbers = floats([2, 4], [0, 0.49, 0.51, 0.79, 0.81, 0.94, 0.96, 0.999]);
  const shares = [0.5, 0.3, 0.15, 0.05];
  const probabilities = floats([2, 4], [...shares, ...shares]);
  const wanted = [0, 0, 1, 1, 2, 2, 3, 3];
  expect(
    drawn((u, p) => drawing(u).multinomial(p as tf.Tensor2D, 4, undefined, true), [numbers, probabilities]),
  ).toEqual(wanted);
  // Logits: softmax of logarithms is what they are logarithms of.
  expect(drawn((u, p) => drawing(u).multinomial(tf.log(p) as tf.Tensor2D, 4), [numbers, probabilities])).toEqual(
    wanted,
  );
});

it('multinomial of one row, whose samples have no batch axis', () => {
  const numbers = floats([3], [0.1, 0.9, 0.3]);
  expect(drawn((u, x) => drawing(u).multinomial(x as tf.Tensor1D, 3), [numbers, floats([2], [0, 0])])).toEqual([
    0, 1, 0,
  ]);
});

it('randomUniformInt: whole numbers from low, below high', () => {
  const numbers = floats([5], [0, 0.19, 0.21, 0.5, 0.999]);
  expect(drawn((u) => drawing(u).randomUniformInt([5], -2, 3), [numbers])).toEqual([-2, -2, -1, 0, 2]);
});

it('outside of training, a seed is what they draw from', () => {
  const { multinomial } = noiseFunctions({});
  const logits = tf.tensor2d([[0, 1, 2]]);
  expect([...multinomial(logits, 20, 7).dataSync()]).toEqual([...multinomial(logits, 20, 7).dataSync()]);
  expect(() => multinomial(logits, 20)).toThrow(/training/);
});
