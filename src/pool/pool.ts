/** The threads of this process as one worker: a Piscina pool over shared slabs. */
import { bucketedBatches, stepBuckets } from '../data/buckets.js';
import { examplesBefore, rowsUsed } from '../data/geometry.js';
import type { MetricTotals } from '../evaluate/output-metrics.js';
import { RunMetrics } from '../evaluate/run-metrics.js';
import type { Update } from '../optimizer/decide.js';
import type { ParameterRange } from '../reduce/shares.js';
import type { TreeNode } from '../reduce/tree.js';
import { Control, StoppedError } from './control.js';
import { Crew } from './crew.js';
import { ParameterSlabs } from './parameter-slabs.js';
import { meanPhases, type PoolWatch, StepTimes } from './phase-clock.js';
import {
  type ComputingOptions,
  type EvaluationOptions,
  type MemberPoolOptions,
  type Phase,
  type PoolOptions,
  phaseNames,
  type RoundOptions,
  type TrainingOptions,
  type UpdateOptions,
} from './pool-options.js';
import { ReplicaStates } from './replica-states.js';
import { roundLosses } from './round-losses.js';
import { RoundSlots } from './round-slots.js';
import type { Computed, ComputeTask, EvaluationBatch, RowsAt } from './round-worker.js';
import { RowCache } from './row-cache.js';
import { initialSlots } from './run-slots.js';
import { allocateShared, gradientSlots, type SharedState } from './shared-state.js';
import { type StepGradient, stepGradient } from './step-gradient.js';
import type { SharedScaling } from './step-scaling.js';
import type { SpanResult } from './task.js';
import { taskPlan } from './task-plan.js';

/** @template Options its use: what the pool was not started for, it cannot be asked for */
export class ThreadPool<Options extends PoolOptions = PoolOptions> {
  /** The parameter slab that all threads update. */
  readonly parameters: Float32Array;
  /** Mean loss of each step of the epoch under way; the last one may be not finite. */
  readonly stepLosses: Float64Array;
  /** Gradient norm of each step of the epoch under way, before clipping. */
  readonly stepNorms: Float64Array;
  /** Where the loss is scaled: may be written before the first step. */
  readonly scaling: SharedScaling;
  /** The optimizer's slabs, in the order of its slots. */
  readonly slots: readonly Float32Array[];
  /** What the threads share; in a world an all-reduce works in its regions `total` and `scratch`. */
  readonly memory: WebAssembly.Memory;
  /** Byte offsets of those regions, and of what compression works in. */
  readonly total: number;
  readonly scratch: number;
  readonly compression: SharedState['offsets']['compression'];
  /** What the optimizers of replicas remember, where rounds are local steps. */
  readonly replicas: ReplicaStates | undefined;
  /** Where the rows go that are sent while they are needed. */
  readonly rowCache: RowCache | undefined;
  /** What it was started with. */
  readonly options: Options;
  /** Threads that compute: 0 where there is one for updates only. */
  readonly threads: number;
  readonly #shared: SharedState;
  readonly #control: Control;
  readonly #crew: Crew;
  readonly #roundSlots: RoundSlots;
  /** None where nothing is evaluated. */
  readonly #metrics: RunMetrics | undefined;
  readonly #watch: PoolWatch | undefined;
  readonly #slabs: ParameterSlabs;
  /** First step of the span under way, and steps of the epoch that were done before it; the last that was computed. */
  #first = 0;
  #last = -1;
  #epoch = -1;

