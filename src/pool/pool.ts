/** The threads of this process as one worker: a Piscina pool over shared slabs. */
import '../engine/onnx/telemetry.js';
import { Piscina } from 'piscina';
import { bucketedBatches, stepBuckets } from '../data/buckets.js';
import { activeShards, batchOf, examplesBefore } from '../data/geometry.js';
import { refusedAtRun } from '../engine/onnx/refused.js';
import type { MetricTotals } from '../evaluate/output-metrics.js';
import { RunMetrics } from '../evaluate/run-metrics.js';
import { loadUpdateKernels, type UpdateKernels } from '../kernels/load-kernels.js';
import { computedIdError, tablesIn } from '../model/computed-ids.js';
import type { Update } from '../optimizer/decide.js';
import { createOptimizer } from '../optimizer/optimizer.js';
import { nodePlan, reductionPlan, type TreeNode } from '../reduce/tree.js';
import { StepTimes } from './clock.js';
import { AbortedError, Control, StoppedError } from './control.js';
import { RoundSlots } from './round-slots.js';
import { RowCache } from './row-cache.js';
import { allocateShared, type Phase, type PoolOptions, type PoolSpec, phaseNames } from './spec.js';
import type { Task } from './task.js';
import type { Computed, ComputeTask, EvaluationBatch, RowsAt } from './worker.js';

/** What a span of steps came to. */
export interface SpanResult {
  /** Steps of the span that were applied. */
  readonly committed: number;
  /** The step after those had a loss or gradient that is not finite, and was not applied. */
  readonly diverged: boolean;
}

/** Who wants to know what the threads do when. */
export interface PoolWatch {
  /** Steps [first, first + committed) of an epoch have been taken. */
  trained(epoch: number, first: number, committed: number, times: StepTimes): void;
  /** An evaluation has ended that took so many milliseconds. */
  evaluated(milliseconds: number): void;
  closed(): void;
}

export class ThreadPool {
  /** The parameter slab that all threads update. */
  readonly parameters: Float32Array;
  /** Mean loss of each step of the epoch under way; the last one may be not finite. */
  readonly stepLosses: Float64Array;
  /** Gradient norm of each step of the epoch under way, before clipping. */
  readonly stepNorms: Float64Array;
  /** The optimizer's slabs, in the order of its slots. */
  readonly slots: readonly Float32Array[];
  /** What the threads share; an exchange works in its regions `total` and `scratch`. */
  readonly memory: WebAssembly.Memory;
  /** Byte offsets of those regions. */
  readonly total: number;
  readonly scratch: number;
  /** Where the rows of staged examples go. */
  readonly rowCache: RowCache | undefined;
  /** What it was started with. */
  readonly options: PoolOptions;
  readonly #spec: PoolSpec;
  readonly #control: Control;
  readonly #piscina: Piscina;
  readonly #kernels: UpdateKernels;
  readonly #roundSlots: RoundSlots;
  readonly #metrics: RunMetrics;
  readonly #watch: PoolWatch | undefined;
  /** Tasks under way. */
  #tasks = 0;
  /** First step of the span under way, and steps of the epoch that were done before it. */
  #first = 0;
  #epoch = -1;

