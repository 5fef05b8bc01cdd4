/** What a diagnosis goes by. */
import type { LossSettings } from '../config/model.js';
import type { RunConfig } from '../config/run-config.js';
import type { Splits } from '../data/examples.js';
import type { Repeats } from '../data/repeats.js';
import type { KeptExamples } from '../evaluate/kept-examples.js';
import type { RunLog } from '../report/run-log.js';

/** Examples whose inputs come again. A sealed test split is none of those that were compared. */
export interface RepeatedFacts extends Repeats {
  /** Examples of each split that was compared. */
  readonly compared: Readonly<Partial<Record<keyof Splits, number>>>;
  /** Loss and metrics of the split that was evaluated, with those that stand in training too, and without. */
  readonly metrics?: {
    readonly split: keyof Splits;
    readonly all: Readonly<Record<string, number>>;
    readonly without: Readonly<Record<string, number>>;
  };
}

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
  /** Examples that come again in several splits; absent where nobody looked. */
  readonly repeated?: RepeatedFacts;
}
