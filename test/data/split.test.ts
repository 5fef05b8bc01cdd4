/** Splits: disjoint, complete, seeded, of the size asked for, the same mixture of classes when stratified. */
import { describe, expect, it } from 'vitest';
import type { Examples, Splits } from '../../src/data/examples.js';
import { splitExamples } from '../../src/data/splits/split.js';
import { DataError } from '../../src/errors.js';
import { examplesOf, partsOf } from '../support/parts.js';

function withTargets(targets: Int32Array | Float32Array, classes?: number): Examples {
  const common = {
    count: targets.length,
    features: new Float32Array(targets.length),
    featureScale: 1,
    featureShape: [1],
  };
  return examplesOf({ ...common, targets, targetShape: [], classes });
}

/** Classes of very different sizes, mixed. */
const SIZES = [400, 37, 11, 203, 75];
const LABELS = Int32Array.from(SIZES.flatMap((size, label) => new Array<number>(size).fill(label)));
const TOTAL = LABELS.length;
const labelled = withTargets(
  LABELS.map((_, i) => LABELS[(i * 101) % TOTAL]),
  SIZES.length,
);
const numbers = (count: number) => withTargets(new Float32Array(count));
const plain = { validation: 0.1, test: 0.2, stratify: false };

function expectPartition(splits: Splits, count: number): void {
  const all = [...splits.training, ...splits.validation, ...splits.test].sort((a, b) => a - b);
  expect(all).toEqual(Array.from({ length: count }, (_, i) => i));
  for (const split of Object.values(splits) as Int32Array[]) expect(split).toEqual(split.slice().sort());
}

function failure(action: () => unknown): DataError {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return error as DataError;
  }
  throw new Error('no error was thrown');
}

describe('by fraction', () => {
  it('divides all examples, disjoint and ascending', () => {
    const splits = splitExamples(numbers(1000), plain, 5);
    expect([splits.training.length, splits.validation.length, splits.test.length]).toEqual([700, 100, 200]);
    expectPartition(splits, 1000);
  });

  it('is a function of the seed', () => {
    const [first, again, other] = [1, 1, 2].map((seed) => splitExamples(numbers(300), plain, seed));
    expect(again).toEqual(first);
    expect(other.test).not.toEqual(first.test);
    // 60 of 300: about 12 in common by chance.
    expect(other.test.filter((row) => first.test.includes(row)).length).toBeLessThan(30);
  });

  it('gives everything to training when both fractions are 0', () => {
    const splits = splitExamples(numbers(5), { validation: 0, test: 0, stratify: false }, 0);
    expect(splits.training).toEqual(Int32Array.from([0, 1, 2, 3, 4]));
    expect(splits.validation.length + splits.test.length).toBe(0);
  });

  it.each([
    {
      count: 10,
      validation: 0.5,
      test: 0.5,
      problem: 'data.validation 0.5 and data.test 0.5 leave nothing for training',
    },
    { count: 2, validation: 0.45, test: 0.45, problem: 'leave none of 2 examples for training' },
    { count: 10, validation: 0.01, test: 0.2, problem: 'data.validation: 0.01 of 10 examples is not even one' },
  ])('refuses $validation and $test of $count examples', ({ count, validation, test, problem }) => {
    const error = failure(() => splitExamples(numbers(count), { validation, test, stratify: false }, 0));
    expect(error.problem).toContain(problem);
  });

  it('names a fraction that is large enough', () => {
    const small = { validation: 0.01, test: 0.2, stratify: false };
    const { remedy } = failure(() => splitExamples(numbers(30), small, 0));
    const fraction = Number(/at least ([\d.]+)/.exec(remedy)?.[1]);
    expect(splitExamples(numbers(30), { ...small, validation: fraction }, 0).validation.length).toBe(1);
  });
});

describe('by range', () => {
  it('takes the given rows, and fractions from the rest', () => {
    const plan = { validation: 0.25, test: { start: 60, count: 40 }, stratify: false };
    const splits = splitExamples(numbers(100), plan, 1);
    expectPartition(splits, 100);
    expect([...splits.test]).toEqual(Array.from({ length: 40 }, (_, i) => 60 + i));
    expect(splits.validation.length).toBe(15);
    expect(Math.max(...splits.validation)).toBeLessThan(60);
  });

  it('needs no seed when both are given', () => {
    const plan = { validation: { start: 5, count: 2 }, test: { start: 7, count: 3 }, stratify: false };
    expect(splitExamples(numbers(10), plan, 1)).toEqual(splitExamples(numbers(10), plan, 2));
    expect([...splitExamples(numbers(10), plan, 1).training]).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('stratified', () => {
  it.each([
    { validation: 0.1, test: 0.1 },
    { validation: 0.15, test: 0.25 },
    { validation: 0, test: 1 / 3 },
    { validation: 0.3, test: 0.3 },
  ])('gives every split its share of each class to within one example ($validation, $test)', ({ validation, test }) => {
    const splits = splitExamples(labelled, { validation, test, stratify: true }, 9);
    expectPartition(splits, TOTAL);
    const shares = { training: 1 - validation - test, validation, test };
    for (const name of ['training', 'validation', 'test'] as const) {
      SIZES.forEach((size, label) => {
        const count = splits[name].filter((row) => partsOf(labelled).targets[row] === label).length;
        expect(Math.abs(count - shares[name] * size)).toBeLessThan(1);
      });
      expect(Math.abs(splits[name].length - shares[name] * TOTAL)).toBeLessThan(1.5);
    }
  });

  it('is seeded', () => {
    const plan = { validation: 0.1, test: 0.1, stratify: true };
    expect(splitExamples(labelled, plan, 1)).toEqual(splitExamples(labelled, plan, 1));
    expect(splitExamples(labelled, plan, 1).test).not.toEqual(splitExamples(labelled, plan, 2).test);
  });

  it('skips classes without examples', () => {
    const targets = Int32Array.from({ length: 40 }, (_, i) => (i % 2) * 3);
    const splits = splitExamples(withTargets(targets, 4), { validation: 0.1, test: 0.1, stratify: true }, 0);
    expect([splits.training.length, splits.validation.length, splits.test.length]).toEqual([32, 4, 4]);
  });

  it('names a class that is too small, and how large it must be', () => {
    const error = failure(() => splitExamples(labelled, { validation: 0.05, test: 0.1, stratify: true }, 0));
    expect(error.problem).toBe('data.stratify: class 2 has 11 examples, too few to give 0.05 of them to validation');
    expect(error.remedy).toContain('at least 20');
  });

  it('refuses targets that are no classes', () => {
    const error = failure(() => splitExamples(numbers(100), { ...plain, stratify: true }, 0));
    expect(error.problem).toContain('the targets are numbers, not classes');
  });
});

it('holds out files of more rows than a Set can have', () => {
  const count = 2 ** 24 + 3;
  const examples: Examples = { ...numbers(0), count };
  const { training, validation } = splitExamples(
    examples,
    { ...plain, validation: { start: 2, count: count - 2 }, test: 0 },
    1,
  );
  expect([...training]).toEqual([0, 1]);
  expect([validation.length, validation[0], validation.at(-1)]).toEqual([count - 2, 2, count - 1]);
});
