/** Recurrent layers of predictions are ONNX's own operators, and compute what tfjs's cells do step by step. */
import '../../src/model/tfjs/core-gaps.js';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { trace } from '../../src/engine/onnx/tracer.js';
import { type Body, compare, floats } from '../support/lowered.js';
import { compiled, eager, type Given } from '../support/traced.js';

import tfl = require('@tensorflow/tfjs-layers');

beforeAll(() => loadBackend('cpu'));

const operators = { lstm: 'LSTM', gru: 'GRU', 'gru, reset after': 'GRU', simpleRNN: 'RNN' };
const gates = { lstm: 4, gru: 3, 'gru, reset after': 3, simpleRNN: 1 };
const x = floats([3, 5, 4]);
const all = { returnSequences: true, returnState: true };

describe.each(['lstm', 'gru', 'gru, reset after', 'simpleRNN'] as const)('%s', (name) => {
  const resetAfter = name === 'gru, reset after';
  const weights = [[4, 6], [6, 6], resetAfter ? [2, 6] : [6]].map(([...rows]) =>
    floats([...rows.slice(0, -1), gates[name] * rows.at(-1)!]),
  );
  const given = [x, ...weights].map((each) => ({ ...each, data: each.data.map((value) => value / 3) }));
  /** A layer on a sequence, with weights and perhaps states that it is given. */
  const body =
    (options: object, more: object = {}) =>
    (sequence: tf.Tensor, kernel: tf.Tensor, recurrentKernel: tf.Tensor, bias: tf.Tensor, ...states: tf.Tensor[]) => {
      const layer = tfl.layers[resetAfter ? 'gru' : name]({ units: 6, resetAfter, ...options } as never);
      const read = (value: tf.Tensor) => ({ read: () => value });
      Object.assign((layer as unknown as { cell: object }).cell, {
        kernel: read(kernel),
        recurrentKernel: read(recurrentKernel),
        bias: 'useBias' in options ? null : read(bias),
      });
      const kwargs = { ...more, ...(states.length > 0 && { initialState: states }) };
      return [layer.call(sequence, kwargs)].flat() as tf.Tensor[];
    };
  const gate = (recurrentActivation: string) => (name === 'simpleRNN' ? {} : { recurrentActivation });
  it.each([
    ['to the last state', {}],
    ['to all', all],
    ['backwards', { ...all, goBackwards: true }],
    ['without bias', { useBias: false }],
    ['with the gates of Keras', { ...all, ...gate('sigmoid') }],
    ['of other activations', { ...all, activation: 'relu', ...gate('tanh') }],
  ])('%s', (_, options) => {
    const run = body(options) as Body;
    compare(
      compiled((...xs) => [run(...xs)].flat(), given, { isOurs: false }),
      eager((...xs) => [run(...xs)].flat(), given),
    );
    const { nodes } = trace(({ input, output }) => {
      [run(...given.map(({ shape }, i) => input(`x${i}`, shape, 'float32')))].flat().forEach((made, i) => {
        output(`y${i}`, made);
      });
    }, false);
    expect(nodes.filter(({ op }) => op === operators[name])).toHaveLength(1);
    expect(nodes.length).toBeLessThan(35);
  });

  const same = (title: string, run: Body, inputs: Given[]) =>
    it(title, () => {
      const whole = (...xs: tf.Tensor[]) => [run(...xs)].flat();
      compare(compiled(whole, inputs, { isOurs: false }), eager(whole, inputs));
    });
  const states = Array.from({ length: name === 'lstm' ? 2 : 1 }, () => floats([3, 6]));
  same('from states', body(all) as Body, [...given, ...states]);
  same('with a linear activation, step by step', body({ ...all, activation: 'linear' }) as Body, given);
  same(
    'with a mask, step by step',
    (...xs) => (body(all, { mask: tf.tensor2d([1, 1, 0, 0, 0, 0, 1, 0, 1, 0, 1, 1, 1, 1, 1], [3, 5]) }) as Body)(...xs),
    given,
  );
});
