/** The training loop: shard → compute → reduce → update → validate, epoch after epoch. */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { resolvedYaml } from '../src/config/load.js';
import type { RunConfig } from '../src/config/run.js';
import type { Dataset } from '../src/data/examples.js';
import { loadDataset } from '../src/data/load.js';
import { epochOrder } from '../src/data/sampler.js';
import { createStepModel, initialParameters, type StepModel, type StepSpec } from '../src/engine/step.js';
import { type MetricSpec, metricsOf } from '../src/evaluate/metrics.js';
import { saveModel } from '../src/model/save.js';
import { parameterCount, tensorOf } from '../src/model/slab.js';
import { createOptimizer } from '../src/optimizer/optimizer.js';
import { learningRateAt } from '../src/optimizer/schedule.js';
import { ThreadPool } from '../src/pool/pool.js';
import type { EngineSpec, Geometry } from '../src/pool/spec.js';
import type { EndEvent, Metrics, Reporter } from '../src/report/events.js';
import { metricsLog } from '../src/report/metrics-log.js';
import { assertWritable, createRunFolder } from '../src/report/run-folder.js';
import { divergence } from './divergence.js';
import { chooseEngine } from './engine.js';
import { evaluationSizes, planGeometry, shardSizes } from './geometry.js';

export type { RunConfig } from '../src/config/run.js';
export type { RunEvent } from '../src/report/events.js';

export interface TrainOptions {
  /** Engine threads; default: one a core. The result does not depend on it. */
  readonly threads?: number;
  /** Folder that receives the run's folder; default `runs`. */
  readonly out?: string;
  readonly report?: Reporter;
  /** Ends the run after the step under way, with the model saved. */
  readonly signal?: AbortSignal;
}

/** Milliseconds between looks at the threads' progress. */
const progressInterval = 100;
/** Models of at most so many parameters are shown number by number. */
const readableParameters = 20;

/**
 * Trains a model as its config says and saves it under `options.out`.
 *
 * @returns the event that ends the run: final metrics, where the model is, and the SHA-256 of the parameters
 * @throws LockstepError on bad input (before anything is written) and DivergedError when the loss stops being finite
 */
export async function train(config: RunConfig, options: TrainOptions = {}): Promise<EndEvent> {
  const run = await Run.prepare(config, options);
  try {
    return await run.execute();
  } finally {
    await run.close();
  }
}

class Run {
  readonly #losses: number[] = [];
  #best = Number.POSITIVE_INFINITY;
  #bestPath: string | null = null;
  /** Parameters at the end of the last epoch: an update can overflow while loss and gradient are still finite. */
  #finite: Float32Array;
  readonly #started = performance.now();

  private constructor(
    readonly config: RunConfig,
    readonly dataset: Dataset,
    readonly step: StepModel,
    readonly geometry: Geometry,
    readonly metrics: MetricSpec,
    readonly pool: ThreadPool,
    readonly folder: string,
    readonly report: Reporter,
    readonly signal: AbortSignal | undefined,
  ) {
    this.#finite = pool.parameters.slice();
  }

