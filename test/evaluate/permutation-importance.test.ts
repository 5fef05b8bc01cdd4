/** Permutation importance of a predictor that is a rule: scikit-learn 1.9.1's, given the same permutations (scripts/peers/captum_attributions.py). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { quantile } from '../../src/evaluate/intervals.js';
import { permutationImportance } from '../../src/evaluate/permutation-importance.js';
import { packageRoot } from '../support/package.js';

const file = join(packageRoot, 'test', 'fixtures', 'captum-attributions.json');
const { x, y, orders, importances } = JSON.parse(readFileSync(file, 'utf8')).importance as {
  readonly x: readonly (readonly number[])[];
  readonly y: readonly number[];
  /** Of each repeat, for every column. */
  readonly orders: readonly (readonly number[])[];
  /** By column and repeat. */
  readonly importances: readonly (readonly number[])[];
};

const task = {
  inputs: ['a', 'b', 'c', 'd'],
  isHigherBetter: (metric: string) => metric === 'negative',
  repeats: orders.length,
  confidence: 0.5,
  score: async (shuffled?: { readonly input: number; readonly repeat: number }) => {
    const errors = x.map((row, i) => {
      const own = shuffled ? row.with(shuffled.input, x[orders[shuffled.repeat][i]][shuffled.input]) : row;
      return (2 * own[0] - own[1] * own[2] + 0.5 - y[i]) ** 2;
    });
    const mse = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    return { mse, negative: -mse, undefined: Number.NaN };
  },
};

it('is the mean over the repeats of what a metric loses, with the quantiles of the repeats', async () => {
  const found = await permutationImportance(task);
  expect(found.map(({ input, metric }) => `${input} ${metric}`)).toEqual(
    task.inputs.flatMap((input) => [`${input} mse`, `${input} negative`]),
  );
  found.forEach(({ value, low, high }, i) => {
    const expected = Float64Array.from(importances[Math.floor(i / 2)]).sort();
    const mean = expected.reduce((sum, drop) => sum + drop, 0) / expected.length;
    expect(Math.abs(value - mean)).toBeLessThan(1e-9);
    expect(Math.abs(low - quantile(expected, 0.25))).toBeLessThan(1e-9);
    expect(Math.abs(high - quantile(expected, 0.75))).toBeLessThan(1e-9);
  });
  // What the rule does not read.
  expect(found.filter(({ input }) => input === 'd').map(({ value }) => Math.abs(value))).toEqual([0, 0]);
});
