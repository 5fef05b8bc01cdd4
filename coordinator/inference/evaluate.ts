import { join } from 'node:path';
import type { Splits } from '../../src/data/examples.js';
import type { Interval } from '../../src/evaluate/intervals.js';
import type { ReplicateOptions } from '../../src/evaluate/replicates.js';
import { type Slices, slicesOf } from '../../src/evaluate/slices.js';
import { resampled } from '../../src/evaluate/uncertainty.js';
import type { Decision } from '../../src/metrics/class-probabilities.js';
import type { MetricFigure } from '../../src/metrics/metric.js';
import { threadsOf } from '../../src/pool/thread-count.js';
import type { Finding, GalleryReport } from '../../src/report/evaluation-report.js';
import type { Metrics } from '../../src/report/events.js';
import { type LearningCurve, readLearningCurve } from '../../src/report/learning-curve.js';
import type { Looks } from '../../src/report/looks.js';
import { learningCurveName } from '../../src/report/run-folder.js';
import { type EvaluatedExamples, evaluateExamples } from './evaluate-examples.js';
import type { EvaluateOptions } from './evaluated-data.js';
import { galleryFor } from './gallery.js';
import { runAround } from './locate.js';
import { diagnosedRows, findingsOf } from './run-facts.js';
import { trackEvaluation } from './tracked-evaluation.js';

/** What an evaluation found. */
export interface EvaluationResult {
  /** The folder or file of the model that was evaluated. */
  readonly model: string;
  /** null where other data were evaluated. */
  readonly split: keyof Splits | null;
  /** One line about the data. */
  readonly data: string;
  /** How many examples were evaluated. */
  readonly examples: number;
  /** `loss` first, then the metrics of the config. */
  readonly metrics: Metrics;
  /** Metrics that are tables or curves, where there are some. */
  readonly figures?: Record<string, MetricFigure>;
  /** How often an interval holds the value that the model would have on all examples of the kind. */
  readonly confidence: number;
  /** Confidence intervals, by the names of `metrics`; none where `evaluation.resamples` is 0. */
  readonly intervals: Readonly<Record<string, Interval>>;
  /** How large a difference of two models each can show, where each model is measured on such a split of its own. */
  readonly detectable: Readonly<Record<string, number>>;
  /** Why a metric is no number, or has no interval. */
  readonly notes: Readonly<Record<string, string>>;
  /** What examples belong to, and how many of these there are: intervals are of draws of whole groups. */
  readonly groups?: { readonly column: string; readonly count: number };
  /** Metrics by the values of columns, where slices are asked for. */
  readonly slices?: readonly Slices[];
  /** How classes are read of each target that was fitted on the validation split: `lockstep calibrate`, `evaluation.threshold`. */
  readonly decisions?: Readonly<Record<string, Decision>>;
  /** Looks at the test split of the run since it ended, this one included; absent for a model that is in no run. */
  readonly looks?: Looks;
  /** Whether the test split is sealed. */
  readonly sealed: boolean;
  /** Examples to look at; where `evaluation.gallery` asks for some. */
  readonly gallery?: readonly GalleryReport[];
  /** What training on parts of the training split came to; of the largest run of a learning curve. */
  readonly learningCurve?: LearningCurve['points'];
  /** What is wrong with the run, and what can be done; absent where `diagnose` was not asked for, or the run is not known. */
  readonly diagnosis?: readonly Finding[];
}

/**
 * Loss and metrics of a saved model, exactly as its run computes them.
 *
 * @param place a run's folder or a model's
 * @throws LockstepError when there is no such model, no config, no such split, or data and model do not fit
 */
export const evaluate = (place: string, options: EvaluateOptions = {}): Promise<EvaluationResult> =>
  evaluateWith(place, options, async (result) => result);

/** The same, and what else is to be said while the data are open. */
export const evaluateWith = <Said>(
  place: string,
  options: EvaluateOptions,
  say: (result: EvaluationResult, evaluated: EvaluatedExamples) => Promise<Said>,
  keeps = false,
): Promise<Said> =>
  evaluateExamples(place, options, async (evaluated) => say(await resultOf(evaluated, options), evaluated), {
    keeps,
    tellsLooks: true,
    also: (chosen, config) => diagnosedRows(chosen, config.seed, options),
  });

async function resultOf(evaluated: EvaluatedExamples, options: EvaluateOptions): Promise<EvaluationResult> {
  const { located, config, dataset, split, rows, results, kept, looks, isSealed, slicings, groups, decisions } =
    evaluated;
  const { scalars, figures } = results;
  const { confidence } = config.evaluation;
  const asked = resamplingOf(evaluated, options);
  const sure = kept ? await resampled(kept, scalars, asked) : { intervals: {}, detectable: {}, notes: {} };
  const diagnosis = await findingsOf(evaluated, options.warn);
  const gallery = await galleryFor(evaluated);
  trackEvaluation(evaluated, { gallery, diagnosis }, options.warn);
  const run = runAround(located.path);
  const curve = run === undefined ? undefined : readLearningCurve(join(run, learningCurveName));
  return {
    model: located.path,
    split,
    data: dataset.description,
    examples: rows.length,
    metrics: scalars,
    ...(Object.keys(figures).length > 0 && { figures }),
    confidence,
    ...sure,
    ...(groups && { groups: { column: groups.column, count: groups.count } }),
    ...(kept && slicings.length > 0 && { slices: await slicesOf(kept, slicings, asked) }),
    ...(decisions.length > 0 && {
      decisions: Object.fromEntries(decisions.map(({ target, decision }) => [target, decision])),
    }),
    ...(looks && { looks }),
    sealed: isSealed,
    ...(gallery && { gallery }),
    ...(curve && { learningCurve: curve.points }),
    ...(diagnosis && { diagnosis }),
  };
}

/** How the examples of an evaluation are resampled. */
export function resamplingOf(
  { config, groups }: EvaluatedExamples,
  { threads, signal }: Pick<EvaluateOptions, 'threads' | 'signal'>,
): ReplicateOptions & { readonly confidence: number } {
  const { confidence, resamples } = config.evaluation;
  return { confidence, resamples, seed: config.seed, threads: threadsOf(threads), signal, groups: groups?.numbers };
}
