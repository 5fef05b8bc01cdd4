/** The threshold between two classes that a rule asks for: the best of all that there are. */
import type { ThresholdRule } from '../config/evaluation.js';
import { Thresholds } from '../metrics/thresholds.js';

/** Weights of what is predicted as the second class, and of all: those that are of it, and those that are not. */
interface ThresholdCounts {
  readonly hits: number;
  readonly alarms: number;
  readonly positives: number;
  readonly negatives: number;
}

/** Two classes with the probability of the second. */
export interface ScoredClasses {
  /** None NaN. */
  readonly probabilities: Float64Array;
  readonly isSecond: (row: number) => boolean;
  readonly weights?: ArrayLike<number>;
}

interface ThresholdWorth {
  /** What the rule makes the most of. */
  readonly value: number;
  /** What decides between equal values. */
  readonly second?: number;
  readonly isMet?: boolean;
}

interface ThresholdCandidate {
  readonly threshold: number;
  readonly worth: ThresholdWorth;
}

/** What a rule counts is called in a report. */
export const nameOfRule = (rule: ThresholdRule): string => ('cost' in rule ? 'cost' : rule.maximize);

/**
 * Thresholds lie midway between neighbouring probabilities, below them all and above: so an example that was chosen on keeps its
 * class where another machine rounds its probability in another way. Of equally good ones it is the lowest, as in scikit-learn, which
 * tries 100 between the least and the highest.
 * @returns undefined where none meets the rule
 */
export function bestThreshold(
  rule: ThresholdRule,
  scored: ScoredClasses,
): { readonly threshold: number; readonly value: number } | undefined {
  const { probabilities, isSecond, weights } = scored;
  const rows = Uint32Array.from(probabilities.keys()).filter((row) => !weights || weights[row] > 0);
  const scores = Float64Array.from(rows, (row) => probabilities[row]);
  const own = weights && Float64Array.from(rows, (row) => weights[row]);
  const steps: { hits: number; alarms: number; score: number }[] = [];
  const all = new Thresholds(scores, (i) => isSecond(rows[i]), own).each((hits, alarms, score) => {
    steps.push({ hits, alarms, score });
  });
  let best: ThresholdCandidate | undefined;
  const look = (threshold: number, hits: number, alarms: number) => {
    const worth = worthOf(rule, { hits, alarms, positives: all.hits, negatives: all.alarms });
    if (worth.isMet !== false && isAsGood(worth, best?.worth)) best = { threshold, worth };
  };
  look(above(steps[0]?.score ?? 0), 0, 0);
  steps.forEach(({ hits, alarms, score }, i) => {
    look(between(steps[i + 1]?.score, score), hits, alarms);
  });
  return best && { threshold: best.threshold, value: shown(rule, best.worth) };
}

/** What the rule counts of a prediction, as it is shown. */
export function valueAs(
  rule: ThresholdRule,
  { isSecond, weights, probabilities }: ScoredClasses,
  predicted: ArrayLike<number>,
) {
  let [hits, alarms, positives, negatives] = [0, 0, 0, 0];
  for (let row = 0; row < probabilities.length; row++) {
    const weight = weights ? weights[row] : 1;
    if (isSecond(row)) positives += weight;
    else negatives += weight;
    if (predicted[row] !== 1) continue;
    if (isSecond(row)) hits += weight;
    else alarms += weight;
  }
  return shown(rule, worthOf(rule, { hits, alarms, positives, negatives }));
}

/** A cost is shown as an example has it on average. */
const shown = (rule: ThresholdRule, { value }: ThresholdWorth): number => ('cost' in rule ? Math.abs(value) : value);

function isAsGood({ value, second = 0 }: ThresholdWorth, best: ThresholdWorth | undefined): boolean {
  if (Number.isNaN(value)) return false;
  return best === undefined || value > best.value || (value === best.value && second >= (best.second ?? 0));
}

function worthOf(rule: ThresholdRule, { hits, alarms, positives, negatives }: ThresholdCounts): ThresholdWorth {
  const missed = positives - hits;
  const cleared = negatives - alarms;
  const all = positives + negatives;
  if ('cost' in rule) return { value: -(alarms * rule.cost.falsePositive + missed * rule.cost.falseNegative) / all };
  const recall = hits / positives;
  // Of nothing that is predicted nothing is precise.
  const precision = hits + alarms === 0 ? 0 : hits / (hits + alarms);
  switch (rule.maximize) {
    case 'f1':
      return { value: (2 * hits) / (2 * hits + alarms + missed) };
    case 'accuracy':
      return { value: (hits + cleared) / all };
    case 'balancedAccuracy':
      return { value: (recall + cleared / negatives) / 2 };
    case 'youden':
      return { value: recall - alarms / negatives };
    case 'mcc': {
      const whole = (hits + alarms) * positives * negatives * (missed + cleared);
      return { value: whole === 0 ? 0 : (hits * cleared - alarms * missed) / Math.sqrt(whole) };
    }
    case 'recall':
      return { value: recall, second: precision, isMet: precision >= rule.precision };
    case 'precision':
      return { value: precision, second: recall, isMet: recall >= rule.recall };
  }
}

/** A number from the lower score on, and below the upper one. */
function between(lower: number | undefined, upper: number): number {
  // Below them all; a probability of 0 is above nothing but a number that is none.
  if (lower === undefined) return upper > 0 ? upper / 2 : -1;
  const middle = lower + (upper - lower) / 2;
  return middle < upper ? middle : lower;
}

const above = (score: number): number => (score < 1 ? (score + 1) / 2 : 1);
