/** Attention as one operation: what tfjs puts together and differentiates, and what torch 2.15 has; with few scores at a time. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadBackend } from '../../src/engine/backends.js';
import { trace } from '../../src/engine/onnx/tracer.js';
import { type AttentionOptions, attend } from '../../src/model/attention/scaled-dot-product.js';
import { relativeError } from '../support/engines.js';
import { floats, withGradients } from '../support/lowered.js';
import { packageRoot } from '../support/package.js';
import { compiled, eager, type Given } from '../support/traced.js';

beforeAll(() => loadBackend('cpu'));

/** Step by step, with gradients by tfjs. */
function composed(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, { causal, mask, factors }: AttentionOptions): tf.Tensor {
  const [, heads, places] = q.shape as [number, number, number];
  const [, groups, others] = k.shape as [number, number, number];
  const repeated = (x: tf.Tensor) =>
    tf.concat(
      Array.from({ length: heads }, (_, head) => {
        const [batch, , , size] = x.shape as [number, number, number, number];
        return tf.slice(x, [0, Math.floor((head * groups) / heads), 0, 0], [batch, 1, others, size]);
      }),
      1,
    );
  let scores: tf.Tensor = tf.matMul(q, repeated(k), false, true);
  const [rows, columns] = [tf.reshape(tf.range(0, places, 1), [places, 1]), tf.range(0, others, 1)];
  if (causal) scores = tf.where(tf.lessEqual(columns, rows), scores, -1e30);
  if (mask) scores = tf.where(tf.reshape(tf.cast(mask, 'bool'), [-1, 1, 1, others]), scores, -1e30);
  const shares = tf.softmax(scores);
  return tf.matMul(factors ? tf.mul(shares, factors(shares.shape)) : shares, repeated(v));
}

interface Sizes {
  readonly batch?: number;
  readonly heads?: number;
  readonly groups?: number;
  readonly places: number;
  readonly others?: number;
  readonly size?: number;
  readonly valueSize?: number;
  readonly causal?: boolean;
  readonly isMasked?: boolean;
  readonly drops?: boolean;
  /** Rows of a block; all scores are kept where there is no such. */
  readonly rows?: number;
}
const limitsOf = ({ rows = 128 }: Sizes, kept = rows === 128 ? 1000 : 0) => ({ rows, blocks: 16, kept });

function givenBy({ batch = 2, heads = 2, groups = heads, places, others = places, size = 3, valueSize = 2 }: Sizes) {
  return [
    floats([batch, heads, places, size]),
    floats([batch, groups, others, size]),
    floats([batch, groups, others, valueSize]),
  ];
}
function optionsOf({ batch = 2, places, others = places, causal = false, isMasked, drops }: Sizes): AttentionOptions {
  const mask = tf.tensor2d(
    Float32Array.from({ length: batch * others }, (_, at) => Number(at % others === 0 || at % 3 > 0)),
    [batch, others],
  );
  const factors = (shape: number[]) =>
    tf.tensor1d(Float32Array.from({ length: shape[3]! }, (_, key) => [0, 2, 1.5, 0, 1, 0.5, 2][key % 7]!));
  return { causal, mask: isMasked ? mask : undefined, factors: drops ? factors : undefined };
}

describe('trains as what tfjs puts together', () => {
  const cases: Record<string, Sizes> = {
    'some places': { places: 5 },
    'a single place': { places: 1, heads: 1 },
    'causal places': { places: 7, causal: true },
    'of others': { places: 3, others: 5 },
    'causal, of fewer': { places: 5, others: 3, causal: true },
    masked: { places: 4, others: 6, isMasked: true },
    'grouped, causal, masked': { places: 5, heads: 6, groups: 2, causal: true, isMasked: true },
    dropped: { places: 5, drops: true },
    'computed again': { places: 9, rows: 4, isMasked: true, drops: true },
    'causal, computed again': { places: 7, rows: 2, causal: true, drops: true },
    'grouped, causal, masked, computed again': {
      places: 8,
      rows: 3,
      heads: 4,
      groups: 2,
      causal: true,
      isMasked: true,
    },
    'of others, computed again': { places: 5, others: 3, rows: 2, causal: true },
    'in more blocks than there may be': { places: 20, heads: 1, rows: 1, causal: true },
    'by kernels': { places: 64 },
    'by kernels, causal': { places: 64, causal: true },
    'by kernels, causal, of others': { places: 70, others: 64, causal: true, drops: true },
    'by kernels, causal, of more others, masked': { places: 64, others: 80, causal: true, isMasked: true },
    'by kernels, grouped, causal, computed again': { places: 96, rows: 48, heads: 4, groups: 2, causal: true },
  };
  for (const [name, sizes] of Object.entries(cases)) {
    it(name, () => {
      const given = givenBy(sizes);
      const by = (how: typeof attend) => withGradients((q, k, v) => how(q!, k!, v!, optionsOf(sizes), limitsOf(sizes)));
      const expected = eager(by(composed), given);
      for (const actual of [eager(by(attend), given), compiled(by(attend), given)]) {
        actual.forEach(({ data }, i) => {
          const wanted = expected[i]!.data;
          const differences = data.map((value, at) => Math.abs(value - wanted[at]!));
          expect(Math.max(...differences)).toBeLessThan(2e-5 * Math.max(1, ...wanted.map(Math.abs)));
        });
      }
    });
  }
});