  /** Checks everything that can be checked, then starts the threads and makes the run's folder. */
  static async prepare(config: RunConfig, options: TrainOptions): Promise<Run> {
    const { report = () => {}, out = 'runs', threads = availableParallelism() } = options;
    assertWritable(out);
    const dataset = await loadDataset(config.data, config.seed);
    const { examples, splits } = dataset;
    const geometry = planGeometry(config.training, splits);
    const spec = stepSpec(config, dataset);
    const step = createStepModel(spec);
    const metrics: MetricSpec = {
      metrics: config.metrics,
      outputs: step.output.shape.reduce((a, b) => a * b, 1),
      classes: examples.classes !== undefined,
      activation: step.output.activation,
      binary: config.loss === 'binaryCrossentropy' || config.loss === 'hinge',
    };
    const evaluated = [splits.validation.length, splits.test.length];
    const sizes = { gradients: shardSizes(geometry), evaluations: evaluationSizes(geometry, evaluated) };
    const warn = (message: string) => report({ event: 'warning', message });
    const engine = await chooseEngine(config, step, spec, sizes, warn);
    const poolOptions = {
      ...{ engine, layout: step.layout, examples, geometry, metrics, threads },
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
      const run = new Run(config, dataset, step, geometry, metrics, pool, folder, both, options.signal);
      run.#announce(engine, threads);
      return run;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /** The loop. */
  async execute(): Promise<EndEvent> {
    const stop = () => this.pool.requestStop();
    this.signal?.addEventListener('abort', stop);
    if (this.signal?.aborted) stop();
    let validation: Metrics | null = null;
    let finished = true;
    for (let epoch = 0; epoch < this.geometry.epochs && finished; epoch++) {
      const started = performance.now();
      finished = await this.#trainEpoch(epoch);
      if (!finished) break;
      const seconds = (performance.now() - started) / 1000;
      validation = await this.#evaluate(this.dataset.splits.validation);
      await this.#endEpoch(epoch, seconds, validation);
    }
    this.signal?.removeEventListener('abort', stop);
    return this.#finish(validation, !finished);
  }

  /** One pass over the training split; false when it was stopped before its end. */
  async #trainEpoch(epoch: number): Promise<boolean> {
    const { training, batchSize, stepsPerEpoch } = this.geometry;
    const order = epochOrder(this.dataset.splits.training, this.config.seed, epoch);
    const watch = this.#watch(epoch);
    const timer = setInterval(watch, progressInterval);
    const { committed, diverged } = await this.pool
      .train(epoch, order, 0, stepsPerEpoch)
      .finally(() => clearInterval(timer));
    watch();
    this.#losses.push(...this.pool.stepLosses.subarray(0, diverged ? committed + 1 : committed));
    const steps = epoch * stepsPerEpoch + committed;
    if (diverged || !this.pool.parameters.every(Number.isFinite)) await this.#fail(steps);
    this.#finite.set(this.pool.parameters);
    return committed === stepsPerEpoch || committed * batchSize >= training;
  }

  /** Reports progress, and a line for every `logEvery` steps that have gone by since the last look. */
  #watch(epoch: number): () => void {
    const { stepsPerEpoch, batchSize, training, epochs } = this.geometry;
    const started = performance.now();
    let logged = 0;
    let lossSum = 0;
    return () => {
      const done = this.pool.done;
      const seconds = (performance.now() - started) / 1000;
      const examplesPerSecond = Math.min(done * batchSize, training) / seconds;
      for (; logged < done; logged++) {
        const index = epoch * stepsPerEpoch + logged;
        lossSum += this.pool.stepLosses[logged];
        if ((index + 1) % this.config.training.logEvery !== 0) continue;
        this.report({
          ...{ event: 'step', epoch: epoch + 1, step: index + 1, loss: this.pool.stepLosses[logged] },
          ...{ learningRate: this.#learningRate(index), gradientNorm: this.pool.stepNorms[logged], examplesPerSecond },
        });
      }
      if (done === 0) return;
      this.report({
        ...{ event: 'progress', epoch: epoch + 1, epochs, step: done, steps: stepsPerEpoch, loss: lossSum / done },
        ...{ examplesPerSecond, secondsLeft: (seconds / done) * (stepsPerEpoch - done) },
      });
    };
  }

  async #endEpoch(epoch: number, seconds: number, validation: Metrics | null): Promise<void> {
    const { stepsPerEpoch, training } = this.geometry;
    const loss = this.#epochLoss();
    const watched = validation?.loss ?? loss;
    const best = watched < this.#best;
    if (best) {
      this.#best = watched;
      this.#bestPath = await this.#save('best');
    }
    this.report({
      ...{ event: 'epoch', epoch: epoch + 1, step: (epoch + 1) * stepsPerEpoch, loss, validation },
      ...{ seconds, examplesPerSecond: training / seconds, best },
    });
  }

