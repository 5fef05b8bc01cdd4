/** Evaluates a saved model on a split of its run's data, or on data of its own: the numbers that the run itself reports. */
import { join } from 'node:path';
import type { DataConfig } from '../../src/config/data.js';
import { ignoredClasses } from '../../src/config/heads.js';
import { loadRunConfig, namesCode } from '../../src/config/load-config.js';
import { byTarget, type ModelConfig } from '../../src/config/model.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { notStandardizable, scalesTargets } from '../../src/config/target-type.js';
import type { Buckets } from '../../src/data/buckets.js';
import type { Encoding } from '../../src/data/encoding.js';
import type { Dataset, Splits } from '../../src/data/examples.js';
import { evaluationBatch } from '../../src/data/geometry.js';
import { loadDataset } from '../../src/data/load-data.js';
import type { OtherPlace } from '../../src/data/npy/other-arrays.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { createStepModel, initialParameters } from '../../src/engine/step.js';
import { ConfigError, DataError, ModelError } from '../../src/errors.js';
import type { MetricResults } from '../../src/evaluate/output-metrics.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import type { MetricFigure } from '../../src/metrics/metric.js';
import { readModelFile } from '../../src/model/files/model-file.js';
import { ThreadPool } from '../../src/pool/pool.js';
import type { EngineSpec, EvaluationOptions } from '../../src/pool/spec.js';
import type { Metrics } from '../../src/report/events.js';
import { configName } from '../../src/report/run-folder.js';
import { threadsOf } from '../local/threads.js';
import { checkIds } from '../prepare/check-ids.js';
import { checkMetrics } from '../prepare/check-metrics.js';
import { chooseEngine } from '../prepare/choose-engine.js';
import { bucketsFor, formsOf, type MadeStep } from '../prepare/forms.js';
import { askedTargets, dataConfigOf, metricSpecs, stepSpec } from '../prepare/specs.js';
import { choiceOf, type LocatedModel, locateModel, type ModelChoice, runAround } from './locate.js';
import { loadOther } from './other-data.js';
import { assignWeights, makerOf, readEncoding } from './saved-model.js';

/** Which model to evaluate, and on what. */
export interface EvaluateOptions {
  /** Which split of the run; default: test where the run has one, else validation. */
  readonly split?: keyof Splits;
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
  /** Engine threads; default: one a core. The result does not depend on it. */
  readonly threads?: number;
  /** Told of what is legitimate but suspicious. */
  readonly warn?: (message: string) => void;
  /** Ends the reading of data; its reason is thrown then. */
  readonly signal?: AbortSignal;
}

/** What an evaluation found. */
export interface EvaluationResult {
  /** The folder or file of the model that was evaluated. */
  readonly model: string;
  /** null where other data were evaluated. */
  readonly split: keyof Splits | null;
  /** One line about the data. */
  readonly data: string;
  /** How many examples were evaluated. */
  readonly examples: number;
  /** `loss` first, then the metrics of the config. */
  readonly metrics: Metrics;
  /** Metrics that are tables or curves, where there are some. */
  readonly figures?: Record<string, MetricFigure>;
}

/**
 * Loss and metrics of a saved model, exactly as its run computes them.
 *
 * @param place a run's folder or a model's
 * @throws LockstepError when there is no such model, no config, no such split, or data and model do not fit
 */
export async function evaluate(place: string, options: EvaluateOptions = {}): Promise<EvaluationResult> {
  const located = locateModel(place, options.model);
  const config = configOf(located, options);
  const chosen = await chooseData(located, config, options);
  const { dataset, split, rows } = chosen;
  try {
    const { scalars, figures } = await measure(located, config, chosen, options);
    return {
      model: located.path,
      split,
      data: dataset.description,
      examples: rows.length,
      metrics: scalars,
      ...(Object.keys(figures).length > 0 && { figures }),
    };
  } finally {
    closeExamples(dataset.examples);
  }
}

