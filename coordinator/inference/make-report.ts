/** The report of an evaluation: its numbers, the data, how the training went, and how to come to all of it again. */
import { dirname, join, relative } from 'node:path';
import type { ClusterConfig } from '../../src/config/cluster.js';
import { resolvedYaml } from '../../src/config/load-config.js';
import { ofRole } from '../../src/data/field.js';
import { runtimeVersion } from '../../src/engine/onnx/runtime.js';
import { type PredictionResiduals, residualsOf } from '../../src/evaluate/prediction-residuals.js';
import { ownVersion } from '../../src/ground/own-version.js';
import { commandLine } from '../../src/ground/shell-words.js';
import { dataCard } from '../../src/report/data-card.js';
import type { EvaluationReport, Repetition } from '../../src/report/evaluation-report.js';
import { metricsName } from '../../src/report/metrics-log.js';
import { readRunLog } from '../../src/report/run-log.js';
import { trainingCourse } from '../../src/report/training-course.js';
import { type EvaluationResult, evaluateWith } from './evaluate.js';
import type { EvaluatedExamples } from './evaluate-examples.js';
import type { EvaluateOptions } from './evaluated-data.js';
import { explainedExamples } from './explained-examples.js';
import { isOneText } from './explained-inputs.js';
import { hasColumns, measuredImportance } from './importance.js';
import { choiceOf, runAround } from './locate.js';
import { reliabilityOf } from './reliability.js';

/** What a report is to say beside what `evaluate` does. */
export interface ReportOptions extends EvaluateOptions {
  /** Whether to measure which inputs the model relies on, or to explain some examples where these are one picture or text; default: false. */
  readonly importance?: boolean;
  /** How often each input is shuffled for that; default: 10. */
  readonly repeats?: number;
}

/**
 * Evaluates a saved model as `evaluate` does, with all that a report says besides: `reportHtml` makes a page of it, and
 * `reportMarkdown` Markdown.
 *
 * @param place a run's folder or a model's
 * @param hasCard whether to read all of the data for the card that tells them from others
 * @throws LockstepError as `evaluate` does
 */
export async function evaluationReport(
  place: string,
  options: ReportOptions = {},
  hasCard = true,
): Promise<EvaluationResult & EvaluationReport> {
  const warnings: string[] = [];
  const warn = (message: string) => {
    warnings.push(message);
    options.warn?.(message);
  };
  return evaluateWith(
    place,
    { ...options, warn },
    async (result, evaluated) => {
      const { located, dataset, split, isSealed } = evaluated;
      const calibration = await reliabilityOf(evaluated, options);
      const residuals = residualsIn(evaluated);
      const reliedOn = options.importance ? await whatItGoesBy(evaluated, { ...options, warn }) : {};
      const run = located.config === undefined ? runAround(located.path) : dirname(located.config);
      const training =
        run === undefined ? undefined : trainingCourse(readRunLog(join(run, metricsName)), trainedOn(evaluated));
      return {
        ...result,
        warnings,
        ...(hasCard && { card: await dataCard(dataset, split === null, isSealed) }),
        ...(training && { training }),
        ...(residuals.length > 0 && { residuals }),
        ...(calibration && { calibration }),
        ...reliedOn,
        repeat: repetition(run, place, evaluated, options),
      };
    },
    true,
  );
}

/** Of targets that are numbers, where their outputs were kept. */
const residualsIn = ({ kept, numeric }: EvaluatedExamples): PredictionResiduals[] =>
  kept ? numeric.flatMap((head) => residualsOf(kept.heads[head], kept.outputs[head])) : [];

/** Of what has columns, which of them matter; of pictures and texts, also of a column of texts, what matters in some. */
async function whatItGoesBy(
  evaluated: EvaluatedExamples,
  options: ReportOptions,
): Promise<Pick<EvaluationReport, 'importance' | 'explanations'>> {
  const { dataset } = evaluated;
  const hasParts = hasColumns(dataset);
  const isExplained = !hasParts || isOneText(dataset.encoding, ofRole(dataset.examples.columns, 'input').length);
  return {
    ...(hasParts && { importance: (await measuredImportance(evaluated, options)).importance }),
    ...(isExplained && { explanations: await explainedExamples(evaluated, options) }),
  };
}

/** Examples of an epoch; 0 where other data were read. */
const trainedOn = ({ dataset, split }: EvaluatedExamples): number =>
  split === null ? 0 : dataset.splits.training.length;

function repetition(
  run: string | undefined,
  place: string,
  { config, split, parameters, located }: EvaluatedExamples,
  options: ReportOptions,
): Repetition {
  const model = run !== undefined && place !== located.path ? choiceOf(located.path) : undefined;
  const evaluate = evaluateLine(place, split, { ...options, model });
  const file = join(relative('.', run ?? '') || '.', 'config.yaml');
  const again = config.cluster.sync === 'step' ? ['train', file] : ['coordinator', file, '--min-workers', '0'];
  const train = run === undefined ? [] : [again];
  return {
    commands: [...train, evaluate].map((words) => commandLine(words)),
    ...noteOn(config.cluster),
    config: resolvedYaml(config),
    seed: config.seed,
    parameters,
    versions: { Lockstep: ownVersion, 'Node.js': process.versions.node, 'ONNX Runtime': runtimeVersion() },
  };
}

/** Where a run over workers has bits of its own. */
function noteOn({ precision, allReduce }: ClusterConfig): Pick<Repetition, 'note'> {
  const how =
    allReduce === 'mpi'
      ? 'are added up by MPI itself (cluster.allReduce)'
      : precision !== 'float32' && `cross a network as ${precision} (cluster.precision)`;
  if (!how) return {};
  return {
    note: `Gradients that ${how} depend on who computed what: a run over workers comes to the same bits only by chance.`,
  };
}

/** The words behind `lockstep` that evaluate the same again: all that was asked for which numbers, sections or warnings depend on. */
export function evaluateLine(place: string, split: EvaluatedExamples['split'], options: ReportOptions): string[] {
  const { data, config, overrides = [], model, module, unseal, diagnose, by = [], importance, repeats } = options;
  const files = typeof data === 'string' ? [data] : Object.entries(data ?? {}).map(([name, path]) => `${name}=${path}`);
  const given = (flag: string, value: string | undefined) => (value === undefined ? [] : [flag, value]);
  return [
    ...['evaluate', place],
    ...(split === null ? files.flatMap((path) => ['--data', path]) : ['--split', split]),
    ...(unseal ? ['--unseal'] : []),
    ...given('--model', model),
    ...given('--config', config),
    ...given('--module', module),
    ...overrides.flatMap((override) => ['--set', override]),
    ...by.flatMap((column) => ['--by', column]),
    ...(diagnose ? [] : ['--no-diagnosis']),
    ...(importance ? ['--importance', ...given('--repeats', repeats?.toString())] : []),
  ];
}
