/** Divides the examples into training, validation and test: disjoint, ascending, and seeded where chance decides. */

import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';
import { DataError } from '../../errors.js';
import { randomStream, shuffle } from '../../ground/random.js';
import { plural } from '../../ground/units.js';
import type { SourceExamples, Splits } from '../examples.js';
import type { RowRange } from '../geometry.js';
import { type Division, divideGroups } from './groups.js';
import type { SplitKey } from './split-key.js';
import type { SplitPlan } from './split-plan.js';
import { countStratified, groupByClass, groupByKey, type HeldOutCounts, type Stratum } from './stratify.js';

/**
 * @param plan ranges must not overlap
 * @param seed seed of the run; it decides which examples a fraction takes
 * @param warn told where groups are too large for the fractions
 * @throws DataError if fractions leave nothing for training or are too small for one example, or if classes cannot be
 *   stratified, or groups not be kept together
 */
export function splitExamples(
  examples: SourceExamples,
  plan: SplitPlan,
  seed: number,
  warn: (message: string) => void = () => {},
): Splits {
  const { section = 'data' } = plan;
  const fractions = { validation: fractionOf(plan.validation), test: fractionOf(plan.test) };
  const { validation, test } = fractions;
  if (validation + test >= 1) {
    throw new DataError(
      `${section}.validation ${validation} and ${section}.test ${test} leave nothing for training`,
      'make their sum smaller than 1',
    );
  }
  const pool = freeRows(examples.count, plan);
  const random = randomStream('split', seed);
  const parts = divide(examples, plan, pool, random, warn);
  return {
    training: gathered(parts.training),
    validation: gathered([...parts.validation, rowsOf(plan.validation)]),
    test: gathered([...parts.test, rowsOf(plan.test)]),
  };
}

function divide(
  examples: SourceExamples,
  plan: SplitPlan,
  pool: Int32Array,
  random: RandomGenerator,
  warn: (message: string) => void,
): Division {
  const { by, section = 'data' } = plan;
  const [validation, test] = [fractionOf(plan.validation), fractionOf(plan.test)];
  if (plan.stratify !== false || by?.kind === 'stratify') {
    const strata = by ? groupByKey(by, pool) : groupByClass(examples, pool, plan);
    return cutAtRandom(strata, countStratified(strata, validation, test, section), random);
  }
  const counts = countPlain(pool.length, validation, test, section);
  if (by?.kind === 'group') {
    const ranges = { validation: rowsOf(plan.validation), test: rowsOf(plan.test) };
    return divideGroups(by, pool, ranges, counts, random, warn);
  }
  if (by?.kind === 'order') return cutInOrder(by, pool, counts);
  return cutAtRandom([{ rows: pool }], [counts], random);
}

/** Shuffles each part of the rows and takes its counts. */
function cutAtRandom(
  strata: readonly Pick<Stratum, 'rows'>[],
  counts: readonly HeldOutCounts[],
  random: RandomGenerator,
): Division {
  const division = { training: [] as Int32Array[], validation: [] as Int32Array[], test: [] as Int32Array[] };
  strata.forEach(({ rows }, i) => {
    shuffle(rows, random);
    const testStart = counts[i].validation;
    const trainingStart = testStart + counts[i].test;
    division.validation.push(rows.subarray(0, testStart));
    division.test.push(rows.subarray(testStart, trainingStart));
    division.training.push(rows.subarray(trainingStart));
  });
  return division;
}

/** Training, then validation, then test; equal values by their rows. */
function cutInOrder(key: SplitKey, pool: Int32Array, { validation, test }: HeldOutCounts): Division {
  const { values, unit, name } = key;
  if (validation + test > 0 && pool.length > 1 && pool.every((row) => values[row] === values[pool[0]])) {
    throw new DataError(
      `data.split.order: ${unit} ${name} is the same in every example, which is no order`,
      `name another ${unit}, or leave order out`,
    );
  }
  const ordered = pool.slice().sort((a, b) => values[a] - values[b] || a - b);
  const testStart = pool.length - test;
  const validationStart = testStart - validation;
  return {
    training: [ordered.subarray(0, validationStart)],
    validation: [ordered.subarray(validationStart, testStart)],
    test: [ordered.subarray(testStart)],
  };
}

function gathered(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let next = 0;
  for (const part of parts) {
    all.set(part, next);
    next += part.length;
  }
  return all.sort();
}

function fractionOf(part: number | RowRange): number {
  return typeof part === 'number' ? part : 0;
}

function rowsOf(part: number | RowRange): Int32Array {
  if (typeof part === 'number') return new Int32Array(0);
  const rows = new Int32Array(part.count);
  for (let i = 0; i < rows.length; i++) rows[i] = part.start + i;
  return rows;
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

function countPlain(total: number, validation: number, test: number, section: string): HeldOutCounts {
  const counts = { validation: Math.round(validation * total), test: Math.round(test * total) };
  for (const [name, fraction] of Object.entries({ validation, test })) {
    if (fraction > 0 && counts[name as keyof HeldOutCounts] === 0) {
      throw new DataError(
        `${section}.${name}: ${fraction} of ${total} examples is not even one`,
        `use 0 to do without, or at least ${Math.ceil(1000 / total) / 1000}`,
      );
    }
  }
  if (counts.validation + counts.test >= total) {
    throw new DataError(
      `${section}.validation ${validation} and ${section}.test ${test} leave none of ${plural(total, 'example')} for training`,
      'make them smaller, or add examples',
    );
  }
  return counts;
}
