/** What engines and metrics need to know of a run, from its config, its data and its model. */

import type { DataConfig } from '../../src/config/data.js';
import { type HeadConfig, headsOf } from '../../src/config/heads.js';
import { type LossConfig, lossSettings } from '../../src/config/model.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { isTable } from '../../src/config/table.js';
import { isInputColumns } from '../../src/config/table-fields.js';
import type { Augmentation } from '../../src/data/augment/moved.js';
import { eachRow } from '../../src/data/each-row.js';
import { type InputEncoding, targetEncoding } from '../../src/data/encoding.js';
import type { Column, Dataset } from '../../src/data/examples.js';
import { isPlain, ofRole, strideOf, weighsPlaces, widthOf } from '../../src/data/field.js';
import { metaOf } from '../../src/data/packed.js';
import type { TargetSurvey } from '../../src/data/target-survey.js';
import { bytesOfTokens } from '../../src/data/text/tokenizer-json.js';
import type { Head } from '../../src/engine/heads.js';
import type { StepModel, StepSpec } from '../../src/engine/step.js';
import { ConfigError, DataError } from '../../src/errors.js';
import type { HeadMetrics } from '../../src/evaluate/run-metrics.js';
import { elements } from '../../src/ground/elements.js';
import { indexOfNumeral } from '../../src/ground/numeral.js';
import { AskedMetric } from '../../src/metrics/families.js';
import { idInputsOf } from '../../src/model/build/ids.js';
import { decided } from '../../src/model/outputs.js';
import { isZeroOneHinge } from '../../src/model/target-range.js';
import { checkTargets } from './check-targets.js';

/**
 * The data of a run as they are to be read: numbers that an embedding looks up stay whole, and a column of which it has as
 * many rows as there are categories is coded.
 * @throws ConfigError when missing ones would become their mean, which is no id
 */
export function dataConfigOf({ data, model }: RunConfig): DataConfig {
  if (!('layers' in model)) return data;
  if (!isTable(data) && (data.source !== 'images' || !data.table)) return data;
  const { inputs, standardize, missing } = data;
  const ids = idInputsOf(model.layers, inputs && Object.keys(inputs));
  const refuseMean = () => {
    if (missing !== 'mean') return;
    throw new ConfigError(
      'data.missing: mean: an embedding reads the columns, and ids have no mean',
      'use drop or error',
    );
  };
  if (inputs) {
    const read = Object.entries(inputs).map(([name, input]) => {
      const dims = ids.get(name);
      const isCoded = typeof input === 'object' && ('index' in input || 'text' in input);
      if (!dims || !isInputColumns(input) || isCoded) return [name, input] as const;
      if (typeof input === 'string' && dims.every((dim) => dim === 'categories'))
        return [name, { index: input }] as const;
      if (standardize !== undefined || (typeof input === 'object' && 'standardize' in input))
        return [name, input] as const;
      refuseMean();
      const columns = typeof input === 'object' && 'columns' in input ? input.columns : input;
      return [name, { columns, standardize: false }] as const;
    });
    // Each is what it was, or columns of the same table.
    return { ...data, inputs: Object.fromEntries(read) } as DataConfig;
  }
  if (standardize !== undefined || ids.size === 0) return data;
  refuseMean();
  return { ...data, standardize: false };
}

/** A target of the data, and what the config asks of it. */
export interface AskedTarget extends HeadConfig {
  readonly column: Column;
  /** Of targets that are numbers. */
  readonly survey: TargetSurvey | undefined;
  /** As HeadSpec has it. */
  readonly counted?: number;
}

/**
 * The targets of a run, checked.
 * @throws ConfigError when a target has no loss, or a loss or metrics no target; as checkTargets does
 */
export async function askedTargets(config: RunConfig, dataset: Dataset): Promise<AskedTarget[]> {
  const columns = ofRole(dataset.examples.columns, 'target');
  const heads = headsOf(
    config,
    columns.map(({ name }) => name),
  );
  const asked: AskedTarget[] = [];
  for (const [i, given] of heads.entries()) {
    const head = { ...given, loss: ignoringByName(given.loss, targetEncoding(dataset.encoding, columns[i]).classes) };
    const survey = await checkTargets({ data: config.data, loss: head.loss }, dataset, columns[i]);
    const places = await countedPlaces(dataset, columns[i], head, given.loss);
    // One alone is divided by the places of the batch.
    const counted = columns.length > 1 ? places : undefined;
    asked.push({ ...head, column: columns[i], survey, counted });
  }
  return asked;
}

/**
 * The loss with the index of the class that it ignores: classes whose names are numbers, as of a column of labels, go by those.
 * @param names of the classes, where they have some
 */
function ignoringByName(loss: LossConfig, names: readonly string[] | undefined): LossConfig {
  const { name, ...options } = lossSettings(loss);
  const { ignoreClass } = options;
  if (ignoreClass === undefined || !names) return loss;
  const index = indexOfNumeral(names, ignoreClass);
  if (index === undefined) return loss;
  // An index that is another class's number; what is no index may be in the data as it is.
  const none = ignoreClass >= 0 && ignoreClass < names.length ? -1 : ignoreClass;
  return { [name]: { ...options, ignoreClass: index < 0 ? none : index } } as LossConfig;
}

/**
 * Places of an example of the training split that a loss does not ignore, on average; undefined where it ignores no class.
 * @param said the loss as the config has it
 * @throws DataError where there are none
 */
