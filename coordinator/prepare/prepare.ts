/** Everything before the first step: data, model, engine and threads, each checked before anything is written. */

import { ignoredClasses } from '../../src/config/heads.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { checkAugment } from '../../src/data/augment/augment.js';
import { pictureIn } from '../../src/data/augment/moved.js';
import { type Buckets, cutFields } from '../../src/data/buckets.js';
import type { Dataset, Examples } from '../../src/data/examples.js';
import { type Geometry, planGeometry, shardSizes } from '../../src/data/geometry.js';
import { loadDataset } from '../../src/data/load-data.js';
import { closeExamples } from '../../src/data/row-writer.js';
import { tokensPerExample } from '../../src/data/tokens-per-example.js';
import { createStepModel, initialParameters, type StepModel } from '../../src/engine/step.js';
import { ConfigError } from '../../src/errors.js';
import type { HeadMetrics } from '../../src/evaluate/run-metrics.js';
import { grouped, plural } from '../../src/ground/units.js';
import { checkPatterns } from '../../src/optimizer/weight-patterns.js';
import type { EngineSpec, TrainingOptions } from '../../src/pool/pool-options.js';
import type { Reporter } from '../../src/report/events.js';
import type { Ledger } from '../../src/report/ledger.js';
import type { LogFile } from '../../src/report/log-file.js';
import type { RunPhases } from '../../src/report/phases.js';
import { assertWritable } from '../../src/report/run-folder.js';
import type { RunLock } from '../../src/report/run-lock.js';
import { Unwritten } from '../../src/report/unwritten.js';
import type { Tracker } from '../../src/track/tracker.js';
import { checkData, checkGraph, type Resumption } from '../training/resume.js';
import type { Trainer } from '../training/trainer.js';
import { decidedHeads } from './check-decision.js';
import { checkIds } from './check-ids.js';
import { checkMetrics, checkMonitor } from './check-metrics.js';
import { warnOfBounds } from './check-targets.js';
import { chooseEngine, graphHash } from './choose-engine.js';
import { weightedExamples } from './example-weights.js';
import { bucketsFor, formsOf } from './forms.js';
import { type Cleanup, checkLedger, type FolderOptions, openFolder } from './open-folder.js';
import { askedTargets, augmentationOf, dataConfigOf, metricSpecs, stepSpec } from './specs.js';

/** Examples below which nobody expects a batch to keep every core busy. */
const smallBatch = 64;

export interface PrepareOptions extends FolderOptions {
  readonly threads: number;
  readonly report: Reporter;
  readonly phases: RunPhases;
  /** Ends the reading of data; its reason is thrown then. */
  readonly signal?: AbortSignal;
  /** Starts what computes the steps. */
  readonly start: StartTrainer;
  /** Whether workers with another arithmetic take part, as that of a device. */
  readonly allowMixedNumerics?: boolean;
  /** Told the run's folder as soon as it is there. */
  readonly opened?: (folder: string, unwritten: Unwritten) => void;
}

/**
 * @param parameters initial slab
 * @param unwritten told what of the trace cannot be written
 * @param report told what happens to workers
 * @param signal ends the run, whoever asks for it
 */
export type StartTrainer = (
  options: TrainingOptions,
  parameters: Float32Array,
  unwritten: Unwritten,
  report: Reporter,
  signal: AbortSignal | undefined,
) => Promise<Trainer>;

export interface PreparedRun {
  /** Resolved: what `auto` came to is part of the run, because it decides the bits. */
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly step: StepModel;
  readonly engine: EngineSpec;
  /** Where the sequences of batches are cut. */
  readonly buckets?: Buckets;
  readonly geometry: Geometry;
  /** Of texts. */
  readonly tokensPerExample: number | undefined;
  readonly metrics: readonly HeadMetrics[];
  /** The data as the trainer reads them. */
  readonly examples: Examples;
  /** Which outputs are to have a decision at the end of the run. */
  readonly decided: readonly number[];
  readonly threads: number;
  readonly trainer: Trainer;
  readonly folder: string;
  /** To be looked at before each write into the folder. */
  readonly lock: RunLock;
  /** Told what cannot be written, which the run survives. */
  readonly unwritten: Unwritten;
  readonly phases: RunPhases;
  readonly ledger?: Ledger;
  /** What must be on the disk before a checkpoint may say that its steps are done. */
  readonly logs: readonly LogFile[];
  /** Tools of others that are told about it, by `report` too. */
  readonly trackers: readonly Tracker[];
  /** Tells the caller's reporter, the run's metrics.jsonl and its trackers. */
  readonly report: Reporter;
  /**
   * Ends the threads and gives back the model, the logs, a new run's folder and the data's file.
   * @param failure what ended the run before its end
   */
  close(failure?: unknown): Promise<void>;
}

/**
 * Loads the data, builds and compiles the model, starts the threads and makes the run's folder, or opens that of the run
 * to be resumed, which the caller has locked.
 *
 * @throws LockstepError on anything that a user can correct; nothing is written then
 */
