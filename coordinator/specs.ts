/** What engines and metrics need to know of a run, from its config, its data and its model. */
import type { DataConfig } from '../src/config/data.js';
import { lossSettings } from '../src/config/model.js';
import type { RunConfig } from '../src/config/run.js';
import { type Dataset, targetColumn } from '../src/data/examples.js';
import { elements, weighsPlaces } from '../src/data/field.js';
import { metaOf } from '../src/data/image.js';
import type { TargetSurvey } from '../src/data/target-survey.js';
import type { StepModel, StepSpec } from '../src/engine/step.js';
import { ConfigError } from '../src/errors.js';
import type { MetricSpec } from '../src/evaluate/output-metrics.js';
import { AskedMetric } from '../src/metrics/families.js';
import { layersReadIds } from '../src/model/ids.js';
import { decided } from '../src/model/outputs.js';
import { isZeroOneHinge } from '../src/model/target-range.js';

/**
 * The data of a run as they are to be read: numbers that an embedding looks up stay whole.
 * @throws ConfigError when missing ones would become their mean, which is no id
 */
export function dataConfigOf({ data, model }: RunConfig): DataConfig {
  if (data.source !== 'csv' && data.source !== 'parquet') return data;
  if (data.standardize !== undefined || !('layers' in model) || !layersReadIds(model.layers)) return data;
  if (data.missing === 'mean') {
    throw new ConfigError(
      'data.missing: mean: an embedding reads the columns, and ids have no mean',
      'use drop or error',
    );
  }
  return { ...data, standardize: false };
}

/** @param survey of targets that are numbers */
export function stepSpec(config: RunConfig, { examples }: Dataset, survey: TargetSurvey | undefined): StepSpec {
  return {
    model: config.model,
    loss: config.loss,
    seed: config.seed,
    fields: metaOf(examples).fields,
    ...(isZeroOneHinge(config.loss, survey) ? { zeroOne: true } : {}),
    metrics: config.metrics,
    l1: config.training.l1,
    l2: config.training.l2,
  };
}

export function metricSpec(config: RunConfig, { examples, encoding }: Dataset, step: StepModel): MetricSpec {
  const { output, places } = step;
  const { name } = lossSettings(config.loss);
  return {
    metrics: config.metrics,
    outputs: elements(output.shape) / places,
    places,
    classes: targetColumn(examples).categories !== undefined,
    threshold: thresholdOf(config, step),
    binary: name === 'binaryCrossentropy' || name === 'hinge',
    weighted: weighsPlaces(examples.columns),
    ...(encoding.targetScaling && { deviations: encoding.targetScaling.deviation }),
  };
}

/** Where one output tells two classes apart: probabilities at 0.5, anything else by its sign. */
function thresholdOf({ loss, metrics }: RunConfig, { output: { outputs, shape } }: StepModel): number {
  const reader = metrics.map((metric) => new AskedMetric(metric)).find(({ family }) => family.needsThreshold);
  const isUnknown = lossSettings(loss).name === 'custom' && (shape.at(-1) ?? 1) === 1;
  const kind = reader && isUnknown ? decided(outputs, `metric ${reader.label}`, 'custom') : outputs.kind;
  return kind === 'sigmoid' ? 0.5 : 0;
}
