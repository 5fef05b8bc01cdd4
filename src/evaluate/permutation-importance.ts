/**
 * Permutation importance (Breiman, "Random forests", 2001; scikit-learn's permutation_importance): how much worse a metric gets
 * when the values of one input change places among the examples, so that they say nothing of their own any more.
 */
import { quantile } from './intervals.js';

/** What one input is worth to one metric. */
export interface Importance {
  readonly input: string;
  readonly metric: string;
  /** How much worse the metric gets, mean over the repeats: below 0 where it gets better. */
  readonly value: number;
  /** Between them lie the repeats, but for what the confidence leaves out at both ends. */
  readonly low: number;
  readonly high: number;
}

export interface ImportanceTask {
  /** Names of the inputs. */
  readonly inputs: readonly string[];
  /** Which of the metrics are better when they are higher; all others are errors. */
  readonly isHigherBetter: (metric: string) => boolean;
  /** How often each input is shuffled. */
  readonly repeats: number;
  /** Part of the repeats between `low` and `high`. */
  readonly confidence: number;
  /** Metrics with an input shuffled for a repeat; of nothing shuffled without one. */
  score(shuffled?: { readonly input: number; readonly repeat: number }): Promise<Readonly<Record<string, number>>>;
}

/** By input and metric, the inputs in their order. A metric that is no number without shuffling is left out. */
export async function permutationImportance(task: ImportanceTask): Promise<Importance[]> {
  const { inputs, isHigherBetter, repeats, confidence, score } = task;
  const whole = await score();
  const metrics = Object.keys(whole).filter((metric) => !Number.isNaN(whole[metric]));
  const found: Importance[] = [];
  for (const [input, name] of inputs.entries()) {
    const scores: Readonly<Record<string, number>>[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) scores.push(await score({ input, repeat }));
    for (const metric of metrics) {
      const sign = isHigherBetter(metric) ? 1 : -1;
      const drops = Float64Array.from(scores, (each) => sign * (whole[metric] - each[metric]));
      const value = drops.reduce((sum, drop) => sum + drop, 0) / repeats;
      const sorted = drops.toSorted();
      const tail = (1 - confidence) / 2;
      found.push({ input: name, metric, value, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) });
    }
  }
  return found;
}
