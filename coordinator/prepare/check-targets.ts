/** Whether the targets of the whole data set are what the loss takes: a number beyond its range would be learnt without a word. */

import type { layers } from '@tensorflow/tfjs-layers';
import { type DataConfig, tableIn } from '../../src/config/data.js';
import type { LossConfig } from '../../src/config/model.js';
import { targetParts } from '../../src/config/table-fields.js';
import { targetEncoding } from '../../src/data/encoding.js';
import type { Column, Dataset } from '../../src/data/examples.js';
import { isPlain, ofRole, widthOf } from '../../src/data/field.js';
import { originOf } from '../../src/data/row-origins.js';
import { surveyTargets, type TargetSurvey } from '../../src/data/target-survey.js';
import { DataError, ModelError } from '../../src/errors.js';
import { isNumeral } from '../../src/ground/numeral.js';
import { numberText } from '../../src/ground/units.js';
import type { BuiltModel } from '../../src/model/build/data-shape.js';
import { lossName, targetRange } from '../../src/model/target-range.js';

interface Config {
  readonly data: DataConfig;
  readonly loss: LossConfig;
}

/**
 * Looks at the targets of every split at once.
 * @returns what kind of numbers they are; undefined for class indices
 * @throws DataError naming the row, the value and the rule of the loss; ModelError where the loss takes classes and the
 *   targets are numbers, or the other way round
 */
export async function checkTargets(
  config: Config,
  dataset: Dataset,
  target: Column,
): Promise<TargetSurvey | undefined> {
  const { categories: classes } = target;
  const range = targetRange(config.loss);
  if (classes !== undefined) {
    if (range?.classes === 'never') refuseClasses(config, dataset, target);
    if (classes > 2 && ['binaryCrossentropy', 'hinge'].includes(lossName(config.loss)))
      await checkTwo(config, dataset, target);
    return undefined;
  }
  const survey = await surveyTargets(target);
  if (!range) return survey;
  const isColumn = widthOf(target) === 1;
  const needsClasses = range.classes === 'only' || (lossName(config.loss) === 'categoricalCrossentropy' && isColumn);
  if (needsClasses) throw noClasses(config, dataset, target, survey);
  const wrong = range.broken?.(survey);
  if (wrong !== undefined) throw outOfRange(config, dataset, target, survey, wrong, range.takes);
  return survey;
}

/** Activations that keep outputs from where standardized targets are. */
const bounded = ['relu', 'relu6', 'softplus', 'sigmoid', 'hardSigmoid', 'softmax', 'tanh', 'softsign'];

/** Warns of a last layer that was right for targets as they come, and reaches few of the standardized ones. */
export function warnOfBounds(
  { model, outputs }: Pick<BuiltModel, 'model' | 'outputs'>,
  { encoding, examples }: Dataset,
  warn: (message: string) => void,
): void {
  for (const target of ofRole(examples.columns, 'target')) {
    if (!targetEncoding(encoding, target).targetScaling) continue;
    const layer = model.outputs[outputs.indexOf(target.name)].sourceLayer as layers.Layer;
    const { activation } = layer.getConfig();
    const ends = layer.getClassName() === 'ReLU' ? 'relu' : activation;
    if (!bounded.includes(String(ends))) continue;
    warn(
      `the model's last layer ends in ${ends}, and standardized targets lie around 0, about half of them below: ` +
        'leave the activation out',
    );
  }
}

/** `t.csv, line 3: column y holds 2` */
function holds(dataset: Dataset, target: Column, wrong: number, isRow: boolean): string {
  const { values, shape } = target;
  const width = widthOf(target);
  const name = isRow ? undefined : targetEncoding(dataset.encoding, target).targets?.[wrong % width];
  const value = isRow
    ? `[${[...values.subarray(wrong, wrong + (shape.at(-1) ?? 1))].slice(0, 10).map(short).join(', ')}]`
    : short(values[wrong]);
  const place = originOf(dataset, Math.floor(wrong / width), target.name);
  return `${place}${name === undefined ? ' holds' : `: column ${name} holds`} ${value}`;
}

/** Without the digits that 32 bits add to a decimal fraction. */
const short = (value: number): string => numberText(value, 7);

function outOfRange(
  config: Config,
  dataset: Dataset,
  target: Column,
  survey: TargetSurvey,
  wrong: number,
  takes: string,
): DataError {
  const name = lossName(config.loss);
  const isRow = name === 'categoricalCrossentropy';
  const remedy = isRow ? remedyForRows(survey) : remedyForNumbers(config, target, survey);
  return new DataError(`${holds(dataset, target, wrong, isRow)}, and loss ${name} takes ${takes}`, remedy);
}

function remedyForRows({ broken }: TargetSurvey): string {
  if (broken.binary === undefined) {
    return 'give each row exactly one 1, or, where a row may have several labels or none, use binaryCrossentropy';
  }
  return broken.positive === undefined
    ? 'divide each row by its sum'
    : 'give shares of the classes, or use meanSquaredError to predict numbers';
}

