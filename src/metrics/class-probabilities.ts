/**
 * Probabilities of classes in 64 bits from what a model gives, and which class is predicted: as the outputs have it, or as a
 * decision does that was fitted on the validation split.
 */

/** A line of probabilities over scores, which ascend; beyond its ends it goes on flat. */
export interface IsotonicCurve {
  readonly scores: readonly number[];
  readonly probabilities: readonly number[];
}

/** What makes probabilities of the model's own. */
export type Calibration =
  /** Logits, or logarithms of probabilities, are divided by the temperature (Guo et al. 2017). */
  | { readonly method: 'temperature'; readonly temperature: number }
  /** A curve of each class against all others, then shares of their sum; of two classes that of the second alone. */
  | { readonly method: 'isotonic'; readonly curves: readonly IsotonicCurve[] };

/** How outputs are read, saved with the model. */
export interface Decision {
  readonly calibration?: Calibration;
  /** Of two classes: the second one is predicted where its (calibrated) probability is above. */
  readonly threshold?: number;
}

/** An output of a model, as ScoredOutput has it. */
export interface ClassOutput {
  readonly outputs: number;
  readonly binary: boolean;
  readonly kind?: 'logits' | 'softmax' | 'sigmoid' | 'classes';
  readonly decision?: Decision;
}

/** 32 bits as engines give them; 64 of what was predicted elsewhere. */
export type Floats = Float32Array | Float64Array;
/** Targets, and classes that were predicted, take as little room as they need. */
export type Numbers = Floats | Int32Array | Uint8Array;

/** A float32 probability that is 0 was below this, and one that is 1 was nearer to 1 than that. */
export const least = 2 ** -149;
export const nearOne = 2 ** -25;

const sigmoid = (logit: number): number => 1 / (1 + Math.exp(-logit));

/** Of each class, [count, classes], or of each label, [count, outputs]. */
export function probabilitiesOf(spec: ClassOutput, outputs: Numbers): Float64Array {
  const calibration = spec.decision?.calibration;
  if (calibration?.method === 'temperature') {
    const logits = logitsOf(spec, outputs);
    return softmaxRows(
      logits.map((logit) => logit / calibration.temperature),
      Math.max(2, spec.outputs),
    );
  }
  const own = ownProbabilities(spec, outputs);
  return calibration ? byCurves(own, calibration.curves, Math.max(2, spec.outputs)) : own;
}

/**
 * What a temperature divides, [count, classes]: logits, or logarithms of probabilities; of a single output 0 and the logit of the
 * second class.
 */
export function logitsOf(spec: ClassOutput, outputs: Numbers): Float64Array {
  const { outputs: width, kind } = spec;
  if (width > 1) {
    if (kind === 'logits') return Float64Array.from(outputs);
    return ownProbabilities(spec, outputs).map((value) => Math.log(Math.max(least, value)));
  }
  const logits = new Float64Array(2 * outputs.length);
  outputs.forEach((output, row) => {
    logits[2 * row + 1] =
      kind === 'logits' ? output : Math.log(Math.max(least, output)) - Math.log(Math.max(nearOne, 1 - output));
  });
  return logits;
}

/** What a single output says of one of two classes: not one minus the other, which leaves nothing of a small one. */
export function ofTwo(kind: ClassOutput['kind'], output: number, which: number): number {
  if (kind === 'logits') return sigmoid(which === 1 ? output : -output);
  return which === 1 ? output : 1 - output;
}

/** Whether classes are others than the outputs have them. */
export const decides = (decision: Decision | undefined): boolean =>
  decision?.threshold !== undefined || decision?.calibration?.method === 'isotonic';

/** The class that is predicted of a row of probabilities, [classes]; the lower of equal ones, -1 where one is not a number. */
function decidedClass(probabilities: Float64Array, { threshold = 0.5 }: Decision): number {
  if (probabilities.some(Number.isNaN)) return -1;
  if (probabilities.length === 2) return Number(probabilities[1] > threshold);
  return probabilities.reduce((best, value, i) => (value > probabilities[best] ? i : best), 0);
}

/** The predicted class of each row, [count]. */
export function decidedClasses(
  probability: (row: number, which: number) => number,
  count: number,
  { outputs, decision }: ClassOutput,
): Int32Array {
  const own = new Float64Array(Math.max(2, outputs));
  return Int32Array.from({ length: count }, (_, row) => {
    for (let which = 0; which < own.length; which++) own[which] = probability(row, which);
    return decidedClass(own, decision!);
  });
}

/** As the outputs have them. */
function ownProbabilities({ outputs: width, binary, kind }: ClassOutput, outputs: Numbers): Float64Array {
  if (width === 1)
    return Float64Array.from({ length: 2 * outputs.length }, (_, i) => ofTwo(kind, outputs[i >> 1], i & 1));
  if (binary) return Float64Array.from(outputs, (output) => (kind === 'logits' ? sigmoid(output) : output));
  const probabilities = new Float64Array(outputs);
  if (kind === 'softmax') return probabilities;
  // Of sigmoids each stands by itself: as Keras, their shares.
  return kind === 'logits' ? softmaxRows(probabilities, width) : sharesOfRows(probabilities, width);
}

/** Without overflow: the greatest is taken off first. */
function softmaxRows(logits: Float64Array, width: number): Float64Array {
  for (let start = 0; start < logits.length; start += width) {
    const row = logits.subarray(start, start + width);
    const most = row.reduce((a, b) => Math.max(a, b));
    for (let i = 0; i < width; i++) row[i] = Math.exp(row[i] - most);
  }
  return sharesOfRows(logits, width);
}

function sharesOfRows(values: Float64Array, width: number): Float64Array {
  for (let start = 0; start < values.length; start += width) {
    const row = values.subarray(start, start + width);
    const sum = row.reduce((a, b) => a + b, 0);
    for (let i = 0; i < width; i++) row[i] /= sum;
  }
  return values;
}

function byCurves(own: Float64Array, curves: readonly IsotonicCurve[], classes: number): Float64Array {
  const found = new Float64Array(own.length);
  if (classes === 2) {
    for (let at = 0; at < own.length; at += 2) {
      found[at + 1] = onCurve(curves[0], own[at + 1]);
      found[at] = 1 - found[at + 1];
    }
    return found;
  }
  own.forEach((value, at) => {
    found[at] = onCurve(curves[at % classes], value);
  });
  const shares = sharesOfRows(found.slice(), classes);
  // Where no curve gives any class a chance, all have the same.
  return shares.map((share, at) =>
    Number.isNaN(share) && !Number.isNaN(own[at]) && isNothing(found, at, classes) ? 1 / classes : share,
  );
}

function isNothing(values: Float64Array, at: number, width: number): boolean {
  const start = at - (at % width);
  return values.subarray(start, start + width).every((value) => value === 0);
}

/** The probability of a score, by the line between its neighbours. */
function onCurve({ scores, probabilities }: IsotonicCurve, score: number): number {
  if (Number.isNaN(score)) return Number.NaN;
  const last = scores.length - 1;
  if (score <= scores[0]) return probabilities[0];
  if (score >= scores[last]) return probabilities[last];
  let [low, high] = [0, last];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (scores[middle] <= score) low = middle;
    else high = middle;
  }
  const share = (score - scores[low]) / (scores[high] - scores[low]);
  return probabilities[low] + share * (probabilities[high] - probabilities[low]);
}