async function measure(
  located: LocatedModel,
  config: RunConfig,
  { dataset, rows }: ChosenData,
  options: EvaluateOptions,
): Promise<MetricResults> {
  const { warn = () => {} } = options;
  const targets = await askedTargets(config, dataset);
  const spec = { ...stepSpec(config, dataset, targets), model: modelConfig(located, config, options) };
  const step = await createStepModel(spec, false);
  await checkIds(config.data, dataset, step);
  const { weights } = await readModelFile(located.path);
  if (!weights) throw new ModelError(`${located.path}: has no weights`, 'name a model that was trained');
  assignWeights(step.built.model, weights, located.path, warn);
  const metrics = metricSpecs(targets, dataset, step);
  checkMetrics(targets, metrics, warn);
  const { engine, buckets } = await engineFor(config, { step, spec }, { dataset, rows }, warn);
  const poolOptions: EvaluationOptions = {
    use: 'evaluation',
    engine,
    layout: step.layout,
    examples: dataset.examples,
    buckets,
    geometry: { evaluationBatch },
    metrics,
    threads: threadsOf(options.threads),
    largestEvaluation: rows.length,
  };
  const pool = await ThreadPool.start(poolOptions, initialParameters(step));
  try {
    return new RunMetrics(metrics).results(await pool.evaluate(rows));
  } finally {
    await pool.close();
  }
}

/** A model of a file that says the length of its sequences is evaluated at that length. */
async function engineFor(
  config: RunConfig,
  whole: MadeStep,
  { dataset: { examples, splits }, rows }: Pick<ChosenData, 'dataset' | 'rows'>,
  warn: (message: string) => void,
): Promise<{ engine: EngineSpec; buckets?: Buckets }> {
  const batched = { shardSizes: [], evaluated: [rows] };
  const buckets = bucketsFor(config, examples, splits, [rows]);
  try {
    return { engine: await chooseEngine(config, whole, formsOf(buckets, batched), warn), buckets };
  } catch (error) {
    if (!buckets || !(error instanceof ModelError) || !('file' in whole.spec.model)) throw error;
    warn(`${error.problem}; all batches are evaluated at the full length`);
    return { engine: await chooseEngine(config, whole, formsOf(undefined, batched), warn) };
  }
}

/** The config of a run around a model that was named is read as data: one that names code needs the user's word. */
function configOf(located: LocatedModel, { config, overrides = [], module }: EvaluateOptions): RunConfig {
  const run = runAround(located.path);
  const file = config ?? located.config ?? (run === undefined ? undefined : join(run, configName));
  if (file === undefined) {
    throw new ConfigError(
      `${located.path}: the model is in no run's folder, so nothing says what its data, loss and metrics are`,
      'name a config file with --config',
    );
  }
  const loaded = loadRunConfig(file, overrides);
  if (config !== undefined || located.config !== undefined || !namesCode(loaded, module !== undefined)) return loaded;
  throw new ConfigError(
    `${located.path}: the config of its run imports modules, and a model was named, not the run`,
    `name the run if you trust it: ${run} --model ${choiceOf(located.path)}; or a config file with --config`,
  );
}

/** What to build before the saved weights are filled in: the run's own layers, else what the file describes. */
function modelConfig({ path, config: own }: LocatedModel, config: RunConfig, options: EvaluateOptions): ModelConfig {
  const { model } = config;
  const maker = makerOf(config, options.module);
  if (maker) return maker;
  if ('layers' in model && own !== undefined && options.config === undefined)
    return { layers: model.layers, freeze: model.freeze, outputs: model.outputs };
  return { file: path, outputs: model.outputs };
}

interface ChosenData {
  readonly dataset: Dataset;
  readonly split: keyof Splits | null;
  readonly rows: Int32Array;
}

async function chooseData(located: LocatedModel, config: RunConfig, options: EvaluateOptions): Promise<ChosenData> {
  const encoding = await readEncoding(located.path);
  const data = asTrained(config, encoding, located);
  if (options.data !== undefined) {
    if (options.split !== undefined) {
      throw new ConfigError(
        `--split ${options.split} and --data ${placeText(options.data)}: other data are evaluated as a whole`,
        'leave one of them out',
      );
    }
    const dataset = await loadOther({ ...config, data }, options.data, encoding, options);
    return { dataset, split: null, rows: dataset.splits.test };
  }
  const ignoreClass = ignoredClasses(config.loss);
  const dataset = await loadDataset(data, config.seed, {
    ...options,
    ignoreClass,
    trained: encoding ?? { input: { kind: 'numbers', scale: 1 } },
  });
  const split = chooseSplit(dataset.splits, options.split);
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

function chooseSplit(splits: Splits, wanted: keyof Splits | undefined): keyof Splits {
  const names = (['test', 'validation', 'training'] as const).filter((name) => splits[name].length > 0);
  const held = names.filter((name) => name !== 'training');
  const split = wanted ?? held[0];
  if (split === undefined) {
    throw new DataError('the run has neither a test nor a validation split', 'use --split training, or --data');
  }
  if (splits[split].length > 0) return split;
  const others = names.map((name) => `${name} (${splits[name].length} examples)`).join(', ');
  throw new DataError(`the run has no ${split} split`, `it has ${others}`);
}
