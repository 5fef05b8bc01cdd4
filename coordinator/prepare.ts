/** Everything before the first step: data, model, engine and threads, each checked before anything is written. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { resolvedYaml } from '../src/config/load.js';
import type { RunConfig } from '../src/config/run.js';
import { checkAugment } from '../src/data/augment.js';
import type { Dataset } from '../src/data/examples.js';
import { loadDataset } from '../src/data/load.js';
import { createStepModel, initialParameters, type StepModel, type StepSpec } from '../src/engine/step.js';
import type { MetricSpec } from '../src/evaluate/metrics.js';
import { parameterCount } from '../src/model/slab.js';
import { ThreadPool } from '../src/pool/pool.js';
import type { EngineSpec, Geometry } from '../src/pool/spec.js';
import type { Reporter, StartEvent } from '../src/report/events.js';
import { metricsLog } from '../src/report/metrics-log.js';
import { assertWritable, createRunFolder } from '../src/report/run-folder.js';
import { chooseEngine } from './engine.js';
import { evaluationSizes, planGeometry, shardSizes } from './geometry.js';

/** Examples below which nobody expects a batch to keep every core busy. */
const smallBatch = 64;

export interface PreparedRun {
  readonly config: RunConfig;
  readonly dataset: Dataset;
  readonly step: StepModel;
  readonly geometry: Geometry;
  readonly metrics: MetricSpec;
  readonly pool: ThreadPool;
  readonly folder: string;
  /** Tells the caller's reporter and the run's metrics.jsonl. */
  readonly report: Reporter;
}

/**
 * Loads the data, builds and compiles the model, starts the threads and makes the run's folder.
 * @throws LockstepError on anything that a user can correct; nothing is written then
 */
export async function prepareRun(
  config: RunConfig,
  threads: number,
  out: string,
  report: Reporter,
): Promise<PreparedRun> {
  assertWritable(out);
  const dataset = await loadDataset(config.data, config.seed);
  const { examples, splits } = dataset;
  if (config.augment) checkAugment(config.augment, examples);
  const geometry = planGeometry(config.training, splits);
  const spec = stepSpec(config, dataset);
  const step = await createStepModel(spec);
  const metrics = metricSpec(config, dataset, step);
  const evaluated = [splits.validation.length, splits.test.length];
  const sizes = { gradients: shardSizes(geometry), evaluations: evaluationSizes(geometry, evaluated) };
  const warn = (message: string) => report({ event: 'warning', message });
  if (threads > geometry.shards && geometry.batchSize >= smallBatch) {
    warn(
      `${threads} threads, but the batch of ${geometry.batchSize} has ${geometry.shards} shards: ` +
        'the others only help to add up and update; a larger training.batchSize or more training.shards would use them',
    );
  }
  const engine = await chooseEngine(config, step, spec, sizes, warn);
  const poolOptions = {
    ...{ engine, layout: step.layout, examples, augment: config.augment, geometry, metrics, threads },
    ...{ optimizer: config.optimizer, schedule: config.schedule, clipNorm: config.training.clipNorm },
    ...{ seed: config.seed, largestEvaluation: Math.max(...evaluated) },
  };
  const pool = await ThreadPool.start(poolOptions, initialParameters(step));
  try {
    const folder = createRunFolder(out, config.name);
    // What `auto` came to is part of the run: it decides the bits.
    const choice = { engine: engine.kind, backend: engine.kind === 'tfjs' ? engine.backend : undefined };
    const resolved = { ...config, ...choice, training: { ...config.training, shards: geometry.shards } };
    writeFileSync(join(folder, 'config.yaml'), resolvedYaml(resolved));
    const log = metricsLog(join(folder, 'metrics.jsonl'));
    const both: Reporter = (event) => {
      log(event);
      report(event);
    };
    const run = { config, dataset, step, geometry, metrics, pool, folder, report: both };
    both(startEvent(run, engine, threads));
    return run;
  } catch (error) {
    await pool.close();
    throw error;
  }
}

export function stepSpec(config: RunConfig, { examples }: Dataset): StepSpec {
  return {
    model: config.model,
    loss: config.loss,
    seed: config.seed,
    classes: examples.classes,
    metrics: config.metrics,
    l1: config.training.l1,
    l2: config.training.l2,
    batch: {
      featureShape: examples.featureShape,
      featureType: examples.features instanceof Uint8Array ? 'uint8' : 'float32',
      featureScale: examples.featureScale,
      targetShape: examples.targetShape,
      targetType: examples.targets instanceof Int32Array ? 'int32' : 'float32',
    },
  };
}

export function metricSpec(config: RunConfig, { examples }: Dataset, { output }: StepModel): MetricSpec {
  return {
    metrics: config.metrics,
    outputs: output.shape.reduce((a, b) => a * b, 1),
    classes: examples.classes !== undefined,
    activation: output.activation,
    binary: config.loss === 'binaryCrossentropy' || config.loss === 'hinge',
  };
}

function startEvent(run: PreparedRun, engine: EngineSpec, threads: number): StartEvent {
  const { tensors, trainable } = run.step.layout;
  const { splits, description } = run.dataset;
  const { shards, batchSize, epochs, stepsPerEpoch } = run.geometry;
  return {
    ...{ event: 'start', name: run.config.name, folder: run.folder, data: description, seed: run.config.seed },
    parameters: parameterCount(tensors),
    trainable: parameterCount(tensors.filter(({ offset }) => offset < trainable)),
    engine: engine.kind,
    backend: engine.kind === 'tfjs' ? engine.backend : undefined,
    ...{ threads, shards, batchSize, epochs, steps: epochs * stepsPerEpoch },
    training: splits.training.length,
    validation: splits.validation.length,
    test: splits.test.length,
  };
}
