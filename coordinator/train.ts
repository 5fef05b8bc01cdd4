/** The training loop: shard → compute → reduce → update → validate, epoch after epoch. */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { RunConfig } from '../src/config/run.js';
import { epochOrder } from '../src/data/sampler.js';
import { metricsOf } from '../src/evaluate/metrics.js';
import { saveModel } from '../src/model/save.js';
import { parameterCount, tensorOf } from '../src/model/slab.js';
import { createOptimizer } from '../src/optimizer/optimizer.js';
import { learningRateAt } from '../src/optimizer/schedule.js';
import type { EndEvent, Metrics, Reporter } from '../src/report/events.js';
import { divergence } from './divergence.js';
import { type PreparedRun, prepareRun } from './prepare.js';
import { watchEpoch } from './watch.js';

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

/** Models of at most so many parameters are shown number by number. */
const readableParameters = 20;

/**
 * Trains a model as its config says and saves it under `options.out`.
 *
 * @returns the event that ends the run: final metrics, where the model is, and the SHA-256 of the parameters
 * @throws LockstepError on bad input (before anything is written) and DivergedError when the loss stops being finite
 */
export async function train(config: RunConfig, options: TrainOptions = {}): Promise<EndEvent> {
  const { threads = availableParallelism(), out = 'runs', report = () => {}, signal } = options;
  const started = performance.now();
  const prepared = await prepareRun(config, threads, out, report);
  const stop = () => prepared.pool.requestStop();
  try {
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    const end = { ...(await new Run(prepared).execute()), seconds: (performance.now() - started) / 1000 };
    prepared.report(end);
    return end;
  } finally {
    signal?.removeEventListener('abort', stop);
    await prepared.pool.close();
  }
}

class Run {
  readonly #run: PreparedRun;
  /** Mean loss of every step so far. */
  readonly #losses: number[] = [];
  #best = Number.POSITIVE_INFINITY;
  #bestPath: string | null = null;
  /** Parameters at the end of the last epoch: an update can overflow while loss and gradient are still finite. */
  readonly #finite: Float32Array;

  constructor(run: PreparedRun) {
    this.#run = run;
    this.#finite = run.pool.parameters.slice();
  }

  /** The loop. */
  async execute(): Promise<Omit<EndEvent, 'seconds'>> {
    const { geometry, dataset } = this.#run;
    let validation: Metrics | null = null;
    for (let epoch = 0; epoch < geometry.epochs; epoch++) {
      const started = performance.now();
      const complete = await this.#trainEpoch(epoch);
      if (!complete) return this.#finish(await this.#evaluate(dataset.splits.validation), true);
      const seconds = (performance.now() - started) / 1000;
      validation = await this.#evaluate(dataset.splits.validation);
      await this.#endEpoch(epoch, seconds, validation);
    }
    return this.#finish(validation, false);
  }

  /** One pass over the training split; false when it was stopped before its end. */
  async #trainEpoch(epoch: number): Promise<boolean> {
    const { config, dataset, geometry, pool, report } = this.#run;
    const { stepsPerEpoch } = geometry;
    const order = epochOrder(dataset.splits.training, config.seed, epoch);
    const learningRate = (step: number) => this.#learningRate(step);
    const watching = { pool, geometry, logEvery: config.training.logEvery, learningRate, report };
    const endWatch = watchEpoch(epoch, watching);
    const { committed, diverged } = await pool.train(epoch, order, 0, stepsPerEpoch).finally(endWatch);
    for (const loss of pool.stepLosses.subarray(0, diverged ? committed + 1 : committed)) this.#losses.push(loss);
    if (diverged || !this.#allFinite()) await this.#fail(epoch * stepsPerEpoch + committed);
    this.#finite.set(pool.parameters);
    return committed === stepsPerEpoch;
  }

  async #endEpoch(epoch: number, seconds: number, validation: Metrics | null): Promise<void> {
    const { stepsPerEpoch, training } = this.#run.geometry;
    const loss = this.#epochLoss();
    const watched = validation?.loss ?? loss;
    const best = watched < this.#best;
    if (best) {
      this.#best = watched;
      this.#bestPath = await this.#save('best');
    }
    this.#run.report({
      ...{ event: 'epoch', epoch: epoch + 1, step: (epoch + 1) * stepsPerEpoch, loss, validation },
      ...{ seconds, examplesPerSecond: training / seconds, best },
    });
  }

  /** Mean loss of the examples of the last epoch; its last step may be a smaller one. */
  #epochLoss(): number {
    const { stepsPerEpoch, training, batchSize } = this.#run.geometry;
    const losses = this.#losses.slice(-stepsPerEpoch);
    const lastBatch = training - (stepsPerEpoch - 1) * batchSize;
    return (
      losses.reduce((sum, loss, i) => sum + loss * (i === stepsPerEpoch - 1 ? lastBatch : batchSize), 0) / training
    );
  }

  async #finish(validation: Metrics | null, interrupted: boolean): Promise<Omit<EndEvent, 'seconds'>> {
    const { dataset, pool } = this.#run;
    return {
      event: 'end',
      validation,
      test: await this.#evaluate(dataset.splits.test),
      model: await this.#save('model'),
      best: this.#bestPath,
      weights: this.#readableWeights(),
      sha256: createHash('sha256').update(pool.parameters).digest('hex'),
      interrupted,
    };
  }

  /** @param step index of the step that was not applied, or of the one after the update that overflowed */
  async #fail(step: number): Promise<never> {
    const overflowed = !this.#allFinite();
    if (overflowed) this.#run.pool.parameters.set(this.#finite);
    throw divergence(this.#losses, this.#learningRate(step), await this.#save('last-good'), overflowed);
  }

  #allFinite(): boolean {
    return this.#run.pool.parameters.every(Number.isFinite);
  }

  async #evaluate(rows: Int32Array): Promise<Metrics | null> {
    const { metrics, pool } = this.#run;
    return rows.length === 0 ? null : metricsOf(metrics, await pool.evaluate(rows));
  }

  #save(name: string): Promise<string> {
    const { step, pool, folder, dataset } = this.#run;
    const path = join(folder, name);
    return saveModel(step.built.model, step.weights, step.layout, pool.parameters, path, dataset.encoding);
  }

  #learningRate(step: number): number {
    const { config, geometry } = this.#run;
    const base = createOptimizer(config.optimizer).baseLearningRate;
    const steps = geometry.epochs * geometry.stepsPerEpoch;
    return learningRateAt(config.schedule, base, step, steps, geometry.stepsPerEpoch);
  }

  #readableWeights(): Record<string, number[]> | undefined {
    const { tensors } = this.#run.step.layout;
    if (parameterCount(tensors) > readableParameters) return undefined;
    return Object.fromEntries(tensors.map((t) => [t.name, Array.from(tensorOf(this.#run.pool.parameters, t))]));
  }
}
