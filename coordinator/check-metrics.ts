/** Whether the metrics of a run fit its targets, and whether the one that it watches can ever be a number. */
import type { RunConfig } from '../src/config/run.js';
import { type Dataset, targetColumn } from '../src/data/examples.js';
import { isConstant, type TargetSurvey } from '../src/data/target-survey.js';
import { ConfigError } from '../src/errors.js';
import { misfitOf, vacuous } from '../src/evaluate/metric-fit.js';
import { type MetricSpec, metricNames } from '../src/evaluate/metrics.js';
import { monitorOf } from '../src/evaluate/monitor.js';
import { lossName } from '../src/model/target-range.js';

/** @throws ConfigError when a metric says nothing about targets such as these */
export function checkMetrics(
  config: Pick<RunConfig, 'loss' | 'metrics'>,
  spec: MetricSpec,
  survey: TargetSurvey | undefined,
  warn: (message: string) => void,
): void {
  const loss = lossName(config.loss);
  metricNames(config.metrics).forEach((name, i) => {
    const misfit = misfitOf(name, spec, loss, survey);
    // The loss is the first of the names.
    if (misfit) throw new ConfigError(`metrics.${i - 1}: ${name} ${misfit.problem} (loss ${loss})`, misfit.remedy);
  });
  for (const message of vacuous(spec)) warn(message);
}

/** @throws ConfigError when the run does not measure what it is to watch, or never can */
export function checkMonitor(
  { training, metrics }: Pick<RunConfig, 'training' | 'metrics'>,
  { examples, splits }: Dataset,
  warn: (message: string) => void,
): void {
  const { metric } = monitorOf(training);
  const { validation } = splits;
  const names = validation.length > 0 ? metricNames(metrics) : ['loss'];
  if (!names.includes(metric)) {
    const problem = validation.length > 0 ? 'is no metric of this run' : 'needs a validation split';
    const remedy =
      validation.length > 0
        ? `use one of ${names.join(', ')}, or add it to metrics`
        : 'set data.validation, or use loss';
    throw new ConfigError(`training.monitor: ${JSON.stringify(metric)} ${problem}`, remedy);
  }
  if (!metricNames(metrics).includes('r2')) return;
  for (const name of ['validation', 'test'] as const) {
    if (splits[name].length === 0 || !isConstant(targetColumn(examples), splits[name])) continue;
    const why =
      splits[name].length === 1
        ? 'it has one example only'
        : 'all its targets are the same, so that nothing is explained';
    if (name === 'test' || metric !== 'r2') warn(`r2 of the ${name} split is not a number: ${why}`);
    else {
      throw new ConfigError(
        `training.monitor: r2 of the validation split is never a number: ${why}`,
        'set training.monitor: loss, or give the validation split more examples',
      );
    }
  }
}
