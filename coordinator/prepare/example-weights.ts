/** Weights of the examples in the training loss: those of the data, times those of their classes. */

import { lossSettings } from '../../src/config/model.js';
import type { TrainingConfig } from '../../src/config/training.js';
import { targetEncoding } from '../../src/data/encoding.js';
import { type Column, type Dataset, type Examples, plainColumn, withColumn } from '../../src/data/examples.js';
import { isPlain, ofRole, weightsOf, widthOf } from '../../src/data/field.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { indexOfNumeral, isNumeral } from '../../src/ground/numeral.js';
import { oneOf } from '../../src/ground/suggest.js';

import type { AskedTarget } from './specs.js';

type ClassWeights = NonNullable<TrainingConfig['classWeights']>;
/** Of one target. */
type OwnWeights = 'balanced' | Readonly<Record<string, number>>;

/** A target whose classes have weights. */
interface Weighted extends AskedTarget {
  readonly given: OwnWeights;
  /** Where the config says so, for messages. */
  readonly key: string;
}

/**
 * The examples with the weights that the training loss takes.
 *
 * @throws ConfigError if targets are no classes, or a target or a class is not there
 * @throws DataError if no example of the training split weighs anything
 */
export function weightedExamples(
  dataset: Dataset,
  targets: readonly AskedTarget[],
  classWeights: TrainingConfig['classWeights'],
): Examples {
  let { examples } = dataset;
  for (const target of classWeights === undefined ? [] : weightedTargets(classWeights, targets)) {
    examples = withColumn(examples, classWeightColumn(dataset, target));
  }
  const { training } = dataset.splits;
  const empty = ofRole(examples.columns, 'weight').find(
    (weights) => training.length > 0 && !training.some((row) => weighs(weights, row)),
  );
  if (!empty) return examples;
  throw new DataError(
    `all examples of the training split have the weight 0${empty.of === undefined ? '' : ` for ${empty.of}`}, so that nothing would be learned`,
    'correct or leave out the weights of the data and training.classWeights',
  );
}

function weighs(column: Column, row: number): boolean {
  const width = widthOf(column);
  return column.values.subarray(row * width, (row + 1) * width).some((weight) => weight > 0);
}

/** Which targets the config weighs: the only one, or those that it names. */
function weightedTargets(classWeights: ClassWeights, targets: readonly AskedTarget[]): Weighted[] {
  const key = 'training.classWeights';
  const names = targets.map(({ target }) => target);
  if (isOfOne(classWeights)) {
    if (targets.length === 1) return [{ ...targets[0], given: classWeights, key }];
    throw new ConfigError(
      `${key}: the data have the targets ${names.join(', ')}, and it does not say of which it is`,
      `name the target: ${key}: { ${names[0]}: ${classWeights === 'balanced' ? 'balanced' : '{ ... }'} }`,
    );
  }
  return Object.entries(classWeights as Readonly<Record<string, OwnWeights>>).map(([name, given]) => {
    const target = targets.find((each) => each.target === name);
    if (target) return { ...target, given, key: `${key}.${name}` };
    throw new ConfigError(
      `${key}.${name}: the data have no target ${name}`,
      oneOf(name, names, `use ${names.join(', ')}`),
    );
  });
}

/** Values that are numbers are of classes: the config has either kind of names. */
const isOfOne = (given: ClassWeights): given is OwnWeights =>
  given === 'balanced' || Object.values(given).every((value) => typeof value === 'number');

/**
 * The weights of a target with those of its classes. An example counts as often as its weight says; the mean still divides by
 * the number of examples, as in tfjs and Keras.
 */
function classWeightColumn(dataset: Dataset, target: Weighted): Column {
  const { examples } = dataset;
  const { column, key, given } = target;
  const { categories: classes, values: targets, shape } = column;
  if (classes === undefined || shape.length > 0) {
    throw new ConfigError(`${key}: the targets are not one class each`, 'remove it');
  }
  const factors = given === 'balanced' ? balanced(dataset, target, classes) : named(dataset, target, classes, given);
  const weights = weightsOf(examples.columns, column)?.values;
  const weighted = new Float32Array(new SharedArrayBuffer(4 * examples.count));
  for (let i = 0; i < weighted.length; i++) {
    // A class that the loss ignores may be none.
    weighted[i] = (factors[targets[i]] ?? 0) * (weights?.[i] ?? 1);
  }
  const own = plainColumn('weight', { shape: [], values: weighted });
  return isPlain(column) ? own : { ...own, name: `${column.name}_weight`, of: column.name };
}

/**
 * n / (classes * n of the class), as scikit-learn's "balanced" (King and Zeng, 2001), over the examples that the loss does not
 * ignore; 0 for a class that training lacks.
 */
function balanced({ splits }: Dataset, { column, loss }: Weighted, classes: number): number[] {
  const { ignoreClass } = lossSettings(loss);
  const counts = new Array<number>(classes).fill(0);
  let counted = 0;
  for (const row of splits.training) {
    const index = column.values[row];
    if (index === ignoreClass) continue;
    counts[index]++;
    counted++;
  }
  const isIgnored = ignoreClass !== undefined && ignoreClass >= 0 && ignoreClass < classes;
  return counts.map((count) => (count === 0 ? 0 : counted / ((classes - Number(isIgnored)) * count)));
}

function named(
  { encoding }: Dataset,
  { column, key }: Weighted,
  classes: number,
  given: Readonly<Record<string, number>>,
): number[] {
  const known = targetEncoding(encoding, column).classes;
  const names = known ?? Array.from({ length: classes }, (_, i) => String(i));
  const factors = new Array<number>(classes).fill(1);
  for (const [name, factor] of Object.entries(given)) {
    const index = classIndex(name, names);
    if (!(index >= 0 && index < classes)) {
      const list =
        classes > 20 && !names.every(isNumeral) ? `one of ${classes} classes, by index` : `one of ${names.join(', ')}`;
      // No number is a slip for another.
      const remedy = oneOf(name, isNumeral(name) ? [] : names, `name ${list}`);
      throw new ConfigError(`${key}: there is no class ${name}`, remedy);
    }
    factors[index] = factor;
  }
  return factors;
}

/** Classes whose names are numbers go by those alone, as 2 for "2.0": an index would be taken for another class. */
function classIndex(name: string, names: readonly string[]): number {
  if (names.includes(name)) return names.indexOf(name);
  if (!isNumeral(name)) return -1;
  return indexOfNumeral(names, Number(name)) ?? (/^\d+$/.test(name) ? Number(name) : -1);
}
