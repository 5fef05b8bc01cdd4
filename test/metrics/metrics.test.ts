/** Metrics of batches, merged, against a plain computation over all examples at once in float64. */
import { describe, expect, it } from 'vitest';
import type { MetricSpec } from '../../src/evaluate/metric-spec.js';
import { scored } from '../support/metrics.js';
import { randomFloats } from '../support/slabs.js';

const spec = (options: Partial<MetricSpec>): MetricSpec => ({
  metrics: ['accuracy', { topKAccuracy: { k: 3 } }, 'mae', 'mse', 'r2'],
  outputs: 1,
  places: 1,
  classes: false,
  threshold: 0,
  binary: false,
  weighted: false,
  ...options,
});

/** The metrics of outputs and targets that come in batches of these sizes. */
function inBatches(
  of: MetricSpec,
  sizes: readonly number[],
  outputs: Float32Array,
  targets: ArrayLike<number>,
  losses: Float32Array,
) {
  const targetWidth = targets.length / losses.length;
  let start = 0;
  const batches = sizes.map((size) => {
    const rows = <T>(values: ArrayLike<T>, width: number) =>
      Array.prototype.slice.call(values, start * width, (start + size) * width) as T[];
    const part = Float32Array.from(rows(outputs, of.outputs));
    const counts = { losses: Float32Array.from(rows(losses, 1)), divisor: size, metrics: [] };
    const batch = { ...counts, outputs: part, targets: rows(targets, targetWidth) };
    start += size;
    return batch;
  });
  expect(start).toBe(losses.length);
  return scored(of, batches);
}

const sizes = [128, 1, 7, 64, 37];
const examples = 237;
const losses = randomFloats(9, examples).map(Math.abs);

const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
const rowsOf = (values: ArrayLike<number>, width: number): number[][] =>
  Array.from({ length: values.length / width }, (_, row) =>
    Array.from({ length: width }, (_, i) => values[row * width + i]),
  );
const column = (rows: readonly number[][], i: number): number[] => rows.map((row) => row[i]);

/** Errors over all numbers, and R² as 1 - residuals / deviations, both summed over outputs. */
function plainRegression(outputs: readonly number[][], targets: readonly number[][]) {
  const errors = outputs.flatMap((row, r) => row.map((value, i) => value - targets[r][i]));
  const deviations = targets.flatMap((row) => row.map((value, i) => value - mean(column(targets, i))));
  const squares = (values: readonly number[]) => values.reduce((sum, value) => sum + value * value, 0);
  return {
    mae: mean(errors.map(Math.abs)),
    mse: mean(errors.map((error) => error * error)),
    r2: 1 - squares(errors) / squares(deviations),
  };
}

/** The classes from the highest output to the lowest; equal ones by their number. */
const ranking = (row: readonly number[]): number[] =>
  row
    .map((value, i) => ({ value, i }))
    .sort((a, b) => b.value - a.value || a.i - b.i)
    .map(({ i }) => i);

