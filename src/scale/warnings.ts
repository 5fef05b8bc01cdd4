/** What is to be known before the numbers of a report are believed. */
import { percent } from '../ground/units.js';
import type { ScalePoint, ScaleReport } from './record.js';
import { coresText, workersText } from './scale-text.js';

/** Processes that wanted a core beside ours, as a part of the cores, above which speed is not what the machine can do. */
const busy = 0.25;
/** How far apart repeats may be, as a part of their median. */
const steady = 0.1;

/** In the order of their weight. */
export function warningsOf(report: Omit<ScaleReport, 'warnings'>): string[] {
  const { machine, plan, points, complete, hashesAgree } = report;
  const most = Math.max(...plan.workers);
  const unsteady = points.filter((point) => spreadOf(point) > steady);
  return [
    ...(hashesAgree === false
      ? [
          'Runs with the same batch ended with different parameters. They must not: see which hashes differ, and report it.',
        ]
      : []),
    ...(complete ? [] : ['The measurement was interrupted: some runs are missing.']),
    ...(machine.load > busy * machine.cores
      ? [
          `Other programs kept ${machine.load.toFixed(1)} of ${coresText(machine.cores)} busy when this began: stop them and measure again.`,
        ]
      : []),
    ...(plan.repeats < 3
      ? [
          `${plan.repeats === 1 ? 'One run of each kind tells' : 'Two runs of each kind tell'} little about chance: use --repeats 5.`,
        ]
      : []),
    ...unsteady.map(
      (point) => `${point.mode}, ${workersText(point.workers)}: the repeats are ${percent(spreadOf(point))} apart.`,
    ),
    ...(most > machine.cores
      ? [`Up to ${most} workers shared ${coresText(machine.cores)}: on machines of their own they would be faster.`]
      : []),
    ...(plan.kind === 'processes'
      ? ['All processes ran on this machine and talked over loopback: a network has less bandwidth and more latency.']
      : []),
  ];
}

const spreadOf = ({ examplesPerSecond: { median, min, max } }: ScalePoint): number => (max - min) / median;