  /**
   * Starts the threads and loads an engine in each.
   * @param parameters initial slab
   * @param watch told of each span and evaluation; without one nobody keeps the times of single steps
   * @throws EngineError when the slabs do not fit into memory or the engine does not load
   */
  static start(
    options: TrainingOptions,
    parameters: Float32Array,
    watch?: PoolWatch,
  ): Promise<ThreadPool<TrainingOptions>>;
  static start(options: EvaluationOptions, parameters: Float32Array): Promise<ThreadPool<EvaluationOptions>>;
  static start(options: RoundOptions, parameters: Float32Array): Promise<ThreadPool<RoundOptions>>;
  static start(options: UpdateOptions, parameters: Float32Array): Promise<ThreadPool<UpdateOptions>>;
  static async start(options: PoolOptions, parameters: Float32Array, watch?: PoolWatch): Promise<ThreadPool> {
    const threads = options.use === 'updates' ? 1 : options.threads;
    const shared = allocateShared(options, threads, gradientSlots(options), watch !== undefined);
    const pool = new ThreadPool(options, threads, shared, parameters, watch);
    try {
      await pool.#crew.run({ kind: 'start' });
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  private constructor(
    options: Options,
    threads: number,
    shared: SharedState,
    parameters: Float32Array,
    watch: PoolWatch | undefined,
  ) {
    const { memory, offsets } = shared;
    this.options = options;
    this.threads = options.use === 'updates' ? 0 : threads;
    this.#shared = shared;
    this.#watch = watch;
    this.#control = new Control(shared.control);
    this.parameters = new Float32Array(memory.buffer, offsets.parameters, options.layout.length);
    this.parameters.set(parameters);
    this.slots = initialSlots(options, shared, parameters);
    this.#slabs = new ParameterSlabs(shared, this.parameters, this.slots);
    this.memory = memory;
    [this.total, this.scratch, this.compression] = [offsets.total, offsets.scratch, offsets.compression];
    if (options.use === 'rounds') {
      const { rowCache, local, examples } = options;
      if (rowCache) this.rowCache = new RowCache(examples, rowCache.capacity);
      if (local) this.replicas = new ReplicaStates(memory, offsets.local!.states, local, options.layout);
    }
    this.#roundSlots = new RoundSlots(offsets.gradients);
    this.#metrics = options.use === 'updates' ? undefined : new RunMetrics(options.metrics);
    [this.stepLosses, this.stepNorms, this.scaling] = [shared.stepLosses, shared.stepNorms, shared.scaling];
    this.#crew = new Crew({ ...options, threads, shared }, this.#control);
  }

  /** The epoch under way, or the last one. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Steps of the epoch under way that are done. */
  get done(): number {
    return this.#first + this.#control.done;
  }

  /** Example indices that the steps [first, last) of the epoch read, one list a step. */
  used(this: ThreadPool<TrainingOptions>, first: number, last: number): Int32Array[] {
    return rowsUsed(this.options.geometry, this.#shared.used, first, last);
  }

  /** That of the last step; undefined before the first. It is good until the next. */
  lastGradient(this: ThreadPool<TrainingOptions>): StepGradient | undefined {
    return this.#last < 0 ? undefined : stepGradient(this.options, this.#shared, this.#last);
  }

  /** Whether no parameter has overflowed. */
  get isFinite(): boolean {
    return this.#slabs.isFinite;
  }

  /** Brings the slab that is evaluated and saved up to date: the average of the parameters where one is kept, else they. */
  updateEvaluated(): Float32Array {
    return this.#slabs.updateEvaluated();
  }

  /** Goes on with other parameters, between two spans. */
  replaceParameters(parameters: Float32Array): void {
    this.#slabs.replace(parameters);
  }

  /** Lets the span under way end after its current step; the next one is not affected. */
  requestStop(): void {
    this.#control.requestStop();
  }

  /**
   * Runs the steps [first, last) of an epoch.
   * @param order example indices of the epoch, see epochOrder
   * @param rateScale multiplies the learning rate of the schedule
   */
  async train(
    this: ThreadPool<TrainingOptions>,
    epoch: number,
    order: Int32Array,
    first: number,
    last: number,
    rateScale = 1,
  ): Promise<SpanResult> {
    const { geometry, buckets: cut, threads } = this.options;
    const { used, stepTimes } = this.#shared;
    const release = this.#place([{ start: 0, rows: order }]);
    used.fill(-1, examplesBefore(geometry, first));
    [this.#first, this.#epoch] = [first, epoch];
    const buckets = cut && stepBuckets(cut, geometry, order);
    await this.#crew.run({ kind: 'train', epoch, first, last, rateScale, buckets }).finally(release);
    const committed = this.#control.done;
    this.#last = first + committed - 1;
    if (stepTimes) this.#watch?.trained(epoch, first, committed, new StepTimes(stepTimes, threads));
    return { committed, diverged: first + committed < last && !this.#control.halted };
  }

  /**
   * Computes the gradient sums of nodes of a round, or what replicas move by, and holds them until the next round begins.
   * @throws EngineError when the round's sums take more memory than there is
   * @throws WireError when a row is not in the row cache
   */
  async compute(this: ThreadPool<RoundOptions>, task: ComputeTask): Promise<Computed> {
    const { round, epoch, step, bucket, lossScale, local, nodes, rows, part, continues = false } = task;
    const [own, started] = [local.length > 0 ? this.options.local : undefined, performance.now()];
    const plan = taskPlan(task, own, this.options);
    const slots = this.#roundSlots.take(round, plan);
    const before = this.phases();
    const release = this.#place(rows);
    for (const { start, rows: at } of rows) this.#shared.used.fill(-1, start, start + at.length);
    const asked = own
      ? ({ kind: 'local', epoch, step, local, continues, part, actions: plan.steps[0], slots } as const)
      : ({ kind: 'nodes', epoch, step, bucket, lossScale, nodes, slots } as const);
    await this.#crew.run(asked).finally(release);
    this.#roundSlots.hold(plan, slots);
    const after = this.phases();
    return {
      nodes,
      ...roundLosses(this.#shared, task, own?.steps),
      phases: Object.fromEntries(phaseNames.map((name) => [name, after[name] - before[name]])),
      milliseconds: performance.now() - started,
      used: rows.map(({ start, rows: at }) => ({ start, rows: this.#shared.used.slice(start, start + at.length) })),
    };
  }

  /** Byte offset of the sum of a node of the round under way: the floats [0, layout.state) of a slab. */
  slotOf(node: TreeNode): number {
    return this.#roundSlots.offsetOf(node);
  }

  /** Takes the optimizer step of a round. @param ranges if not of all that changes */
  async apply(this: ThreadPool<MemberPoolOptions>, update: Update, total: number, ranges?: readonly ParameterRange[]) {
    await this.#crew.run({ kind: 'apply', update, total, ranges });
  }

  /** What the metrics come to over `rows`; the same bits for any number of threads. The next evaluation overwrites what is kept. */
  async evaluate(this: ThreadPool<EvaluationOptions | TrainingOptions>, rows: Int32Array): Promise<MetricTotals> {
    const started = performance.now();
    const batches = bucketedBatches(this.options.buckets, this.options.geometry, rows);
    const { sums, counts, kept } = await this.#evaluate(batches);
    if (this.#control.taken < batches.length) throw new StoppedError();
    this.#watch?.evaluated(performance.now() - started);
    return { sums: this.#metrics!.merged(sums), counts, kept };
  }

  /** @returns the metric sums of each batch, one behind the other, and the counts of all together */
  async evaluateBatches(
    this: ThreadPool<ComputingOptions>,
    batches: readonly EvaluationBatch[],
  ): Promise<MetricTotals> {
    const totals = await this.#evaluate(batches);
    return { ...totals, kept: totals.kept.slice() };
  }

  async #evaluate(batches: readonly EvaluationBatch[]): Promise<MetricTotals> {
    const { evaluation, evaluationCounts, kept } = this.#shared;
    let start = 0;
    const places = batches.map(({ rows }) => {
      const place = { start, rows };
      start += rows.length;
      return place;
    });
    const release = this.#place(places);
    evaluationCounts.fill(0);
    this.#slabs.updateEvaluated();
    const asked = batches.map(({ bucket, rows }) => ({ count: rows.length, bucket }));
    await this.#crew.run({ kind: 'evaluate', batches: asked }).finally(release);
    const { width, counts: length, kept: each } = this.#metrics!;
    const counts = new Float64Array(length);
    for (const [i, count] of evaluationCounts.entries()) counts[i % length] += count;
    return { sums: evaluation.slice(0, batches.length * width), counts, kept: kept.subarray(0, start * each) };
  }

  /** Milliseconds that the threads spent in each phase of training so far, mean over the threads. */
  phases(): Record<Phase, number> {
    return meanPhases(this.#shared.phases);
  }

  /** Ends the threads; those that are at work are cut off. */
  async close(): Promise<void> {
    await this.#crew.close();
    this.#watch?.closed();
  }

  /** Tells the threads which examples to read; those in the row cache stay there until the function returned is called. */
  #place(places: readonly RowsAt[]): () => void {
    const { keys, rows } = this.#shared;
    const release = () => this.rowCache?.release();
    try {
      for (const { start, rows: examples } of places) {
        keys.set(examples, start);
        if (this.rowCache) rows.set(this.rowCache.locate(examples), start);
      }
    } catch (error) {
      release();
      throw error;
    }
    return release;
  }
}
