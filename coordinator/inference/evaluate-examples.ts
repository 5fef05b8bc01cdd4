/** Runs a saved model on a split of its run's data, or on data of its own. */

import { join } from 'node:path';
import { loadRunConfig, namesCode } from '../../src/config/load-config.js';
import type { ModelConfig } from '../../src/config/model.js';
import type { RunConfig } from '../../src/config/run-config.js';
import type { Dataset, Splits } from '../../src/data/examples.js';
import { evaluationBatch } from '../../src/data/geometry.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { createStepModel, initialParameters } from '../../src/engine/step.js';
import { ConfigError, ModelError } from '../../src/errors.js';
import { type KeptExamples, keptExamples } from '../../src/evaluate/kept-examples.js';
import type { MetricResults } from '../../src/evaluate/output-metrics.js';
import { type HeadMetrics, RunMetrics } from '../../src/evaluate/run-metrics.js';
import { sha256 } from '../../src/ground/checksum.js';
import { bytesText, plural } from '../../src/ground/units.js';
import { readModelFile } from '../../src/model/files/model-file.js';
import type { TargetDecision } from '../../src/model/files/save-decision.js';
import { ThreadPool } from '../../src/pool/pool.js';
import type { EvaluationOptions } from '../../src/pool/pool-options.js';
import { threadsOf } from '../../src/pool/thread-count.js';
import type { Looks } from '../../src/report/looks.js';
import { configName } from '../../src/report/run-folder.js';
import { decidedHeads, keepingAll } from '../prepare/check-decision.js';
import { checkIds } from '../prepare/check-ids.js';
import { checkMetrics } from '../prepare/check-metrics.js';
import { numericHeads, probableHeads } from '../prepare/head-kinds.js';
import { askedTargets, metricSpecs, stepSpec } from '../prepare/specs.js';
import { type ChosenData, chooseData, type EvaluateOptions } from './evaluated-data.js';
import { engineFor } from './evaluation-engine.js';
import { choiceOf, type LocatedModel, locateModel, runAround } from './locate.js';
import { assignWeights, makerOf, readEncoding, withSavedDecisions } from './saved-model.js';
import { type ToldApart, toldApart } from './slice-columns.js';
import { warnOfOtherSplit } from './split-warning.js';
import { guardTest, type TestGuard } from './test-guard.js';

/** What a model comes to on some examples. */
export interface Measured {
  readonly results: MetricResults;
  /** Outputs, targets and losses of each example; undefined where nobody asked, or they do not fit. */
  readonly kept?: KeptExamples;
}

/** Which of the outputs are of a kind. */
interface ToldHeads {
  /** Say how likely the one class of an example is; where a decision is fitted, those that it is fitted of. */
  readonly probable: readonly number[];
  /** Are numbers that the targets are compared with. */
  readonly numeric: readonly number[];
}

/** A model's outputs on every example of a split, with what they are compared with. */
export interface EvaluatedExamples extends Measured, ToldApart, ToldHeads {
  readonly located: LocatedModel;
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly split: keyof Splits | null;
  /** Which examples of the data set. */
  readonly rows: Int32Array;
  /** SHA-256 of the parameter slab, in hex, as a run names it at its end. */
  readonly parameters: string;
  /** Of other rows that were asked for. */
  readonly others: readonly Measured[];
  /** How classes were read, of each target that was fitted. */
  readonly decisions: readonly TargetDecision[];
  /** Looks at the test split of the run so far, this one included, where they are asked for; undefined for a model that is in no run. */
  readonly looks?: Looks;
  /** Whether the test split is closed: nothing may read it. */
  readonly isSealed: boolean;
}

/** What an evaluation does beside. */
interface Besides {
  /** Other rows of the data set that are to be evaluated by the way. */
  also?(chosen: ChosenData, config: RunConfig): readonly Int32Array[];
  /** Whether outputs and targets of all examples are to be kept, whatever the config asks for. */
  readonly keeps?: boolean;
  /** Whether `use` tells of the looks at the test split: then this one is counted before it, and else once it has come to a result. */
  readonly tellsLooks?: boolean;
  /** Refuses what the model cannot be asked for: before it is evaluated, and so before its test split is opened. */
  expect?(metrics: RunMetrics, config: RunConfig): void;
}

/**
 * Evaluates a saved model, and hands over what it says of each example.
 *
 * @param use called while the data are open; unless it tells of looks, nobody sees anything of it before it ends
 * @throws LockstepError as `evaluate` does
 */
export async function evaluateExamples<Result>(
  place: string,
  options: EvaluateOptions,
  use: (evaluated: EvaluatedExamples) => Promise<Result>,
  { also = () => [], keeps = false, tellsLooks = false, expect = () => {} }: Besides = {},
): Promise<Result> {
  return withChosen(place, options, async ({ located, config, chosen, guard }) => {
    const told = toldApart(config, chosen, options);
    const { resamples, gallery } = config.evaluation;
    const isKept = keeps || resamples > 0 || gallery > 0 || told.slicings.length > 0;
    const asked = { ...chosen, also: also(chosen, config), isKept, expect };
    const measured = await measure(located, config, asked, options);
    const looks = tellsLooks ? guard.looked(chosen.split) : undefined;
    const result = await use({ located, config, ...chosen, ...told, ...measured, looks, isSealed: guard.isClosed });
    if (!tellsLooks) guard.looked(chosen.split);
    return result;
  });
}

/** A model, its config and the examples to evaluate it on. */
interface Chosen {
  readonly located: LocatedModel;
  readonly config: RunConfig;
  readonly chosen: ChosenData;
  readonly guard: TestGuard;
}

