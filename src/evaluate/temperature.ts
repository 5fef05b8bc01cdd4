/** The temperature that makes probabilities of logits (Guo et al. 2017): the one of least negative log-likelihood. */

/** Rows of logits with the class that is the truth. */
export interface ClassLogits {
  /** [count, classes] */
  readonly logits: Float64Array;
  readonly classes: number;
  readonly truths: ArrayLike<number>;
  /** All rows count 1 where there is none. */
  readonly weights?: ArrayLike<number>;
}

/** Why there is no temperature: the likelihood has no highest point. */
export type NoTemperature = 'all are right' | 'nothing is told';

const mostSteps = 200;

/**
 * The negative log-likelihood is convex in the inverse temperature, so that its slope has one root: by Newton's method, halving
 * where that would leave what is known to hold it.
 */
export function fitTemperature(rows: ClassLogits): number | NoTemperature {
  if (farSlope(rows) <= 0) return 'all are right';
  let [low, high] = [0, Number.POSITIVE_INFINITY];
  if (slopes(rows, 0).first >= 0) return 'nothing is told';
  let inverse = 1;
  for (let step = 0; step < mostSteps; step++) {
    const { first, second } = slopes(rows, inverse);
    if (first === 0) break;
    if (first < 0) low = inverse;
    else high = inverse;
    const newton = inverse - first / second;
    const halved = high === Number.POSITIVE_INFINITY ? 4 * low : low === 0 ? high / 4 : (low + high) / 2;
    const next = newton > low && newton < high ? newton : halved;
    if (Math.abs(next - inverse) <= 2 ** -50 * inverse) break;
    inverse = next;
  }
  return 1 / inverse;
}

/** First and second derivative of the negative log-likelihood by the inverse temperature. */
function slopes({ logits, classes, truths, weights }: ClassLogits, inverse: number) {
  let [first, second] = [0, 0];
  for (let row = 0, start = 0; start < logits.length; row++, start += classes) {
    const weight = weights ? weights[row] : 1;
    if (weight === 0) continue;
    const most = highestIn(logits, start, classes);
    let [sum, mean, square] = [0, 0, 0];
    for (let at = start; at < start + classes; at++) {
      const below = logits[at] - most;
      const power = Math.exp(below * inverse);
      sum += power;
      mean += power * below;
      square += power * below * below;
    }
    mean /= sum;
    first += weight * (mean - (logits[start + truths[row]] - most));
    second += weight * (square / sum - mean * mean);
  }
  return { first, second };
}

/** The slope far out: how much the truths are below the highest logits. */
function farSlope({ logits, classes, truths, weights }: ClassLogits): number {
  let slope = 0;
  for (let row = 0, start = 0; start < logits.length; row++, start += classes) {
    const weight = weights ? weights[row] : 1;
    if (weight !== 0) slope += weight * (highestIn(logits, start, classes) - logits[start + truths[row]]);
  }
  return slope;
}

function highestIn(values: Float64Array, start: number, length: number): number {
  let most = values[start];
  for (let at = start + 1; at < start + length; at++) if (values[at] > most) most = values[at];
  return most;
}
