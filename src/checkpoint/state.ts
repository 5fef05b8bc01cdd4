/** What a checkpoint says besides its tensors: where the run is, and what it must agree with to go on. */
import type { RunConfig } from '../config/run.js';
import type { DataFingerprint } from '../data/fingerprint.js';
import type { BestEpoch, MonitorState } from '../evaluate/monitor.js';

/** Where a run is. */
export interface Progress {
  /** Steps committed since the start of the run. */
  readonly step: number;
  /** Epochs that are complete, validated and reported. */
  readonly epoch: number;
  /** Steps committed of the epoch under way; its order is a function of seed and epoch. */
  readonly position: number;
  /** Mean loss of each of those steps. */
  readonly losses: readonly number[];
  readonly best: BestEpoch | null;
  /** Whether early stopping has ended the run. */
  readonly stopped: boolean;
  /** What schedule `plateau` and early stopping have counted. */
  readonly monitor: MonitorState;
}

export interface CheckpointState {
  /** Raised when older programs could not read it any more. */
  readonly format: 1;
  readonly progress: Progress;
  /** The resolved config: seed, shards, schedule and all. */
  readonly config: RunConfig;
  readonly data: DataFingerprint;
  /** SHA-256 of the compiled step: of the model, the loss and whatever modules they come from; null where none is compiled. */
  readonly graph: string | null;
}
