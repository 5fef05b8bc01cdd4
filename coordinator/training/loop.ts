/** The training loop: shard → compute → reduce → update, step after step; validate, checkpoint, epoch after epoch. */

import { join } from 'node:path';
import type { Progress } from '../../src/checkpoint/state.js';
import { stepBuckets } from '../../src/data/buckets.js';
import { withTarget } from '../../src/data/encoding.js';
import { isPlain } from '../../src/data/field.js';
import { batchOf } from '../../src/data/geometry.js';
import { epochOrder, groupedOrder } from '../../src/data/sampler.js';
import { LockstepError } from '../../src/errors.js';
import {
  bestAfter,
  initialMonitorState,
  isExhausted,
  type Monitor,
  monitorOf,
  monitorStateAfter,
  warningOf,
} from '../../src/evaluate/monitor.js';
import type { MetricResults } from '../../src/evaluate/output-metrics.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { sha256 } from '../../src/ground/checksum.js';
import { saveModel } from '../../src/model/files/save.js';
import { outputEncoding } from '../../src/model/outputs.js';
import { parameterCount, tensorOf } from '../../src/model/slab.js';
import { learningRateOf } from '../../src/optimizer/decide.js';
import { createOptimizer } from '../../src/optimizer/optimizer.js';
import { StoppedError } from '../../src/pool/control.js';
import { type EndEvent, figuresIn } from '../../src/report/events.js';
import type { PreparedRun } from '../prepare/prepare.js';
import { Checkpointer } from './checkpointer.js';
import { divergence } from './divergence.js';
import type { Resumption } from './resume.js';
import { type NamedSlab, restoreTensors } from './snapshot.js';
import { watchEpoch } from './watch.js';

/** Models of at most so many parameters are shown number by number. */
const readableParameters = 20;

const start: Progress = {
  step: 0,
  epoch: 0,
  position: 0,
  losses: [],
  best: null,
  stopped: false,
  monitor: initialMonitorState,
};

/** A run that is stopped while nobody is there to compute ends without the numbers. */
function unlessStopped(error: unknown): null {
  if (error instanceof StoppedError) return null;
  throw error;
}

/** What ends a run before its last epoch: after the step under way, with a checkpoint. */
interface Ends {
  readonly signal?: AbortSignal;
  /** Steps that are still to be taken. */
  readonly steps?: number;
}

export class TrainingLoop {
  readonly #run: PreparedRun;
  readonly #signal: AbortSignal | undefined;
  /** Steps after which the run ends, those before it was resumed included. */
  readonly #lastStep: number;
  readonly #monitor: Monitor;
  #isWarned = false;
  readonly #checkpointer: Checkpointer;
  /** The state of the loop, but for the losses of the epoch under way, which are in the trainer. */
  #progress: Progress;
  /** Mean loss of every step that this process knows of, and how many there were before those. */
  readonly #losses: number[] = [];
  readonly #stepsBefore: number;
  /** The last parameters known to be finite: an update can overflow while loss and gradient still are. */
  readonly #finite: Float32Array;
  /** Parameters of the best epoch, where the run is to end with them. */
  readonly #bestParameters: Float32Array | undefined;

