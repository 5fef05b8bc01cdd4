/** Log softmax, which tfjs computes step by step, is one node of a compiled graph, and nothing that only looks like it is. */
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { trace } from '../../src/engine/onnx/tracer.js';

// A trace goes back to the backend that was there before it.
beforeAll(() => loadBackend('cpu'));

const operators = (of: (x: tf.Tensor) => tf.Tensor): string[] =>
  trace(({ input, output }) => output('y', of(input('x', [4, 3], 'float32'))), false).nodes.map(({ op }) => op);

it('is one node', () => {
  expect(operators((x) => tf.logSoftmax(x))).toEqual(['LogSoftmax', 'Identity']);
});

it('is not what subtracts the greatest of each column', () => {
  const found = operators((x) => {
    const shifted = tf.sub(x, tf.max(x, 0, true));
    return tf.sub(shifted, tf.log(tf.sum(tf.exp(shifted), 1, true)));
  });
  expect(found).not.toContain('LogSoftmax');
  expect(found.filter((op) => op === 'Sub').length).toBe(2);
});
