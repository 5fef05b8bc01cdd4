/** Follows one metric from epoch to epoch: which epoch is best, when to stop, when to lower the learning rate. */

import { type AskedHeads, isList } from '../config/heads.js';
import type { ScheduleConfig } from '../config/schedule.js';
import type { TrainingConfig } from '../config/training.js';
import { grouped } from '../ground/units.js';
import { AskedMetric } from '../metrics/families.js';
import { resultName } from './run-metrics.js';

export interface Monitor {
  readonly metric: string;
  readonly mode: 'min' | 'max';
}

type Watching = { readonly training: Pick<TrainingConfig, 'monitor'> } & Pick<AskedHeads, 'metrics'>;

/** The metric that a config watches, and which way is better; losses and metrics of the user's own are errors to lower. */
export function monitorOf({ training: { monitor }, metrics }: Watching): Monitor {
  if (typeof monitor !== 'string') return monitor;
  const lists = isList(metrics) ? [['', metrics] as const] : Object.entries(metrics);
  for (const [target, list] of lists) {
    for (const { label, family } of list.map((config) => new AskedMetric(config))) {
      if (label !== monitor && resultName(target, label) !== monitor) continue;
      return { metric: monitor, mode: family.better === 'higher' ? 'max' : 'min' };
    }
  }
  return { metric: monitor, mode: 'min' };
}

/** Whether `value` is better than `best`, if there is one, by more than `minDelta`; what is not finite never is. */
function improves({ mode }: Monitor, value: number, best: number | null, minDelta: number): boolean {
  if (!Number.isFinite(value) || best === null) return Number.isFinite(value);
  return mode === 'min' ? value < best - minDelta : value > best + minDelta;
}

/** What to say of an epoch whose value is none, the first time; undefined where there is nothing to say. */
export function warningOf({ metric }: Monitor, epoch: number, value: number): string | undefined {
  if (Number.isFinite(value)) return undefined;
  return (
    `training.monitor: ${metric} is ${value} after epoch ${grouped(epoch)}: such an epoch is never the best, and counts ` +
    'as one without a better value for early stopping and the plateau schedule'
  );
}

export interface BestEpoch {
  readonly value: number;
  /** Counted from 1. */
  readonly epoch: number;
}

/** The best epoch after one more; an equal one does not replace an earlier one. */
export function bestAfter(monitor: Monitor, best: BestEpoch | null, epoch: number, value: number): BestEpoch | null {
  return improves(monitor, value, best?.value ?? null, 0) ? { value, epoch } : best;
}

/** What schedule `plateau` and early stopping remember from epoch to epoch. */
export interface MonitorState {
  /** What the learning rate is multiplied by. */
  readonly scale: number;
  /** For the next drop: the best value, epochs since it, and epochs that still do not count. */
  readonly best: number | null;
  readonly stale: number;
  readonly cooldown: number;
  /** For early stopping. */
  readonly stopBest: number | null;
  readonly stopStale: number;
}

export const initialMonitorState: MonitorState = {
  scale: 1,
  best: null,
  stale: 0,
  cooldown: 0,
  stopBest: null,
  stopStale: 0,
};

/** The state after an epoch whose metric came to `value`; counts as Keras's ReduceLROnPlateau and EarlyStopping do. */
export function monitorStateAfter(
  monitor: Monitor,
  state: MonitorState,
  value: number,
  schedule: ScheduleConfig,
  stopping: TrainingConfig['earlyStopping'],
): MonitorState {
  const better = (best: number | null, minDelta: number) => improves(monitor, value, best, minDelta);
  const improved = better(state.stopBest, stopping?.minDelta ?? 0);
  const stop = improved ? { stopBest: value, stopStale: 0 } : { stopStale: state.stopStale + 1 };
  const drop = 'plateau' in schedule ? dropAfter(state, value, better, schedule.plateau) : {};
  return { ...state, ...stop, ...drop };
}

type PlateauOptions = Extract<ScheduleConfig, { plateau: unknown }>['plateau'];

function dropAfter(
  state: MonitorState,
  value: number,
  better: (best: number | null, minDelta: number) => boolean,
  { factor, patience, minDelta, cooldown, end }: PlateauOptions,
): Partial<MonitorState> {
  const left = Math.max(0, state.cooldown - 1);
  if (better(state.best, minDelta)) return { best: value, stale: 0, cooldown: left };
  if (left > 0) return { stale: 0, cooldown: left };
  const stale = (state.cooldown > 0 ? 0 : state.stale) + 1;
  if (stale < patience) return { stale, cooldown: left };
  return { stale: 0, cooldown, scale: Math.max(end, state.scale * factor) };
}

/** Whether early stopping ends the run in this state. */
export function isExhausted({ stopStale }: MonitorState, stopping: TrainingConfig['earlyStopping']): boolean {
  return stopping !== undefined && stopStale >= stopping.patience;
}
