/** Everything that a run tells the world, in the order in which it happens. */

import type { ColumnReport } from '../data/column-report.js';
import type { MetricFigure } from '../metrics/metric.js';
import type { DecisionReport } from './decision-text.js';
import type {
  ListeningEvent,
  SummaryEvent,
  TransferEvent,
  WaitingEvent,
  WorkerEvent,
  WorldEvent,
} from './world-events.js';

/** Metric names and values, `loss` among them, in the order in which to show them. */
export type Metrics = Record<string, number>;

/** Metrics that are no numbers but tables or curves, by name, of each split that was evaluated. */
export type Figures = Partial<Record<'validation' | 'test', Record<string, MetricFigure>>>;

interface WithFigures {
  /** Where a metric of the run is a table or a curve. */
  figures?: Figures;
}

/** The figures of what splits came to, for an event: nothing where there are none. */
export function figuresIn(
  results: {
    readonly [split in keyof Figures]: { readonly figures: Record<string, MetricFigure> } | null;
  },
): WithFigures {
  const some = Object.entries(results).flatMap(([split, result]) =>
    result && Object.keys(result.figures).length > 0 ? [[split, result.figures]] : [],
  );
  return some.length > 0 ? { figures: Object.fromEntries(some) } : {};
}

/**
 * What a run is busy with: `reading` its data, `compiling` the model, `warmingUp`, which is the time of the first step, with all that threads do but
 * once, and `training`, which is that of the others. Of workers that may come late there is no warming up.
 */
export type RunPhase = 'reading' | 'compiling' | 'warmingUp' | 'training';

/** When a phase begins, each once. */
export interface PhaseEvent {
  event: 'phase';
  phase: RunPhase;
  /** Since the run began. */
  seconds: number;
}

/** What steps come to, without the first that a process takes of an epoch: what is done but once is none of it. */
export interface Throughput {
  /** Training examples a second; NaN before the second step. */
  examplesPerSecond: number;
  /** Of a model of texts: tokens that it reads, without what fills texts of a table up. */
  tokensPerSecond?: number;
}

/** Once, before the first step. */
export interface StartEvent {
  event: 'start';
  /** The config's `name`. */
  name: string;
  /** The run's folder. */
  folder: string;
  /** One line about the data. */
  data: string;
  /** Numbers that the model consists of. */
  parameters: number;
  /** Those of them that are trained. */
  trainable: number;
  /** The engine that `engine: auto` came to, or that was asked for. */
  engine: string;
  /** The TensorFlow.js backend of engine tfjs; absent for engine onnx. */
  backend?: string;
  /** Engine threads. */
  threads: number;
  /** Shards of a batch. */
  shards: number;
  /** Examples of one step. */
  batchSize: number;
  /** Steps of the whole run. */
  steps: number;
  /** Epochs to train. */
  epochs: number;
  /** Examples of the training split. */
  training: number;
  /** Examples of the validation split. */
  validation: number;
  /** Examples of the test split. */
  test: number;
  /** The seed of the run. */
  seed: number;
  /** Seconds that it took to read the data, and to compile the model and start the threads. */
  prepared: { reading: number; compiling: number };
  /** Where sequences are cut by batch (training.buckets): the lengths, and how many graphs were compiled for them. */
  buckets?: { places: readonly number[]; graphs: number };
  /** Where a resumed run goes on; absent where it starts. */
  resumed?: { step: number; checkpoint: string | null };
  /** What goes on with the run where it is interrupted, in words that are typed; absent where whoever began it does not say. */
  goOn?: string;
}

/** What the columns of a table are for; once, after `start`. */
export interface ColumnsEvent extends ColumnReport {
  event: 'columns';
}

/** After every step, for people who watch. */
export interface ProgressEvent extends Throughput {
  event: 'progress';
  epoch: number;
  epochs: number;
  /** Steps done of this epoch, and how many it has. */
  step: number;
  steps: number;
  /** Mean of the epoch so far. */
  loss: number;
  /** Until the end of the epoch; NaN before the second step. */
  secondsLeft: number;
}