function remedyForNumbers(config: Config, target: Column, { distinct, broken }: TargetSurvey): string {
  const isColumn = widthOf(target) === 1;
  if (distinct.length === 2) return toTwoClasses(config, target, distinct, isColumn);
  const isWhole = broken.whole === undefined;
  const classes = isWhole && isColumn ? ', or sparseCategoricalCrossentropy and units: classes to predict classes' : '';
  return `use meanSquaredError to predict numbers${classes}`;
}

/** How the column of a target is said to be classes, or numbers. */
function typed(data: DataConfig, { name }: Column, type: 'class' | 'number'): string {
  const array = data.source === 'npy' && typeof data.targets === 'object' ? data.targets[name] : undefined;
  if (array && (typeof array === 'string' || 'file' in array)) {
    const file = typeof array === 'string' ? array : array.file;
    return `set data.targets.${name}: { file: ${JSON.stringify(file)}, type: ${type} }`;
  }
  const named = tableIn(data)?.targets?.[name];
  if (!named) return `set data.targetType: ${type}`;
  return `set data.targets.${name}: { column: ${JSON.stringify(targetParts(named).columns[0])}, type: ${type} }`;
}

const asClass = (data: DataConfig, target: Column): string => typed(data, target, 'class');

/** How two numbers become the classes that they stand for. */
function toTwoClasses({ data }: Config, target: Column, distinct: readonly number[], isColumn: boolean): string {
  const [low, high] = distinct.toSorted((a, b) => a - b).map(short);
  if (tableIn(data) && isColumn) return asClass(data, target);
  if (data.source !== 'npy') return `write 0 for ${low} and 1 for ${high}`;
  return `save 0 for ${low} and 1 for ${high}, e.g. (y == ${high}).astype('u1')`;
}

/** Numbers where class indices are due. */
function noClasses(
  { data, loss }: Config,
  dataset: Dataset,
  target: Column,
  survey: TargetSurvey,
): DataError | ModelError {
  const isColumn = widthOf(target) === 1;
  const { broken, highest, width } = survey;
  const problem = `loss ${lossName(loss)} does not fit targets that are not class indices`;
  if (!isColumn && broken.rows === undefined) {
    return new ModelError(`${problem}: they are rows of ${width} that add up to 1`, 'use categoricalCrossentropy');
  }
  const isTable = tableIn(data) !== undefined;
  if (isTable && !isColumn) {
    const key = isPlain(target) ? 'data.target' : `data.targets.${target.name}`;
    return new ModelError(problem, `name one column under ${key}`);
  }
  if (isTable || (data.source === 'npy' && broken.whole === undefined)) {
    return new ModelError(problem, asClass(data, target));
  }
  if (broken.whole === undefined && (data.source === 'values' || data.source === 'module')) {
    const classes = Math.max(2, highest + 1);
    return new ModelError(problem, `set data.classes: ${isPlain(target) ? classes : `{ ${target.name}: ${classes} }`}`);
  }
  const wrong = holds(dataset, target, broken.whole ?? 0, false);
  return new DataError(`${wrong}, and loss ${lossName(loss)} takes class indices from 0`, 'use meanSquaredError');
}

/** Class indices where numbers are due. */
function refuseClasses({ data, loss }: Config, { encoding }: Dataset, target: Column): void {
  const numeric = targetEncoding(encoding, target).classes?.every(isNumeral) ?? false;
  const named = tableIn(data)?.targets?.[target.name];
  const asked = named ? targetParts(named).type : 'targetType' in data && data.targetType;
  const given = asked === 'class' && numeric;
  const remedies = ['use sparseCategoricalCrossentropy (or binaryCrossentropy for two classes) to predict classes'];
  if (given) remedies.push(typed(data, target, 'number'));
  if ('classes' in data && data.classes !== undefined) {
    const key = typeof data.classes === 'object' ? `data.classes.${target.name}` : 'data.classes';
    remedies.push(`leave ${key} out to predict numbers`);
  }
  throw new ModelError(`loss ${lossName(loss)} does not fit class indices`, remedies.join(', or '));
}

/** More than two classes under a loss of two: perhaps they are two that do not count from 0. */
async function checkTwo(config: Config, { encoding }: Dataset, target: Column): Promise<void> {
  const { distinct } = await surveyTargets(target);
  const { classes } = targetEncoding(encoding, target);
  const [low, high] = distinct.toSorted((a, b) => a - b).map((index) => classes?.[index] ?? String(index));
  const name = lossName(config.loss);
  // Those of a text that is on disk are not looked at.
  if (distinct.length > 2 || target.file) {
    throw new ModelError(
      `loss ${name} does not fit ${target.categories} classes`,
      `use sparseCategoricalCrossentropy, with a last layer of units: classes and no sigmoid`,
    );
  }
  const numbers = config.data.source === 'npy' ? `, e.g. by numpy.unique(y, return_inverse=True)[1]` : '';
  throw new DataError(
    `loss ${name} takes two classes, 0 and 1, and the targets are ${high === undefined ? low : `${low} and ${high}`} of ${target.categories}`,
    `number them 0 and 1${numbers}`,
  );
}
