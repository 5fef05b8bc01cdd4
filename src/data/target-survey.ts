/** What kind of numbers the targets of a whole data set are: one pass in memory, for losses and metrics to decide by. */
import { setImmediate } from 'node:timers/promises';
import type { Column } from './examples.js';
import { strideOf, type Values, widthOf } from './field.js';

/**
 * `unit`: from 0 to 1. `binary`: 0 or 1. `signs`: -1 or 1. `whole`: integers of at least 0. `positive`: at least 0.
 * `rows`: numbers of at least 0 that add up to 1 over the last axis.
 */
export type TargetRule = 'unit' | 'binary' | 'signs' | 'whole' | 'positive' | 'rows';

export interface TargetSurvey {
  /** Numbers along the last axis. */
  readonly width: number;
  /** Place in the target's values of the first number that breaks a rule; of a row, of its first number. */
  readonly broken: Readonly<Partial<Record<TargetRule, number>>>;
  /** Different numbers in the order in which they came, three at most. */
  readonly distinct: readonly number[];
  readonly highest: number;
}

/** How far the sum of a row may be from 1: decimals that were rounded to three digits. */
const tolerance = 1e-3;
/** Numbers that are looked at before signals get their turn. */
const turn = 1 << 22;

const rules: readonly [TargetRule, (value: number) => boolean][] = [
  ['unit', (value) => value >= 0 && value <= 1],
  ['binary', (value) => value === 0 || value === 1],
  ['signs', (value) => value === -1 || value === 1],
  ['whole', (value) => Number.isInteger(value) && value >= 0],
  ['positive', (value) => value >= 0],
];

/** Overlapping targets, as windows of a text have them, are looked at once. Targets are in memory. */
export async function surveyTargets({ values, shape, scale = 1 }: Pick<Column, 'values' | 'shape' | 'scale'>) {
  const targets = scale === 1 ? values : Float32Array.from(values, (value) => value * Math.fround(scale));
  const width = shape.at(-1) ?? 1;
  const broken: Partial<Record<TargetRule, number>> = {};
  const distinct: number[] = [];
  let highest = Number.NEGATIVE_INFINITY;
  const size = Math.max(1, Math.floor(turn / width)) * width;
  for (let start = 0; start < targets.length; start += size) {
    const end = Math.min(targets.length, start + size);
    for (const [rule, keeps] of rules) {
      if (broken[rule] !== undefined) continue;
      const found = firstBreak(targets, start, end, keeps);
      if (found >= 0) broken[rule] = found;
    }
    broken.rows ??= firstOddRow(targets, start, end, width);
    for (let i = start; i < end; i++) {
      if (targets[i] > highest) highest = targets[i];
      if (distinct.length < 3 && !distinct.includes(targets[i])) distinct.push(targets[i]);
    }
    if (end < targets.length) await setImmediate();
  }
  if (broken.rows === undefined) delete broken.rows;
  const survey: TargetSurvey = { width, broken, distinct, highest };
  return survey;
}

function firstBreak(values: Values, start: number, end: number, keeps: (value: number) => boolean): number {
  for (let i = start; i < end; i++) if (!keeps(values[i])) return i;
  return -1;
}

function firstOddRow(values: Values, start: number, end: number, width: number): number | undefined {
  for (let row = start; row < end; row += width) {
    let sum = 0;
    let isOdd = false;
    for (let i = row; i < row + width; i++) {
      sum += values[i];
      if (!(values[i] >= 0)) isOdd = true;
    }
    if (isOdd || !(Math.abs(sum - 1) <= tolerance)) return row;
  }
  return undefined;
}
/** Whether targets do not differ from example to example: there is nothing to explain then. */
export function isConstant(column: Column, rows: Int32Array): boolean {
  const { values, file } = column;
  if (file) return false;
  const [width, stride] = [widthOf(column), strideOf(column)];
  const first = rows[0] * stride;
  return rows.every((row) => {
    for (let i = 0; i < width; i++) if (values[row * stride + i] !== values[first + i]) return false;
    return true;
  });
}
