/**
 * Labels that may be wrong, by confident learning (Northcutt, Jiang and Chuang 2021, Journal of Artificial Intelligence Research 70):
 * a class is likely for an example where its probability is at least the mean that it has over the examples with its label. Where
 * another than the label is the likeliest of those, the label is in doubt; not where the label is likelier still (as in cleanlab). The probabilities must be of a model that was not
 * trained on the examples.
 */

export interface Labelled {
  readonly label: (example: number) => number;
  readonly probability: (example: number, index: number) => number;
}

/** By so little a probability may lie below the mean, as rounding makes it. */
const tolerance = 1e-6;

/** @returns the examples whose labels are in doubt: that of the least probable label first */
export function doubtfulLabels(
  examples: readonly number[],
  classes: number,
  { label, probability }: Labelled,
): number[] {
  const thresholds = thresholdsOf(examples, classes, { label, probability });
  const guess = (example: number): number | undefined => {
    let best: number | undefined;
    for (let index = 0; index < classes; index++) {
      if (!(probability(example, index) >= thresholds[index] - tolerance)) continue;
      if (best === undefined || probability(example, index) > probability(example, best)) best = index;
    }
    return best;
  };
  const own = (example: number) => probability(example, label(example));
  return examples
    .filter((example) => {
      const other = guess(example);
      return other !== undefined && other !== label(example) && probability(example, other) > own(example);
    })
    .sort((a, b) => own(a) - own(b) || a - b);
}

/** The mean probability of each class where it is the label; a class that is no example's label is never likely. */
function thresholdsOf(examples: readonly number[], classes: number, { label, probability }: Labelled): number[] {
  const sums = new Array<number>(classes).fill(0);
  const counts = new Array<number>(classes).fill(0);
  for (const example of examples) {
    const index = label(example);
    sums[index] += probability(example, index);
    counts[index]++;
  }
  return sums.map((sum, index) => (counts[index] === 0 ? Number.POSITIVE_INFINITY : sum / counts[index]));
}
