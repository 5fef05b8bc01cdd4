/** Whether what a config asks to be fitted on the validation split can be: thresholds and calibrations. */

import type { DecisionRules } from '../../src/config/evaluation.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { ConfigError } from '../../src/errors.js';
import { type HeadMetrics, RunMetrics } from '../../src/evaluate/run-metrics.js';
import { bytesText, plural } from '../../src/ground/units.js';
import { classMisfit } from '../../src/metrics/class-targets.js';
import { probabilityMisfit } from '../../src/metrics/probabilities.js';
import { lossName } from '../../src/model/target-range.js';
import type { AskedTarget } from './specs.js';

/** Bytes that are kept of a validation split at most. */
const mostBytes = 2 ** 30;

/** So few examples hardly fix a curve. */
const fewForCurves = 1000;

/** What is to be fitted, where something is. */
export function rulesIn({
  evaluation: { threshold, calibration },
}: Pick<RunConfig, 'evaluation'>): DecisionRules | undefined {
  return threshold || calibration ? { threshold, calibration } : undefined;
}

/**
 * Which outputs a decision is fitted of: all that tell classes apart.
 *
 * @param examples of the validation split
 * @returns an index for each
 * @throws ConfigError where one of them, or all outputs, can have none
 */
export function decidedHeads(
  { data, evaluation }: RunConfig,
  targets: readonly AskedTarget[],
  heads: readonly HeadMetrics[],
  examples: number,
  warn: (message: string) => void,
): number[] {
  const rules = rulesIn({ evaluation });
  if (!rules) return [];
  const key = rules.calibration ? 'evaluation.calibration' : 'evaluation.threshold';
  if (data.source === 'text') {
    throw new ConfigError(`${key}: a model of text continues texts`, 'leave it out, and use predict --temperature');
  }
  if (examples === 0) {
    throw new ConfigError(
      `${key}: is fitted on the validation split, and there is none`,
      `set data.validation, or remove ${key}`,
    );
  }
  const isOfClasses = targets.map(({ loss, survey }, i) => classMisfit(heads[i], lossName(loss), survey) === undefined);
  const found = [...targets.keys()].filter((i) => isOfClasses[i] || targets.length === 1);
  if (found.length === 0) {
    throw new ConfigError(
      `${key}: no target is of classes (${targets.map(({ target }) => target).join(', ')})`,
      `remove ${key}`,
    );
  }
  for (const i of found) checkHead(key, rules, targets[i], heads[i], targets.length > 1);
  checkBytes(key, heads, examples);
  if (rules.calibration === 'isotonic' && examples < fewForCurves) {
    warn(
      `evaluation.calibration: isotonic curves of ${plural(examples, 'example')} follow chance; temperature needs fewer`,
    );
  }
  return found;
}

function checkHead(
  key: string,
  rules: DecisionRules,
  { target, loss, survey }: AskedTarget,
  head: HeadMetrics,
  isNamed: boolean,
) {
  const of = isNamed ? `${target} ` : '';
  const name = lossName(loss);
  const misfit = probabilityMisfit(head, name, survey);
  if (misfit) throw new ConfigError(`${key}: ${of}${misfit.problem} (loss ${name})`, `remove ${key}`);
  if (head.kind === undefined) {
    throw new ConfigError(
      `${key}: ${of}whether the model's outputs are logits or probabilities cannot be told`,
      `say it: loss: { ${name}: { fromLogits: true } } for logits, false for probabilities`,
    );
  }
  if (!rules.threshold || head.outputs <= 2) return;
  throw new ConfigError(
    `evaluation.threshold: ${of}a threshold is between two classes, and there are ${head.outputs}`,
    'remove evaluation.threshold',
  );
}

function checkBytes(key: string, heads: readonly HeadMetrics[], examples: number): void {
  const each = new RunMetrics(keepingAll(heads)).kept;
  if (4 * each * examples <= mostBytes) return;
  throw new ConfigError(
    `${key}: outputs and targets are ${plural(each, 'number')} of each of ${plural(examples, 'example')} of the validation split, ` +
      `more than the ${bytesText(mostBytes)} that are kept`,
    `remove ${key}, or make the validation split smaller`,
  );
}

/** The outputs with all that they give kept. */
export const keepingAll = (heads: readonly HeadMetrics[]): HeadMetrics[] =>
  heads.map((head) => ({ ...head, keepsAll: true }));