const sha256 = (data: number[]) => createHash('sha256').update(Float32Array.from(data)).digest('hex');

interface Known {
  readonly inputs: { shape: number[]; data: number[] }[];
  readonly output: { shape: number[]; data: number[] };
  readonly slopes: { data: number[] }[];
}
describe('as torch has it', () => {
  const { cases } = JSON.parse(readFileSync(join(packageRoot, 'test/fixtures/attention-layers.json'), 'utf8'));
  for (const [name, options] of [
    ['attended', {}],
    ['attended, causal', { causal: true }],
    ['attended, masked', { mask: [1, 1, 1, 0, 1, 1, 0, 0, 1, 0] }],
    ['attended, grouped', { causal: true }],
  ] as const) {
    it(name, () => {
      const { inputs, output, slopes } = cases[name] as Known;
      const mask = 'mask' in options ? tf.tensor2d([...options.mask], [2, 5]) : undefined;
      const attended = (q: tf.Tensor, k: tf.Tensor, v: tf.Tensor) =>
        attend(q, k, v, { causal: 'causal' in options, size: 3, mask });
      const size = output.data.length;
      const sum = (...given: tf.Tensor[]) => {
        const [q, k, v] = given as [tf.Tensor, tf.Tensor, tf.Tensor];
        return tf.sum(tf.mul(attended(q, k, v), tf.reshape(tf.linspace(-1, 1, size), output.shape)));
      };
      const given = inputs.map(({ shape, data }): Given => ({ shape, type: 'float32', data: Float32Array.from(data) }));
      const found = compiled(
        (...given) => [attended(...(given as [tf.Tensor, tf.Tensor, tf.Tensor])), ...tf.grads(sum)(given)],
        given,
      );
      [output, ...slopes].forEach(({ data }, i) => {
        expect(relativeError(found[i]!.data, data)).toBeLessThan(1e-4);
      });
    });
  }
});

it('has the same bits, whether scores are kept or computed again', () => {
  const sizes: Sizes = { places: 12, rows: 12, causal: true, drops: true };
  const found = [0, 1000].map((kept) => {
    const body = withGradients((q, k, v) => attend(q!, k!, v!, optionsOf(sizes), limitsOf(sizes, kept)));
    return compiled(body, givenBy(sizes));
  });
  expect(found[1]).toEqual(found[0]);
});

it.each([{ heads: 4 }, { heads: 4, groups: 2, isMasked: true }, { rows: 32, drops: true }])(
  'has the same bits, however many threads share an operator: %j',
  (more) => {
    const sizes: Sizes = { batch: 4, places: 96, size: 32, valueSize: 32, causal: true, ...more };
    const body = withGradients((q, k, v) => attend(q!, k!, v!, optionsOf(sizes), limitsOf(sizes)));
    const [one, ...others] = [1, 2, 4].map((threads) => compiled(body, givenBy(sizes), { threads }));
    for (const other of others)
      expect(other.map(({ data }) => sha256(data))).toEqual(one!.map(({ data }) => sha256(data)));
  },
);

it('has no tensor of all scores of a long sequence', () => {
  const places = 600;
  const { shapes } = trace(({ input, output }) => {
    const given = [0, 1, 2].map((i) => input(`x${i}`, [1, 1, places, 4], 'float32'));
    const body = withGradients((q, k, v) => attend(q!, k!, v!, { causal: true }));
    body(...given).forEach((tensor, i) => {
      output(`y${i}`, tensor);
    });
  }, true);
  const largest = Math.max(...[...shapes.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1)));
  expect(largest).toBeLessThan(places * places * 0.25);
});
