/** What the training loop needs of whatever computes its steps: the threads of this machine, or a world of workers. */
import type { MetricTotals } from '../../src/evaluate/output-metrics.js';
import type { StepGradient } from '../../src/pool/step-gradient.js';
import type { SharedScaling } from '../../src/pool/step-scaling.js';
import type { SpanResult } from '../../src/pool/task.js';
import type { WorkerStanding } from '../../src/report/world-events.js';

export interface Trainer {
  /** The parameter slab, as of the last committed step. To be read; may be written before the first step only. */
  readonly parameters: Float32Array;
  /** The optimizer's slabs, in the order of its slots. */
  readonly slots: readonly Float32Array[];
  /** Mean loss and gradient norm (before clipping) of each step of the epoch under way. */
  readonly stepLosses: Float64Array;
  readonly stepNorms: Float64Array;
  /** Where the loss is scaled; may be written before the first step only. */
  readonly scaling?: SharedScaling;
  /** The epoch under way, or the last one; and its steps that are done. */
  readonly epoch: number;
  readonly done: number;
  /** Whether its first step comes when there are workers, whenever that is. */
  readonly waitsForWorkers?: boolean;
  /** Whether no parameter has overflowed. */
  readonly isFinite: boolean;
  /** Example indices that the steps [first, last) of the epoch read, one list a step. */
  used(first: number, last: number): Int32Array[];
  /** Lets the span under way end after its current step, and the evaluation under way without a result. */
  requestStop(): void;
  /** Runs the steps [first, last) of an epoch. */
  train(epoch: number, order: Int32Array, first: number, last: number, rateScale?: number): Promise<SpanResult>;
  /** What the metrics come to over the examples `rows`. @throws StoppedError when it is to stop meanwhile */
  evaluate(rows: Int32Array): Promise<MetricTotals>;
  /**
   * Brings the slab that is evaluated and saved up to date: the average of the parameters where the optimizer keeps one, else the
   * parameters themselves. It is good until the next step.
   */
  updateEvaluated(): Float32Array;
  /** That of the last step, where this process has it. It is good until the next step. */
  lastGradient(): StepGradient | undefined;
  /** Goes on with other parameters, between two spans. */
  replaceParameters(parameters: Float32Array): void;
  /** How the workers stand, where there are some. */
  standing?(): WorkerStanding[];
  /** Reports what the workers did, where there are some. */
  summarize?(): void;
  /** @param failure what ended the run before its end: workers are told */
  close(failure?: unknown): Promise<void>;
}