  /** Mean loss of the examples of the last epoch; its last step may be a smaller one. */
  #epochLoss(): number {
    const { stepsPerEpoch, training, batchSize } = this.geometry;
    const losses = this.#losses.slice(-stepsPerEpoch);
    const lastBatch = training - (stepsPerEpoch - 1) * batchSize;
    return (
      losses.reduce((sum, loss, i) => sum + loss * (i === stepsPerEpoch - 1 ? lastBatch : batchSize), 0) / training
    );
  }

  async #finish(validation: Metrics | null, interrupted: boolean): Promise<EndEvent> {
    const { validation: held, test } = this.dataset.splits;
    const end: EndEvent = {
      event: 'end',
      validation: interrupted ? await this.#evaluate(held) : validation,
      test: await this.#evaluate(test),
      model: await this.#save('model'),
      best: this.#bestPath,
      weights: this.#readableWeights(),
      sha256: createHash('sha256').update(this.pool.parameters).digest('hex'),
      seconds: (performance.now() - this.#started) / 1000,
      interrupted,
    };
    this.report(end);
    return end;
  }

  /** @param step index of the step that was not applied, or of the one after the update that overflowed */
  async #fail(step: number): Promise<never> {
    const overflowed = !this.pool.parameters.every(Number.isFinite);
    if (overflowed) this.pool.parameters.set(this.#finite);
    throw divergence(this.#losses, this.#learningRate(step), await this.#save('last-good'), overflowed);
  }

  async #evaluate(rows: Int32Array): Promise<Metrics | null> {
    return rows.length === 0 ? null : metricsOf(this.metrics, await this.pool.evaluate(rows));
  }

  #save(name: string): Promise<string> {
    const { built, weights, layout } = this.step;
    return saveModel(built.model, weights, layout, this.pool.parameters, join(this.folder, name));
  }

  #learningRate(step: number): number {
    const { optimizer, schedule } = this.config;
    const { epochs, stepsPerEpoch } = this.geometry;
    const base = createOptimizer(optimizer).baseLearningRate;
    return learningRateAt(schedule, base, step, epochs * stepsPerEpoch, stepsPerEpoch);
  }

  #readableWeights(): Record<string, number[]> | undefined {
    const { tensors } = this.step.layout;
    if (parameterCount(tensors) > readableParameters) return undefined;
    return Object.fromEntries(tensors.map((t) => [t.name, Array.from(tensorOf(this.pool.parameters, t))]));
  }

  #announce(engine: EngineSpec, threads: number): void {
    const { tensors, trainable } = this.step.layout;
    const { splits, description } = this.dataset;
    const { shards, batchSize, epochs, stepsPerEpoch } = this.geometry;
    this.report({
      ...{ event: 'start', name: this.config.name, folder: this.folder, data: description, seed: this.config.seed },
      parameters: parameterCount(tensors),
      trainable: parameterCount(tensors.filter(({ offset }) => offset < trainable)),
      engine: engine.kind,
      backend: engine.kind === 'tfjs' ? engine.backend : undefined,
      ...{ threads, shards, batchSize, epochs, steps: epochs * stepsPerEpoch },
      training: splits.training.length,
      validation: splits.validation.length,
      test: splits.test.length,
    });
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await this.pool.close();
  }
}

function stepSpec(config: RunConfig, { examples }: Dataset): StepSpec {
  return {
    model: config.model,
    loss: config.loss,
    seed: config.seed,
    classes: examples.classes,
    batch: {
      featureShape: examples.featureShape,
      featureType: examples.features instanceof Uint8Array ? 'uint8' : 'float32',
      featureScale: examples.featureScale,
      targetShape: examples.targetShape,
      targetType: examples.targets instanceof Int32Array ? 'int32' : 'float32',
    },
  };
}
