/**
 * Trains over a world of workers: the coordinator's own threads and remote machines. Rounds of one step, or of some local steps, as
 * the training loop asks for them.
 */

import { bucketedBatches } from '../../src/data/buckets.js';
import { roundOf, rowsUsed } from '../../src/data/geometry.js';
import type { MetricTotals } from '../../src/evaluate/output-metrics.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { grouped } from '../../src/ground/units.js';
import { StoppedError } from '../../src/pool/control.js';
import type { ThreadPool } from '../../src/pool/pool.js';
import type { RoundOptions as RoundPoolOptions, TrainingOptions, UpdateOptions } from '../../src/pool/pool-options.js';
import type { RoundUpdate } from '../../src/pool/round-worker.js';
import type { StepGradient } from '../../src/pool/step-gradient.js';
import { type SharedScaling, StepScaling, sharedScaling } from '../../src/pool/step-scaling.js';
import type { SpanResult } from '../../src/pool/task.js';
import type { Reporter } from '../../src/report/events.js';
import type { ListeningEvent, WorkerStanding } from '../../src/report/world-events.js';
import type { Trainer } from '../training/trainer.js';
import { systemClock } from './clock.js';
import { localSummary } from './outer-step.js';
import { type OwnState, StateLostError } from './own-state.js';
import type { ReplicaKeeper } from './replica-keeper.js';
import { type RoundResult, runRound } from './round.js';
import { inRound, type OuterStep, planRound, type RoundPlace } from './round-plan.js';
import type { RoundSettings } from './round-settings.js';
import type { Sharding } from './sharding.js';
import { spreadEvaluation } from './spread.js';
import type { World } from './world.js';

export interface ClusterParts {
  readonly options: TrainingOptions;
  /** The coordinator's replica. */
  readonly pool: ThreadPool<RoundPoolOptions> | ThreadPool<UpdateOptions>;
  readonly world: World;
  readonly own: OwnState;
  /** The coordinator goes back: the next all-reduce that it takes part in is that of the round after this one. */
  readonly restart: (round: number) => void;
  readonly round: RoundSettings;
  /** Absent where each round is a step. */
  readonly outer: OuterStep | undefined;
  /** Absent where each round is a step. */
  readonly keeper: ReplicaKeeper | undefined;
  /** Absent where every worker has all of the optimizer's state. */
  readonly sharding: Sharding | undefined;
  readonly report: Reporter;
  /** Told before the first wait for workers. */
  readonly opening: ListeningEvent;
  /** Whether everybody who took part so far calculates alike. */
  readonly isReproducible: () => boolean;
  /** Stops listening, and whatever else was started for the world. @param failure of the run: its workers are told */
  readonly close: (failure: unknown) => Promise<void>;
}

/** More than a round has, as a rule: frames have a byte for the number of an attempt. */
const attemptsEach = 8;

export class Cluster implements Trainer {
  readonly parameters: Float32Array;
  readonly slots: readonly Float32Array[];
  readonly stepLosses: Float64Array;
  readonly stepNorms: Float64Array;
  readonly scaling: SharedScaling;
  readonly waitsForWorkers = true;
  readonly #parts: ClusterParts;
  readonly #used: Int32Array;
  readonly #scaling: StepScaling;
  #epoch = -1;
  /** First step of the span under way, steps of the epoch that are done, and that have ever been. */
  #first = 0;
  #done = 0;
  #furthest = 0;
  #stopWanted = false;
  #opened = false;
  /** Of the last step. */
  #divisor: number | undefined;
  #steps = 0;
  /** How often steps had to be computed again. */
  #rewinds = 0;
  /** Whether there was a round of factors or of local steps, behind their warm-up. */
  #isWarm = false;
  /** Fewest bytes of gradients that the steps so far could have sent. */
  #fewestBytes = 0;

