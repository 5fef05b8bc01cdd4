/** What a diagnosis goes by. */
import type { LossSettings } from '../config/model.js';
import type { RunConfig } from '../config/run-config.js';
import type { KeptExamples } from '../evaluate/kept-examples.js';
import type { RunLog } from '../report/run-log.js';

/** A run whose model was evaluated on examples that it was trained on, and on others by which it may be changed. */
export interface RunFacts {
  readonly config: RunConfig;
  /** The run's folder, to be named in commands. */
  readonly folder: string;
  readonly log: RunLog;
  /** Whether the model that was evaluated is that of the last epoch, not of the best. */
  readonly isLast: boolean;
  /** Whether an input is a picture, which `augment` can change. */
  readonly hasPicture: boolean;
  /** The loss of each output. */
  readonly losses: readonly LossSettings[];
  /** Some of the training split. */
  readonly training: KeptExamples;
  /** Validation, never test: a model that is changed by what the test split shows is tested by it no longer. */
  readonly validation?: KeptExamples;
}
