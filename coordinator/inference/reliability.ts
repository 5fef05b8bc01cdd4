/** How far the probabilities of a model can be taken at their word, as it gives them and as they are calibrated. */
import type { KeptExamples } from '../../src/evaluate/kept-examples.js';
import { RunMetrics, resultName } from '../../src/evaluate/run-metrics.js';
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
  const asked = probable.flatMap((head): AskedReading[] => {
    const { calibration } = kept.heads[head].decision ?? {};
    return [{ head }, ...(calibration ? [{ head, decision: { calibration } }] : [])];
  });
  const readings = await read(evaluated, kept, asked, options);
  return probable.map((head) => {
    const { target, decision } = kept.heads[head];
    const own = readings.filter((_, i) => asked[i].head === head);
    return { target, ...(decision && { fitted: fittedOf(decision) }), readings: own };
  });
}

/** A head, and how its probabilities are read. */
interface AskedReading {
  readonly head: number;
  readonly decision?: Decision;
}

function fittedOf({ threshold, calibration }: Decision): NonNullable<CalibrationReport['fitted']> {
  return {
    ...(threshold !== undefined && { threshold }),
    ...(calibration && { method: calibration.method }),
    ...(calibration?.method === 'temperature' && { temperature: calibration.temperature }),
  };
}

/** All of them from the same draws, each as an output by itself. */
async function read(
  evaluated: EvaluatedExamples,
  { heads, outputs, examples }: KeptExamples,
  readings: readonly AskedReading[],
  options: EvaluateOptions,
): Promise<ProbabilityReading[]> {
  const named = readings.map(({ head, decision }, i) => {
    const [error, curve] = ['calibrationError', 'reliability'].map((name) => askedMetric(heads[head].metrics, name));
    const nameOf = (label: string) => (readings.length > 1 ? resultName(`${i}`, label) : label);
    const spec = { ...heads[head], target: `${i}`, factor: 1, metrics: [error.config, curve.config], decision };
    return { spec, error: nameOf(error.label), curve: nameOf(curve.label) };
  });
  const kept = {
    heads: named.map(({ spec }) => spec),
    examples,
    outputs: readings.map(({ head }) => ({ ...outputs[head], customs: [] })),
  };
  const { scalars, figures } = new RunMetrics(kept.heads).ofKept(kept.outputs);
  const values = Object.fromEntries(named.map(({ error }) => [error, scalars[error]]));
  const { intervals } = await resampled(kept, values, resamplingOf(evaluated, options));
  return named.map(({ error, curve }, i) => ({
    isCalibrated: readings[i].decision !== undefined,
    error: scalars[error],
    ...(intervals[error] && { interval: intervals[error] }),
    curve: figures[curve] as MetricCurve,
  }));
}

/** As the run asks for a metric, such as with how many bins; else as it is by itself. */
function askedMetric(
  metrics: readonly MetricConfig[],
  name: string,
): { readonly config: MetricConfig; readonly label: string } {
  const own = metrics.find((config) => new AskedMetric(config).family.name === name);
  const config = own ?? (name as MetricConfig);
  return { config, label: new AskedMetric(config).label };
}
