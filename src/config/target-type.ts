/** Whether targets are classes or numbers where the config does not say so: what the loss makes of them. */
import type { DataConfig } from './data.js';
import { type LossConfig, lossSettings } from './model.js';

/** Losses that take numbers, whatever form they come in. */
const ofNumbers = ['meanSquaredError', 'meanAbsoluteError', 'huber'];

type Scalable = Extract<DataConfig, { readonly standardizeTargets?: unknown }>;

/** Whether a source has the key `standardizeTargets`. */
export const scalesTargets = (data: DataConfig): data is Scalable =>
  ['csv', 'parquet', 'npy', 'values', 'module'].includes(data.source);

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

/**
 * `data` with its `targetType` filled in where the loss leaves no choice. Where it does, the source decides: text is
 * classes, and so is one integer from 0 an example in an array of NumPy.
 */
export function withTargetType<Data extends DataConfig>(data: Data, config: LossConfig): Data {
  if (!['csv', 'parquet', 'npy'].includes(data.source)) return data;
  if ('targetType' in data && data.targetType !== undefined) return data;
  const { name: loss } = lossSettings(config);
  const isArray = data.source === 'npy';
  const isColumn = 'target' in data && [data.target].flat().length === 1;
  // One number is no distribution over classes; a row of an array may be.
  const isClass = loss === 'sparseCategoricalCrossentropy' || (loss === 'categoricalCrossentropy' && isColumn);
  if (isClass && (isArray || isColumn)) return { ...data, targetType: 'class' };
  return isArray && ofNumbers.includes(loss) ? { ...data, targetType: 'number' } : data;
}