  /**
   * Starts the threads and loads an engine in each.
   * @param parameters initial slab
   * @param watch told of each span and evaluation; without one nobody keeps the times of single steps
   * @throws EngineError when the slabs do not fit into memory or the engine does not load
   */
  static async start(options: PoolOptions, parameters: Float32Array, watch?: PoolWatch): Promise<ThreadPool> {
    const computes = options.computes ?? true;
    const threads = computes ? options.threads : 1;
    const counts = Array.from({ length: computes ? options.geometry.shards : 0 }, (_, i) => i + 1);
    const slots = Math.max(0, ...counts.map((shards) => reductionPlan(shards, threads).slots));
    const shared = allocateShared({ ...options, threads }, slots, watch !== undefined);
    const pool = new ThreadPool({ ...options, threads, shared }, parameters, watch);
    try {
      await pool.#all({ kind: 'start' });
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  private constructor(spec: PoolSpec, parameters: Float32Array, watch: PoolWatch | undefined) {
    const { shared, layout, threads } = spec;
    this.#spec = spec;
    this.#watch = watch;
    this.options = spec;
    this.#control = new Control(shared.control);
    this.parameters = new Float32Array(shared.memory.buffer, shared.offsets.parameters, layout.length);
    this.parameters.set(parameters);
    this.slots = createOptimizer(spec.optimizer).slots.map(({ initial }, i) =>
      new Float32Array(shared.memory.buffer, shared.offsets.optimizer[i], layout.trainable).fill(initial),
    );
    this.memory = shared.memory;
    this.total = shared.offsets.total;
    this.scratch = shared.offsets.scratch;
    this.rowCache = spec.rowCache && new RowCache(spec.examples, spec.rowCache.capacity);
    this.#kernels = loadUpdateKernels(shared.memory);
    this.#metrics = new RunMetrics(spec.metrics);
    this.#roundSlots = new RoundSlots(shared.offsets.gradients);
    this.stepLosses = shared.stepLosses;
    this.stepNorms = shared.stepNorms;
    this.#piscina = new Piscina({
      filename: new URL('./thread.js', import.meta.url).href,
      minThreads: threads,
      maxThreads: threads,
      idleTimeout: Number.POSITIVE_INFINITY,
      workerData: spec,
      recordTiming: false,
    });
  }

