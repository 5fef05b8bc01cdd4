/** Stratification: dividing each class by itself, so that all splits have the same mixture of classes. */

import { DataError } from '../../errors.js';
import { isNumeral } from '../../ground/numeral.js';
import { plural } from '../../ground/units.js';
import { type SourceExamples, splitNames } from '../examples.js';
import { ofRole } from '../field.js';
import type { SplitKey } from './split-key.js';
import type { SplitPlan } from './split-plan.js';

/** How many examples of a group are held out; the rest is for training. */
export interface HeldOutCounts {
  readonly validation: number;
  readonly test: number;
}

/** A share this close to a whole number is one: it differs only by rounding. */
const TOLERANCE = 1e-9;

/** Examples that are divided by themselves. */
export interface Stratum {
  readonly rows: Int32Array;
  /** `class 3`, for messages. */
  readonly name: string;
}

/**
 * The rows of each class that occurs, in the order of classes.
 *
 * @throws DataError if the targets are no classes, or several an example
 */
export function groupByClass(
  examples: SourceExamples,
  rows: Int32Array,
  { stratify, section = 'data' }: Pick<SplitPlan, 'stratify' | 'section'>,
): Stratum[] {
  const all = ofRole(examples.columns, 'target');
  const targets = typeof stratify === 'string' ? all.filter(({ name }) => name === stratify) : all;
  const key = `${section}.stratify`;
  if (targets.length > 1) {
    const names = targets.map(({ name }) => name);
    throw new DataError(
      `${key}: true: there are the targets ${names.join(', ')}`,
      `say by which: data.split: { stratify: ${names[0]} } (a table: by the name of its column)`,
    );
  }
  if (targets.length === 0) {
    throw new DataError(`${key}: the targets are inputs, not classes`, 'remove stratify');
  }
  const [{ shape, values, categories }] = targets;
  const which = typeof stratify === 'string' ? `target ${stratify} has` : 'the targets are';
  if (categories === undefined) {
    throw new DataError(
      `${key}: ${which} numbers, not classes`,
      'remove stratify, or set data.classes if they are class indices',
    );
  }
  if (shape.length > 0) {
    throw new DataError(`${key}: an example has several classes`, 'remove stratify');
  }
  // One that the loss ignores may be none of the classes.
  const groups = rowsByValue(values, rows);
  const ordered = [...groups].sort(([a], [b]) => a - b);
  return ordered.map(([target, group]) => ({ rows: Int32Array.from(group), name: `class ${target}` }));
}

/** The rows of each value of a column, in the order of numbers or of texts. */
export function groupByKey({ unit, name: what, values, names = [] }: SplitKey, rows: Int32Array): Stratum[] {
  const groups = rowsByValue(values, rows);
  const byName = new Map(names.map((name, code) => [name, groups.get(code)]));
  return inOrder(names).flatMap((name) => {
    const group = byName.get(name);
    return group ? [{ rows: Int32Array.from(group), name: `${JSON.stringify(name)} of ${unit} ${what}` }] : [];
  });
}

/** In the order of numbers where all are numbers, else of their characters' codes. */
export function inOrder(names: Iterable<string>): string[] {
  const list = [...names].sort();
  return list.every(isNumeral) ? list.sort((a, b) => Number(a) - Number(b)) : list;
}

/** As `inOrder`, with texts by their code points, which UTF-16 has in another order where one takes two units. */
export function inCodeOrder(names: Iterable<string>): string[] {
  const list = inOrder(names);
  if (!list.some((name) => /[\uD800-\uDFFF]/.test(name))) return list;
  const bytes = new Map(list.map((name) => [name, Buffer.from(name)]));
  return list.sort((a, b) => Buffer.compare(bytes.get(a)!, bytes.get(b)!));
}

export function rowsByValue(values: ArrayLike<number>, rows: Int32Array): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const row of rows) {
    const value = values[row];
    const group = groups.get(value);
    if (group) group.push(row);
    else groups.set(value, [row]);
  }
  return groups;
}

/**
 * Every split gets its exact share of every class, rounded down or up. Which of them are rounded up depends on what the
 * classes before left owing, so that the totals come out right too.
 *
 * @throws DataError if a class has less than one example for a split
 */
export function countStratified(
  strata: readonly Stratum[],
  validation: number,
  test: number,
  section = 'data',
): HeldOutCounts[] {
  const shares = { training: 1 - validation - test, validation, test };
  const owed = { training: 0, validation: 0, test: 0 };
  return strata.map((stratum) => {
    const { rows: group } = stratum;
    const counts = { training: 0, validation: 0, test: 0 };
    let left = group.length;
    for (const name of splitNames) {
      const exact = shares[name] * group.length;
      counts[name] = Math.floor(exact + TOLERANCE);
      if (shares[name] > 0 && counts[name] === 0) throw tooFew(stratum, name, shares[name], section);
      owed[name] += exact - counts[name];
      left -= counts[name];
    }
    const roundable = splitNames.filter((name) => shares[name] * group.length - counts[name] > TOLERANCE);
    for (const name of roundable.sort((a, b) => owed[b] - owed[a]).slice(0, left)) {
      counts[name]++;
      owed[name]--;
    }
    return counts;
  });
}

function tooFew({ rows, name }: Stratum, split: string, share: number, section: string): DataError {
  return new DataError(
    `${section}.stratify: ${name} has ${plural(rows.length, 'example')}, too few to give ${Number(share.toFixed(6))} of them to ${split}`,
    `remove stratify, or add examples: a class needs at least ${Math.ceil(1 / share - TOLERANCE)}`,
  );
}