/** Where products are float16 (training.precision). */
export interface LossScale {
  /** What the loss is multiplied by: of a step in that step, else after the last one. */
  lossScale?: number;
  /** Steps of the run that overflowed, and were not taken. */
  skippedSteps?: number;
}

/** Every `training.logEvery` steps, for the record. */
export interface StepEvent extends Throughput, Pick<LossScale, 'lossScale'> {
  event: 'step';
  /** Counted from 1. */
  epoch: number;
  /** Counted from the start of the run. */
  step: number;
  /** Mean loss of the batch, with regularization. */
  loss: number;
  /** The learning rate of the step, after the schedule. */
  learningRate: number;
  /** Before clipping. */
  gradientNorm: number;
}

/** After an epoch and its validation. */
export interface EpochEvent extends WithFigures, Throughput, LossScale {
  event: 'epoch';
  /** Counted from 1. */
  epoch: number;
  /** Counted from the start of the run. */
  step: number;
  /** Mean loss of the training examples over the epoch, with regularization. */
  loss: number;
  /** null where the run has no validation split. */
  validation: Metrics | null;
  /** How long the epoch took. */
  seconds: number;
  /** Whether this epoch's model is the best so far. */
  best: boolean;
  /** Where sequences are cut by batch: how many steps of the epoch had each length. */
  stepsByPlaces?: Record<string, number>;
}

/** A checkpoint is on the disk. */
export interface CheckpointEvent {
  event: 'checkpoint';
  /** Counted from the start of the run. */
  step: number;
  path: string;
}

export interface WarningEvent {
  event: 'warning';
  message: string;
}

/** Once, after the last step and the test. */
export interface EndEvent extends WithFigures, Throughput, LossScale {
  event: 'end';
  /** Metrics of the model on the validation split; null without one. */
  validation: Metrics | null;
  /** Metrics of the model on the test split; null without one, and where it is sealed. */
  test: Metrics | null;
  /** Whether there is a test split that stays closed (`evaluation.seal`). */
  sealed?: boolean;
  /** Path of the final model; empty where it could not be written, which is an error when the run has closed its files. */
  model: string;
  /** Path of the best model by validation; null where there is none, or it could not be written. */
  best: string | null;
  /** What `evaluation` had fitted, by model; `validation` and `test` are then read by that of the final one. */
  decisions?: { final?: DecisionReport[]; best?: DecisionReport[] };
  /** Values by name, for models that are small enough to read. */
  weights?: Record<string, number[]>;
  /** Of the parameter slab, in hex. */
  sha256: string;
  /** How long the run took, from its start. */
  seconds: number;
  /** Whether the run was asked to stop before its end. */
  interrupted: boolean;
  /** Steps that are done, those before the run was resumed included. */
  steps: number;
  /** Epochs that the run went through, and the one that was best; fewer than planned when it stopped early. */
  epochs: number;
  /** The best epoch by `training.monitor`, from 1; null where none has ended. */
  bestEpoch: number | null;
  /** Whether `training.earlyStopping` has ended the run. */
  stoppedEarly: boolean;
  /** The model is that of the best epoch, not of the last. */
  restored: boolean;
  /** The run's folder where it can be resumed: it was interrupted. */
  resume: string | null;
}

/** Instead of `end`, when the run fails. */
export interface ErrorEvent {
  event: 'error';
  code: string;
  message: string;
  remedy: string;
}

/** An event of a run; `event` tells its kind. */
export type RunEvent =
  | PhaseEvent
  | StartEvent
  | ColumnsEvent
  | ProgressEvent
  | StepEvent
  | EpochEvent
  | CheckpointEvent
  | WarningEvent
  | EndEvent
  | ListeningEvent
  | WorldEvent
  | WorkerEvent
  | TransferEvent
  | WaitingEvent
  | SummaryEvent
  | ErrorEvent;

/** Takes the events of a run, one by one, as they happen. */
export type Reporter = (event: RunEvent) => void;
