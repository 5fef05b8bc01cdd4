/** Whether targets are classes or numbers where the config does not say so: what the loss makes of them. */
import { type DataConfig, tableIn } from './data.js';
import { byTarget, type LossConfig, type LossesConfig, lossSettings } from './model.js';
import { typedTarget } from './npy.js';
import { isTable } from './table.js';
import { isTargetColumns, type TargetConfig, targetParts } from './table-fields.js';

/** Losses that take numbers, whatever form they come in. */
const ofNumbers = ['meanSquaredError', 'meanAbsoluteError', 'huber'];

type Scalable = Extract<DataConfig, { readonly standardizeTargets?: unknown }>;

/** Whether a source has the key `standardizeTargets`. */
export const scalesTargets = (data: DataConfig): data is Scalable =>
  isTable(data) || ['npy', 'values', 'module'].includes(data.source);

/** What stands in the way of standardized targets, with the remedy; undefined where nothing does. */
export function notStandardizable(
  data: DataConfig,
  config: LossConfig,
): { problem: string; remedy: string } | undefined {
  const { name: loss } = lossSettings(config);
  const problem =
    loss !== 'custom' && !ofNumbers.includes(loss)
      ? `loss is ${loss}, which takes no standardized targets`
      : 'targetType' in data && data.targetType === 'class'
        ? 'data.targetType: class makes the targets classes, which have no mean'
        : 'classes' in data && data.classes !== undefined
          ? 'data.classes makes the targets classes, which have no mean'
          : undefined;
  if (problem === undefined) return undefined;
  return {
    problem,
    remedy: `remove data.standardizeTargets, or predict numbers: loss ${ofNumbers.join(', ')} or one of your own`,
  };
}

/** As `notStandardizable`, of targets that have names: those in whose way something stands. */
export function namedNotStandardizable(
  data: DataConfig,
  loss: LossesConfig,
): { name: string; problem: string; remedy: string }[] {
  return Object.entries(tableIn(data)?.targets ?? {}).flatMap(([name, target]) => {
    const { type, standardize } = targetParts(target);
    const own = lossOf(loss, name);
    if (!standardize || own === undefined) return [];
    const { name: called } = lossSettings(own);
    const problem =
      type === 'class'
        ? 'type: class makes it classes, which have no mean'
        : called !== 'custom' && !ofNumbers.includes(called)
          ? `its loss is ${called}, which takes no standardized targets`
          : undefined;
    if (problem === undefined) return [];
    const remedy = `remove standardize, or predict numbers: loss ${ofNumbers.join(', ')} or one of your own`;
    return [{ name, problem, remedy }];
  });
}

/**
 * `data` with its `targetType` filled in where the loss leaves no choice. Where it does, the source decides: text is
 * classes, and so is one integer from 0 an example in an array of NumPy.
 */
export function withTargetType<Data extends DataConfig>(data: Data, loss: LossesConfig): Data {
  if (!isTable(data) && data.source !== 'npy' && data.source !== 'images') return data;
  if ((isTable(data) || data.source === 'images') && data.targets) {
    const typed = Object.entries(data.targets).map(([name, target]) => [
      name,
      isTargetColumns(target) ? typedBy(target, lossOf(loss, name)) : target,
    ]);
    return { ...data, targets: Object.fromEntries(typed) };
  }
  if (data.source === 'npy' && typeof data.targets === 'object') {
    const isMember = data.file !== undefined;
    const typed = Object.entries(data.targets).map(([name, target]) => [
      name,
      typedTarget(target, arrayType(lossOf(loss, name)), isMember),
    ]);
    return { ...data, targets: Object.fromEntries(typed) };
  }
  return byTarget(loss) ? data : withOwnType(data, loss);
}

/** The loss of a target that has a name; what is missing is told once the data are there. */
const lossOf = (loss: LossesConfig, target: string): LossConfig | undefined => (byTarget(loss) ? loss[target] : loss);

/** Only a single column can be a class. */
function typedBy(target: TargetConfig, loss: LossConfig | undefined): TargetConfig {
  const { columns, type, standardize } = targetParts(target);
  if (type !== undefined || columns.length > 1 || loss === undefined) return target;
  if (!['sparseCategoricalCrossentropy', 'categoricalCrossentropy'].includes(lossSettings(loss).name)) return target;
  return { column: columns[0], type: 'class', ...(standardize && { standardize }) };
}

/** What a loss makes of arrays, where it leaves no choice. */
function arrayType(loss: LossConfig | undefined): 'class' | 'number' | undefined {
  if (loss === undefined) return undefined;
  const { name } = lossSettings(loss);
  return name === 'sparseCategoricalCrossentropy' ? 'class' : ofNumbers.includes(name) ? 'number' : undefined;
}

function withOwnType<Data extends DataConfig>(data: Data, config: LossConfig): Data {
  if ('targetType' in data && data.targetType !== undefined) return data;
  if (data.source === 'npy') {
    const type = arrayType(config);
    return type === undefined ? data : { ...data, targetType: type };
  }
  const { name: loss } = lossSettings(config);
  const isColumn = 'target' in data && [data.target].flat().length === 1;
  // One number is no distribution over classes; a row of an array may be.
  const isClass = loss === 'sparseCategoricalCrossentropy' || (loss === 'categoricalCrossentropy' && isColumn);
  return isClass && isColumn ? { ...data, targetType: 'class' } : data;
}
