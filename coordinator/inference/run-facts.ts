/** What a diagnosis of a run needs besides the split that is evaluated: how its model does on training and validation. */
import { join, resolve } from 'node:path';
import { headsOf } from '../../src/config/heads.js';
import { lossSettings } from '../../src/config/model.js';
import { pictureIn } from '../../src/data/augment/moved.js';
import { evaluationBatch } from '../../src/data/geometry.js';
import { diagnoseRun } from '../../src/diagnosis/diagnose-run.js';
import type { RunFacts } from '../../src/diagnosis/facts.js';
import type { KeptExamples } from '../../src/evaluate/kept-examples.js';
import { randomStream, shuffle } from '../../src/ground/random.js';
import type { Finding } from '../../src/report/evaluation-report.js';
import { metricsName } from '../../src/report/metrics-log.js';
import { readRunLog } from '../../src/report/run-log.js';
import type { EvaluatedExamples } from './evaluate-examples.js';
import type { ChosenData, EvaluateOptions } from './evaluated-data.js';
import { runAround } from './locate.js';
import { repeatedFacts } from './repeated-facts.js';

/** Examples of the training split that are looked at where validation has fewer. */
const fewestTrained = 1024;
/** More of either tell no more. */
const most = 16_384;

/**
 * Rows of training, and of validation where it is not evaluated anyway; none where the splits may not be those of the run.
 * Of the training split as many as of validation are drawn, by the seed of the run.
 */
export function diagnosedRows({ dataset, split }: ChosenData, seed: number, options: EvaluateOptions): Int32Array[] {
  if (!options.diagnose || split === null || !hasOwnSplits(options)) return [];
  const { training, validation } = dataset.splits;
  const trained = drawn(training, Math.max(validation.length, fewestTrained), seed);
  return split === 'validation' || validation.length === 0 ? [trained] : [trained, drawn(validation, most, seed)];
}

/** Whether nothing was said that may divide the data otherwise than the run did. */
const hasOwnSplits = ({ config, overrides = [] }: EvaluateOptions): boolean =>
  config === undefined && !overrides.some((override) => /^\s*(data|seed|training)\b/.test(override));

/** Whole batches, where there is more than one: each size of a batch has a graph of its own. */
function drawn(rows: Int32Array, wanted: number, seed: number): Int32Array {
  const whole = (count: number) => (count < evaluationBatch ? count : count - (count % evaluationBatch));
  const count = whole(Math.min(rows.length, wanted, most));
  if (count === rows.length) return rows;
  const shuffled = rows.slice();
  shuffle(shuffled, randomStream('diagnosis', seed));
  return shuffled.subarray(0, count).sort();
}

/** What is wrong with the run; undefined where it was not asked, or cannot be told. */
export async function findingsOf(
  evaluated: EvaluatedExamples,
  warn: (message: string) => void = () => {},
): Promise<Finding[] | undefined> {
  const facts = factsOf(evaluated);
  return facts && diagnoseRun({ ...facts, repeated: await repeatedFacts(evaluated, warn) });
}

function factsOf({ located, config, dataset, split, kept, others }: EvaluatedExamples): RunFacts | undefined {
  const [training, second] = others.map((other) => other.kept);
  const validation: KeptExamples | undefined = split === 'validation' ? kept : second;
  const folder = runAround(located.path);
  if (!training || folder === undefined) return undefined;
  const log = readRunLog(join(folder, metricsName));
  const targets = training.heads.map(({ target }) => target);
  return {
    config,
    folder,
    log,
    isLast: !log.end?.restored && resolve(located.path) === resolve(folder, 'model'),
    hasPicture: pictureIn(dataset.examples.columns) !== undefined,
    losses: headsOf(config, targets).map(({ loss }) => lossSettings(loss)),
    training,
    ...(validation && { validation }),
  };
}
