/** An evaluated batch as the metrics read it: what several of them need is computed once, when the first one asks. */
import { type Decision, decidedClasses, decides, type Numbers, ofTwo, probabilitiesOf } from './class-probabilities.js';
import { highest, oneHot, rankOf, sumOf } from './row-numbers.js';

/** What the metrics need to know of an output and its targets. */
export interface ScoredOutput {
  /** Numbers in the output of one place of an example. */
  readonly outputs: number;
  /** Places of one example: as many as a sequence has class indices, or rows of numbers that masks or weights tell apart. */
  readonly places: number;
  /** Targets are class indices. */
  readonly classes: boolean;
  /**
   * What the outputs are; undefined where that cannot be told, and no metric asks. `classes`: one number a place, which is the
   * predicted class itself.
   */
  readonly kind?: 'logits' | 'softmax' | 'sigmoid' | 'classes';
  /** Of the classes, or of the outputs, where they have some. */
  readonly names?: readonly string[];
  /** Bytes of the text that each class stands for, where that is not its name; none where they cannot be told. */
  readonly bytes?: readonly number[];
  /** Above this a single output means the second class: 0.5 for probabilities, 0 for logits. */
  readonly threshold: number;
  /** How probabilities and classes are read instead, where that was fitted. */
  readonly decision?: Decision;
  /** Each output tells two classes apart by itself, as under binary cross-entropy and hinge: accuracy counts outputs. */
  readonly binary: boolean;
  /** Places have weights, so that what counts is no integer. */
  readonly weighted: boolean;
  /** Deviations by which targets were divided, in turn: metrics of numbers are in the units of the targets. */
  readonly deviations?: readonly number[];
  /** Means that were taken off before. */
  readonly means?: readonly number[];
}

/** What an engine makes of a batch, and its targets. */
export interface EvaluatedBatch {
  /** Model outputs, [count, places, outputs]. */
  readonly outputs: Numbers;
  /** Class indices, [count, places], or values, [count, places, outputs]. */
  readonly targets: ArrayLike<number>;
  /** Loss of each example, [count], and what their sum is divided by. */
  readonly losses: Float32Array;
  readonly divisor: number;
  /** Values by the metrics of users, [count] each, or [count, places]. */
  readonly metrics: readonly Float32Array[];
  /** 1 for places that count, 0 for others, [count, places]; all do where there is none. */
  readonly valid?: Float32Array;
  /** Weights of places, [count, places]. */
  readonly weights?: Float32Array;
}

/** The arrays of a batch, or of a split, that rows are read from. */
export interface RowArrays extends Pick<EvaluatedBatch, 'outputs' | 'targets' | 'metrics' | 'valid' | 'weights'> {
  readonly examples: number;
}

/** A row is a place of an example. What is left out has weight 0, and must not count even where it is not finite. */
export class EvaluatedRows {
  readonly count: number;
  readonly examples: number;
  /** [count, outputs] */
  readonly outputs: Numbers;
  /** What each row counts, [count]; all count 1 where there is none. */
  readonly weights: Float64Array | undefined;
  /** Sum of the weights. */
  readonly weight: number;
  /** The same rows before they were weighed again, or these: what is the same for both is found by them. */
  readonly base: EvaluatedRows;
  readonly #spec: ScoredOutput;
  readonly #batch: RowArrays;
  readonly #customs: readonly string[];
  #values: ArrayLike<number> | undefined;
  #errors: Float64Array | undefined;
  #ranks: Float64Array | undefined;
  #truths: Float64Array | undefined;
  #classes: ArrayLike<number> | undefined;
  #predicted: Int32Array | undefined;
  #probabilities: Float64Array | undefined;
  #likeliest: Int32Array | undefined;

