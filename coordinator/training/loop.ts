/**
 * The training loop: epochs of spans of steps, each epoch validated, the best remembered, checkpoints in between. A step itself
 * (compute, all-reduce, update) is the trainer's: of threads in src/pool/training-rank.ts, of a world in
 * coordinator/world/cluster.ts.
 */
import { join } from 'node:path';
import { initialProgress, type Progress } from '../../src/checkpoint/state.js';
import {
  bestAfter,
  isExhausted,
  type Monitor,
  monitorOf,
  monitorStateAfter,
  warningOf,
} from '../../src/evaluate/monitor.js';
import type { MetricResults } from '../../src/evaluate/output-metrics.js';
import { sha256 } from '../../src/ground/checksum.js';
import { learningRateOf } from '../../src/optimizer/decide.js';
import { stateSlots } from '../../src/optimizer/outer.js';
import { StoppedError } from '../../src/pool/control.js';
import { type EndEvent, figuresIn, type Throughput } from '../../src/report/events.js';
import type { PreparedRun } from '../prepare/prepare.js';
import { TensorTelling } from '../prepare/trackers.js';
import { Checkpointer } from './checkpointer.js';
import { divergence } from './divergence.js';
import { epochLoss, orderOf, stepsByPlaces } from './epoch-order.js';
import { evaluateSplit, stoppable, unlessStopped, validate } from './evaluate-split.js';
import type { Resumption } from './resume.js';
import { readableWeights, saveRunModel } from './run-models.js';
import { restoreSteps, scaleAfter, scalingIn } from './scaled-steps.js';
import { type NamedSlab, namedSlabs, restoreTensors } from './snapshot.js';
import { RunSpeed } from './speed.js';
import { EpochWatch } from './watch.js';

/** What ends a run before its last epoch: after the step under way, with a checkpoint. */
interface Ends {
  readonly signal?: AbortSignal;
  /** Steps that are still to be taken. */
  readonly steps?: number;
}

type Outcome = Omit<EndEvent, 'seconds'>;

export class TrainingLoop {
  readonly #run: PreparedRun;
  readonly #signal: AbortSignal | undefined;
  /** Steps after which the run ends, those before it was resumed included. */
  readonly #lastStep: number;
  readonly #monitor: Monitor;
  #isWarned = false;
  readonly #checkpointer: Checkpointer;
  readonly #speed: RunSpeed;
  readonly #tensors: TensorTelling;
  /** The state of the loop, but for the losses of the epoch under way, which are in the trainer. */
  #progress: Progress;
  /** Mean loss of every step that this process knows of, and how many there were before those. */
  readonly #losses: number[] = [];
  readonly #stepsBefore: number;
  /** What was to be saved when the parameters were last known to be finite: an update can overflow while loss and gradient still are. */
  readonly #finite: Float32Array;
  /** Parameters of the best epoch, where the run is to end with them. */
  readonly #bestParameters: Float32Array | undefined;