export async function prepareRun(
  config: RunConfig,
  options: PrepareOptions,
  resumption?: Resumption,
): Promise<PreparedRun> {
  const { threads, out, report, phases, signal } = options;
  if (resumption) checkLedger(resumption, options.ledger);
  if (!resumption) assertWritable(out);
  const cleanups: Cleanup[] = [];
  const close = (failure?: unknown) => undo(cleanups, failure);
  const unwritten = new Unwritten(options.report);
  try {
    const warn = (message: string) => report({ event: 'warning', message });
    const ignoreClass = ignoredClasses(config.loss);
    phases.begin('reading');
    const dataset = await loadDataset(dataConfigOf(config), config.seed, { warn, signal, ignoreClass });
    cleanups.push(() => closeExamples(dataset.examples));
    if (resumption?.checkpoint) checkData(resumption.checkpoint, dataset);
    phases.begin('compiling');
    const prepared = await prepareSteps(config, dataset, options, unwritten);
    cleanups.push((failure) => prepared.trainer.close(failure));
    cleanups.push(() => void prepared.step.built.model.dispose());
    const { engine, geometry } = prepared;
    if (resumption?.checkpoint) checkGraph(resumption.checkpoint, graphHash(engine));
    const choice = { engine: engine.kind, backend: engine.kind === 'tfjs' ? engine.backend : undefined };
    const resolved = { ...config, ...choice, training: { ...config.training, shards: geometry.shards } };
    const place = openFolder(resolved, options, cleanups, { ...prepared, unwritten }, resumption);
    options.opened?.(place.folder, unwritten);
    return { ...prepared, ...place, unwritten, phases, config: resolved, dataset, threads, close };
  } catch (error) {
    // What came first is what the user has to know.
    await close(error).catch(() => {});
    throw error;
  }
}

/** Takes back what was done, the last first; one that fails does not keep the others from it. */
async function undo(cleanups: Cleanup[], failure: unknown): Promise<void> {
  const failures: unknown[] = [];
  for (const cleanup of cleanups.reverse()) {
    try {
      await cleanup(failure);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** What computes the steps. */
async function prepareSteps(
  config: RunConfig,
  dataset: Dataset,
  { threads, report, start, signal, allowMixedNumerics }: PrepareOptions,
  unwritten: Unwritten,
) {
  const { splits, encoding } = dataset;
  if (config.augment) checkAugment(config.augment, dataset.examples.columns);
  const window = encoding.input.kind === 'text' ? encoding.input.window : undefined;
  const geometry = planGeometry(config.training, splits, window);
  const targets = await askedTargets(config, dataset);
  const examples = weightedExamples(dataset, targets, config.training.classWeights);
  const spec = stepSpec(config, { ...dataset, examples }, targets);
  const step = await createStepModel(spec);
  checkPatterns(config.optimizer, step.layout);
  await checkIds(config.data, dataset, step);
  const metrics = metricSpecs(targets, dataset, step);
  const warn = (message: string) => report({ event: 'warning', message });
  checkMetrics(targets, metrics, warn);
  checkMonitor(config, targets, dataset, warn);
  const decided = decidedHeads(config, targets, metrics, splits.validation.length, warn);
  warnOfBounds(step.built, dataset, warn);
  const evaluated = [splits.validation, splits.test];
  const buckets = bucketsFor(config, examples, splits, evaluated);
  if (buckets) checkBuckets(buckets, config, examples, warn);
  if (threads > geometry.shards && geometry.batchSize >= smallBatch) {
    warn(
      `${plural(threads, 'thread')}, but the batch of ${grouped(geometry.batchSize)} has ${plural(geometry.shards, 'shard')}: ` +
        'the others only help to add up and update; a larger training.batchSize or more training.shards would use them',
    );
  }
  const forms = formsOf(buckets, { shardSizes: shardSizes(geometry), evaluated });
  const engine = await chooseEngine({ ...config, mixed: allowMixedNumerics }, { step, spec }, forms, warn);
  const trainingOptions: TrainingOptions = {
    use: 'training',
    engine,
    layout: step.layout,
    examples,
    buckets,
    augment: augmentationOf(config, targets),
    geometry,
    metrics,
    threads,
    optimizer: config.optimizer,
    schedule: config.schedule,
    clipNorm: config.training.clipNorm,
    precision: config.training.precision,
    seed: config.seed,
    largestEvaluation: Math.max(...evaluated.map(({ length }) => length)),
  };
  const tokens = await tokensPerExample(dataset);
  const trainer = await start(trainingOptions, initialParameters(step), unwritten, report, signal);
  return { step, metrics, examples, decided, engine, buckets, geometry, tokensPerExample: tokens, trainer };
}

/** @throws ConfigError when what is cut is to be augmented */
function checkBuckets(
  { places, full }: Buckets,
  { augment }: RunConfig,
  { columns }: Examples,
  warn: (message: string) => void,
): void {
  if (places[0] === full) {
    warn(
      `training.buckets: hardly a batch is shorter than the full length of ${plural(full, 'place')}: nothing is cut`,
    );
  }
  const picture = pictureIn(columns);
  if (!augment || !picture || cutFields(columns, 0).includes(picture)) return;
  throw new ConfigError(
    'training.buckets: the images that augment changes are sequences, which would be cut',
    'leave augment or training.buckets out',
  );
}