/** What is asked of a choice beside the options. */
interface Choosing {
  /** Called before data are read. */
  check?(config: RunConfig): void;
  /** Where the run does not have the split that is asked for. */
  readonly remedy?: string;
}

/** @param use called while the data are open; it tells the guard once it has looked */
export async function withChosen<Result>(
  place: string,
  options: EvaluateOptions,
  use: (chosen: Chosen) => Promise<Result>,
  { check, remedy }: Choosing = {},
): Promise<Result> {
  const located = locateModel(place, options.model);
  const config = configOf(located, options);
  check?.(config);
  const run = runAround(located.path);
  const isOwn = options.config === undefined && options.data === undefined;
  if (run !== undefined && isOwn && options.overrides?.length) {
    warnOfOtherSplit(join(run, configName), config, options.warn);
  }
  const guard = guardTest(located, config, options);
  const chosen = await chooseData(located, config, options, guard, remedy);
  try {
    return await use({ located, config, chosen, guard });
  } finally {
    closeExamples(chosen.dataset.examples);
  }
}

/** Bytes that are kept for intervals at most. */
const mostBytes = 2 ** 30;

/** The metrics, told to keep all examples where that is asked for and fits. */
function keeping(heads: readonly HeadMetrics[], examples: number, warn: (message: string) => void) {
  const all = heads.map((head) => ({ ...head, keepsAll: true }));
  const each = new RunMetrics(all).kept;
  if (4 * each * examples <= mostBytes) return all;
  warn(
    `no intervals, slices or diagnosis: outputs and targets are ${plural(each, 'number')} of each of ${plural(examples, 'example')}, more than the ` +
      `${bytesText(mostBytes)} that are kept for them`,
  );
  return heads;
}

interface ToMeasure extends ChosenData, Required<Pick<Besides, 'expect'>> {
  readonly also: readonly Int32Array[];
  readonly isKept: boolean;
}

function measure(
  located: LocatedModel,
  config: RunConfig,
  { dataset, rows, also, isKept, expect }: ToMeasure,
  options: EvaluateOptions,
): Promise<
  Pick<EvaluatedExamples, 'results' | 'kept' | 'others' | 'parameters' | 'probable' | 'numeric' | 'decisions'>
> {
  const all = [rows, ...also];
  return withPool(
    located,
    config,
    { dataset, all, isKept: isKept || also.length > 0 },
    options,
    async (pool, metrics, slab, told) => {
      expect(new RunMetrics(metrics), config);
      const measured: Measured[] = [];
      for (const each of all) {
        const totals = await pool.evaluate(each);
        const kept = metrics.some(({ keepsAll }) => keepsAll) ? keptExamples(metrics, totals.kept) : undefined;
        measured.push({ results: new RunMetrics(metrics).results(totals), kept });
      }
      const [own, ...others] = measured;
      const decisions = metrics.flatMap(({ target, decision }) => (decision ? [{ target, decision }] : []));
      return { ...own, others, parameters: sha256(slab), ...told, decisions };
    },
  );
}

/** Examples that are to be evaluated. */
interface AskedEvaluation {
  readonly dataset: Dataset;
  /** Lists of rows, one of which is evaluated at a time. */
  readonly all: readonly Int32Array[];
  /** Whether the metrics are to keep all examples, if they fit. */
  readonly isKept: boolean;
  /** Outputs are read by themselves, whatever was fitted before, all is kept, and those that can have a decision are found. */
  readonly fits?: boolean;
}

/**
 * Starts threads that evaluate a model.
 * @param use called while they run, with the slab of the model's parameters, and what outputs are
 */
export async function withPool<Result>(
  located: LocatedModel,
  config: RunConfig,
  { dataset, all, isKept, fits = false }: AskedEvaluation,
  options: EvaluateOptions,
  use: (
    pool: ThreadPool<EvaluationOptions>,
    metrics: readonly HeadMetrics[],
    slab: Float32Array,
    told: ToldHeads,
  ) => Promise<Result>,
): Promise<Result> {
  const { warn = () => {} } = options;
  const targets = await askedTargets(config, dataset);
  const spec = { ...stepSpec(config, dataset, targets), model: modelConfig(located, config, options) };
  const step = await createStepModel(spec, false);
  await checkIds(config.data, dataset, step);
  const { weights } = await readModelFile(located.path);
  if (!weights) throw new ModelError(`${located.path}: has no weights`, 'name a model that was trained');
  assignWeights(step.built.model, weights, located.path, warn);
  const read = metricSpecs(targets, dataset, step);
  checkMetrics(targets, read, warn);
  const largest = Math.max(...all.map(({ length }) => length));
  const heads = fits ? keepingAll(read) : withSavedDecisions(read, targets, await readEncoding(located.path));
  const probable = fits ? decidedHeads(config, targets, read, largest, warn) : probableHeads(targets, heads);
  const told = { probable, numeric: numericHeads(targets, heads) };
  const metrics = isKept && !fits ? keeping(heads, largest, warn) : heads;
  const { engine, buckets } = await engineFor(config, { step, spec }, { dataset, all }, warn);
  const poolOptions: EvaluationOptions = {
    use: 'evaluation',
    engine,
    layout: step.layout,
    examples: dataset.examples,
    buckets,
    geometry: { evaluationBatch },
    metrics,
    threads: threadsOf(options.threads),
    largestEvaluation: largest,
  };
  const slab = initialParameters(step);
  const pool = await ThreadPool.start(poolOptions, slab);
  try {
    return await use(pool, metrics, slab, told);
  } finally {
    await pool.close();
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
