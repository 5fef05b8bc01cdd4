/** PredictedArrays that were made elsewhere, as what a model's evaluation keeps: the same metrics are computed from them. */
import { ConfigError, DataError } from '../errors.js';
import { grouped, plural } from '../ground/units.js';
import type { Floats, Numbers } from '../metrics/class-probabilities.js';
import { AskedMetric, type MetricConfig } from '../metrics/families.js';
import type { TargetFacts } from '../metrics/metric.js';
import type { KeptExamples } from './kept-examples.js';
import type { HeadMetrics } from './run-metrics.js';

/** What outputs are: of classes their probabilities or logits or the predicted class itself; numbers. */
export type OutputKind = 'probabilities' | 'logits' | 'classes' | 'numbers';

/** PredictedArrays and what they are compared with, in arrays of any kind of number but bigint. */
export interface PredictedArrays {
  /** [examples, width], row by row. */
  readonly outputs: Numbers;
  /** What they are. */
  readonly of: OutputKind;
  /** Numbers of an example in `outputs`; default 1. One probability, or logit, is that of the second of two classes. */
  readonly width?: number;
  /**
   * Class indices, [examples]; numbers, or 0 and 1 of labels that stand each by itself, as many as outputs. Labels are read where
   * probabilities or logits have several columns and targets as many.
   */
  readonly targets: Numbers;
  /** What each example counts, [examples]; absent: 1. */
  readonly weights?: Floats;
  /** What errors call the arrays, such as their files; default: by their keys. */
  readonly called?: { readonly outputs: string; readonly targets: string; readonly weights?: string };
  /** Names of the classes, or how many there are where `of` is classes: default one more than the highest. */
  readonly classes?: number | readonly string[];
}

/** How far a row of probabilities may be from 1 together. */
const most = 1e-3;

/**
 * @throws DataError naming the first number that cannot be
 * @throws ConfigError naming a metric that such predictions do not have
 */
export function keptArrays(predictions: PredictedArrays, metrics: readonly MetricConfig[]): KeptExamples {
  const { outputs, of, width = 1, targets, weights } = predictions;
  const called = calledOf(predictions);
  const examples = outputs.length / width;
  if (!Number.isInteger(examples) || examples === 0) {
    throw new DataError(
      `${called.outputs}: ${grouped(outputs.length)} numbers are no rows of ${width}`,
      'give at least one row, and each as many columns',
    );
  }
  const isLabels = of !== 'classes' && of !== 'numbers' && width > 1 && targets.length === outputs.length;
  const wanted = of === 'numbers' || isLabels ? examples * width : examples;
  requireLength(called.targets, targets.length, wanted, examples);
  if (weights) requireLength(called.weights, weights.length, examples, examples);
  if (weights)
    requireEach(called.weights, weights, (weight) => weight >= 0 && weight < Infinity, 'finite and not negative');
  const head = headOf(predictions, metrics, isLabels);
  checkNumbers(predictions, head);
  checkAsked(head, of, isLabels);
  const kept = {
    examples,
    outputs: of === 'classes' && !(outputs instanceof Int32Array) ? new Int32Array(outputs) : outputs,
    targets,
    customs: [],
    ...(weights && { weights: weights instanceof Float32Array ? weights : new Float32Array(weights) }),
  };
  return { heads: [head], examples, outputs: [kept] };
}

const calledOf = ({ called }: PredictedArrays) => ({
  ...{ outputs: 'outputs', targets: 'targets', weights: 'weights' },
  ...called,
});

