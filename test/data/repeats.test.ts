/** Examples whose inputs come again are counted by pairs of splits, in memory and beside a split that stays closed. */
import { expect, it } from 'vitest';
import type { Column } from '../../src/data/examples.js';
import { repeatsOf } from '../../src/data/repeats.js';

const column = (name: string, role: Column['role'], values: Column['values'], shape: number[], more = {}): Column => ({
  ...{ name, role, type: values instanceof Float32Array ? 'float32' : 'int32', shape, values },
  ...more,
});

// Rows 0 and 1 are the same, and so are 2, 4 and 6; 3 differs from 1 in the second input alone.
const a = column('a', 'input', Float32Array.of(1, 1, 2, 1, 2, 5, 2), [1]);
const b = column('b', 'input', Int32Array.of(7, 7, 8, 9, 8, 7, 8), [1]);
const y = column('y', 'target', Int32Array.of(0, 1, 1, 0, 1, 0, 0), [], { categories: 2 });
const splits = { training: Int32Array.of(0, 1, 2), validation: Int32Array.of(3, 4), test: Int32Array.of(5, 6) };
const dataset = { examples: { count: 7, columns: [a, b, y] }, splits };

it('counts them by pairs of splits, and those with another target', async () => {
  // Row 1 repeats 0 with another target; 4 repeats 2; 6 repeats 2 (and 4) with another target.
  expect(await repeatsOf(dataset)).toEqual({
    ...{ rows: 3, acrossSplits: 2, example: [4, 2], conflicts: 2, conflict: [1, 0] },
    shared: [
      { of: 'training', split: 'validation', rows: Int32Array.of(4) },
      { of: 'training', split: 'test', rows: Int32Array.of(6) },
      { of: 'validation', split: 'test', rows: Int32Array.of(6) },
    ],
  });
});

it('looks at no split that is closed', async () => {
  const { rows, shared, conflicts } = await repeatsOf(dataset, ['training', 'validation']);
  expect([rows, conflicts, shared.map(({ split }) => split)]).toEqual([2, 1, ['validation']]);
});

it('tells sequences apart that are filled up to the same numbers', async () => {
  const mask = column('m', 'mask', Int32Array.of(1, 0, 1, 1, 1, 1, 1), [1], { of: 'b' });
  const masked = { examples: { count: 7, columns: [a, b, y, mask] }, splits };
  expect((await repeatsOf(masked)).rows).toBe(2);
});
