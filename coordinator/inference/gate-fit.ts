/** Whether a gate can be asked of a model: before it is evaluated, and so before its test split is opened. */
import type { Gate } from '../../src/config/gate.js';
import { byTarget, lossSettings } from '../../src/config/model.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { ConfigError } from '../../src/errors.js';
import { refuseIdle } from '../../src/evaluate/gate-ranges.js';
import type { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { oneOf } from '../../src/ground/suggest.js';
import { fromZero } from '../../src/metrics/metric.js';

/** What messages call a gate. */
export const nameOf = ({ file = 'gate' }: Gate): string => file;

/** @throws ConfigError where it names a metric that the model does not have, or a limit that is always kept, or never */
export function checkGate(gate: Gate, place: string, metrics: RunMetrics, config: RunConfig): void {
  const { slices, baseline } = gate;
  const asked = [
    ...Object.entries(gate.metrics).map(([name, limit]) => ({ key: `metrics.${name}`, name, limit })),
    ...Object.entries(slices).flatMap(([by, each]) =>
      Object.entries(each).map(([name, limit]) => ({ key: `slices.${by}.${name}`, name, limit })),
    ),
    ...Object.entries(baseline?.metrics ?? {}).map(([name, limit]) => ({
      key: `baseline.metrics.${name}`,
      name,
      limit,
    })),
  ];
  for (const { key, name, limit } of asked) {
    const at = `${nameOf(gate)}: ${key}`;
    const { family } = requireMetric(at, place, name, metrics);
    refuseIdle(at, name, limit, family ? family.range : rangeOfLoss(config));
    if (!('bound' in limit) || limit.bound === undefined || config.evaluation.resamples > 0) continue;
    throw new ConfigError(
      `${at}.bound: there are no intervals, as evaluation.resamples is 0`,
      'add --set evaluation.resamples=2000',
    );
  }
}

/** @throws ConfigError where the baseline does not have a metric that the gate names */
export function checkBaseline(gate: Gate, run: string, metrics: RunMetrics): void {
  for (const name of Object.keys(gate.baseline?.metrics ?? {}))
    requireMetric(`${nameOf(gate)}: baseline.metrics.${name}`, run, name, metrics);
}

/** A function of the user's may have any value. */
function rangeOfLoss({ loss }: RunConfig): readonly [number, number] | undefined {
  const losses = byTarget(loss) ? Object.values(loss) : [loss];
  return losses.some((each) => lossSettings(each).name === 'custom') ? undefined : fromZero;
}

function requireMetric(at: string, place: string, name: string, { numbers, figures }: RunMetrics) {
  const found = numbers.find((number) => number.name === name);
  if (found) return found;
  const names = numbers.map((number) => number.name);
  const what = figures.includes(name) ? `is a table or a curve of ${place}, and no number` : `is no metric of ${place}`;
  throw new ConfigError(
    `${at}: ${JSON.stringify(name)} ${what}, which has ${names.join(', ')}`,
    oneOf(name, names, 'use one of those, or have more of them computed: --set metrics=[accuracy, logLoss]'),
  );
}