  constructor(
    run: PreparedRun,
    checkpoint: Resumption['checkpoint'],
    { signal, steps = Number.POSITIVE_INFINITY }: Ends,
  ) {
    this.#run = run;
    this.#signal = signal;
    this.#monitor = monitorOf(run.config.training);
    this.#progress = checkpoint?.state.progress ?? start;
    this.#lastStep = this.#progress.step + steps;
    this.#checkpointer = new Checkpointer(run, checkpoint?.state);
    this.#stepsBefore = this.#progress.step - this.#progress.losses.length;
    if (run.config.training.restoreBest) this.#bestParameters = run.trainer.parameters.slice();
    if (checkpoint) {
      restoreTensors(run.step.layout, this.#slabs(), checkpoint.tensors);
      run.trainer.stepLosses.set(this.#progress.losses);
      for (const loss of this.#progress.losses) this.#losses.push(loss);
    }
    this.#finite = run.trainer.parameters.slice();
    run.lock.onLoss = () => run.trainer.requestStop();
  }

  /** @throws DivergedError when the loss stops being finite */
  async execute(): Promise<Omit<EndEvent, 'seconds'>> {
    try {
      return await this.#loop();
    } finally {
      await this.#checkpointer.settle();
    }
  }

  async #loop(): Promise<Omit<EndEvent, 'seconds'>> {
    const { geometry } = this.#run;
    let validation: MetricResults | null = null;
    while (this.#progress.epoch < geometry.epochs && !this.#progress.stopped) {
      const started = performance.now();
      const examplesPerSecond = await this.#trainEpoch();
      if (examplesPerSecond === undefined) return this.#finish(null, true);
      const seconds = (performance.now() - started) / 1000;
      try {
        validation = await this.#endEpoch(seconds, examplesPerSecond);
      } catch (error) {
        if (error instanceof StoppedError) return this.#finish(null, true, false);
        throw error;
      }
      const more = this.#progress.epoch < geometry.epochs && !this.#progress.stopped;
      if (more && this.#isStopping) return this.#finish(validation, true);
      if (more && this.#checkpointer.isDue(this.#progress)) await this.#checkpoint();
    }
    return this.#finish(validation, false);
  }

  /**
   * What is left of an epoch, in spans that end where a checkpoint is due.
   * @returns examples a second; undefined when it was stopped before its end
   */
  async #trainEpoch(): Promise<number | undefined> {
    const { config, geometry, trainer, report } = this.#run;
    const { epoch } = this.#progress;
    const { stepsPerEpoch } = geometry;
    const order = this.#order(epoch);
    const learningRate = (step: number) => this.#learningRate(step);
    const watching = { trainer, geometry, logEvery: config.training.logEvery, learningRate, report };
    const watch = watchEpoch(epoch, this.#progress.position, watching);
    try {
      while (this.#progress.position < stepsPerEpoch) {
        if (this.#isStopping) return undefined;
        const { position, step } = this.#progress;
        const left = Math.min(this.#checkpointer.stepsLeft(step), this.#lastStep - step);
        const last = Math.min(stepsPerEpoch, position + left);
        await this.#trainSpan(order, last);
        // What a checkpoint counts as done is in the logs: nobody will report it again.
        watch.look();
        // At its end an epoch is validated before it is written down.
        if (this.#progress.position === stepsPerEpoch) break;
        if (!this.#isStopping && this.#checkpointer.isDue(this.#progress)) await this.#checkpoint();
      }
      return watch.examplesPerSecond;
    } finally {
      watch.end();
    }
  }

  /** The steps up to `last` of the epoch; fewer when the run is stopped or the clock asks for a checkpoint. */
  async #trainSpan(order: Int32Array, last: number): Promise<void> {
    const { trainer, ledger, lock } = this.#run;
    const { epoch, position, step, monitor } = this.#progress;
    const stop = () => trainer.requestStop();
    const left = this.#checkpointer.millisecondsLeft;
    const timer = Number.isFinite(left) ? setTimeout(stop, Math.min(left, 2 ** 31 - 1)) : undefined;
    this.#signal?.addEventListener('abort', stop);
    try {
      const { committed, diverged } = await trainer.train(epoch, order, position, last, monitor.scale);
      lock.throwIfLost();
      const end = position + committed;
      for (const loss of trainer.stepLosses.subarray(position, diverged ? end + 1 : end)) this.#losses.push(loss);
      if (diverged || !trainer.isFinite) await this.#fail(step + committed);
      this.#finite.set(trainer.parameters);
      ledger?.append(epoch + 1, step + 1, trainer.used(position, end));
      this.#progress = { ...this.#progress, step: step + committed, position: end };
    } finally {
      clearTimeout(timer);
      this.#signal?.removeEventListener('abort', stop);
    }
  }

  /** Validates, remembers the best, and moves on to the next epoch. @param seconds that its steps took */
  async #endEpoch(seconds: number, examplesPerSecond: number): Promise<MetricResults | null> {
    const { config, trainer, report } = this.#run;
    const validation = await this.#validate();
    const loss = this.#epochLoss();
    const { step, best: before, monitor } = this.#progress;
    const epoch = this.#progress.epoch + 1;
    const watched = validation ? validation.scalars[this.#monitor.metric] : loss;
    this.#warnOf(epoch, watched);
    const best = bestAfter(this.#monitor, before, epoch, watched);
    if (best !== before) {
      this.#bestParameters?.set(trainer.parameters);
      await this.#save('best');
    }
    const after = monitorStateAfter(this.#monitor, monitor, watched, config.schedule, config.training.earlyStopping);
    const stopped = isExhausted(after, config.training.earlyStopping);
    this.#progress = { step, epoch, position: 0, losses: [], best, stopped, monitor: after };
    report({
      event: 'epoch',
      epoch,
      step,
      loss,
      validation: validation?.scalars ?? null,
      ...figuresIn({ validation }),
      seconds,
      examplesPerSecond,
      best: best !== before,
      stepsByPlaces: this.#stepsByPlaces(epoch - 1),
    });
    return validation;
  }

  /** Example indices of an epoch, in the order in which they are trained on. */
  #order(epoch: number): Int32Array {
    const { buckets, geometry, dataset, config } = this.#run;
    const { seed, training } = config;
    const order = epochOrder(dataset.splits.training, seed, epoch);
    if (!buckets || !training.groupByLength) return order;
    return groupedOrder(order, buckets, geometry.batchSize, seed, epoch);
  }

  /** How many steps of an epoch had sequences of each length. */
  #stepsByPlaces(epoch: number): Record<string, number> | undefined {
    const { buckets, geometry } = this.#run;
    if (!buckets) return undefined;
    const steps = stepBuckets(buckets, geometry, this.#order(epoch));
    const counts = buckets.places.map((places, own) => [places, steps.filter((bucket) => bucket === own).length]);
    return Object.fromEntries(counts);
  }

  /** Says once that what is watched is no number: nothing else would tell why no epoch is best. */
  #warnOf(epoch: number, watched: number): void {
    const message = warningOf(this.#monitor, epoch, watched);
    if (message === undefined || this.#isWarned) return;
    this.#isWarned = true;
    this.#run.report({ event: 'warning', message });
  }

  get #isStopping(): boolean {
    return this.#signal?.aborted === true || this.#progress.step >= this.#lastStep;
  }

  /** Mean loss of the examples of the epoch that has just ended; its last step may be a smaller one. */
  #epochLoss(): number {
    const { geometry, trainer } = this.#run;
    const sum = trainer.stepLosses.reduce((sum, loss, step) => sum + loss * batchOf(geometry, step).count, 0);
    return sum / geometry.training;
  }

  /** @param evaluates false where just that took too long */
  async #finish(
    validated: MetricResults | null,
    interrupted: boolean,
    evaluates = true,
  ): Promise<Omit<EndEvent, 'seconds'>> {
    const { config, dataset, trainer, folder, report, unwritten } = this.#run;
    await this.#checkpoint();
    await this.#checkpointer.finish();
    await this.#retryBest();
    const { epoch, best, stopped } = this.#progress;
    if (!interrupted && config.training.restoreBest && best === null) {
      const { metric } = this.#monitor;
      report({
        event: 'warning',
        message: `restoreBest: ${metric} was a number in no epoch: the last one's parameters stay`,
      });
    }
    const restored = !interrupted && config.training.restoreBest && best !== null && best.epoch !== epoch;
    if (restored) trainer.replaceParameters(this.#bestParameters!);
    const evaluate = (rows: Int32Array) => (evaluates ? this.#evaluate(rows).catch(unlessStopped) : null);
    const validation = validated && !restored ? validated : await evaluate(dataset.splits.validation);
    const test = await evaluate(dataset.splits.test);
    return {
      event: 'end',
      validation: validation?.scalars ?? null,
      test: test?.scalars ?? null,
      ...figuresIn({ validation, test }),
      model: (await this.#save('model')) ?? '',
      best: best && !unwritten.has(join(folder, 'best')) ? join(folder, 'best', 'model.json') : null,
      weights: this.#readableWeights(),
      sha256: sha256(trainer.parameters),
      interrupted,
      epochs: epoch,
      bestEpoch: best?.epoch ?? null,
      stoppedEarly: stopped,
      restored,
      resume: interrupted ? folder : null,
    };
  }

  /** @param step index of the step that was not applied, or of the one after the update that overflowed */
  async #fail(step: number): Promise<never> {
    const { trainer } = this.#run;
    const overflowed = !trainer.isFinite;
    if (overflowed) trainer.replaceParameters(this.#finite);
    const saved = await this.#save('last-good');
    throw divergence(this.#losses, this.#stepsBefore, this.#learningRate(step), saved, overflowed);
  }

  #checkpoint(): Promise<void> {
    const { position } = this.#progress;
    const losses = Array.from(this.#run.trainer.stepLosses.subarray(0, position));
    return this.#checkpointer.write({ ...this.#progress, losses }, this.#slabs());
  }

  /** Everything that a step changes. */
  #slabs(): NamedSlab[] {
    const { config, trainer } = this.#run;
    const slots = createOptimizer(config.optimizer).slots.map(({ name }, i) => ({ name, slab: trainer.slots[i] }));
    const best = this.#bestParameters ? [{ name: 'best', slab: this.#bestParameters }] : [];
    return [{ name: 'parameters', slab: trainer.parameters }, ...slots, ...best];
  }

  /** @throws StoppedError when a signal comes before its end: it may take longer than anybody waits */
  async #validate(): Promise<MetricResults | null> {
    const { dataset, trainer } = this.#run;
    if (this.#signal?.aborted) throw new StoppedError();
    const stop = () => trainer.requestStop();
    this.#signal?.addEventListener('abort', stop);
    try {
      return await this.#evaluate(dataset.splits.validation);
    } finally {
      this.#signal?.removeEventListener('abort', stop);
    }
  }

  async #evaluate(rows: Int32Array): Promise<MetricResults | null> {
    const { metrics, trainer } = this.#run;
    return rows.length === 0 ? null : new RunMetrics(metrics).results(await trainer.evaluate(rows));
  }

  /** @returns path of the model.json; null where it cannot be written, which the run survives */
  async #save(name: string, parameters = this.#run.trainer.parameters): Promise<string | null> {
    const { step, folder, dataset, lock, unwritten } = this.#run;
    const path = join(folder, name);
    const encoding = step.heads.reduce((encoding, { target, spec, output, lossConfig }) => {
      const index = isPlain(target) ? {} : { index: output };
      return withTarget(encoding, target, { outputs: { ...outputEncoding(spec.outputs, lossConfig), ...index } });
    }, dataset.encoding);
    try {
      lock.check();
      const file = await saveModel(step.built.model, step.weights, step.layout, parameters, path, encoding);
      unwritten.written(path);
      return file;
    } catch (error) {
      if (!(error instanceof LockstepError)) throw error;
      unwritten.failed(path, error);
      return null;
    }
  }

  /** Space may have been freed since. */
  async #retryBest(): Promise<void> {
    const { folder, unwritten } = this.#run;
    if (this.#bestParameters && unwritten.has(join(folder, 'best'))) await this.#save('best', this.#bestParameters);
  }

  #learningRate(step: number): number {
    const { config, geometry } = this.#run;
    return learningRateOf({ ...config, geometry }, step, this.#progress.monitor.scale);
  }

  #readableWeights(): Record<string, number[]> | undefined {
    const { tensors } = this.#run.step.layout;
    if (parameterCount(tensors) > readableParameters) return undefined;
    return Object.fromEntries(tensors.map((t) => [t.name, Array.from(tensorOf(this.#run.trainer.parameters, t))]));
  }
}
