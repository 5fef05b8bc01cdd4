/** Stratification: dividing each class by itself, so that all splits have the same mixture of classes. */
import { DataError } from '../errors.js';
import { type SourceExamples, targetColumn } from './examples.js';

/** How many examples of a group are held out; the rest is for training. */
export interface HeldOutCounts {
  readonly validation: number;
  readonly test: number;
}

/** A share this close to a whole number is one: it differs only by rounding. */
const TOLERANCE = 1e-9;

/**
 * The rows of each class that occurs, in the order of classes.
 *
 * @throws DataError if the targets are no classes, or several an example
 */
export function groupByClass(examples: SourceExamples, rows: Int32Array): Int32Array[] {
  const { shape, values, categories } = targetColumn(examples);
  if (categories === undefined) {
    throw new DataError(
      'data.stratify: the targets are numbers, not classes',
      'remove stratify, or set data.classes if they are class indices',
    );
  }
  if (shape.length > 0) {
    throw new DataError('data.stratify: an example has several classes', 'remove stratify');
  }
  // One that the loss ignores may be none of the classes.
  const groups = new Map<number, number[]>();
  for (const row of rows) {
    const target = values[row];
    const group = groups.get(target);
    if (group) group.push(row);
    else groups.set(target, [row]);
  }
  const ordered = [...groups].sort(([a], [b]) => a - b);
  return ordered.map(([, group]) => Int32Array.from(group));
}

/**
 * Every split gets its exact share of every class, rounded down or up. Which of them are rounded up depends on what the
 * classes before left owing, so that the totals come out right too.
 *
 * @throws DataError if a class has less than one example for a split
 */
export function countStratified(
  examples: SourceExamples,
  groups: readonly Int32Array[],
  validation: number,
  test: number,
): HeldOutCounts[] {
  const shares = { training: 1 - validation - test, validation, test };
  const owed = { training: 0, validation: 0, test: 0 };
  const names = ['training', 'validation', 'test'] as const;
  return groups.map((group) => {
    const counts = { training: 0, validation: 0, test: 0 };
    let left = group.length;
    for (const name of names) {
      const exact = shares[name] * group.length;
      counts[name] = Math.floor(exact + TOLERANCE);
      if (shares[name] > 0 && counts[name] === 0) throw tooFew(examples, group, name, shares[name]);
      owed[name] += exact - counts[name];
      left -= counts[name];
    }
    const roundable = names.filter((name) => shares[name] * group.length - counts[name] > TOLERANCE);
    for (const name of roundable.sort((a, b) => owed[b] - owed[a]).slice(0, left)) {
      counts[name]++;
      owed[name]--;
    }
    return counts;
  });
}

function tooFew(examples: SourceExamples, group: Int32Array, name: string, share: number): DataError {
  return new DataError(
    `data.stratify: class ${targetColumn(examples).values[group[0]]} has ${group.length} examples, ` +
      `too few to give ${Number(share.toFixed(6))} of them to ${name}`,
    `remove stratify, or add examples: a class needs at least ${Math.ceil(1 / share - TOLERANCE)}`,
  );
}