  /** Threads that compute: 0 where there is one for updates only. */
  get threads(): number {
    return this.#spec.computes === false ? 0 : this.#spec.threads;
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
  used(first: number, last: number): Int32Array[] {
    const { shared, geometry } = this.#spec;
    return Array.from({ length: last - first }, (_, i) => {
      const { start, count } = batchOf(geometry, first + i);
      return shared.used.slice(start, start + count);
    });
  }

  /** Whether no parameter has overflowed. */
  get isFinite(): boolean {
    const { shared, layout } = this.#spec;
    // In float64 the squares of float32 numbers cannot overflow.
    return Number.isFinite(this.#kernels.sumOfSquares(shared.offsets.parameters, layout.length));
  }

  /** Goes on with other parameters, between two spans. */
  replaceParameters(parameters: Float32Array): void {
    this.parameters.set(parameters);
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
  async train(epoch: number, order: Int32Array, first: number, last: number, rateScale = 1): Promise<SpanResult> {
    const { shared, geometry } = this.#spec;
    const release = this.#place([{ start: 0, rows: order }]);
    shared.used.fill(-1, examplesBefore(geometry, first));
    this.#first = first;
    this.#epoch = epoch;
    const { buckets: cut } = this.#spec;
    const buckets = cut && stepBuckets(cut, geometry, order);
    await this.#all({ kind: 'train', epoch, first, last, rateScale, buckets }).finally(release);
    const committed = this.#control.done;
    const { stepTimes } = shared;
    if (stepTimes) this.#watch?.trained(epoch, first, committed, new StepTimes(stepTimes, this.#spec.threads));
    return { committed, diverged: first + committed < last && !this.#control.halted };
  }

  /**
   * Computes the gradient sums of nodes of a round and holds them until the next round begins.
   *
   * @param task nodes of the tree over the step's shards, and the rows of all of those
   * @throws EngineError when the round's sums take more memory than there is
   * @throws WireError when a row is not on the stage
   */
  async compute(task: ComputeTask): Promise<Computed> {
    const { shared, geometry, threads } = this.#spec;
    const { round, epoch, step, bucket, nodes, rows } = task;
    const started = performance.now();
    const plan = nodePlan(nodes, activeShards(geometry, step), threads);
    const slots = this.#roundSlots.take(round, plan);
    const before = this.phases();
    const release = this.#place(rows);
    for (const { start, rows: at } of rows) shared.used.fill(-1, start, start + at.length);
    await this.#all({ kind: 'nodes', epoch, step, bucket, nodes, slots }).finally(release);
    this.#roundSlots.hold(plan, slots);
    const after = this.phases();
    const phases = Object.fromEntries(phaseNames.map((name) => [name, after[name] - before[name]]));
    return {
      nodes,
      losses: nodes.flatMap(({ low, high }) => [...shared.shardLosses.subarray(low, high)]),
      divisors: nodes.flatMap(({ low, high }) => [...shared.shardDivisors.subarray(low, high)]),
      phases,
      milliseconds: performance.now() - started,
      used: rows.map(({ start, rows: at }) => ({ start, rows: shared.used.slice(start, start + at.length) })),
    };
  }

  /** Byte offset of the sum of a node of the round under way: the floats [0, layout.state) of a slab. */
  slotOf(node: TreeNode): number {
    return this.#roundSlots.offsetOf(node);
  }

  /** Takes the optimizer step of a round, whose total gradient is in the region `total`. */
  async apply(update: Update): Promise<void> {
    await this.#all({ kind: 'apply', update });
  }

  /** What the metrics come to over the examples `rows`; the same bits for any number of threads. */
  async evaluate(rows: Int32Array): Promise<MetricTotals> {
    const started = performance.now();
    const { buckets, geometry } = this.#spec;
    const batches = bucketedBatches(buckets, geometry, rows);
    const { sums, counts } = await this.evaluateBatches(batches);
    if (this.#control.taken < batches.length) throw new StoppedError();
    this.#watch?.evaluated(performance.now() - started);
    return { sums: this.#metrics.merged(sums), counts };
  }

  /** @returns the metric sums of each batch, one behind the other, and the counts of all together */
  async evaluateBatches(batches: readonly EvaluationBatch[]): Promise<MetricTotals> {
    const { shared } = this.#spec;
    let start = 0;
    const places = batches.map(({ rows }) => {
      const place = { start, rows };
      start += rows.length;
      return place;
    });
    const release = this.#place(places);
    shared.evaluationCounts.fill(0);
    const asked = batches.map(({ bucket, rows }) => ({ count: rows.length, bucket }));
    await this.#all({ kind: 'evaluate', batches: asked }).finally(release);
    const { width, counts: length } = this.#metrics;
    const counts = new Float64Array(length);
    shared.evaluationCounts.forEach((count, i) => {
      counts[i % length] += count;
    });
    return { sums: shared.evaluation.slice(0, batches.length * width), counts };
  }

  /** Milliseconds that the threads spent in each phase of training so far, mean over the threads. */
  phases(): Record<Phase, number> {
    const { shared, threads } = this.#spec;
    const mean = phaseNames.map((_, phase) => {
      let sum = 0;
      for (let rank = 0; rank < threads; rank++) sum += shared.phases[rank * phaseNames.length + phase];
      return sum / threads;
    });
    return Object.fromEntries(phaseNames.map((name, i) => [name, mean[i]])) as Record<Phase, number>;
  }

  /** Ends the threads; those that are at work are cut off. */
  async close(): Promise<void> {
    // Where they are, what their engines hold is freed with the process.
    if (this.#tasks === 0) await this.#all({ kind: 'stop' }).catch(() => {});
    await this.#piscina.destroy();
    this.#watch?.closed();
  }

  /** Tells the threads which examples to read; where these are staged, they stay there until the function returned is called. */
  #place(places: readonly RowsAt[]): () => void {
    const { keys, rows } = this.#spec.shared;
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

  /** Gives every thread the task and waits for all; when one fails, frees the others from their barrier. */
  async #all(task: Task): Promise<void> {
    this.#control.begin();
    this.#tasks++;
    const runs = Array.from({ length: this.#spec.threads }, (_, rank) =>
      this.#piscina.run({ rank, task }).catch((error: unknown) => {
        this.#control.abort();
        throw error;
      }),
    );
    const outcomes = await Promise.allSettled(runs);
    this.#tasks--;
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as Error);
    // Errors from a thread are copies that have lost their class.
    const cause = failures.find(({ message }) => message !== AbortedError.reason);
    if (failures.length > 0)
      throw computedIdError(cause, tablesIn(this.#spec.layout)) ?? refusedAtRun(cause) ?? cause ?? failures[0];
  }
}
