/** What a checkpoint says besides its tensors: where the run is, and what it must agree with to go on. */
import { z } from 'zod';
import type { RunConfig } from '../config/run-config.js';
import type { DataFingerprint } from '../data/fingerprint.js';
import { type BestEpoch, initialMonitorState, type MonitorState } from '../evaluate/monitor.js';
import type { LossScaling } from '../optimizer/loss-scale.js';

/** Where a run is. */
export interface Progress {
  /** Steps committed since the start of the run. */
  readonly step: number;
  /** Epochs that are complete, validated and reported. */
  readonly epoch: number;
  /** Steps committed of the epoch under way; its order is a function of seed and epoch. */
  readonly position: number;
  /** Mean loss of each of those steps; NaN of one that was skipped for it. */
  readonly losses: readonly number[];
  readonly best: BestEpoch | null;
  /** Whether early stopping has ended the run. */
  readonly stopped: boolean;
  /** What schedule `plateau` and early stopping have counted. */
  readonly monitor: MonitorState;
  /** Where the loss is scaled. */
  readonly lossScaling?: LossScaling;
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

const whole = z.int().min(0);
const value = z.number().nullable();
const bestSchema = z.looseObject({ value: z.number(), epoch: whole });
const progressSchema = z.looseObject({
  step: whole,
  epoch: whole,
  position: whole,
  // JSON has null for what is no number.
  losses: z.array(z.union([z.number(), z.null().transform(() => Number.NaN)])).readonly(),
  best: bestSchema.nullable(),
  stopped: z.boolean(),
  monitor: z.looseObject({
    scale: z.number(),
    best: value,
    stale: whole,
    cooldown: whole,
    stopBest: value,
    stopStale: whole,
  }),
  lossScaling: z.looseObject({ scale: z.number().positive(), good: whole, skipped: whole }).optional(),
});
const fingerprintSchema = z.looseObject({
  examples: whole,
  featureShape: z.array(whole).readonly(),
  classes: whole.nullable(),
  training: whole,
  validation: whole,
  test: whole,
  sha256: z.string(),
});

/** What checkpoint.json must hold; the config is checked by its own rules where it is compared. */
export const stateSchema: z.ZodType<CheckpointState & { readonly tensors: TensorsEntry }> = z.looseObject({
  format: z.literal(1),
  progress: progressSchema,
  config: z.custom<RunConfig>((config) => typeof config === 'object' && config !== null, 'expected a config'),
  data: fingerprintSchema,
  graph: z.string().nullable(),
  tensors: z.object({ bytes: whole, crc32: whole }),
});

interface TensorsEntry {
  readonly bytes: number;
  readonly crc32: number;
}

/** Of a run that has not begun. */
export const initialProgress: Progress = {
  step: 0,
  epoch: 0,
  position: 0,
  losses: [],
  best: null,
  stopped: false,
  monitor: initialMonitorState,
};