async function countedPlaces(
  { examples, splits: { training } }: Dataset,
  column: Column,
  { target, loss }: HeadConfig,
  said: LossConfig,
): Promise<number | undefined> {
  const { ignoreClass } = lossSettings(loss);
  if (ignoreClass === undefined || training.length === 0) return undefined;
  const width = widthOf(column);
  const mask = ofRole(examples.columns, 'mask').find(({ of }) => of === target);
  const wide = mask ? width / widthOf(mask) : 1;
  const maskStride = mask ? strideOf(mask) : 0;
  const isTrained = new Uint8Array(examples.count);
  for (const row of training) isTrained[row] = 1;
  let places = 0;
  await eachRow(column, examples.count, (values, start, example) => {
    if (isTrained[example] === 0) return;
    for (let i = 0; i < width; i++) {
      const isThere = mask === undefined || mask.values[example * maskStride + Math.floor(i / wide)] > 0;
      if (isThere && values[start + i] !== ignoreClass) places++;
    }
  });
  if (places > 0) return places / training.length;
  throw new DataError(
    `${isPlain(column) ? 'loss' : `loss.${target}`}: ignoreClass ${lossSettings(said).ignoreClass} leaves none of the targets in the training split`,
    'name another class, or add examples of other classes',
  );
}

/** Augmentation with the classes that losses leave out: what comes in from outside of a picture is of such. */
export function augmentationOf({ augment }: RunConfig, targets: readonly AskedTarget[]): Augmentation | undefined {
  const ignored = targets.map(({ target, loss }) => [target, lossSettings(loss).ignoreClass] as const);
  const outside = Object.fromEntries(ignored.filter((each): each is [string, number] => each[1] !== undefined));
  return augment && (Object.keys(outside).length === 0 ? augment : { ...augment, outside });
}

export function stepSpec(
  config: RunConfig,
  { examples, encoding }: Dataset,
  targets: readonly AskedTarget[],
): StepSpec {
  return {
    model: config.model,
    heads: targets.map(({ target, loss, weight, metrics, survey, counted }) => ({
      target,
      loss,
      weight,
      metrics,
      ...(counted !== undefined && { counted }),
      ...(isZeroOneHinge(loss, survey) ? { zeroOne: true } : {}),
    })),
    seed: config.seed,
    fields: metaOf(examples).fields,
    ...documentsApart(config, encoding),
    l1: config.training.l1,
    l2: config.training.l2,
    recompute: config.training.recompute,
    precision: config.training.precision,
  };
}

/** What keeps the documents of a text apart. */
const documentsApart = ({ data }: RunConfig, { input }: Dataset['encoding']): Pick<StepSpec, 'documentEnd'> =>
  data.source === 'text' && data.documentMask && input.kind === 'text' ? { documentEnd: input.endOfText } : {};

export const metricSpecs = (targets: readonly AskedTarget[], dataset: Dataset, step: StepModel): HeadMetrics[] =>
  targets.map((target, i) => metricSpec(target, dataset, step.heads[i]));

function metricSpec(asked: AskedTarget, { examples, encoding }: Dataset, head: Head): HeadMetrics {
  const { target, loss, metrics, column, weight } = asked;
  const { spec, places } = head;
  const { name } = lossSettings(loss);
  const { targetScaling, classes } = targetEncoding(encoding, column);
  const bytes = encoding.input.kind === 'text' ? bytesOfVocabulary(encoding.input) : undefined;
  return {
    target,
    factor: weight,
    metrics,
    places,
    outputs: elements(spec.shape) / places,
    classes: column.categories !== undefined,
    threshold: thresholdOf(asked, head),
    binary: name === 'binaryCrossentropy' || name === 'hinge',
    weighted: weighsPlaces(examples.columns, column),
    ...kindOf(asked, head),
    ...(classes && { names: classes }),
    ...(bytes && { bytes }),
    ...(targetScaling && { deviations: targetScaling.deviation, means: targetScaling.mean }),
  };
}

/** Bytes of text that each token stands for; the end of a text is none of it. Absent where they are those of its name. */
function bytesOfVocabulary({
  vocabulary,
  tokenizer,
  endOfText,
}: Extract<InputEncoding, { kind: 'text' }>): number[] | undefined {
  if (!tokenizer && endOfText === undefined) return undefined;
  const bytes = tokenizer ? bytesOfTokens(tokenizer) : vocabulary.map((name) => Buffer.byteLength(name));
  if (endOfText !== undefined && bytes.length > 0) bytes[endOfText] = 0;
  return bytes;
}

/** @throws ModelError when a metric of probabilities is asked for, and nobody knows whether the outputs are some */
function kindOf({ loss, metrics }: AskedTarget, { spec: { outputs } }: Head): Pick<HeadMetrics, 'kind'> {
  const reader = metrics.map((metric) => new AskedMetric(metric)).find(({ family }) => family.needsProbabilities);
  if (reader) return { kind: decided(outputs, `metric ${reader.label}`, lossSettings(loss).name) };
  return outputs.kind === 'undecided' ? {} : { kind: outputs.kind };
}

/** Where one output tells two classes apart: probabilities at 0.5, anything else by its sign. */
function thresholdOf({ loss, metrics }: AskedTarget, { spec: { outputs, shape } }: Head): number {
  const reader = metrics.map((metric) => new AskedMetric(metric)).find(({ family }) => family.needsThreshold);
  const isUnknown = lossSettings(loss).name === 'custom' && (shape.at(-1) ?? 1) === 1;
  const kind = reader && isUnknown ? decided(outputs, `metric ${reader.label}`, 'custom') : outputs.kind;
  return kind === 'sigmoid' ? 0.5 : 0;
}
