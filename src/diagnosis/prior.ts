/**
 * What predicting the same for every example costs: the shares of the classes, the mean, the median. A model that has learned
 * something costs less.
 */
import type { LossSettings } from '../config/model.js';
import type { KeptExamples } from '../evaluate/kept-examples.js';
import type { KeptOutput } from '../evaluate/kept-rows.js';
import type { HeadMetrics } from '../evaluate/run-metrics.js';

type OutputCosts = (output: KeptOutput) => Float64Array;

/**
 * Costs of each head and example of other examples, where the same is predicted for all of them.
 * @param training examples whose targets say what is predicted
 * @param losses of each head
 * @returns undefined where a loss has no such prediction that is known
 */
export function priorOf(
  { heads, outputs }: KeptExamples,
  losses: readonly LossSettings[],
): ((examples: KeptExamples) => Float64Array[]) | undefined {
  const each: OutputCosts[] = [];
  for (const [i, head] of heads.entries()) {
    const costs = costsOf(head, outputs[i], losses[i]);
    if (!costs) return undefined;
    each.push(costs);
  }
  return (examples) => examples.outputs.map((output, i) => each[i](output));
}

function costsOf(head: HeadMetrics, training: KeptOutput, loss: LossSettings): OutputCosts | undefined {
  // Weights beside 0 and 1 are in the losses, each in its own way.
  if (training.weights?.some((weight) => weight !== 0 && weight !== 1)) return undefined;
  const cost = placeCost(head, training, loss);
  return cost && ((output) => overPlaces(head, output, cost));
}

/** The mean of the places that count of each example, times what the example is divided by. */
function overPlaces({ places }: HeadMetrics, output: KeptOutput, cost: PlaceCost): Float64Array {
  const { examples, targets, weights, divisors } = output;
  return Float64Array.from({ length: examples }, (_, example) => {
    let [sum, count] = [0, 0];
    for (let place = example * places; place < (example + 1) * places; place++) {
      if (weights?.[place] === 0) continue;
      sum += cost(targets, place);
      count++;
    }
    return count === 0 ? 0 : (sum / count) * (divisors?.[example] ?? 1);
  });
}

/** What a place costs. @param place counted over all examples */
type PlaceCost = (targets: ArrayLike<number>, place: number) => number;

function placeCost(head: HeadMetrics, training: KeptOutput, { name, delta = 1 }: LossSettings): PlaceCost | undefined {
  switch (name) {
    case 'sparseCategoricalCrossentropy': {
      const surprises = shares(classCounts(head, training)).map((share) => -Math.log(share));
      return (targets, place) => surprises[targets[place]] ?? 0;
    }
    case 'categoricalCrossentropy': {
      const surprises = shares(sums(head, training).map(({ sum }) => sum)).map((share) => -Math.log(share));
      return overOutputs(head, (target, i) => head.outputs * target * surprises[i]);
    }
    case 'binaryCrossentropy': {
      const own = sums(head, training).map(({ sum, count }) => shares([sum, count - sum]));
      return overOutputs(head, (target, i) => -target * Math.log(own[i][0]) - (1 - target) * Math.log(own[i][1]));
    }
    case 'meanSquaredError':
      return aroundMean(head, training, (error) => error ** 2);
    case 'meanAbsoluteError': {
      const medians = columns(head, training).map(median);
      return overOutputs(head, (target, i) => Math.abs(target - medians[i]));
    }
    case 'huber':
      return aroundMean(head, training, (error) =>
        Math.abs(error) <= delta ? error ** 2 / 2 : delta * (Math.abs(error) - delta / 2),
      );
    default:
      return undefined;
  }
}

function aroundMean(head: HeadMetrics, training: KeptOutput, cost: (error: number) => number): PlaceCost {
  const means = sums(head, training).map(({ sum, count }) => sum / count);
  return overOutputs(head, (target, i) => cost(target - means[i]));
}

/** The mean over the outputs of a place; targets that are class indices are the only output's. */
const overOutputs =
  ({ outputs: width }: HeadMetrics, cost: (target: number, output: number) => number): PlaceCost =>
  (targets, place) => {
    let sum = 0;
    for (let i = 0; i < width; i++) sum += cost(targets[place * width + i], i);
    return sum / width;
  };

/** With one example more of each, so that none costs more than any number. */
function shares(counts: readonly number[]): number[] {
  const all = counts.reduce((sum, count) => sum + count, 0) + counts.length;
  return counts.map((count) => (count + 1) / all);
}

/** Places of each class. */
function classCounts({ outputs: width }: HeadMetrics, { targets, weights }: KeptOutput): number[] {
  const counts = new Array<number>(Math.max(2, width)).fill(0);
  for (let place = 0; place < targets.length; place++) {
    if (weights?.[place] !== 0 && targets[place] in counts) counts[targets[place]]++;
  }
  return counts;
}

function columns({ outputs: width }: HeadMetrics, { targets, weights }: KeptOutput): number[][] {
  const each: number[][] = Array.from({ length: width }, () => []);
  for (let at = 0; at < targets.length; at++) {
    if (weights?.[Math.floor(at / width)] !== 0) each[at % width].push(targets[at]);
  }
  return each;
}

const sums = (head: HeadMetrics, training: KeptOutput): { sum: number; count: number }[] =>
  columns(head, training).map((values) => ({ sum: values.reduce((a, b) => a + b, 0), count: values.length }));

function median(values: readonly number[]): number {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}
