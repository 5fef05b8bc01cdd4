/** Everything that a run tells the world, in the order in which it happens. */

/** Metric names and values, `loss` among them, in the order in which to show them. */
export type Metrics = Record<string, number>;

/** Once, before the first step. */
export interface StartEvent {
  event: 'start';
  name: string;
  folder: string;
  /** One line about the data. */
  data: string;
  parameters: number;
  trainable: number;
  engine: string;
  backend?: string;
  threads: number;
  shards: number;
  /** Examples of one step. */
  batchSize: number;
  /** Steps of the whole run. */
  steps: number;
  epochs: number;
  /** Examples of each split. */
  training: number;
  validation: number;
  test: number;
  seed: number;
  /** Where a resumed run goes on; absent where it starts. */
  resumed?: { step: number; checkpoint: string | null };
}

/** After every step, for people who watch. */
export interface ProgressEvent {
  event: 'progress';
  epoch: number;
  epochs: number;
  /** Steps done of this epoch, and how many it has. */
  step: number;
  steps: number;
  /** Mean of the epoch so far. */
  loss: number;
  examplesPerSecond: number;
  /** Until the end of the epoch. */
  secondsLeft: number;
}

/** Every `training.logEvery` steps, for the record. */
export interface StepEvent {
  event: 'step';
  epoch: number;
  /** Counted from the start of the run. */
  step: number;
  loss: number;
  learningRate: number;
  /** Before clipping. */
  gradientNorm: number;
  examplesPerSecond: number;
}

/** After an epoch and its validation. */
export interface EpochEvent {
  event: 'epoch';
  epoch: number;
  /** Counted from the start of the run. */
  step: number;
  loss: number;
  /** null where the run has no validation split. */
  validation: Metrics | null;
  seconds: number;
  examplesPerSecond: number;
  /** Whether this epoch's model is the best so far. */
  best: boolean;
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
export interface EndEvent {
  event: 'end';
  validation: Metrics | null;
  test: Metrics | null;
  /** Path of the final model, and of the best one by validation. */
  model: string;
  best: string | null;
  /** Values by name, for models that are small enough to read. */
  weights?: Record<string, number[]>;
  /** Of the parameter slab, in hex. */
  sha256: string;
  seconds: number;
  interrupted: boolean;
  /** Epochs that the run went through, and the one that was best; fewer than planned when it stopped early. */
  epochs: number;
  bestEpoch: number | null;
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

export type RunEvent =
  | StartEvent
  | ProgressEvent
  | StepEvent
  | EpochEvent
  | CheckpointEvent
  | WarningEvent
  | EndEvent
  | ErrorEvent;

export type Reporter = (event: RunEvent) => void;
