/** What tells a tool of others about a run: fed with its events, never waited for, never the end of a run. */
import type { Reporter } from '../report/events.js';

/** Numbers of the model after an epoch, by a tag: `weights/…` are those that are evaluated, `gradients/…` the last step's mean. */
export interface TaggedTensor {
  readonly tag: string;
  readonly values: Float32Array;
  /** Multiplies them. */
  readonly scale: number;
}

export interface Tracker {
  readonly report: Reporter;
  /** After some epochs, the last among them. @param step of the run, the last of such an epoch */
  tensors?(step: number, tensors: readonly TaggedTensor[]): void;
  /** Everything that was reported is on its way. Never throws. */
  close(): Promise<void> | void;
}
