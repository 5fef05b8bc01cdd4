/** From single runs to one point for each number of workers: how much faster, at what cost. */
import {
  type Mode,
  type PhaseSplit,
  phaseSplitNames,
  type ScalePoint,
  type ScaleRun,
  type WorkerSplit,
} from './record.js';
import { mean, median, range } from './statistics.js';

/** @returns by mode, then by number of workers; those without a run are left out */
export function pointsOf(runs: readonly ScaleRun[]): ScalePoint[] {
  const modes: Mode[] = ['strong', 'weak'];
  return modes.flatMap((mode) => {
    const ofMode = runs.filter((run) => run.mode === mode);
    const counts = [...new Set(ofMode.map(({ workers }) => workers))].sort((a, b) => a - b);
    const groups = counts.map((workers) => ofMode.filter((run) => run.workers === workers));
    return groups.map((group) => pointOf(group, groups[0]));
  });
}

/** @param base runs with the fewest workers */
function pointOf(runs: readonly ScaleRun[], base: readonly ScaleRun[]): ScalePoint {
  const [{ mode, workers, batchSize, shards, loss }] = runs;
  const middle = (number: (run: ScaleRun) => number) => median(runs.map(number));
  const rates = range(runs.map((run) => run.examplesPerSecond));
  const speedup = rates.median / median(base.map((run) => run.examplesPerSecond));
  const perWorker = runs[0].perWorker.map((worker) => meanWorker(worker, runs));
  return {
    mode,
    workers,
    repeats: runs.length,
    batchSize,
    shards,
    examplesPerSecond: rates,
    step: {
      p50: middle(({ step }) => step.p50),
      p90: middle(({ step }) => step.p90),
      p99: middle(({ step }) => step.p99),
    },
    speedup,
    efficiency: speedup / (workers / base[0].workers),
    split: meanSplit(perWorker.filter(({ computes }) => computes).map(({ split }) => split)),
    spread: middle((run) => run.spread),
    perWorker,
    bytesPerStep: unlessNull(runs, (run) => run.bytesPerStep, median),
    fewestBytesPerStep: unlessNull(runs, (run) => run.fewestBytesPerStep, median),
    peakBytes: unlessNull(
      runs,
      (run) => run.peakBytes,
      (all) => Math.max(...all),
    ),
    cpuSecondsPerExample: unlessNull(
      runs,
      (run) => (run.cpuSeconds === null ? null : run.cpuSeconds / run.examples),
      median,
    ),
    loss,
    hashes: [...new Set(runs.map(({ sha256 }) => sha256))],
  };
}

/** The worker of a name in all runs. */
function meanWorker({ name, computes }: WorkerSplit, runs: readonly ScaleRun[]): WorkerSplit {
  const same = runs.flatMap(({ perWorker }) => perWorker.filter((worker) => worker.name === name));
  return {
    name,
    computes,
    split: meanSplit(same.map(({ split }) => split)),
    validation: mean(same.map(({ validation }) => validation)),
  };
}

function meanSplit(splits: readonly PhaseSplit[]): PhaseSplit {
  return Object.fromEntries(
    phaseSplitNames.map((name) => [name, mean(splits.map((split) => split[name]))]),
  ) as unknown as PhaseSplit;
}

/** null where one run does not know. */
function unlessNull(
  runs: readonly ScaleRun[],
  number: (run: ScaleRun) => number | null,
  merge: (numbers: readonly number[]) => number,
): number | null {
  const numbers = runs.map(number);
  return numbers.includes(null) ? null : merge(numbers as number[]);
}

/** Milliseconds of the mean step. */
export const stepOf = ({ batchSize, examplesPerSecond }: ScalePoint): number =>
  (1000 * batchSize) / examplesPerSecond.median;
