/** How good a model becomes with more training examples: a run for each part of the training split, and what they say. */
import { join } from 'node:path';
import { defineConfig } from '../../src/config/define.js';
import type { RunConfigInput } from '../../src/config/input.js';
import type { RunConfig } from '../../src/config/run-config.js';
import { ConfigError } from '../../src/errors.js';
import { writeFileAtomically } from '../../src/ground/atomic-file.js';
import type { EndEvent, RunEvent } from '../../src/report/events.js';
import { jsonLine } from '../../src/report/json.js';
import { curveVerdict, type LearningCurve, type LossChange } from '../../src/report/learning-curve.js';
import { learningCurveName } from '../../src/report/run-folder.js';
import { compare } from '../inference/compare-models.js';
import { evaluate } from '../inference/evaluate.js';
import { type TrainOptions, train } from './train.js';

/**
 * Trains a run for each size, the smallest first, and evaluates each on validation: all on the same examples, by which the last
 * two are compared. The test split is opened by the largest run alone, as by any run. The curve is written into the folder of that.
 *
 * @param sizes parts of the training split, above 0 and at most 1, ascending
 * @param told the curve, unless a run was interrupted
 * @returns the end of the last run
 * @throws ConfigError where the run holds out no validation split
 */
export async function trainCurve(
  config: RunConfig,
  sizes: readonly number[],
  options: TrainOptions,
  told: (curve: LearningCurve) => void,
): Promise<EndEvent> {
  const points: LearningCurve['points'][number][] = [];
  const folders: string[] = [];
  for (const [i, size] of sizes.entries()) {
    const isLast = i === sizes.length - 1;
    let [folder, training] = ['', 0];
    const report = (event: RunEvent) => {
      if (event.event === 'start') {
        [folder, training] = [event.folder, event.training];
        if (event.validation === 0) throw noValidation();
      }
      options.report?.(event);
    };
    const end = await train(partOf(config, size, isLast), { ...options, report });
    if (end.interrupted) return end;
    const { threads, signal } = options;
    const { metrics, intervals } = await evaluate(folder, { split: 'validation', threads, signal });
    points.push({ size: training, metrics, intervals });
    folders.push(folder);
    if (!isLast) continue;
    const change = intervals.loss && (await changeOf(folders.slice(-2), { threads, signal }));
    const curve = { split: 'validation' as const, points, verdict: curveVerdict(points, change) };
    writeFileAtomically(join(folder, learningCurveName), jsonLine(curve));
    told(curve);
    return end;
  }
  throw new ConfigError('--learning-curve: names no size', 'write --learning-curve 0.1,0.3,1');
}

/** How the loss changed between two runs; undefined of one. */
async function changeOf(
  folders: readonly string[],
  options: Pick<TrainOptions, 'threads' | 'signal'>,
): Promise<LossChange | undefined> {
  if (folders.length < 2) return undefined;
  const { models, confidence } = await compare(folders, { ...options, split: 'validation', metrics: ['loss'] });
  const [{ difference, interval }] = models[0].differences;
  return interval && { difference, interval, confidence };
}

const noValidation = (): ConfigError =>
  new ConfigError('--learning-curve: the run holds out no validation split to compare by', 'set data.validation: 0.1');

function partOf(config: RunConfig, trainingFraction: number, isLast: boolean): RunConfig {
  const data = { ...config.data, trainingFraction };
  const evaluation = { ...config.evaluation, seal: config.evaluation.seal || !isLast };
  return defineConfig({ ...config, data, evaluation } as RunConfigInput);
}