describe('classes', () => {
  const width = 6;
  // Tenths: many outputs are equal.
  const outputs = randomFloats(1, examples * width).map((value) => Math.round(value * 10) / 10);
  const targets = Int32Array.from(randomFloats(2, examples), (value) => Math.floor(Math.abs(value) * width));
  const of = spec({ outputs: width, classes: true });

  it('are counted as by sorting the outputs', () => {
    const rows = rowsOf(outputs, width);
    expect(rows.some((row) => new Set(row).size < width)).toBe(true);
    const hot = Array.from(targets, (target) => Array.from({ length: width }, (_, i) => Number(i === target)));
    const found = (k: number) => mean(rows.map((row, r) => Number(ranking(row).slice(0, k).includes(targets[r]))));
    const { mae, mse, r2 } = plainRegression(rows, hot);
    const actual = inBatches(of, sizes, outputs, targets, losses);
    expect(Object.keys(actual)).toEqual(['loss', 'accuracy', 'topKAccuracy', 'mae', 'mse', 'r2']);
    expect(actual.accuracy).toBe(found(1));
    expect(actual.topKAccuracy).toBe(found(3));
    expect(actual.accuracy).toBeLessThan(actual.topKAccuracy);
    expect(actual.loss).toBeCloseTo(mean(losses), 14);
    expect(actual.mae).toBeCloseTo(mae, 12);
    expect(actual.mse).toBeCloseTo(mse, 12);
    expect(actual.r2).toBeCloseTo(r2, 12);
  });

  it('count the same as one-hot rows of floats', () => {
    const rows = Float32Array.from({ length: examples * width }, (_, i) =>
      Number(targets[Math.floor(i / width)] === i % width),
    );
    const floats = inBatches(spec({ outputs: width }), sizes, outputs, rows, losses);
    expect(floats).toEqual(inBatches(of, sizes, outputs, targets, losses));
  });

  it('take the 5 highest for topKAccuracy without a number', () => {
    const five = spec({ outputs: width, classes: true, metrics: ['topKAccuracy'] });
    const rows = rowsOf(outputs, width);
    const expected = mean(rows.map((row, r) => Number(ranking(row).slice(0, 5).includes(targets[r]))));
    expect(expected).toBeLessThan(1);
    expect(inBatches(five, sizes, outputs, targets, losses).topKAccuracy).toBe(expected);
  });

  it('are right where several outputs are equal only for the first of them', () => {
    const equal = Float32Array.from({ length: 3 * 4 }, () => 0.25);
    const four = spec({ outputs: 4, classes: true, metrics: ['accuracy', { topKAccuracy: { k: 2 } }] });
    expect(inBatches(four, [3], equal, [0, 1, 3], losses.subarray(0, 3))).toMatchObject({
      accuracy: 1 / 3,
      topKAccuracy: 2 / 3,
    });
  });

  it('are wrong where the output of the target is NaN, even for a k of all classes', () => {
    const all = spec({ outputs: 3, classes: true, metrics: ['accuracy', { topKAccuracy: { k: 3 } }] });
    const broken = Float32Array.from([Number.NaN, 1, 2, Number.NaN, Number.NaN, Number.NaN, 5, 1, Number.NaN]);
    expect(inBatches(all, [2, 1], broken, [0, 0, 0], losses.subarray(0, 3))).toMatchObject({
      accuracy: 1 / 3,
      topKAccuracy: 1 / 3,
    });
  });
});

describe('two classes on one output', () => {
  const targets = [0, 0, 1, 1, 1];
  const five = losses.subarray(0, 5);

  it.each([
    { threshold: 0, outputs: [-0.2, 0.2, 0.2, -0.2, 0.6], accuracy: 3 / 5 },
    { threshold: 0.5, outputs: [0.4, 0.6, 0.6, 0.4, 0.51], accuracy: 3 / 5 },
    // On the border it is the first class.
    { threshold: 0, outputs: [0, 0, 0, 0, 0], accuracy: 2 / 5 },
    { threshold: 0.5, outputs: [0.5, 0.5, 0.5, 0.5, 0.5], accuracy: 2 / 5 },
    { threshold: 0, outputs: [Number.NaN, -1, Number.NaN, 1, 1], accuracy: 3 / 5 },
  ])('are told apart by the border of a $threshold: $outputs', ({ threshold, outputs, accuracy }) => {
    const of = spec({ classes: true, threshold, metrics: ['accuracy', { topKAccuracy: { k: 1 } }] });
    const expected = { accuracy, topKAccuracy: accuracy };
    expect(inBatches(of, [2, 3], Float32Array.from(outputs), targets, five)).toMatchObject(expected);
    const signs = targets.map((target) => 2 * target - 1);
    const floats = { ...of, classes: false };
    expect(inBatches(floats, [4, 1], Float32Array.from(outputs), signs, five)).toMatchObject(expected);
  });

  it('are both among the 2 highest', () => {
    const of = spec({ classes: true, metrics: [{ topKAccuracy: { k: 2 } }] });
    expect(inBatches(of, [5], Float32Array.from([-1, 1, -1, 1, -1]), targets, five).topKAccuracy).toBe(1);
  });
});

