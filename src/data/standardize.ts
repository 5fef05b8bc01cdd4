/** Regression targets with mean 0 and deviation 1: fitted on the training split, in 64 bits, and undone in metrics and predictions. */

import { DataError } from '../errors.js';
import { elements } from '../ground/elements.js';
import { plural } from '../ground/units.js';
import type { TargetScaling } from './encoding.js';
import type { Dataset, Examples, SourceColumn, SourceExamples } from './examples.js';
import { isPlain, ofRole, type Values, weightsOf, widthOf } from './field.js';
import { originOf } from './row-origins.js';

function in32Bits(values: SourceColumn['values']): Values {
  if (!(values instanceof Float64Array)) return values;
  const floats = new Float32Array(new SharedArrayBuffer(4 * values.length));
  floats.set(values);
  return floats;
}

/**
 * Mean and deviation (that of the population) of each column of the targets, their last axis, over the rows given. Places of
 * weight 0 are padding and left out. A column that never changes has the deviation 1, so that it becomes 0.
 */
export function fitTargets({ columns: all }: SourceExamples, target: SourceColumn, rows: Int32Array): TargetScaling {
  const { shape, values } = target;
  const mask = ofRole(all, 'mask').find(({ of }) => of === target.name);
  const weights = mask ?? weightsOf(all, target);
  const columns = shape.at(-1) ?? 1;
  const places = elements(shape) / columns;
  const counts = (place: number) => !weights || weights.shape.length === 0 || weights.values[place] !== 0;
  const each = (column: number, visit: (value: number) => void) => {
    for (const row of rows) {
      for (let place = row * places; place < (row + 1) * places; place++) {
        if (counts(place)) visit(values[place * columns + column]);
      }
    }
  };
  const fits = Array.from({ length: columns }, (_, column) => fitColumn((visit) => each(column, visit)));
  return { mean: fits.map(({ mean }) => mean), deviation: fits.map(({ deviation }) => deviation) };
}

/** Two passes over differences from the first value, which keep the digits of a small spread far from 0. */
function fitColumn(each: (visit: (value: number) => void) => void): { mean: number; deviation: number } {
  let [first, sum, count] = [Number.NaN, 0, 0];
  each((value) => {
    if (count++ === 0) first = value;
    sum += value - first;
  });
  if (count === 0) return { mean: 0, deviation: 1 };
  const shift = sum / count;
  let squares = 0;
  each((value) => {
    squares += (value - first - shift) ** 2;
  });
  return { mean: first + shift, deviation: Math.sqrt(squares / count) || 1 };
}

/**
 * The examples of a source that kept digits, in 32 bits, with `(target - mean) / deviation` in the place of targets.
 * @param scalings of targets by their names; others stay as they are
 * @throws DataError when targets are classes, have another number of columns, or one is too far from the mean
 */
export function standardizedTargets(
  { count, columns }: SourceExamples,
  scalings: ReadonlyMap<string, TargetScaling>,
  where?: Dataset['where'],
): Examples {
  return {
    count,
    columns: columns.map((column) => {
      const scaling = column.role === 'target' ? scalings.get(column.name) : undefined;
      return { ...column, values: scaling ? standardized(column, scaling, where) : in32Bits(column.values) };
    }),
  };
}

function standardized(
  target: SourceColumn,
  { mean, deviation }: TargetScaling,
  where?: Dataset['where'],
): Float32Array {
  const { values: targets } = target;
  const columns = target.shape.at(-1) ?? 1;
  if (columns !== mean.length) {
    throw new DataError(
      `the model's targets have ${plural(mean.length, 'column')}, and these ${columns}`,
      'use targets such as those that the model was trained on',
    );
  }
  const scaled = new Float32Array(new SharedArrayBuffer(4 * targets.length));
  for (let i = 0; i < targets.length; i++) {
    scaled[i] = (targets[i] - mean[i % columns]) / deviation[i % columns];
    if (!Number.isFinite(scaled[i])) {
      const place = originOf({ where }, Math.floor(i / widthOf(target)), target.name);
      throw new DataError(
        `${place} holds ${targets[i]}, too many of the training split's deviations of ${deviation[i % columns]} from its mean`,
        `correct it, or leave ${keyOf(target)} out`,
      );
    }
  }
  return scaled;
}

/** Where a config asks for it. */
const keyOf = (target: SourceColumn): string =>
  isPlain(target) ? 'data.standardizeTargets' : `standardize of data.targets.${target.name}`;

/** @throws DataError when targets are class indices */
export function requireNumbers(target: SourceColumn): void {
  if (target.categories === undefined) return;
  throw new DataError(
    `${keyOf(target)}: the targets are ${plural(target.categories, 'class', 'classes')}, and classes have no mean`,
    `remove it, or set ${isPlain(target) ? 'data.targetType: number' : 'type: number'} where class indices are meant as numbers`,
  );
}

/** A number that a model gave, in the units of its targets. @param i its place in the outputs of an example */
export function unscaled(value: number, { mean, deviation }: TargetScaling, i: number): number {
  return value * deviation[i % deviation.length] + mean[i % mean.length];
}
