/** Whether the metrics of a run fit its targets, and whether the one that it watches can ever be a number. */
import type { RunConfig } from '../../src/config/run-config.js';
import type { Dataset } from '../../src/data/examples.js';
import { isConstant } from '../../src/data/target-survey.js';
import { ConfigError } from '../../src/errors.js';
import { monitorOf } from '../../src/evaluate/monitor.js';
import { type HeadMetrics, mostKept, RunMetrics, resultName } from '../../src/evaluate/run-metrics.js';
import { AskedMetric } from '../../src/metrics/families.js';
import { lossName } from '../../src/model/target-range.js';
import type { AskedTarget } from './specs.js';

/** @throws ConfigError when a metric says nothing about targets such as these */
export function checkMetrics(
  targets: readonly AskedTarget[],
  specs: readonly HeadMetrics[],
  warn: (message: string) => void,
): void {
  targets.forEach(({ target, loss, metrics, survey }, head) => {
    const name = lossName(loss);
    metrics.forEach((config, i) => {
      const metric = new AskedMetric(config);
      const misfit = metric.misfit(specs[head], name, survey);
      const key = targets.length > 1 ? `metrics.${target}.${i}` : `metrics.${i}`;
      if (misfit) throw new ConfigError(`${key}: ${metric.label} ${misfit.problem} (loss ${name})`, misfit.remedy);
      const warning = metric.warning(specs[head]);
      if (warning !== undefined) warn(warning);
    });
  });
  const { kept } = new RunMetrics(specs);
  if (kept <= mostKept) return;
  throw new ConfigError(
    `metrics: those that need all examples at once keep ${kept} numbers of each, more than ${mostKept}`,
    'leave out auc, averagePrecision, their curves and medianAbsoluteError, or ask for them of smaller outputs',
  );
}

/** A metric of the run by the name that results have it under. */
interface NamedMetric {
  readonly name: string;
  readonly metric: AskedMetric;
  readonly target: AskedTarget;
}

/** @throws ConfigError when the run does not measure what it is to watch, or never can */
export function checkMonitor(
  config: Pick<RunConfig, 'training' | 'metrics'>,
  targets: readonly AskedTarget[],
  { splits }: Dataset,
  warn: (message: string) => void,
): void {
  const { metric: watched } = monitorOf(config);
  const { validation } = splits;
  const asked = targets.flatMap((target) =>
    target.metrics.map((config): NamedMetric => {
      const metric = new AskedMetric(config);
      return { name: targets.length > 1 ? resultName(target.target, metric.label) : metric.label, metric, target };
    }),
  );
  const watchable = asked.filter(({ metric }) => metric.family.better !== undefined).map(({ name }) => name);
  const losses = targets.length > 1 ? targets.map(({ target }) => resultName(target, 'loss')) : [];
  const names = validation.length > 0 ? ['loss', ...losses, ...watchable] : ['loss'];
  if (!names.includes(watched)) {
    const problem = validation.length > 0 ? 'is no metric of this run' : 'needs a validation split';
    const remedy =
      validation.length > 0
        ? `use one of ${names.join(', ')}, or add it to metrics`
        : 'set data.validation, or use loss';
    throw new ConfigError(`training.monitor: ${JSON.stringify(watched)} ${problem}`, remedy);
  }
  for (const named of asked) if (named.metric.family.needsSpread) checkSpread(named, watched, splits, warn);
}

function checkSpread(
  { name: metric, target }: NamedMetric,
  watched: string,
  splits: Dataset['splits'],
  warn: (message: string) => void,
): void {
  for (const name of ['validation', 'test'] as const) {
    if (splits[name].length === 0 || !isConstant(target.column, splits[name])) continue;
    const why =
      splits[name].length === 1
        ? 'it has one example only'
        : 'all its targets are the same, so that nothing is explained';
    if (name === 'test' || watched !== metric) warn(`${metric} of the ${name} split is not a number: ${why}`);
    else {
      throw new ConfigError(
        `training.monitor: ${metric} of the validation split is never a number: ${why}`,
        'set training.monitor: loss, or give the validation split more examples',
      );
    }
  }
}