function headOf(
  { of, width = 1, outputs, targets, weights, classes }: PredictedArrays,
  metrics: readonly MetricConfig[],
  isLabels: boolean,
): HeadMetrics {
  const named = typeof classes === 'object' ? classes : undefined;
  const asked = typeof classes === 'number' ? classes : named?.length;
  const ofClasses = of !== 'numbers' && !isLabels;
  const count = of === 'classes' ? (asked ?? Math.max(2, highest(outputs) + 1, highest(targets) + 1)) : width;
  const kinds = {
    probabilities: width === 1 || isLabels ? 'sigmoid' : 'softmax',
    logits: 'logits',
    classes: 'classes',
  };
  if (of !== 'classes' && asked !== undefined && asked !== Math.max(2, width) && ofClasses) {
    throw new DataError(
      `classes: ${asked} of them, and outputs have ${plural(width, 'column')}`,
      'give one column a class',
    );
  }
  return {
    ...{ target: 'targets', factor: 1, metrics, outputs: count, places: 1, classes: ofClasses },
    threshold: of === 'probabilities' ? 0.5 : 0,
    binary: isLabels || (ofClasses && of !== 'classes' && width === 1),
    weighted: weights !== undefined,
    ...(of !== 'numbers' && { kind: kinds[of] as HeadMetrics['kind'] }),
    ...(named && { names: named }),
  };
}

function checkNumbers(predictions: PredictedArrays, head: HeadMetrics): void {
  const { outputs, of, width = 1, targets } = predictions;
  const called = calledOf(predictions);
  const isWhole = (count: number) => (value: number) => Number.isInteger(value) && value >= 0 && value < count;
  if (head.classes) {
    const count = Math.max(2, head.outputs);
    requireEach(called.targets, targets, isWhole(count), `a whole number from 0 to ${count - 1}`);
    if (of === 'classes') requireEach(called.outputs, outputs, isWhole(count), `a whole number from 0 to ${count - 1}`);
  } else if (head.binary) {
    requireEach(called.targets, targets, (value) => value === 0 || value === 1, '0 or 1');
  } else requireEach(called.targets, targets, Number.isFinite, 'a finite number');
  if (of !== 'probabilities') return;
  requireEach(called.outputs, outputs, (value) => !(value < 0 || value > 1), 'a probability; logits are said by "of"');
  if (width === 1 || head.binary) return;
  for (let start = 0; start < outputs.length; start += width) {
    let sum = 0;
    for (let i = start; i < start + width; i++) sum += outputs[i];
    if (!(Math.abs(sum - 1) > most)) continue;
    throw new DataError(
      `${called.outputs}: row ${grouped(start / width)} adds up to ${sum.toPrecision(6)}, and probabilities of classes to 1`,
      'say that outputs are logits, or divide each row by its sum',
    );
  }
}

/** Facts of targets that were checked: numbers are no classes. */
const noClasses: TargetFacts['broken'] = { binary: 0, signs: 0, rows: 0 };

function checkAsked(head: HeadMetrics, of: OutputKind, isLabels: boolean): void {
  const loss =
    isLabels || head.binary
      ? 'binaryCrossentropy'
      : head.classes
        ? 'sparseCategoricalCrossentropy'
        : 'meanSquaredError';
  const facts = { width: head.outputs, broken: isLabels ? {} : noClasses };
  for (const config of head.metrics) {
    const metric = new AskedMetric(config);
    const { family, label } = metric;
    if (family.name === 'custom') {
      throw new ConfigError(`metrics: ${label} is a function of a run's module`, 'leave it out, or evaluate the run');
    }
    if (of === 'classes' && !family.needsThreshold) {
      throw new ConfigError(
        `metrics: ${label} needs probabilities or scores, and outputs are predicted classes`,
        'give probabilities, or ask for accuracy, f1, mcc, cohenKappa, confusionMatrix and their like',
      );
    }
    const misfit = metric.misfit(head, loss, facts);
    if (misfit) throw new ConfigError(`metrics: ${label} ${misfit.problem}`, misfit.remedy);
  }
}

function requireLength(name: string, length: number, wanted: number, examples: number): void {
  if (length === wanted) return;
  throw new DataError(
    `${name}: ${plural(length, 'number')}, and ${plural(examples, 'example')} want ${grouped(wanted)}`,
    'give outputs and targets of the same examples, in the same order',
  );
}

function requireEach(name: string, values: Numbers, fits: (value: number) => boolean, rule: string): void {
  for (let i = 0; i < values.length; i++) {
    if (fits(values[i])) continue;
    throw new DataError(
      `${name}: number ${grouped(i)} is ${values[i]}, and must be ${rule}`,
      'give other numbers there',
    );
  }
}

function highest(values: Numbers): number {
  let found = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) if (values[i] > found) found = values[i];
  return Math.floor(found);
}
