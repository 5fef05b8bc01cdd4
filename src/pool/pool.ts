/** The threads of this process as one worker: a Piscina pool over shared slabs. */
import '../engine/onnx/telemetry.js';
import { Piscina } from 'piscina';
import { batchOf, stepCount } from '../data/shards.js';
import { sumsWidth, totalSums } from '../evaluate/metrics.js';
import { loadUpdateKernels, type UpdateKernels } from '../kernels/load.js';
import { createOptimizer } from '../optimizer/optimizer.js';
import { reductionPlan } from '../reduce/tree.js';
import { AbortedError, Control } from './control.js';
import { allocateShared, type Phase, type PoolOptions, type PoolSpec, phaseNames, type Task } from './spec.js';

/** What a span of steps came to. */
export interface SpanResult {
  /** Steps of the span that were applied. */
  readonly committed: number;
  /** The step after those had a loss or gradient that is not finite, and was not applied. */
  readonly diverged: boolean;
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
  readonly #spec: PoolSpec;
  readonly #control: Control;
  readonly #piscina: Piscina;
  readonly #kernels: UpdateKernels;
  /** First step of the span under way, and steps of the epoch that were done before it. */
  #first = 0;
  #epoch = -1;

  /**
   * Starts the threads and loads an engine in each.
   * @param parameters initial slab
   * @throws EngineError when the slabs do not fit into memory or the engine does not load
   */
  static async start(options: PoolOptions, parameters: Float32Array): Promise<ThreadPool> {
    const { shards } = options.geometry;
    const plans = Array.from({ length: shards }, (_, i) => reductionPlan(i + 1, options.threads));
    const slots = Math.max(...plans.map((plan) => plan.slots));
    const pool = new ThreadPool({ ...options, shared: allocateShared(options, slots) }, parameters);
    try {
      await pool.#all(() => ({ kind: 'start' }));
    } catch (error) {
      await pool.close();
      throw error;
    }
    return pool;
  }

  private constructor(spec: PoolSpec, parameters: Float32Array) {
    const { shared, layout, threads } = spec;
    this.#spec = spec;
    this.#control = new Control(shared.control);
    this.parameters = new Float32Array(shared.memory.buffer, shared.offsets.parameters, layout.length);
    this.parameters.set(parameters);
    this.slots = createOptimizer(spec.optimizer).slots.map(({ initial }, i) =>
      new Float32Array(shared.memory.buffer, shared.offsets.optimizer[i], layout.trainable).fill(initial),
    );
    this.#kernels = loadUpdateKernels(shared.memory);
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
      const { start, count } = batchOf(first + i, geometry.training, geometry.batchSize);
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
    shared.rows.set(order);
    shared.used.fill(-1, first * geometry.batchSize);
    this.#first = first;
    this.#epoch = epoch;
    await this.#all((rank) => ({ kind: 'train', rank, epoch, first, last, rateScale }));
    const committed = this.#control.done;
    return { committed, diverged: first + committed < last && !this.#control.halted };
  }

  /** Sums of the metrics over the examples `rows`; the same bits for any number of threads. */
  async evaluate(rows: Int32Array): Promise<Float64Array> {
    const { shared, geometry, metrics } = this.#spec;
    shared.rows.set(rows);
    await this.#all((rank) => ({ kind: 'evaluate', rank, rows: rows.length }));
    const batches = stepCount(rows.length, geometry.evaluationBatch);
    return totalSums(metrics, shared.evaluation.subarray(0, batches * sumsWidth(metrics)));
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

  async close(): Promise<void> {
    await this.#piscina.destroy();
  }

  /** Gives every thread its task and waits for all; when one fails, frees the others from their barrier. */
  async #all(task: (rank: number) => Task): Promise<void> {
    this.#control.begin();
    const runs = Array.from({ length: this.#spec.threads }, (_, rank) =>
      this.#piscina.run(task(rank)).catch((error: unknown) => {
        this.#control.abort();
        throw error;
      }),
    );
    const outcomes = await Promise.allSettled(runs);
    const failures = outcomes.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => reason as Error);
    // Errors from a thread are copies that have lost their class.
    const cause = failures.find(({ message }) => message !== AbortedError.reason);
    if (failures.length > 0) throw cause ?? failures[0];
  }
}
