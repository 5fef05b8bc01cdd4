/** Decides when a run writes a checkpoint, and writes it while the threads go on. */
import { writeCheckpoint } from '../../src/checkpoint/checkpoint.js';
import type { CheckpointState, Progress } from '../../src/checkpoint/state.js';
import { fingerprintOf } from '../../src/data/fingerprint.js';
import { LockstepError, RunLostError } from '../../src/errors.js';
import type { NamedTensor } from '../../src/model/files/safetensors.js';
import { graphHash } from '../prepare/choose-engine.js';
import type { PreparedRun } from '../prepare/prepare.js';
import { checkpointFolder } from './resume.js';
import { copyTensors, type NamedSlab } from './snapshot.js';

export class Checkpointer {
  readonly #run: PreparedRun;
  /** What the write under way writes. */
  readonly #copies: Float32Array[] = [];
  /** The write under way; never rejects. */
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown;
  #last = performance.now();
  /** Step of the newest checkpoint, that under way included; and of the newest that is written. */
  #step: number;
  #written: number;
  /** Somebody has asked for one. */
  #isAsked = false;
  /** Ends the span under way. */
  #act: (() => void) | undefined;
  /** What the run must agree with to go on: worked out once, for it takes a pass over the data. */
  #identity: Pick<CheckpointState, 'data' | 'graph'> | undefined;

  /** @param resumed the checkpoint that the run was resumed from, which it agrees with */
  constructor(run: PreparedRun, resumed: CheckpointState | undefined) {
    this.#run = run;
    this.#step = resumed?.progress.step ?? 0;
    this.#written = this.#step;
    this.#identity = resumed;
  }

  /** Steps from `step` until the next checkpoint by steps. */
  stepsLeft(step: number): number {
    const { everySteps = Number.POSITIVE_INFINITY } = this.#run.config.checkpoint;
    return everySteps - (step % everySteps);
  }

  /** Milliseconds until the next checkpoint by the clock. */
  get #millisecondsLeft(): number {
    const { everyMinutes = Number.POSITIVE_INFINITY } = this.#run.config.checkpoint;
    return Math.max(0, everyMinutes * 60_000 - (performance.now() - this.#last));
  }

  /** Calls `act` when one is due by the clock, or asked for. @returns takes that back */
  onDue(act: () => void): () => void {
    const left = this.#millisecondsLeft;
    const timer = Number.isFinite(left) ? setTimeout(act, Math.min(left, 2 ** 31 - 1)) : undefined;
    this.#act = act;
    return () => {
      clearTimeout(timer);
      this.#act = undefined;
    };
  }

  /** One is due now. */
  ask(): void {
    this.#isAsked = true;
    this.#act?.();
  }

  /** Whether a run that is here should write one. */
  isDue({ step, epoch, position }: Progress): boolean {
    if (step === this.#step) return false;
    if (this.#isAsked) return true;
    const { everySteps, everyEpochs } = this.#run.config.checkpoint;
    // A round of local steps may end behind a step that is due.
    if (everySteps !== undefined && Math.floor(step / everySteps) > Math.floor(this.#step / everySteps)) return true;
    if (everyEpochs !== undefined && position === 0 && epoch % everyEpochs === 0) return true;
    return this.#millisecondsLeft === 0;
  }

  /**
   * Copies the run's state and starts to write it. Waits for the write before to end: never are two under way.
   * A write that fails is a warning: the run goes on, and so do the older checkpoints.
   *
   * @param slabs parameters and all that goes with them, as they are now
   */
  async write(progress: Progress, slabs: readonly NamedSlab[]): Promise<void> {
    await this.#writing;
    this.#isAsked = false;
    if (progress.step === this.#step) return;
    const tensors = copyTensors(slabs, this.#copies);
    this.#last = performance.now();
    this.#step = progress.step;
    this.#writing = this.#writeOut(progress, tensors).catch((error: unknown) => {
      this.#failure = error;
    });
  }

  /** Waits for the write under way. @throws what is wrong with this process, not with the disk */
  async finish(): Promise<void> {
    await this.#writing;
    if (this.#failure) throw this.#failure;
  }

  /** Waits for the write under way, whatever comes of it. */
  async settle(): Promise<void> {
    await this.#writing;
  }

  async #writeOut(progress: Progress, tensors: readonly NamedTensor[]): Promise<void> {
    const { config, dataset, engine, folder, lock, logs, report, unwritten } = this.#run;
    const place = checkpointFolder(folder);
    try {
      for (const log of logs) log.sync();
      this.#identity ??= { data: fingerprintOf(dataset), graph: graphHash(engine) };
      const { data, graph } = this.#identity;
      const state = { format: 1 as const, progress, config, data, graph };
      const path = await writeCheckpoint(place, state, tensors, config.checkpoint.keep, () => lock.check());
      this.#written = progress.step;
      unwritten.written(place);
      report({ event: 'checkpoint', step: progress.step, path });
    } catch (error) {
      if (!(error instanceof LockstepError) || error instanceof RunLostError) throw error;
      // The same step may be tried again, at the end of the run.
      this.#step = this.#written;
      unwritten.failed(place, error);
    }
  }
}
