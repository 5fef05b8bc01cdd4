/** What was fitted on the validation split, as a report has it. */

import { plainNames } from '../config/plain-names.js';
import type { FittedDecision } from '../evaluate/fit-decision.js';
import { metricText } from '../ground/units.js';
import type { Decision } from '../metrics/class-probabilities.js';

/** How classes are read of a target, as it was fitted on the validation split and saved with a model. */
export interface DecisionReport {
  target: string;
  /** The probability above which the second of two classes is predicted. */
  threshold?: number;
  calibration?: 'temperature' | 'isotonic';
  temperature?: number;
  /** Values over the validation split without and with it: what the threshold is chosen for, and what calibration is to better. */
  before: Readonly<Record<string, number>>;
  after: Readonly<Record<string, number>>;
}

export function decisionReport({ target, decision, before, after }: FittedDecision): DecisionReport {
  const { threshold, calibration } = decision;
  return {
    target,
    ...(threshold !== undefined && { threshold }),
    ...(calibration && { calibration: calibration.method }),
    ...(calibration?.method === 'temperature' && { temperature: calibration.temperature }),
    before,
    after,
  };
}

/** `temperature 0.66, threshold 0.37` */
export function decisionText({ calibration, threshold }: Decision): string {
  const words: string[] = [];
  if (calibration)
    words.push(
      methodText(calibration.method, calibration.method === 'temperature' ? calibration.temperature : undefined),
    );
  if (threshold !== undefined) words.push(`threshold ${metricText(threshold)}`);
  return words.join(', ');
}

const methodText = (method: string, temperature: number | undefined): string =>
  temperature === undefined ? method : `${method} ${metricText(temperature)}`;

/** Names of what calibration is to better; all else is what a threshold is chosen for. */
const calibrated = ['logLoss', 'brier', 'calibrationError'];

/** What a calibration is fitted by need not bring this down. */
const raised =
  '; the calibration error rose on the very split that it was fitted on: the probabilities may be as good without it (--method none)';

/** `threshold 0.37 (validation f1 0.81 -> 0.86)`: a title and a text for each thing that was fitted. */
export function decisionRows(decisions: readonly DecisionReport[]): [string, string][] {
  return decisions.flatMap(({ target, threshold, calibration, temperature, before, after }) => {
    const of = target === plainNames.target ? '' : `${target} `;
    const changes = (isWanted: (name: string) => boolean) =>
      Object.keys(after)
        .filter(isWanted)
        .map((name) => `${name} ${metricText(before[name])} -> ${metricText(after[name])}`)
        .join(', ');
    const isCalibrated = (name: string) => calibrated.includes(name);
    const rows: [string, string][] = [];
    if (calibration) {
      const note = after.calibrationError > before.calibrationError ? raised : '';
      const text = `${methodText(calibration, temperature)} (validation ${changes(isCalibrated)})${note}`;
      rows.push([`${of}calibration`, text]);
    }
    if (threshold !== undefined) {
      rows.push([`${of}threshold`, `${metricText(threshold)} (validation ${changes((name) => !isCalibrated(name))})`]);
    }
    return rows;
  });
}
