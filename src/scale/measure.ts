/** From the trace of a run to its numbers: of the steps after the warm-up. */
import { batchOf, stepsOf } from '../data/geometry.js';
import { type PhaseSplit, phaseSplitNames, type ScaleRun, type WorkerSplit } from './record.js';
import { mean, median, quantileOf, sum } from './statistics.js';
import type { RunTrace } from './trace.js';

/** How the run divides into steps and epochs. */
export interface RunShape {
  readonly batchSize: number;
  /** Examples of an epoch. */
  readonly training: number;
  /** Steps that are not counted. */
  readonly warmUp: number;
}

type RunFigures = Pick<
  ScaleRun,
  'steps' | 'examples' | 'seconds' | 'examplesPerSecond' | 'step' | 'spread' | 'typical' | 'perWorker'
>;

interface CountedStep {
  readonly milliseconds: number;
  readonly examples: number;
  /** Milliseconds of each worker in each phase that it names, in the orders of the workers' ids and of `phaseSplitNames`. */
  readonly splits: readonly (readonly number[])[];
}

type SplitPhase = (typeof phaseSplitNames)[number];
const computing: readonly SplitPhase[] = ['gather', 'compute'];

const spentIn = (split: readonly number[], names: readonly SplitPhase[]): number =>
  sum(names.map((name) => split[phaseSplitNames.indexOf(name)]));

/** @returns undefined where no step is left after the warm-up */
export function measureTrace(trace: RunTrace, shape: RunShape): RunFigures | undefined {
  const ids = [...trace.workers.keys()];
  const steps = countedSteps(trace, shape, ids);
  if (steps.length === 0) return undefined;
  const durations = steps.map(({ milliseconds }) => milliseconds);
  const perWorker = ids.map((id, worker): WorkerSplit => {
    // Waiting is what is left of all steps: in one alone a worker may be early or late.
    const means = phaseSplitNames.map((_, i) => mean(steps.map(({ splits }) => splits[worker][i])));
    const whole = withWaiting(means, mean(durations));
    const named = Object.fromEntries(phaseSplitNames.map((name, i) => [name, whole[i]])) as unknown as PhaseSplit;
    const validation = trace.validation.get(id) ?? 0;
    return { name: trace.workers.get(id)!, computes: named.compute > 0, split: named, validation };
  });
  const members = ids.map((_, worker) => worker).filter((worker) => perWorker[worker].computes);
  const inStep = ({ splits, milliseconds }: CountedStep, names: readonly SplitPhase[]) =>
    members.map((worker) => spentIn(withWaiting(splits[worker], milliseconds), names));
  const typical = (...names: SplitPhase[]) => median(steps.map((step) => mean(inStep(step, names))));
  const behind = steps.map((step) => {
    const times = inStep(step, computing);
    return Math.max(...times) - mean(times);
  });
  const [examples, seconds] = [sum(steps.map((step) => step.examples)), sum(durations) / 1000];
  return {
    steps: steps.length,
    examples,
    seconds,
    examplesPerSecond: examples / seconds,
    step: { p50: quantileOf(durations, 0.5), p90: quantileOf(durations, 0.9), p99: quantileOf(durations, 0.99) },
    spread: median(behind),
    perWorker,
    typical: {
      step: median(durations),
      compute: typical(...computing),
      exchange: typical('reduce', 'exchange'),
      update: typical('update'),
      wait: typical('wait'),
    },
  };
}

/** When the counted steps began and ended, in milliseconds since 1970. */
export function windowOf({ time, steps }: RunTrace, warmUp: number): { from: number; to: number } {
  const from = Math.max(steps[warmUp].start, steps[warmUp - 1]?.end ?? 0);
  return { from: time + from, to: time + steps[steps.length - 1].end };
}

function countedSteps({ steps }: RunTrace, { warmUp, ...cut }: RunShape, ids: readonly number[]): CountedStep[] {
  const stepsPerEpoch = stepsOf(cut);
  return steps.slice(warmUp).map(({ step, start, end, phases }, i) => {
    const place = (step - 1) % stepsPerEpoch;
    // Before the first step of an epoch others are validated and written down: that is no part of it.
    const before = place === 0 ? undefined : steps[warmUp + i - 1]?.end;
    const milliseconds = end - (before ?? start);
    const splits = ids.map((id) => phases.get(id) ?? phaseSplitNames.map(() => 0));
    return { milliseconds, examples: batchOf(cut, place).count, splits };
  });
}

/** What no phase accounts for is waiting: for others, or for word of what to do next. */
function withWaiting(split: readonly number[], milliseconds: number): number[] {
  const whole = [...split];
  whole[phaseSplitNames.indexOf('wait')] += Math.max(0, milliseconds - sum(split));
  return whole;
}
