/** Divides the examples into training, validation and test: seeded, disjoint, ascending. */
import { DataError } from '../errors.js';
import type { SourceExamples, Splits } from './examples.js';
import type { RowRange } from './geometry.js';
import { randomStream, shuffle } from './random.js';
import { countStratified, groupByClass, type HeldOutCounts } from './stratify.js';

/** A part is a fraction of the examples that no part claims as a range, or such a range. */
export interface SplitPlan {
  readonly validation: number | RowRange;
  readonly test: number | RowRange;
  /** Whether each class is divided by itself, so that all splits have the same mixture of classes. */
  readonly stratify: boolean;
}

/**
 * @param plan ranges must not overlap
 * @param seed seed of the run; it decides which examples a fraction takes
 * @throws DataError if fractions leave nothing for training or are too small for one example, or if classes cannot be
 *   stratified
 */
export function splitExamples(examples: SourceExamples, plan: SplitPlan, seed: number): Splits {
  const validation = fractionOf(plan.validation);
  const test = fractionOf(plan.test);
  if (validation + test >= 1) {
    throw new DataError(
      `data.validation ${validation} and data.test ${test} leave nothing for training`,
      'make their sum smaller than 1',
    );
  }
  const pool = freeRows(examples.count, plan);
  const groups = plan.stratify ? groupByClass(examples, pool) : [pool];
  const counts = plan.stratify
    ? countStratified(examples, groups, validation, test)
    : [countPlain(pool.length, validation, test)];

  const training: number[] = [];
  const heldOut = { validation: rowsOf(plan.validation), test: rowsOf(plan.test) };
  const random = randomStream('split', seed);
  groups.forEach((group, i) => {
    shuffle(group, random);
    const testStart = counts[i].validation;
    const trainingStart = testStart + counts[i].test;
    for (const row of group.subarray(0, testStart)) heldOut.validation.push(row);
    for (const row of group.subarray(testStart, trainingStart)) heldOut.test.push(row);
    for (const row of group.subarray(trainingStart)) training.push(row);
  });
  return {
    training: Int32Array.from(training).sort(),
    validation: Int32Array.from(heldOut.validation).sort(),
    test: Int32Array.from(heldOut.test).sort(),
  };
}

function fractionOf(part: number | RowRange): number {
  return typeof part === 'number' ? part : 0;
}

function rowsOf(part: number | RowRange): number[] {
  return typeof part === 'number' ? [] : Array.from({ length: part.count }, (_, i) => part.start + i);
}

/** The rows that no range claims, ascending. */
function freeRows(count: number, plan: SplitPlan): Int32Array {
  const ranges = [plan.validation, plan.test].filter((part) => typeof part !== 'number');
  const free = new Int32Array(count - ranges.reduce((sum, range) => sum + range.count, 0));
  let next = 0;
  for (let row = 0; row < count; row++) {
    if (!ranges.some(({ start, count }) => row >= start && row < start + count)) free[next++] = row;
  }
  return free;
}

function countPlain(total: number, validation: number, test: number): HeldOutCounts {
  const counts = { validation: Math.round(validation * total), test: Math.round(test * total) };
  for (const [name, fraction] of Object.entries({ validation, test })) {
    if (fraction > 0 && counts[name as keyof HeldOutCounts] === 0) {
      throw new DataError(
        `data.${name}: ${fraction} of ${total} examples is not even one`,
        `use 0 to do without, or at least ${Math.ceil(1000 / total) / 1000}`,
      );
    }
  }
  if (counts.validation + counts.test >= total) {
    throw new DataError(
      `data.validation ${validation} and data.test ${test} leave none of ${total} examples for training`,
      'make them smaller, or add examples',
    );
  }
  return counts;
}
