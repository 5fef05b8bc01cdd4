/** What an example is compared with: ids stay where their vectors are compared, so that masks that come from ids do. */
import { expect, it } from 'vitest';
import { baselineOf } from '../../coordinator/inference/baselines.js';
import type { SavedModel } from '../../coordinator/inference/saved-model.js';

const saved = { inputs: [{ name: 'words' }], masks: [{ of: 0 }], encoding: undefined } as unknown as SavedModel;
const lookup = { call: 0, input: 0, shape: [3, 2], table: Float32Array.of(0, 0, 1, 3, 5, 6) };
const numbers = (name: 'zeros' | 'mean', features: number[], given: number[]) =>
  baselineOf(
    saved,
    [{ ...lookup, features: Int32Array.from(features), shape: [features.length, 2] }],
    [{ kind: 'numbers' }],
    [Float32Array.from(given), Float32Array.of(1, 1, 0)],
    name,
  ).map((part) => [...part]);

it('has the ids of the example, its masks, and vectors of its own but for what fills it up', () => {
  expect(numbers('zeros', [0, 1, 2], [2, 0, 1])).toEqual([
    [2, 0, 1],
    [1, 1, 0],
    [0, 0, 0, 0, 1, 3],
  ]);
  expect(numbers('mean', [0, 1, 2], [2, 0, 1])).toEqual([
    [2, 0, 1],
    [1, 1, 0],
    [2, 3, 2, 3, 1, 3],
  ]);
});

it('has zeros for the numbers beside ids', () => {
  expect(numbers('zeros', [1], [0.5, 2])).toEqual([
    [0, 2],
    [1, 1, 0],
    [0, 0],
  ]);
});