  constructor(parts: ClusterParts) {
    const { pool, options } = parts;
    this.#parts = parts;
    this.parameters = pool.parameters;
    this.slots = [...pool.slots, ...(parts.keeper?.slots ?? [])];
    this.stepLosses = new Float64Array(options.geometry.stepsPerEpoch);
    this.stepNorms = new Float64Array(options.geometry.stepsPerEpoch);
    this.#used = new Int32Array(options.geometry.training);
    this.scaling = sharedScaling(options.precision === 'float16' ? options.geometry.stepsPerEpoch : 0);
    this.#scaling = new StepScaling({ geometry: options.geometry, shared: this }, 0);
  }

  get epoch(): number {
    return this.#epoch;
  }
  get done(): number {
    return this.#furthest;
  }
  updateEvaluated(): Float32Array {
    return this.#parts.pool.updateEvaluated();
  }
  get isFinite(): boolean {
    return this.#parts.pool.isFinite;
  }

  /** A coordinator that does not keep up has no total, and one of local steps is no gradient. */
  lastGradient(): StepGradient | undefined {
    const { pool, own, options } = this.#parts;
    if (this.#divisor === undefined || !own.keepsUp) return undefined;
    return { sums: new Float32Array(pool.memory.buffer, pool.total, options.layout.trainable), divisor: this.#divisor };
  }

  used(first: number, last: number): Int32Array[] {
    return rowsUsed(this.#parts.options.geometry, this.#used, first, last);
  }

  requestStop(): void {
    this.#stopWanted = true;
    // With nothing done there is nothing to stop for: the wait for workers would only begin again.
    if (this.#done > this.#first) this.#parts.world.quorum.stop();
  }

  async train(epoch: number, order: Int32Array, first: number, last: number, rateScale = 1): Promise<SpanResult> {
    const { world, own, options } = this.#parts;
    this.#open();
    this.#stopWanted = false;
    world.quorum.go();
    const before = this.#roundOf(epoch, first) - 1;
    own.begin(before);
    world.advance(before);
    this.#scaling.begin();
    [this.#epoch, this.#first, this.#done, this.#furthest] = [epoch, first, first, first];
    for (;;) {
      try {
        const diverged = await this.#span(epoch, order, last, rateScale);
        if (this.#done === options.geometry.stepsPerEpoch) world.show();
        return { committed: this.#done - first, diverged };
      } catch (error) {
        if (!(error instanceof StateLostError)) throw error;
        await this.#rewind(error.message);
      }
    }
  }

  /**
   * Rounds up to the step `last`, or the end of the round that it is in, or until the run is to be stopped; then the coordinator's state is as after the last of them.
   * @returns whether it diverged
   * @throws StateLostError when nobody has any more what the steps led to
   */
  async #span(epoch: number, order: Int32Array, last: number, rateScale: number): Promise<boolean> {
    const { world, own } = this.#parts;
    let diverged = false;
    try {
      while (this.#done < last && !this.#stopWanted && !diverged) {
        const steps = await this.#round({ epoch, order, step: this.#done, rateScale });
        diverged = steps === 0;
        this.#done += steps;
        this.#furthest = Math.max(this.#furthest, this.#done);
        if (own.isDue) await world.reach();
      }
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error;
    }
    await world.reach();
    return diverged;
  }

  /** Back to the last step that the coordinator has the parameters of: who comes now goes on from there. */
  async #rewind(because: string): Promise<void> {
    const { world, own, keeper, sharding, restart, report } = this.#parts;
    const lost = this.#done;
    await own.rewind();
    this.#rewinds++;
    this.#done = own.round + 1 - this.#roundOf(this.#epoch, 0);
    const [from, to] = [own.round + 2, this.#roundOf(this.#epoch, lost)];
    if (from <= to)
      report({ event: 'warning', message: `${because}: steps ${grouped(from)} to ${grouped(to)} are computed again` });
    this.#scaling.rewind(this.#done);
    restart(own.round);
    sharding?.restart();
    world.advance(own.round);
    // Who is there has the parameters of later rounds.
    if (keeper || sharding) world.resync();
  }

  async evaluate(rows: Int32Array): Promise<MetricTotals> {
    const { world, options } = this.#parts;
    this.#open();
    this.#stopWanted = false;
    world.quorum.go();
    return spreadEvaluation(
      world,
      systemClock,
      new RunMetrics(options.metrics),
      bucketedBatches(options.buckets, options.geometry, rows),
      () => this.#stopWanted,
    );
  }

  replaceParameters(parameters: Float32Array): void {
    this.#parts.pool.replaceParameters(parameters);
    this.#parts.world.resync();
  }

  standing(): WorkerStanding[] {
    const { world } = this.#parts;
    const done = new Map(world.totals.summary().map((worker) => [worker.name, worker]));
    return world.infos().map((info) => ({ ...done.get(info.name), ...info }));
  }

  /** What everybody did for the run. */
  summarize(): void {
    const { report, world, round, outer, sharding, isReproducible } = this.#parts;
    const steps = Math.max(1, this.#steps);
    sharding?.count();
    report({
      event: 'summary',
      steps: this.#steps,
      workers: world.totals.summary(),
      bytesPerStep: world.totals.gradients.bytes / steps,
      hosts: world.totals.hosts,
      bytesBetweenHosts: world.totals.gradients.bytesBetweenHosts / steps,
      fewestBytesPerStep: this.#fewestBytes / steps,
      reproducible: isReproducible(),
      precision: round.precision,
      rank: this.#isWarm ? (round.compression?.rule.rank ?? null) : null,
      sums: round.algorithm === 'mpi' ? 'mpi' : 'tree',
      optimizerState: sharding ? 'sharded' : 'replicated',
      local: outer && this.#isWarm ? localSummary(outer) : null,
    });
  }

  async close(failure?: unknown): Promise<void> {
    await this.#parts.close(failure);
  }

  #open(): void {
    if (!this.#opened) this.#parts.report(this.#parts.opening);
    this.#opened = true;
  }

  /** One round, and its commit. @returns its steps; 0 when loss or gradient are not finite and nothing was committed */
  async #round(place: RoundPlace): Promise<number> {
    const { world, options, outer, sharding, round: settings } = this.#parts;
    const plan = planRound(options, outer, { ...place, lossScale: this.#scaling.sumScale(place.step) });
    const keeper = plan.task.local.length > 0 ? this.#parts.keeper : undefined;
    const firstAttempt = (this.#rewinds * attemptsEach) % 128;
    const { compression } = settings;
    // Steps of the warm-up travel whole, and leave no factors.
    const isWhole = compression !== undefined && plan.task.round < compression.rule.warmUpSteps;
    this.#isWarm ||= keeper !== undefined || (compression !== undefined && !isWhole);
    const { bytes, precision } = {
      ...settings,
      ...(isWhole && { bytes: compression.wholeBytes }),
      ...(keeper && settings.local),
    };
    const how = { ...settings, bytes, precision, roster: world, clock: systemClock, keeper, sharding, firstAttempt };
    const result = await runRound(plan.task, how);
    const { losses, norms, divisor, update } = plan.decide(result);
    this.stepLosses.set(losses, place.step);
    this.stepNorms.set(norms, place.step);
    const decided = this.#scaling.decided(place.step, update);
    if (!decided) return 0;
    this.#divisor = divisor;
    for (const { start, rows } of result.used) this.#used.set(rows, start);
    // Each sum but one has to be sent once, and the total, or what is updated by it, to each member but one.
    this.#fewestBytes += (result.contributors + result.members - 2) * bytes;
    if (result.shares) await sharding?.follow(result.shares);
    this.#commit(inRound(plan.task.round, decided), result);
    if (compression) compression.warmed = isWhole ? new Set() : result.holders;
    this.#steps += plan.steps;
    return plan.steps;
  }

  /** From here on the round counts. Remote workers are told first: they apply it while the coordinator does. */
  #commit(decided: RoundUpdate, { shares }: RoundResult): void {
    const { world, own, sharding } = this.#parts;
    const update = sharding && shares ? sharding.commit(decided, shares) : decided;
    for (const worker of world.followers()) void worker.commit(update);
    own.commit(update);
    world.advance(update.round);
  }

  #roundOf(epoch: number, step: number): number {
    return roundOf(this.#parts.options.geometry, epoch, step);
  }
}
