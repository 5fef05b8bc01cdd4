/** Trains a model on this machine, from the start or from a run's newest checkpoint. */
import { isDeepStrictEqual } from 'node:util';
import { clusterSchema } from '../../src/config/cluster.js';
import { defineConfig } from '../../src/config/define.js';
import type { RunConfigInput } from '../../src/config/input.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { chosenProvider } from '../../src/engine/onnx/providers.js';
import { ConfigError, LockstepError } from '../../src/errors.js';
import { commandLine } from '../../src/ground/shell-words.js';
import { parameterCount } from '../../src/model/slab.js';
import { hasDeviceRule } from '../../src/optimizer/device-update.js';
import { trainableIn } from '../../src/optimizer/optimizer.js';
import { averageMomentum } from '../../src/optimizer/weight-average.js';
import { ThreadPool } from '../../src/pool/pool.js';
import type { TrainingOptions } from '../../src/pool/pool-options.js';
import { threadsOf } from '../../src/pool/thread-count.js';
import { EventRecord } from '../../src/report/event-record.js';
import type { EndEvent, Reporter } from '../../src/report/events.js';
import { RunPhases } from '../../src/report/phases.js';
import { type JobStart, lockRun } from '../../src/report/run-lock.js';
import { graphCount } from '../prepare/choose-engine.js';
import { type PreparedRun, type PrepareOptions, prepareRun, type StartTrainer } from '../prepare/prepare.js';
import { attendRun } from '../training/attend-run.js';
import { decideModels } from '../training/decide-models.js';
import { TrainingLoop } from '../training/loop.js';
import { checkpointFolder, checkRun, findResumption, type Resumption } from '../training/resume.js';
import { startTraced } from './thread-timeline.js';