  /**
   * @param customs names of the users' metrics, in the order of their values
   * @param again other weights of the rows of a base
   */
  constructor(
    spec: ScoredOutput,
    batch: RowArrays,
    customs: readonly string[],
    again?: { readonly base: EvaluatedRows; readonly weights: Float64Array },
  ) {
    this.base = again?.base ?? this;
    this.#spec = spec;
    this.#batch = batch;
    this.#customs = customs;
    this.examples = batch.examples;
    // Not by `places`: those of sequences that are cut in this batch are fewer.
    this.count = batch.outputs.length / (spec.kind === 'classes' ? 1 : spec.outputs);
    this.outputs = batch.outputs;
    this.weights = again ? again.weights : weightsOf(batch, this.count);
    this.weight = this.weights ? sumOf(this.weights) : this.count;
  }

  /** The same rows, each example as often as it is said, [examples]. */
  reweighted(multiplicities: Float64Array): EvaluatedRows {
    const { base, count } = this;
    const places = count / this.examples;
    if (!base.weights && places === 1) return this.#again(multiplicities);
    const weights = new Float64Array(count);
    for (let row = 0, example = 0; row < count; example++) {
      const times = multiplicities[example];
      for (let i = 0; i < places; i++, row++) weights[row] = base.weights ? times * base.weights[row] : times;
    }
    return this.#again(weights);
  }

  #again(weights: Float64Array): EvaluatedRows {
    const { base } = this;
    return new EvaluatedRows(this.#spec, this.#batch, this.#customs, { base, weights });
  }

