/** Whether the metrics of a run fit its targets, and whether the one that it watches can ever be a number. */
import type { RunConfig } from '../src/config/run.js';
import { type Dataset, targetColumn } from '../src/data/examples.js';
import { isConstant, type TargetSurvey } from '../src/data/target-survey.js';
import { ConfigError } from '../src/errors.js';
import { monitorOf } from '../src/evaluate/monitor.js';
import type { MetricSpec } from '../src/evaluate/output-metrics.js';
import { AskedMetric } from '../src/metrics/families.js';
import { lossName } from '../src/model/target-range.js';

/** @throws ConfigError when a metric says nothing about targets such as these */
export function checkMetrics(
  config: Pick<RunConfig, 'loss' | 'metrics'>,
  spec: MetricSpec,
  survey: TargetSurvey | undefined,
  warn: (message: string) => void,
): void {
  const loss = lossName(config.loss);
  config.metrics.forEach((config, i) => {
    const metric = new AskedMetric(config);
    const misfit = metric.misfit(spec, loss, survey);
    if (misfit) throw new ConfigError(`metrics.${i}: ${metric.label} ${misfit.problem} (loss ${loss})`, misfit.remedy);
    const warning = metric.warning(spec);
    if (warning !== undefined) warn(warning);
  });
}

/** @throws ConfigError when the run does not measure what it is to watch, or never can */
export function checkMonitor(
  { training, metrics }: Pick<RunConfig, 'training' | 'metrics'>,
  { examples, splits }: Dataset,
  warn: (message: string) => void,
): void {
  const { metric } = monitorOf(training);
  const { validation } = splits;
  const asked = metrics.map((config) => new AskedMetric(config));
  const watchable = asked.filter(({ family }) => family.better !== undefined).map(({ label }) => label);
  const names = validation.length > 0 ? ['loss', ...watchable] : ['loss'];
  if (!names.includes(metric)) {
    const problem = validation.length > 0 ? 'is no metric of this run' : 'needs a validation split';
    const remedy =
      validation.length > 0
        ? `use one of ${names.join(', ')}, or add it to metrics`
        : 'set data.validation, or use loss';
    throw new ConfigError(`training.monitor: ${JSON.stringify(metric)} ${problem}`, remedy);
  }
  const spread = asked.find(({ family }) => family.needsSpread)?.label;
  if (spread === undefined) return;
  for (const name of ['validation', 'test'] as const) {
    if (splits[name].length === 0 || !isConstant(targetColumn(examples), splits[name])) continue;
    const why =
      splits[name].length === 1
        ? 'it has one example only'
        : 'all its targets are the same, so that nothing is explained';
    if (name === 'test' || metric !== spread) warn(`${spread} of the ${name} split is not a number: ${why}`);
    else {
      throw new ConfigError(
        `training.monitor: ${spread} of the validation split is never a number: ${why}`,
        'set training.monitor: loss, or give the validation split more examples',
      );
    }
  }
}
