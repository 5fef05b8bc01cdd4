/** What tells a tool of others about a run: fed with its events, never waited for, never the end of a run. */
import type { Reporter } from '../report/events.js';

/** The weights that are evaluated, by name, as they are after an epoch. */
export interface NamedWeights {
  readonly name: string;
  readonly values: Float32Array;
}

export interface Tracker {
  readonly report: Reporter;
  /** @param step of the run, after an epoch */
  weights?(step: number, weights: readonly NamedWeights[]): void;
  /** Everything that was reported is on its way. Never throws. */
  close(): Promise<void> | void;
}
