/** Recurrent layers as loops compute what tfjs's cells do step by step, and what torch 2.15 does, and so do their gradients. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { relativeError } from '../support/engines.js';
import { floats, integers, trains } from '../support/lowered.js';
import { packageRoot } from '../support/package.js';
import { compiled } from '../support/traced.js';

import tf = require('@tensorflow/tfjs-core');
import tfl = require('@tensorflow/tfjs-layers');

beforeAll(() => loadBackend('cpu'));

const names = ['lstm', 'gru', 'gru, reset after', 'simpleRNN'] as const;
type Name = (typeof names)[number];
const gates = { lstm: 4, gru: 3, 'gru, reset after': 3, simpleRNN: 1 };
const states = { lstm: 2, gru: 1, 'gru, reset after': 1, simpleRNN: 1 };

/** A layer of tfjs with weights that are given. */
function layerOf(name: Name, options: object, weights: readonly tf.Tensor[]) {
  const resetAfter = name === 'gru, reset after';
  const kind = resetAfter ? 'gru' : name;
  const layer = tfl.layers[kind]({ units: weights[1].shape[0], resetAfter, ...options } as never) as unknown as {
    cell: Record<string, unknown>;
    call(x: tf.Tensor, kwargs: object): tf.Tensor | tf.Tensor[];
  };
  ['kernel', 'recurrentKernel', 'bias'].forEach((weight, i) => {
    layer.cell[weight] = weights[i] ? { read: () => weights[i] } : null;
  });
  return layer;
}
const weightsOf = (name: Name, bias = true) => [
  floats([3, gates[name] * 5]),
  floats([5, gates[name] * 5]),
  ...(bias ? [floats([...(name === 'gru, reset after' ? [2] : []), gates[name] * 5])] : []),
];
const x = floats([2, 4, 3]);
const mask = { shape: [2, 4], type: 'int32' as const, data: Int32Array.of(1, 1, 0, 1, 0, 1, 1, 0) };

for (const name of names) {
  describe(name, () => {
    const layer =
      (options: object) =>
      (given: tf.Tensor, ...weights: tf.Tensor[]) =>
        layerOf(name, options, weights).call(given, {});
    trains('to the last state', layer({}), x, ...weightsOf(name));
    trains('to all states', layer({ returnSequences: true }), x, ...weightsOf(name));
    trains('with states', layer({ returnState: true }), x, ...weightsOf(name));
    trains(
      'with all',
      layer({ returnState: true, returnSequences: true, recurrentActivation: 'sigmoid' }),
      x,
      ...weightsOf(name),
    );
    // Of a gate without corners, which differences of losses may straddle.
    const smooth = { recurrentActivation: 'sigmoid' };
    trains('backwards', layer({ goBackwards: true, returnSequences: true, ...smooth }), x, ...weightsOf(name));
    trains('without bias', layer({ useBias: false }), x, ...weightsOf(name, false));
    trains(
      'of other activations',
      layer({ activation: 'relu', recurrentActivation: 'linear' }),
      x,
      ...weightsOf(name).map(({ shape, type, data }) => ({ shape, type, data: data.map((v) => v / 8) })),
    );
    trains(
      'with masks',
      (given, counts, ...weights) =>
        layerOf(name, { returnSequences: true, returnState: true }, weights).call(given, { mask: counts }),
      x,
      mask,
      ...weightsOf(name),
    );
    trains(
      'masked backwards to the last state',
      (given, counts, ...weights) => layerOf(name, { goBackwards: true }, weights).call(given, { mask: counts }),
      x,
      mask,
      ...weightsOf(name),
    );
    const ids = integers([2, 4], [0, 4, 1, 0, 2, 4, 4, 1]);
    const ofWords =
      (options: object) =>
      (words: tf.Tensor, table: tf.Tensor, ...weights: tf.Tensor[]) => {
        const [inputDim, outputDim] = table.shape as [number, number];
        const lookup = tfl.layers.embedding({ inputDim, outputDim }) as unknown as Record<'embeddings', unknown> &
          tfl.layers.Layer;
        lookup.embeddings = { read: () => table };
        return layerOf(name, options, weights).call(lookup.call(words, {}) as tf.Tensor, {});
      };
    trains(
      'of few words',
      ofWords({ goBackwards: true, recurrentActivation: 'sigmoid' }),
      ids,
      floats([5, 3]),
      ...weightsOf(name),
    );
    trains(
      'of many words',
      ofWords({ returnSequences: true, recurrentActivation: 'sigmoid' }),
      ids,
      floats([6, 3]),
      ...weightsOf(name),
    );
    const starts = Array.from({ length: states[name] }, () => floats([2, 5]));
    trains(
      'from states',
      (given, ...others) =>
        layerOf(name, { returnState: true }, others.slice(starts.length)).call(given, {
          initialState: others.slice(0, starts.length),
        }),
      x,
      ...starts,
      ...weightsOf(name),
    );
    trains(
      'with dropout',
      (given, ofInput, ofState, ...weights) => {
        const made = layerOf(name, { dropout: 0.5, recurrentDropout: 0.5, returnSequences: true }, weights);
        made.cell.dropoutFunc = (ones: tf.Tensor) => tf.cast(ones.shape[1] === 3 ? ofInput : ofState, 'float32');
        return made.call(given, { training: true });
      },
      x,
      integers([2, 3], [2, 0, 2, 0, 2, 2]),
      integers([2, 5], [0, 2, 2, 0, 2, 2, 2, 0, 2, 0]),
      ...weightsOf(name),
    );
  });
}

interface Listed {
  readonly shape: number[];
  readonly data: number[];
}
/** scripts/peers/torch_recurrent.py */
const torch: Readonly<Record<Name, { given: Listed[]; states: Listed; weights: Listed; gradients: Listed[] }>> =
  JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/torch-recurrent.json'), 'utf8'));

describe('as torch has it', () => {
  for (const [name, { given, states, weights, gradients }] of Object.entries(torch)) {
    it(name, () => {
      const options = { returnSequences: true, recurrentActivation: 'sigmoid' };
      const body = (x: tf.Tensor, ...rest: tf.Tensor[]) =>
        layerOf(name as Name, options, rest).call(x, {}) as tf.Tensor;
      const sum = (...inputs: tf.Tensor[]) =>
        tf.sum(tf.mul(body(...(inputs as [tf.Tensor])), tf.tensor(weights.data, weights.shape)));
      const inputs = given.map(({ shape, data }) => floats(shape, data));
      const found = compiled((...xs) => [body(...(xs as [tf.Tensor])), ...tf.grads(sum)(xs)], inputs);
      [states, ...gradients].forEach((expected, i) => {
        expect(found[i].shape).toEqual(expected.shape);
        expect(relativeError(found[i].data, expected.data)).toBeLessThan(1e-5);
      });
    });
  }
});