describe('numbers', () => {
  it.each([1, 3])('with %i outputs have the errors and the R² of a plain computation', (width) => {
    const targets = randomFloats(3, examples * width).map((value, i) => value * 10 ** (i % width) + 5 * (i % width));
    const outputs = targets.map((value, i) => value + randomFloats(4, examples * width)[i] * 0.4);
    const actual = inBatches(spec({ outputs: width, metrics: ['r2', 'mse', 'mae'] }), sizes, outputs, targets, losses);
    const expected = plainRegression(rowsOf(outputs, width), rowsOf(targets, width));
    expect(Object.keys(actual)).toEqual(['loss', 'r2', 'mse', 'mae']);
    for (const name of ['mae', 'mse', 'r2'] as const) expect(actual[name]).toBeCloseTo(expected[name], 12);
    expect(actual.r2).toBeGreaterThan(0.5);
    expect(actual.r2).toBeLessThan(1);
  });

  // scikit-learn 1.9.1: r2_score(y, p), and with multioutput='variance_weighted' on the two columns that vary.
  it.each([
    ['met exactly', 5, 0.9300595238095238],
    ['missed', 6, 0.5967261904761906],
  ])('have the mean R² of scikit-learn, where a target that does not vary is %s', (_, third, expected) => {
    const rows = [
      [1, 100, 5],
      [2, 300, 5],
      [3, 200, 5],
      [4, 500, 5],
      [5, 100, 5],
    ];
    const predicted = [
      [1.5, 150, third],
      [2, 250, third],
      [2.5, 260, third],
      [4.5, 420, third],
      [5, 90, third],
    ];
    const r2Of = (average: 'uniform' | 'pooled', width: number, batches: number[]) => {
      const flat = (table: number[][]) => Float32Array.from(table.flatMap((row) => row.slice(0, width)));
      const of = spec({ outputs: width, metrics: [{ r2: { average } }, 'mse'] });
      return inBatches(of, batches, flat(predicted), flat(rows), new Float32Array(5)).r2;
    };
    expect(r2Of('uniform', 3, [2, 1, 2])).toBeCloseTo(expected, 12);
    expect(r2Of('uniform', 2, [5])).toBeCloseTo(0.8950892857142858, 12);
    expect(r2Of('pooled', 2, [3, 2])).toBeCloseTo(0.8651839121507008, 12);
  });

  const only = spec({ metrics: ['r2'] });
  const r2 = (outputs: Float32Array, targets: Float32Array) => inBatches(only, sizes, outputs, targets, losses).r2;

  it('keep their R² where they vary little around a large mean', () => {
    const targets = randomFloats(5, examples).map((value) => 3_000_000 + Math.round(value * 4));
    const outputs = targets.map((value, i) => value + (i % 2));
    const { r2: expected } = plainRegression(rowsOf(outputs, 1), rowsOf(targets, 1));
    expect(expected).toBeGreaterThan(0);
    expect(r2(outputs, targets)).toBeCloseTo(expected, 9);
  });

  it('have an R² of 1 when met exactly, of 0 when the mean is predicted, below 0 when worse', () => {
    const targets = Float32Array.from({ length: examples }, (_, i) => (i % 3) - 1);
    expect(r2(targets, targets)).toBe(1);
    expect(r2(new Float32Array(examples), targets)).toBeCloseTo(0, 14);
    expect(
      r2(
        targets.map((value) => -value),
        targets,
      ),
    ).toBeCloseTo(-3, 12);
  });

  it('have no R² when all are the same, whether met or missed', () => {
    for (const value of [0, 0.1, -12345.678]) {
      const targets = new Float32Array(examples).fill(value);
      expect(r2(targets, targets)).toBeNaN();
      expect(
        r2(
          targets.map((target) => target + 1),
          targets,
        ),
      ).toBeNaN();
    }
  });

  it('have none when all are the same and weighted either, though means of batches differ in their last bits', () => {
    const of = spec({ metrics: ['r2'], weighted: true });
    const batches = sizes.map((size, i) => ({
      outputs: randomFloats(20 + i, size),
      targets: new Float32Array(size).fill(0.1),
      weights: randomFloats(30 + i, size).map(Math.abs),
      losses: new Float32Array(size),
      divisor: size,
      metrics: [],
    }));
    expect(scored(of, batches).r2).toBeNaN();
  });

  it('pass a NaN on', () => {
    const outputs = new Float32Array(examples);
    outputs[200] = Number.NaN;
    const targets = randomFloats(6, examples);
    const actual = inBatches(spec({ metrics: ['mae', 'mse', 'r2'] }), sizes, outputs, targets, losses);
    for (const name of ['mae', 'mse', 'r2']) expect(actual[name]).toBeNaN();
    expect(actual.loss).toBeCloseTo(mean(losses), 14);
  });
});

it('accuracy counts the outputs of several independent yes-or-no answers', () => {
  const of = spec({ outputs: 3, binary: true, threshold: 0.5, metrics: ['accuracy'] });
  const outputs = Float32Array.of(0.9, 0.2, 0.7, 0.4, 0.6, Number.NaN);
  const targets = [1, 0, 0, 1, 1, 0];
  const batch = { outputs, targets, losses: new Float32Array(2), divisor: 2, metrics: [] };
  expect(scored(of, [batch]).accuracy).toBe(3 / 6);
});
