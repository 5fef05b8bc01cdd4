import type { DataConfig } from '../../src/config/data.js';
import { ignoredClasses } from '../../src/config/heads.js';
import { byTarget } from '../../src/config/model.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { notStandardizable, scalesTargets } from '../../src/config/target-type.js';
import type { Encoding } from '../../src/data/encoding.js';
import type { Dataset, Splits } from '../../src/data/examples.js';
import { loadDataset } from '../../src/data/load-data.js';
import type { OtherPlace } from '../../src/data/npy/other-arrays.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { plural } from '../../src/ground/units.js';
import { dataConfigOf } from '../prepare/specs.js';
import type { LocatedModel, ModelChoice } from './locate.js';
import { loadOther } from './other-data.js';
import { readEncoding } from './saved-model.js';
import { askedSlices } from './slice-columns.js';
import type { TestGuard } from './test-guard.js';

/** Which model to evaluate, and on what. */
export interface EvaluateOptions {
  /** Which split of the run; default: test where the run has one that is not sealed, else validation. */
  readonly split?: keyof Splits;
  /** Opens a sealed test split for good, and evaluates it. */
  readonly unseal?: boolean;
  /**
   * Where other examples of the same kind are: all of them are evaluated instead of a split. A path; of source npy also a file for
   * each array, by its name.
   */
  readonly data?: OtherPlace;
  /** Config file; default: that of the model's run. */
  readonly config?: string;
  /** `path.to.key=value`, as `lockstep train --set` takes them. */
  readonly overrides?: readonly string[];
  /** Which model of the run: `best` by validation, `final`, or one at a path; default: the best, where there is one. */
  readonly model?: ModelChoice;
  /** Module whose default export makes the model; default: that of the config. */
  readonly module?: string;
  /** Whether to look for what is wrong with the run, on its training and validation splits too; default: false. */
  readonly diagnose?: boolean;
  /**
   * Columns whose values tell slices apart, in the place of `evaluation.slices`: `sex`, `age:4` for four bins of numbers, `sex,age:4`
   * for both at once.
   */
  readonly by?: readonly string[];
  /** Where `by` was said, for messages; default: `--by `. */
  readonly byFrom?: string;
  /** Engine threads; default: one a core. The result does not depend on it. */
  readonly threads?: number;
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
  /** Ends the reading of data; its reason is thrown then. */
  readonly signal?: AbortSignal;
}

export interface ChosenData {
  readonly dataset: Dataset;
  readonly split: keyof Splits | null;
  readonly rows: Int32Array;
}

/** @param remedy where the run does not have the split that is asked for; default: what it does have */
export async function chooseData(
  located: LocatedModel,
  config: RunConfig,
  { by, byFrom, ...options }: EvaluateOptions,
  guard: TestGuard,
  remedy?: string,
): Promise<ChosenData> {
  const { columns } = askedSlices(config, by, byFrom);
  const encoding = await readEncoding(located.path);
  const data = asTrained(config, encoding, located);
  if (options.data !== undefined) {
    if (options.split !== undefined) {
      throw new ConfigError(
        `--split ${options.split} and --data ${placeText(options.data)}: other data are evaluated as a whole`,
        'leave one of them out',
      );
    }
    const dataset = await loadOther({ ...config, data }, options.data, encoding, { ...options, columns });
    return { dataset, split: null, rows: dataset.splits.test };
  }
  const ignoreClass = ignoredClasses(config.loss);
  const dataset = await loadDataset(data, config.seed, {
    ...options,
    columns,
    ignoreClass,
    trained: encoding ?? { input: { kind: 'numbers', scale: 1 } },
  });
  const split = chooseSplit(dataset.splits, guard, remedy);
  return { dataset, split, rows: dataset.splits[split] };
}

const placeText = (place: OtherPlace): string =>
  typeof place === 'string'
    ? place
    : Object.entries(place)
        .map(([name, file]) => `${name}=${file}`)
        .join(' ');

/**
 * The data as they are to be read: whether targets are standardized is up to the model, whose outputs are.
 * @throws ConfigError where they are to be and the model does not say how, or where they cannot be
 */
function asTrained(config: RunConfig, encoding: Encoding | undefined, { path }: LocatedModel): DataConfig {
  const data = dataConfigOf(config);
  // Targets with names are scaled one by one, as the model's were.
  if (Object.values(encoding?.named ?? {}).some(({ targetScaling }) => targetScaling)) return data;
  if (!encoding?.targetScaling) {
    if (!('standardizeTargets' in data) || !data.standardizeTargets) return data;
    throw new ConfigError(
      `data.standardizeTargets: ${path} was not trained on standardized targets, or its encoding.json is gone`,
      'add --set data.standardizeTargets=false, or name another model',
    );
  }
  const found = byTarget(config.loss) ? undefined : notStandardizable(data, config.loss);
  if (found) {
    throw new ConfigError(
      `${path} was trained on standardized targets, and ${found.problem}`,
      'name a config whose targets are numbers of the same kind',
    );
  }
  return scalesTargets(data) ? { ...data, standardizeTargets: true } : data;
}

function chooseSplit(splits: Splits, { split: wanted, isClosed }: TestGuard, remedy?: string): keyof Splits {
  const names = (['test', 'validation', 'training'] as const).filter((name) => splits[name].length > 0);
  const held = names.filter((name) => name !== 'training' && !(isClosed && name === 'test'));
  const split = wanted ?? held[0];
  if (split === undefined && isClosed && splits.test.length > 0) {
    const remedy = 'open it for good with --unseal, or use --split training';
    throw new DataError('the test split is sealed, and the run has no validation split', remedy);
  }
  if (split === undefined) {
    throw new DataError('the run has neither a test nor a validation split', 'use --split training, or --data');
  }
  if (splits[split].length > 0) return split;
  const others = names.map((name) => `${name} (${plural(splits[name].length, 'example')})`).join(', ');
  throw new DataError(`the run has no ${split} split`, remedy ?? `it has ${others}`);
}
