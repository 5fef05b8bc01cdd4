/** From the runs of a report to more workers than it has. */

import { ConfigError } from '../errors.js';
import { partsBy } from '../ground/parts-by.js';
import { percent } from '../ground/units.js';
import { calibrateCosts } from '../projection/calibrate.js';
import type { Observation } from '../projection/observation.js';
import { predictor } from '../projection/predicted.js';
import { type Projection, project } from '../projection/projection.js';
import { type Scenario, scenarioText } from '../projection/scenario.js';
import { payloadBytes } from '../reduce/segments.js';
import type { ScaleReport, ScaleRun } from './record.js';
import { workersText } from './scale-text.js';
import { median } from './statistics.js';

/** @throws ConfigError when runs of so many workers are too little to learn from */
export function checkProjectable(workers: readonly number[]): void {
  if (new Set(workers).size > 1) return;
  throw new ConfigError(
    `--project: runs of ${workersText(workers[0])} alone do not tell what more of them cost`,
    'use two numbers of workers or more, as in --workers 1,2',
  );
}

/** What is expected, with all that is known of it; `recordOf` makes of it what the report's file holds. */
export interface Projected extends Pick<Projection, 'rows' | 'best' | 'verdict' | 'assumptions'> {
  /** Mode, bandwidth and latency, for people. */
  readonly scenario: string;
}

/** @throws ConfigError when the report has too little to learn from */
export function projectScale(report: ScaleReport, scenario: Scenario): Projected {
  const observations = observationsOf(report);
  const counts = [...new Set(observations.map(({ workers }) => workers))];
  checkProjectable(counts);
  const model = calibrateCosts(observations);
  const { rows, best, verdict, assumptions } = project(model, scenario);
  return {
    ...{ scenario: scenarioText(scenario), rows, best, verdict },
    assumptions: [
      ...assumptions,
      `On the runs that it was fitted to, the model is off by ${percent(median(observations.map((each) => missOf(each, model))))} of a step at the median.`,
      ...heldOut(observations, counts),
      ...(report.plan.kind === 'threads'
        ? [
            'The runs were threads of one process: what messages cost is taken to be as usual. With --kind processes it is measured.',
          ]
        : []),
    ],
  };
}

export const recordOf = ({
  scenario,
  rows,
  verdict,
  assumptions,
}: Projected): NonNullable<ScaleReport['projection']> => ({
  scenario,
  rows: rows.map(({ workers, reduction, examplesPerSecond, speedup, efficiency }) => ({
    ...{ workers, reduction, examplesPerSecond, speedup, efficiency },
  })),
  verdict: [...verdict],
  assumptions: [...assumptions],
});

/** One of each number of workers and batch: of the repeats, the one in the middle. */
function observationsOf({ runs, plan, config, machine }: ScaleReport): Observation[] {
  const precision = plan.kind === 'threads' ? 'float32' : plan.precision;
  const groups = partsBy(runs, ({ workers, batchSize, shards }) => `${workers} ${batchSize} ${shards}`);
  return groups.map((group) => {
    const [{ workers, batchSize, shards }] = group;
    const middle = (name: keyof ScaleRun['typical']) => median(group.map(({ typical }) => typical[name]));
    return {
      workers,
      batchSize,
      shards,
      cores: machine.cores,
      bytes: payloadBytes(precision, config.trainable),
      reduction: plan.kind === 'threads' ? 'threads' : butterflies(group) ? 'butterfly' : 'star',
      coordinatorComputes: false,
      step: middle('step'),
      compute: middle('compute'),
      exchange: middle('exchange'),
      update: middle('update'),
      wait: median(group.map(({ spread }) => spread)),
    };
  });
}

/** The fewest bytes go by butterfly; a star has the coordinator send and receive besides. */
const butterflies = (runs: readonly ScaleRun[]): boolean =>
  runs.every(({ bytesPerStep, fewestBytesPerStep }) => (bytesPerStep ?? 0) < 1.2 * (fewestBytesPerStep ?? 0));

function missOf(observation: Observation, model: ReturnType<typeof calibrateCosts>): number {
  const predicted = 1000 * predictor(observation)(model.costs, model.spread).step;
  return Math.abs(predicted - observation.step) / observation.step;
}

/** What a model that has not seen the most workers says of them. */
function heldOut(observations: readonly Observation[], counts: readonly number[]): string[] {
  if (counts.length < 3) {
    return ['With a third number of workers, the report would say how far off the model is where it was not fitted.'];
  }
  const most = Math.max(...counts);
  const model = calibrateCosts(observations.filter(({ workers }) => workers < most));
  const misses = observations.filter(({ workers }) => workers === most).map((each) => missOf(each, model));
  return [`Fitted without the runs of ${workersText(most)}, the model is off by ${percent(median(misses))} on those.`];
}