export interface RunOptions {
  /** Engine threads; default: one a core, and one where a device computes, which has no more. The result does not depend on it. */
  readonly threads?: number;
  /** Records which examples went into each step, in ledger.jsonl. */
  readonly ledger?: boolean;
  /** Ends the run after so many steps, as `signal` would. */
  readonly steps?: number;
  /** File that receives a Chrome trace of every phase of every thread or worker. */
  readonly trace?: string;
  readonly report?: Reporter;
  /** What goes on with the run as it was begun, for people: its `start` tells it. @param run its folder */
  readonly goOn?: (run: string) => string;
  /** Ends the run after the step under way, with a checkpoint and the model saved; while data are read, its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** How to train, besides the config. */
export interface TrainOptions extends RunOptions {
  /** Folder that receives the run's folder; default `runs`. */
  readonly out?: string;
}

/** How to go on with a run. */
export interface ResumeOptions extends RunOptions {
  /** `path=value`: changes of the config that do not touch the steps behind, such as `training.epochs=20`. */
  readonly set?: readonly string[];
}

/**
 * Trains a model as its config says and saves it under `options.out`.
 *
 * @param config as `defineConfig` or `loadRunConfig` gave it, or as one would give it to `defineConfig`
 * @returns the event that ends the run: final metrics, where the model is, and the SHA-256 of the parameters
 * @throws LockstepError on bad input (before anything is written), DivergedError when the loss stops being finite,
 *   UnwrittenError at its end when a disk did not take all that it had to write, RunLostError when its folder is no longer
 *   its own
 */
export async function train(config: RunConfigInput, options: TrainOptions = {}): Promise<EndEvent> {
  const checked = inStep(defineConfig(config));
  return execute(checked, { ...options, threads: threadsOf(options.threads) }, poolStarter(checked, options.trace));
}

/**
 * Goes on with a run that was interrupted, killed or cut off, from its newest valid checkpoint; ends with the same
 * parameters, bit for bit, as if it had never stopped, whatever the number of threads.
 *
 * @param folder of the run
 * @throws LockstepError where config or data no longer fit the checkpoint, and where nothing is left to do
 */
export async function resume(folder: string, options: ResumeOptions = {}): Promise<EndEvent> {
  const threads = threadsOf(options.threads);
  return resumeWith(folder, options.set ?? [], options.report, (config, resumption) =>
    execute(inStep(config), { ...options, threads }, poolStarter(config, options.trace), resumption),
  );
}

/** @throws ConfigError when replicas are to take local steps, as only workers do */
function inStep(config: RunConfig): RunConfig {
  if (config.cluster.sync === 'step') return config;
  throw new ConfigError(
    'cluster.sync.local: replicas take local steps over workers only, and this trains in step',
    'use lockstep coordinator (with --min-workers 0 on this machine alone), or --set cluster.sync=step in a new run',
  );
}

/** Locks a run, finds where it is, and goes on with it. */
export async function resumeWith(
  folder: string,
  set: readonly string[],
  report: Reporter | undefined,
  go: (config: RunConfig, resumption: Resumption) => Promise<EndEvent>,
  job?: JobStart,
): Promise<EndEvent> {
  checkRun(folder);
  const lock = lockRun(folder, job);
  try {
    const resumption = await findResumption(folder, lock, set);
    for (const message of resumption.warnings) report?.({ event: 'warning', message });
    return await go(resumption.config, resumption);
  } finally {
    lock.release();
  }
}

/** The threads of this machine by themselves. */
const poolStarter =
  ({ cluster }: RunConfig, trace: string | undefined): StartTrainer =>
  (options, parameters, unwritten, report) => {
    tellOfCluster(cluster, report);
    tellOfUpdates(options, report);
    return trace === undefined
      ? ThreadPool.start(options, parameters)
      : startTraced(options, parameters, trace, unwritten);
  };

/** Says which keys of a config that coordinators use too have no effect here. */
function tellOfCluster(cluster: RunConfig['cluster'], report: Reporter): void {
  const usual: Readonly<Record<string, unknown>> = clusterSchema.parse({});
  const keys = Object.entries(cluster).flatMap(([key, value]) =>
    isDeepStrictEqual(value, usual[key]) ? [] : `cluster.${key}`,
  );
  if (keys.length === 0) return;
  const message = `${keys.join(', ')}: for runs over several processes (lockstep coordinator); on the threads of this one it has no effect`;
  report({ event: 'warning', message });
}

/** Says once what steps cost where the optimizer is not one that a device computes. */
function tellOfUpdates({ optimizer, engine }: Pick<TrainingOptions, 'optimizer' | 'engine'>, report: Reporter): void {
  const { memory, name } = chosenProvider();
  if (memory === undefined || engine.kind !== 'onnx' || hasDeviceRule(optimizer)) return;
  const [asked] = Object.keys(optimizer);
  const how = averageMomentum(optimizer) === undefined ? asked : `${asked} with emaMomentum`;
  const message = `${name} does not compute the steps of optimizer ${how}: gradients come back to the processor, and parameters go to the device again, in each step; adam, adamw, momentum, sgd, rmsprop and adagrad stay there`;
  report({ event: 'warning', message });
}

/**
 * @param options threads are checked
 * @param start starts what computes the steps
 */
export async function execute(
  config: RunConfig,
  options: TrainOptions & Pick<PrepareOptions, 'opened' | 'job' | 'allowMixedNumerics'> & { readonly threads: number },
  start: StartTrainer,
  resumption?: Resumption,
): Promise<EndEvent> {
  const { threads, out = 'runs', ledger = false, steps, opened, job, allowMixedNumerics } = options;
  checkSteps(steps);
  const started = performance.now();
  const asked = new AbortController();
  const signal = AbortSignal.any([asked.signal, ...(options.signal ? [options.signal] : [])]);
  const record = new EventRecord(options.report ?? (() => {}));
  const { report } = record;
  const phases = new RunPhases(report);
  const preparing = { threads, out, ledger, record, report, phases, signal, start, opened, job, allowMixedNumerics };
  const prepared = await prepareRun(config, preparing, resumption);
  let end: EndEvent;
  try {
    announce(prepared, resumption, options.goOn);
    const run = new TrainingLoop(prepared, resumption?.checkpoint, { signal, steps });
    const leave = attendRun(prepared, {
      checkpoint: () => run.askCheckpoint(),
      stop: () => {
        report({ event: 'warning', message: 'stopping after this step, as somebody asks who looks at the run' });
        asked.abort();
      },
    });
    const trained = await decideModels(prepared, await run.execute().finally(leave), signal);
    end = { ...trained, seconds: (performance.now() - started) / 1000 };
    prepared.trainer.summarize?.();
    prepared.report(end);
  } catch (error) {
    if (error instanceof LockstepError) {
      record.fail({ code: error.code, message: error.problem, remedy: error.remedy });
    }
    // What came first is what the user has to know.
    await prepared.close(error).catch(() => {});
    throw error;
  }
  await prepared.close();
  prepared.unwritten.raise((missing) => remedyFor(prepared.folder, end, missing));
  return end;
}

/** @param missing paths that could not be written */
function remedyFor(folder: string, { model }: EndEvent, missing: ReadonlySet<string>): string {
  const checkpoints = checkpointFolder(folder);
  if (model !== '' && !missing.has(checkpoints)) {
    return 'the model and the newest checkpoint are whole; free some space before the next run';
  }
  const saved = model === '' ? '' : 'the model is whole; to train on, ';
  return `${saved}free some space, then ${commandLine(['train', '--resume', folder])}: it goes on from the newest checkpoint`;
}

/** @throws ConfigError when it is no number of steps */
function checkSteps(steps: number | undefined): void {
  if (steps === undefined || (Number.isInteger(steps) && steps > 0)) return;
  throw new ConfigError(`steps: ${steps} is not a positive whole number`, 'use 1 or more, or leave it out');
}

function announce(run: PreparedRun, resumption: Resumption | undefined, goOn: RunOptions['goOn']): void {
  const { layout } = run.step;
  const { splits, description } = run.dataset;
  const { shards, batchSize, epochs, stepsPerEpoch } = run.geometry;
  const { engine, buckets, threads, config, folder } = run;
  const checkpoint = resumption?.checkpoint;
  const { columns } = run.dataset;
  run.report({
    event: 'start',
    name: config.name,
    folder,
    data: description,
    seed: config.seed,
    parameters: parameterCount(layout.tensors),
    trainable: parameterCount(trainableIn(layout)),
    engine: engine.kind,
    backend: engine.kind === 'tfjs' ? engine.backend : undefined,
    threads,
    shards,
    batchSize,
    epochs,
    steps: epochs * stepsPerEpoch,
    training: splits.training.length,
    validation: splits.validation.length,
    test: splits.test.length,
    prepared: run.phases.prepared(),
    buckets: buckets && { places: buckets.places, graphs: graphCount(engine) },
    resumed: resumption && { step: checkpoint?.state.progress.step ?? 0, checkpoint: checkpoint?.path ?? null },
    goOn: goOn?.(folder),
  });
  if (columns) run.report({ event: 'columns', ...columns });
}