  constructor(run: PreparedRun, checkpoint: Resumption['checkpoint'], ends: Ends) {
    this.#run = run;
    this.#signal = ends.signal;
    this.#monitor = monitorOf(run.config);
    this.#progress = checkpoint?.state.progress ?? initialProgress;
    this.#lastStep = this.#progress.step + (ends.steps ?? Number.POSITIVE_INFINITY);
    this.#speed = new RunSpeed(run.tokensPerExample);
    this.#tensors = new TensorTelling(run);
    this.#checkpointer = new Checkpointer(run, checkpoint?.state);
    this.#stepsBefore = this.#progress.step - this.#progress.losses.length;
    if (run.config.training.restoreBest) this.#bestParameters = run.trainer.parameters.slice();
    if (checkpoint) {
      restoreTensors(this.#slabs(), checkpoint.tensors);
      restoreSteps(run.trainer, this.#progress);
      for (const loss of this.#progress.losses) this.#losses.push(loss);
    }
    this.#finite = run.trainer.updateEvaluated().slice();
    run.lock.onLoss = () => run.trainer.requestStop();
  }

  /** @throws DivergedError when the loss stops being finite */
  async execute(): Promise<Outcome> {
    try {
      return await this.#loop();
    } finally {
      await this.#checkpointer.settle();
    }
  }

  /** A checkpoint is to be written after the step under way. */
  askCheckpoint(): void {
    this.#checkpointer.ask();
  }

  async #loop(): Promise<Outcome> {
    let validation: MetricResults | null = null;
    while (this.#isGoingOn) {
      const started = performance.now();
      const speed = await this.#trainEpoch();
      if (!speed) return this.#finish(null, true);
      const seconds = (performance.now() - started) / 1000;
      try {
        validation = await validate(this.#run, this.#signal);
      } catch (error) {
        if (error instanceof StoppedError) return this.#finish(null, true, false);
        throw error;
      }
      await this.#endEpoch(validation, seconds, speed);
      if (!this.#isGoingOn) break;
      if (this.#isStopping) return this.#finish(validation, true);
      if (this.#checkpointer.isDue(this.#progress)) await this.#checkpoint();
    }
    return this.#finish(validation, false);
  }

  /** Whether an epoch is left, and the validation has not ended the run before. */
  get #isGoingOn(): boolean {
    return this.#progress.epoch < this.#run.geometry.epochs && !this.#progress.stopped;
  }

  /**
   * What is left of an epoch, in spans that end where a checkpoint is due.
   * @returns undefined when it was stopped before its end
   */
  async #trainEpoch(): Promise<Throughput | undefined> {
    const { config, geometry, trainer, phases, report } = this.#run;
    if (!trainer.waitsForWorkers) phases.begin('warmingUp');
    const { epoch } = this.#progress;
    const { stepsPerEpoch } = geometry;
    const order = orderOf(this.#run, epoch);
    const watch = new EpochWatch(epoch, this.#progress.position, {
      trainer,
      geometry,
      logEvery: config.training.logEvery,
      learningRate: (step) => this.#learningRate(step),
      report,
      speed: this.#speed,
      phases,
    });
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
      return watch.speed;
    } finally {
      watch.end();
    }
  }

  /** The steps up to `last` of the epoch; fewer when the run is stopped or the clock asks for a checkpoint. */
  async #trainSpan(order: Int32Array, last: number): Promise<void> {
    const { trainer, ledger, lock } = this.#run;
    const { epoch, position, step, monitor } = this.#progress;
    const forget = this.#checkpointer.onDue(() => trainer.requestStop());
    const train = () => trainer.train(epoch, order, position, last, monitor.scale);
    const { committed, diverged } = await stoppable(trainer, this.#signal, train).finally(forget);
    lock.throwIfLost();
    const end = position + committed;
    for (const loss of trainer.stepLosses.subarray(position, diverged ? end + 1 : end)) this.#losses.push(loss);
    if (diverged || !trainer.isFinite) await this.#fail(step + committed);
    this.#finite.set(trainer.updateEvaluated());
    ledger?.append(epoch + 1, step + 1, trainer.used(position, end));
    this.#progress = { ...this.#progress, step: step + committed, position: end };
  }

  /** Remembers the best, and moves on to the next epoch. @param seconds that its steps took */
  async #endEpoch(validation: MetricResults | null, seconds: number, speed: Throughput): Promise<void> {
    const { config, trainer, report } = this.#run;
    const loss = epochLoss(this.#run);
    const { step, best: before, monitor } = this.#progress;
    const epoch = this.#progress.epoch + 1;
    const watched = validation ? validation.scalars[this.#monitor.metric] : loss;
    this.#warnOf(epoch, watched);
    const best = bestAfter(this.#monitor, before, epoch, watched);
    if (best !== before) {
      const evaluated = trainer.updateEvaluated();
      this.#bestParameters?.set(evaluated);
      await saveRunModel(this.#run, 'best', evaluated);
    }
    const after = monitorStateAfter(this.#monitor, monitor, watched, config.schedule, config.training.earlyStopping);
    const stopped = isExhausted(after, config.training.earlyStopping);
    this.#progress = { step, epoch, position: 0, losses: [], best, stopped, monitor: after };
    report({
      event: 'epoch',
      ...{ epoch, step, loss, seconds },
      validation: validation?.scalars ?? null,
      ...figuresIn({ validation }),
      ...speed,
      best: best !== before,
      ...scaleAfter(trainer),
      stepsByPlaces: stepsByPlaces(this.#run, epoch - 1),
    });
    this.#tensors.afterEpoch(step, !this.#isGoingOn || this.#isStopping);
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

  /** @param evaluates false where just that took too long */
  async #finish(validated: MetricResults | null, interrupted: boolean, evaluates = true): Promise<Outcome> {
    const { dataset, trainer, folder, unwritten } = this.#run;
    await this.#checkpoint();
    await this.#checkpointer.finish();
    await this.#retryBest();
    const { step, epoch, best, stopped } = this.#progress;
    const restored = !interrupted && this.#restoreBest();
    const evaluate = (rows: Int32Array) => (evaluates ? evaluateSplit(this.#run, rows).catch(unlessStopped) : null);
    const validation = validated && !restored ? validated : await evaluate(dataset.splits.validation);
    const sealed = this.#run.config.evaluation.seal && dataset.splits.test.length > 0;
    const test = sealed ? null : await evaluate(dataset.splits.test);
    const evaluated = trainer.updateEvaluated();
    return {
      event: 'end',
      validation: validation?.scalars ?? null,
      test: test?.scalars ?? null,
      ...(sealed && { sealed }),
      ...figuresIn({ validation, test }),
      model: (await saveRunModel(this.#run, 'model', evaluated)) ?? '',
      best: best && !unwritten.has(join(folder, 'best')) ? join(folder, 'best', 'model.json') : null,
      weights: readableWeights(this.#run),
      sha256: sha256(evaluated),
      ...this.#speed.speed,
      interrupted,
      steps: step,
      epochs: epoch,
      ...scaleAfter(trainer),
      bestEpoch: best?.epoch ?? null,
      stoppedEarly: stopped,
      restored,
      resume: interrupted ? folder : null,
    };
  }

  /** Where the run is to end with the best parameters. @returns whether they are others than the last ones */
  #restoreBest(): boolean {
    const { config, trainer, report } = this.#run;
    const { epoch, best } = this.#progress;
    if (!config.training.restoreBest) return false;
    if (best === null) {
      const message = `restoreBest: ${this.#monitor.metric} was a number in no epoch: the last one's parameters stay`;
      report({ event: 'warning', message });
      return false;
    }
    if (best.epoch === epoch) return false;
    trainer.replaceParameters(this.#bestParameters!);
    return true;
  }

  /** @param step index of the step that was not applied, or of the one after the update that overflowed */
  async #fail(step: number): Promise<never> {
    const { trainer } = this.#run;
    const overflowed = !trainer.isFinite;
    if (overflowed) trainer.replaceParameters(this.#finite);
    const saved = await saveRunModel(this.#run, 'last-good', trainer.updateEvaluated());
    const [losses, stepsBefore, learningRate] = [this.#losses, this.#stepsBefore, this.#learningRate(step)];
    throw divergence({ losses, stepsBefore, learningRate, saved, overflowed, ...scaleAfter(trainer) });
  }

  #checkpoint(): Promise<void> {
    const losses = Array.from(this.#run.trainer.stepLosses.subarray(0, this.#progress.position));
    return this.#checkpointer.write({ ...this.#progress, losses, ...scalingIn(this.#run.trainer) }, this.#slabs());
  }

  /** Everything that a step changes. */
  #slabs(): NamedSlab[] {
    const { config, trainer, step, geometry } = this.#run;
    return namedSlabs(trainer, stateSlots(config, step.layout, geometry), step.layout, this.#bestParameters);
  }

  /** Space may have been freed since. */
  async #retryBest(): Promise<void> {
    const [best, unwritten] = [this.#bestParameters, this.#run.unwritten.has(join(this.#run.folder, 'best'))];
    if (best && unwritten) await saveRunModel(this.#run, 'best', best);
  }

  #learningRate(step: number): number {
    return learningRateOf({ ...this.#run.config, geometry: this.#run.geometry }, step, this.#progress.monitor.scale);
  }
}
