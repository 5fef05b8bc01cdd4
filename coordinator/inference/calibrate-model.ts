/** Fits how classes are read of a model that is trained already: thresholds and calibrations. */
import { dirname, extname } from 'node:path';
import type { RunConfig } from '../../src/config/run-config.js';
import { ConfigError, ModelError } from '../../src/errors.js';
import { type FittedDecision, fitDecision } from '../../src/evaluate/fit-decision.js';
import { keptExamples } from '../../src/evaluate/kept-examples.js';
import type { KeptOutput } from '../../src/evaluate/kept-rows.js';
import type { HeadMetrics } from '../../src/evaluate/run-metrics.js';
import { saveDecisions } from '../../src/model/files/save-decision.js';
import { type DecisionReport, decisionReport } from '../../src/report/decision-text.js';
import { lockRun } from '../../src/report/run-lock.js';
import { rulesIn } from '../prepare/check-decision.js';
import { withChosen, withPool } from './evaluate-examples.js';
import type { EvaluateOptions } from './evaluated-data.js';
import { locateModel, runAround } from './locate.js';
import { readEncoding } from './saved-model.js';

/** Which model, and by what config: `evaluation.threshold` and `evaluation.calibration` say what is fitted. */
export type CalibrateOptions = Omit<EvaluateOptions, 'split' | 'data' | 'unseal'>;

/** What was fitted. */
export interface CalibrationResult {
  /** The folder of the model that it was saved with. */
  readonly model: string;
  /** Of the validation split. */
  readonly examples: number;
  /** What was fitted, of each target. */
  readonly decisions: readonly DecisionReport[];
}

/**
 * Fits on the validation split what the config's `evaluation` asks for and saves it with the model, in the place of what was
 * fitted before: as at the end of a run, to the last bit. The weights stay as they are.
 *
 * @param place a run's folder or a model's
 * @throws LockstepError where something cannot be fitted; nothing is written then
 */
export async function calibrate(place: string, options: CalibrateOptions = {}): Promise<CalibrationResult> {
  const { path } = locateModel(place, options.model);
  const folder = extname(path) === '.json' ? dirname(path) : path;
  if (!(await readEncoding(path))) {
    throw new ModelError(
      `${path}: has no encoding.json, where a threshold and a calibration are kept`,
      'name a model that lockstep trained',
    );
  }
  const given = { ...options, split: 'validation' } as const;
  const fit = () =>
    withChosen(
      place,
      given,
      async ({ located, config, chosen: { dataset, rows } }) => {
        const asked = { dataset, all: [rows], isKept: true, fits: true };
        const fitted = await withPool(located, config, asked, given, async (pool, heads, _, { probable }) => {
          const { outputs } = keptExamples(heads, (await pool.evaluate(rows)).kept);
          return probable.map((i) => fittedOf(heads[i], outputs[i], config));
        });
        saveDecisions(folder, fitted);
        return { model: path, examples: rows.length, decisions: fitted.map(decisionReport) };
      },
      {
        check: checkAsked,
        remedy: 'train a run with data.validation: what is fitted on training examples does not hold',
      },
    );
  return locked(path, fit);
}

/** @throws ConfigError where something cannot be fitted */
function fittedOf(head: HeadMetrics, kept: KeptOutput, config: RunConfig): FittedDecision {
  const { fitted, unfitted } = fitDecision({ head, kept }, rulesIn(config)!);
  if (unfitted.length > 0) throw new ConfigError(unfitted[0].problem, unfitted[0].remedy);
  return fitted;
}

function checkAsked(config: RunConfig): void {
  if (rulesIn(config)) return;
  throw new ConfigError(
    'nothing says what to fit',
    'add --threshold f1 or --method temperature, or set evaluation.threshold or evaluation.calibration',
  );
}

/** A run that goes on would put its own models in the place of this one. */
async function locked<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  const run = runAround(path);
  if (run === undefined) return work();
  const lock = lockRun(run);
  try {
    return await work();
  } finally {
    lock.release();
  }
}
