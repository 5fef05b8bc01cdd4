/** A function of tfjs, compiled and as it is: the same values, and the same gradients. */
import '../../src/model/tfjs/core-gaps.js';
import * as tf from '@tensorflow/tfjs-core';
import { expect, it } from 'vitest';
import { elements } from '../../src/ground/elements.js';
import { lcg, relativeError } from './engines.js';
import { compiled, eager, type Found, type Given } from './traced.js';

export type Body = (...inputs: tf.Tensor[]) => tf.Tensor | tf.Tensor[];

/** Numbers in [-2, 2), or those that are given. */
export const floats = (shape: number[], values?: number[]): Given => {
  const random = lcg(elements(shape) + shape.length);
  const data = Float32Array.from({ length: elements(shape) }, (_, i) => values?.[i] ?? random() * 4 - 2);
  return { shape, type: 'float32', data };
};

export const integers = (shape: number[], values: number[]): Given => ({
  shape,
  type: 'int32',
  data: Int32Array.from(values),
});

export const bools = (x: tf.Tensor) => tf.cast(x, 'bool');

export function compare(actual: Found[], expected: Found[]): void {
  expect(actual.map(({ shape, type }) => ({ shape, type }))).toEqual(
    expected.map(({ shape, type }) => ({ shape, type })),
  );
  actual.forEach(({ data }, i) => {
    const wanted = expected[i].data;
    expect(data.map(Number.isFinite)).toEqual(wanted.map(Number.isFinite));
    data.forEach((value, at) => {
      if (!Number.isFinite(value)) expect(value).toBe(wanted[at]);
    });
    expect(relativeError(data.filter(Number.isFinite), wanted.filter(Number.isFinite))).toBeLessThan(1e-5);
  });
}

/** The sum of all results, each number with a weight of its own. */
export const weighed = (results: tf.Tensor | tf.Tensor[]): tf.Tensor =>
  [results].flat().reduce((total, y) => {
    const weights = Float32Array.from({ length: y.size }, (_, i) => ((i * 7) % 11) - 4.5);
    return tf.add(total, tf.sum(tf.mul(y, tf.tensor(weights, y.shape))));
  }, tf.scalar(0) as tf.Tensor);

/** The results, and the gradients of their weighed sum. */
export function withGradients(body: Body): (...inputs: tf.Tensor[]) => tf.Tensor[] {
  return (...inputs) => {
    const isFloat = inputs.map(({ dtype }) => dtype === 'float32');
    const sum = (...some: tf.Tensor[]) => {
      const left = some.values();
      return weighed(body(...inputs.map((x, i) => (isFloat[i] ? left.next().value! : x))));
    };
    return [body(...inputs), tf.grads(sum)(inputs.filter((_, i) => isFloat[i]))].flat();
  };
}

/** The gradients tell how the sum changes when all floats move a little, each its own way. */
export function compareWithDifferences(body: Body, inputs: Given[], gradients: Found[]): void {
  const floating = inputs.filter(({ type }) => type === 'float32');
  const direction = (i: number, at: number) => ((at * 5 + i) % 7) - 3;
  const sumAt = (step: number): number => {
    const moved = inputs.map((given): Given => {
      const i = floating.indexOf(given);
      return i < 0 ? given : { ...given, data: given.data.map((x, at) => x + step * direction(i, at)) };
    });
    return eager((...xs) => [weighed(body(...xs))], moved)[0].data[0];
  };
  const products = gradients.flatMap(({ data }, i) => data.map((value, at) => value * direction(i, at)));
  const slope = (sumAt(0.004) - sumAt(-0.004)) / 0.008;
  const size = Math.hypot(...products) + 1;
  expect(Math.abs(products.reduce((a, b) => a + b, 0) - slope) / size).toBeLessThan(0.02);
}

export const computes = (name: string, body: Body, ...inputs: Given[]) =>
  it(name, () => {
    const all = (...xs: tf.Tensor[]) => [body(...xs)].flat();
    compare(compiled(all, inputs), eager(all, inputs));
  });

export const trains = (name: string, body: Body, ...inputs: Given[]) =>
  it(name, () => {
    const all = withGradients(body);
    const expected = eager(all, inputs);
    compare(compiled(all, inputs), expected);
    const count = inputs.filter(({ type }) => type === 'float32').length;
    compareWithDifferences(body, inputs, expected.slice(-count));
  });
