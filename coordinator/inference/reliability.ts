/** How far the probabilities of a model can be taken at their word, as it gives them and as they are calibrated. */
import type { KeptExamples } from '../../src/evaluate/kept-examples.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { resampled } from '../../src/evaluate/uncertainty.js';
import type { Decision } from '../../src/metrics/class-probabilities.js';
import { AskedMetric, type MetricConfig } from '../../src/metrics/families.js';
import type { MetricCurve } from '../../src/metrics/metric.js';
import type { CalibrationReport, ProbabilityReading } from '../../src/report/evaluation-report.js';
import { resamplingOf } from './evaluate.js';
import type { EvaluatedExamples } from './evaluate-examples.js';
import type { EvaluateOptions } from './evaluated-data.js';

/** @returns of each target whose examples have one class with a probability; undefined where there is none, or nothing was kept */
export async function reliabilityOf(
  evaluated: EvaluatedExamples,
  options: EvaluateOptions,
): Promise<CalibrationReport[] | undefined> {
  const { kept, probable } = evaluated;
  if (!kept || kept.examples === 0 || probable.length === 0) return undefined;
  const found: CalibrationReport[] = [];
  for (const head of probable) {
    const { target, decision } = kept.heads[head];
    const { calibration } = decision ?? {};
    const readings = [await reading(evaluated, kept, head, undefined, options)];
    if (calibration) readings.push(await reading(evaluated, kept, head, { calibration }, options));
    found.push({ target, ...(decision && { fitted: fittedOf(decision) }), readings });
  }
  return found;
}

function fittedOf({ threshold, calibration }: Decision): NonNullable<CalibrationReport['fitted']> {
  return {
    ...(threshold !== undefined && { threshold }),
    ...(calibration && { method: calibration.method }),
    ...(calibration?.method === 'temperature' && { temperature: calibration.temperature }),
  };
}

async function reading(
  evaluated: EvaluatedExamples,
  { heads, outputs, examples }: KeptExamples,
  of: number,
  decision: Decision | undefined,
  options: EvaluateOptions,
): Promise<ProbabilityReading> {
  const [error, curve] = ['calibrationError', 'reliability'].map((name) => asked(heads[of].metrics, name));
  const kept = {
    heads: [{ ...heads[of], factor: 1, metrics: [error.config, curve.config], decision }],
    examples,
    outputs: [{ ...outputs[of], customs: [] }],
  };
  const { scalars, figures } = new RunMetrics(kept.heads).ofKept(kept.outputs);
  const value = scalars[error.label];
  const { intervals } = await resampled(kept, { [error.label]: value }, resamplingOf(evaluated, options));
  return {
    isCalibrated: decision !== undefined,
    error: value,
    ...(intervals[error.label] && { interval: intervals[error.label] }),
    curve: figures[curve.label] as MetricCurve,
  };
}

/** As the run asks for a metric, such as with how many bins; else as it is by itself. */
function asked(
  metrics: readonly MetricConfig[],
  name: string,
): { readonly config: MetricConfig; readonly label: string } {
  const own = metrics.find((config) => new AskedMetric(config).family.name === name);
  const config = own ?? (name as MetricConfig);
  return { config, label: new AskedMetric(config).label };
}
