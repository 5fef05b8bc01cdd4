/** How the outputs of a model are to be read, fitted on what it gave for the examples of the validation split. */
import type { CalibrationMethod, DecisionRules } from '../config/evaluation.js';
import { type Calibration, type Decision, logitsOf } from '../metrics/class-probabilities.js';
import type { EvaluatedRows } from '../metrics/evaluated-rows.js';
import { bestThreshold, nameOfRule, type ScoredClasses, valueAs } from './best-threshold.js';
import { fitIsotonic } from './isotonic.js';
import type { KeptOutput } from './kept-rows.js';
import { OutputMetrics } from './output-metrics.js';
import type { HeadMetrics } from './run-metrics.js';
import { fitTemperature } from './temperature.js';

/** What was fitted of a target. */
export interface FittedDecision {
  readonly target: string;
  readonly decision: Decision;
  /** Values over the validation split, by name, as the outputs are read by themselves and by the decision. */
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
}

/** Why something could not be fitted, and what to do; all else was. */
export interface Unfitted {
  readonly problem: string;
  readonly remedy: string;
}

/** An output, and what is kept of the validation split. */
interface KeptHead {
  readonly head: HeadMetrics;
  readonly kept: KeptOutput;
}

const noTemperature = {
  'all are right': 'every example of the validation split is predicted rightly, so that no temperature is too low',
  'nothing is told': 'outputs say nothing of the classes of the validation split, so that no temperature is too high',
};

/** @returns what was fitted, and what was not */
export function fitDecision(
  of: KeptHead,
  { threshold, calibration }: DecisionRules,
): { fitted: FittedDecision; unfitted: Unfitted[] } {
  const { head, kept } = of;
  const rows = rowsOf(of, undefined);
  const unfitted: Unfitted[] = [];
  const decision: { -readonly [Key in keyof Decision]: Decision[Key] } = {};
  const [before, after]: Record<string, number>[] = [{}, {}];
  const broken = !kept.outputs.every(Number.isFinite);
  if (broken) {
    unfitted.push({ problem: 'some outputs of the validation split are no numbers', remedy: 'train another model' });
    return { fitted: { target: head.target, decision, before, after }, unfitted };
  }
  if (calibration) {
    const found = fitCalibration(head, rows, calibration);
    if ('problem' in found) unfitted.push(found);
    else {
      decision.calibration = found;
      for (const [name, value] of Object.entries(scoresOf(of, undefined))) before[name] = value;
      for (const [name, value] of Object.entries(scoresOf(of, decision))) after[name] = value;
    }
  }
  if (threshold) {
    const own = secondOf(rows);
    const found = bestThreshold(threshold, secondOf(rowsOf(of, decision)));
    const name = nameOfRule(threshold);
    if (!found) unfitted.push(missed(threshold, own));
    else {
      decision.threshold = found.threshold;
      before[name] = valueAs(threshold, own, rows.predicted);
      after[name] = found.value;
    }
  }
  return { fitted: { target: head.target, decision, before, after }, unfitted };
}

function missed(rule: NonNullable<DecisionRules['threshold']>, { isSecond, probabilities }: ScoredClasses): Unfitted {
  const seconds = probabilities.reduce((sum, _, row) => sum + Number(isSecond(row)), 0);
  if (seconds === 0 || seconds === probabilities.length) {
    const problem = `evaluation.threshold: ${nameOfRule(rule)} needs both classes, and the validation split has one of them`;
    return { problem, remedy: 'use a larger validation split, or data.stratify' };
  }
  const limit =
    'precision' in rule ? `a precision of ${rule.precision}` : `a recall of ${'recall' in rule && rule.recall}`;
  return { problem: `evaluation.threshold: none gives ${limit} on the validation split`, remedy: 'ask for less' };
}

function fitCalibration(head: HeadMetrics, rows: EvaluatedRows, method: CalibrationMethod): Calibration | Unfitted {
  const { classes: truths, weights, probability, outputs, count } = rows;
  const classes = Math.max(2, head.outputs);
  if (method === 'temperature') {
    const temperature = fitTemperature({ logits: logitsOf(head, outputs), classes, truths, weights });
    if (typeof temperature === 'number') return { method, temperature };
    const remedy = 'use a larger validation split, or leave the probabilities as they are';
    return { problem: `evaluation.calibration: ${noTemperature[temperature]}`, remedy };
  }
  const curve = (which: number) => {
    const scores = Float64Array.from({ length: count }, (_, row) => probability(row, which));
    return fitIsotonic(scores, (row) => truths[row] === which, weights);
  };
  const curves = classes === 2 ? [curve(1)] : Array.from({ length: classes }, (_, which) => curve(which));
  return { method, curves };
}

const secondOf = ({ probability, classes, weights, count }: EvaluatedRows): ScoredClasses => ({
  probabilities: Float64Array.from({ length: count }, (_, row) => probability(row, 1)),
  isSecond: (row) => classes[row] === 1,
  weights,
});

function metricsOf({ head }: KeptHead, decision: Decision | undefined): OutputMetrics {
  return new OutputMetrics({ ...head, metrics: ['logLoss', 'brier', 'calibrationError'], keepsAll: true, decision });
}

const rowsOf = (of: KeptHead, decision: Decision | undefined): EvaluatedRows =>
  metricsOf(of, decision).keeper.rows({ ...of.kept, customs: [] });

function scoresOf(of: KeptHead, decision: Decision | undefined): Record<string, number> {
  const { loss: _, ...scores } = metricsOf(of, decision).ofKept({ ...of.kept, customs: [] }).scalars;
  return scores;
}
