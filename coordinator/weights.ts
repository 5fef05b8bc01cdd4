/** Weights of the examples in the training loss: those of the data, times those of their classes. */

import { suggest } from '../src/config/suggest.js';
import type { TrainingConfig } from '../src/config/training.js';
import { targetEncoding } from '../src/data/encoding.js';
import {
  type Column,
  type Dataset,
  type Examples,
  plainColumn,
  targetColumn,
  weightColumn,
  withColumn,
} from '../src/data/examples.js';
import { ofRole, widthOf } from '../src/data/field.js';
import { ConfigError, DataError } from '../src/errors.js';

/**
 * The examples with the weights that the training loss takes.
 *
 * @throws ConfigError as `withClassWeights` does
 * @throws DataError if no example of the training split weighs anything
 */
export function weightedExamples(dataset: Dataset, classWeights: TrainingConfig['classWeights']): Examples {
  const examples = withClassWeights(dataset, classWeights);
  const weights = weightColumn(examples);
  const { training } = dataset.splits;
  if (weights && training.length > 0 && !training.some((row) => weighs(weights, row))) {
    throw new DataError(
      'all examples of the training split have the weight 0, so that nothing would be learned',
      'correct or leave out the weights of the data and training.classWeights',
    );
  }
  return examples;
}

function weighs(column: Column, row: number): boolean {
  const width = widthOf(column);
  return column.values.subarray(row * width, (row + 1) * width).some((weight) => weight > 0);
}

/**
 * The examples with `classWeights` taken into their weights. An example counts as often as its weight says; the mean
 * still divides by the number of examples, as in tfjs and Keras.
 *
 * @throws ConfigError if targets are no classes, or a class is not there
 */
function withClassWeights(dataset: Dataset, classWeights: TrainingConfig['classWeights']): Examples {
  const { examples } = dataset;
  if (classWeights === undefined) return examples;
  if (ofRole(examples.columns, 'target').length > 1) {
    throw new ConfigError('training.classWeights: the data have several targets', 'remove it');
  }
  const { categories: classes, values: targets, shape } = targetColumn(examples);
  const weights = weightColumn(examples)?.values;
  if (classes === undefined || shape.length > 0) {
    throw new ConfigError('training.classWeights: the targets are not one class each', 'remove it');
  }
  const factors = classWeights === 'balanced' ? balanced(dataset, classes) : named(dataset, classes, classWeights);
  const weighted = new Float32Array(new SharedArrayBuffer(4 * examples.count));
  for (
    let i = 0;
    i < weighted.length;
    i++ // A class that the loss ignores may be none.
  )
    weighted[i] = (factors[targets[i]] ?? 0) * (weights?.[i] ?? 1);
  return withColumn(examples, plainColumn('weight', { shape: [], values: weighted }));
}

/** n / (classes * n of the class), as scikit-learn's "balanced" (King and Zeng, 2001); 0 for a class that training lacks. */
function balanced({ examples, splits }: Dataset, classes: number): number[] {
  const { values: targets } = targetColumn(examples);
  const counts = new Array<number>(classes).fill(0);
  for (const row of splits.training) counts[targets[row]]++;
  return counts.map((count) => (count === 0 ? 0 : splits.training.length / (classes * count)));
}

function named({ encoding, examples }: Dataset, classes: number, given: Readonly<Record<string, number>>): number[] {
  const known = targetEncoding(encoding, targetColumn(examples)).classes;
  const names = known ?? Array.from({ length: classes }, (_, i) => String(i));
  const factors = new Array<number>(classes).fill(1);
  for (const [name, factor] of Object.entries(given)) {
    const index = classIndex(name, names);
    if (!(index >= 0 && index < classes)) {
      const near = isNumber(name) ? undefined : suggest(name, names);
      const list =
        classes > 20 && !names.every(isNumber) ? `one of ${classes} classes, by index` : `one of ${names.join(', ')}`;
      throw new ConfigError(
        `training.classWeights: there is no class ${name}`,
        near ? `did you mean ${near}?` : `name ${list}`,
      );
    }
    factors[index] = factor;
  }
  return factors;
}

const isNumber = (name: string): boolean => name.trim() !== '' && Number.isFinite(Number(name));

/** Classes whose names are numbers go by those alone, as 2 for "2.0": an index would be taken for another class. */
function classIndex(name: string, names: readonly string[]): number {
  if (names.includes(name)) return names.indexOf(name);
  if (!isNumber(name)) return -1;
  if (names.every(isNumber)) return names.findIndex((other) => Number(other) === Number(name));
  return /^\d+$/.test(name) ? Number(name) : -1;
}