  /** Target of each output, [count, outputs], as they were standardized; class indices as one-hot rows, or 0 and 1 where there is one output. */
  get values(): ArrayLike<number> {
    if (this.base !== this) return this.base.values;
    this.#values ??= this.#spec.classes
      ? oneHot(this.#batch.targets, this.count, this.#spec.outputs)
      : this.#batch.targets;
    return this.#values;
  }

  /** Output minus target, in the units of the targets, [count, outputs]. */
  get errors(): Float64Array {
    if (this.base !== this) return this.base.errors;
    this.#errors ??= errorsOf(this.#spec, this.outputs, this.values, this.count);
    return this.#errors;
  }

  /**
   * How many outputs beat that of the target, [count]; ties go to the lower index. Infinity where that is NaN. A single output
   * has rank 0 where it tells the two classes apart rightly, and 1 where it does not.
   */
  get ranks(): Float64Array {
    if (this.base !== this) return this.base.ranks;
    this.#ranks ??= decides(this.#spec.decision)
      ? this.#decidedRanks()
      : ranksOf(this.#spec, this.#batch, this.weights, this.count);
    return this.#ranks;
  }

  /** Target of each output, in the units of the targets, [count, outputs]. */
  get truths(): Float64Array {
    if (this.base !== this) return this.base.truths;
    const { means } = this.#spec;
    this.#truths ??= Float64Array.from(
      { length: this.count * this.#spec.outputs },
      (_, i) => this.values[i] * errorUnit(this.#spec, i) + (means?.[i % means.length] ?? 0),
    );
    return this.#truths;
  }

  /** The class that is the truth, [count]. */
  get classes(): ArrayLike<number> {
    if (this.base !== this) return this.base.classes;
    this.#classes ??= classesOf(this.#spec, this.#batch, this.count);
    return this.#classes;
  }

  /** The class of the highest output, or as was decided, [count], the lower of equal ones; -1 where some output is not a number. */
  get predicted(): Int32Array {
    if (this.base !== this) return this.base.predicted;
    this.#predicted ??= decides(this.#spec.decision)
      ? decidedClasses(this.probability, this.count, this.#spec)
      : predictedOf(this.#spec, this.outputs, this.count);
    return this.#predicted;
  }

  /**
   * Of each class of several, [count, classes], or of each label, [count, outputs], in 64 bits; of a single output, where it is
   * calibrated, of both classes.
   */
  get probabilities(): Float64Array {
    if (this.base !== this) return this.base.probabilities;
    this.#probabilities ??= probabilitiesOf(this.#spec, this.outputs);
    return this.#probabilities;
  }

  /** The class of the highest probability of several, [count], the first of equal ones. */
  get likeliest(): Int32Array {
    if (this.base !== this) return this.base.likeliest;
    const { probabilities, count } = this;
    const classes = this.#spec.outputs;
    this.#likeliest ??= Int32Array.from({ length: count }, (_, row) => highest(probabilities, row * classes, classes));
    return this.#likeliest;
  }

  /** @returns the probability that a class has in a row: of two classes with one output those are not written down. */
  get probability(): (row: number, which: number) => number {
    const { outputs } = this;
    const { outputs: width, kind, decision } = this.#spec;
    if (width === 1 && !decision?.calibration) return (row, which) => ofTwo(kind, outputs[row], which);
    const { probabilities } = this;
    const classes = Math.max(2, width);
    return (row, which) => probabilities[row * classes + which];
  }

  /** Two classes are told apart by the decision, more are ranked by their probabilities. */
  #decidedRanks(): Float64Array {
    const { outputs: width } = this.#spec;
    return Float64Array.from({ length: this.count }, (_, row) => {
      if (this.weights?.[row] === 0) return 0;
      if (this.predicted[row] < 0) return Number.POSITIVE_INFINITY;
      if (width <= 2) return this.predicted[row] === this.classes[row] ? 0 : 1;
      return rankOf(this.probabilities, row * width, width, this.classes[row]);
    });
  }

  /** Values of a metric of the user's, [examples] or [count]. */
  custom(name: string): Float32Array {
    return this.#batch.metrics[this.#customs.indexOf(name)];
  }
}

/** The size of 1 of output `i` in the units of its target. */
export const errorUnit = ({ deviations }: ScoredOutput, i: number): number => deviations?.[i % deviations.length] ?? 1;

/** Whether an output tells two classes apart rightly; targets are 0 and 1, or -1 and 1. */
export const tellsApart = (output: number, target: number, threshold: number): boolean =>
  !Number.isNaN(output) && output > threshold === target > 0;

function weightsOf({ valid, weights }: RowArrays, count: number): Float64Array | undefined {
  if (!valid && !weights) return undefined;
  return Float64Array.from({ length: count }, (_, row) => (valid?.[row] ?? 1) * (weights?.[row] ?? 1));
}

function errorsOf(spec: ScoredOutput, outputs: Numbers, values: ArrayLike<number>, count: number): Float64Array {
  const width = spec.outputs;
  const units = Float64Array.from({ length: width }, (_, i) => errorUnit(spec, i));
  const errors = new Float64Array(count * width);
  for (let row = 0, at = 0; row < count; row++) {
    for (let i = 0; i < width; i++, at++) errors[at] = (outputs[at] - values[at]) * units[i];
  }
  return errors;
}

function ranksOf(
  { outputs: width, classes, threshold, kind }: ScoredOutput,
  { outputs, targets }: RowArrays,
  weights: Float64Array | undefined,
  count: number,
): Float64Array {
  const ranks = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    if (weights?.[row] === 0) continue;
    if (kind === 'classes') ranks[row] = Number(outputs[row] !== targets[row]);
    else if (width > 1) {
      const start = row * width;
      ranks[row] = rankOf(outputs, start, width, classes ? targets[row] : highest(targets, start, width));
    } else if (Number.isNaN(outputs[row])) ranks[row] = Number.POSITIVE_INFINITY;
    else ranks[row] = tellsApart(outputs[row], targets[row], threshold) ? 0 : 1;
  }
  return ranks;
}

function classesOf({ outputs: width, classes }: ScoredOutput, { targets }: RowArrays, count: number) {
  if (classes) return targets;
  if (width === 1) return Int32Array.from({ length: count }, (_, row) => Number(targets[row] > 0));
  return Int32Array.from({ length: count }, (_, row) => highest(targets, row * width, width));
}

function predictedOf({ outputs: width, threshold, kind }: ScoredOutput, outputs: Numbers, count: number): Int32Array {
  if (kind === 'classes') return outputs instanceof Int32Array ? outputs : new Int32Array(outputs);
  const predicted = new Int32Array(count);
  for (let row = 0, at = 0; row < count; row++, at += width) {
    let isNumber = true;
    for (let i = 0; i < width; i++) if (Number.isNaN(outputs[at + i])) isNumber = false;
    const best = width === 1 ? Number(outputs[at] > threshold) : highest(outputs, at, width);
    predicted[row] = isNumber ? best : -1;
  }
  return predicted;
}
