/** Compares saved models on the same examples, and says whether a difference is more than chance. */
import { resolve } from 'node:path';
import type { RunConfig } from '../../src/config/run-config.js';
import type { Splits } from '../../src/data/examples.js';
import { ConfigError, DataError } from '../../src/errors.js';
import {
  type Difference,
  differencesOf,
  type ResampledModel,
  type Verdict,
  verdictsOf,
} from '../../src/evaluate/differences.js';
import { replicates } from '../../src/evaluate/replicates.js';
import type { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { plural } from '../../src/ground/units.js';
import { checkExamples, checkMetricNames, checkPlaces, commonNumbers, type NamedExamples } from './comparable.js';
import { resamplingOf } from './evaluate.js';
import { type EvaluatedExamples, evaluateExamples } from './evaluate-examples.js';
import type { EvaluateOptions } from './evaluated-data.js';

/** Which models to compare, on what, and by what. */
export interface CompareOptions extends EvaluateOptions {
  /** The run or model that the others are compared with; default: the first. */
  readonly baseline?: string;
  /** Names of the loss and metrics to compare; default: all that both have. */
  readonly metrics?: readonly string[];
}

/** A model beside the baseline. */
export interface ComparedModel {
  /** The folder or file of the model. */
  readonly model: string;
  /** By metric, in the order of the baseline's. */
  readonly differences: readonly Verdict[];
}

/** What a comparison found. */
export interface ComparisonResult {
  /** The folder or file of the model that the others are compared with. */
  readonly baseline: string;
  /** null where other data were evaluated. */
  readonly split: keyof Splits | null;
  /** One line about the data. */
  readonly data: string;
  /** How many examples all of them were evaluated on. */
  readonly examples: number;
  /** How often an interval holds the difference that the models would have on all examples of the kind. */
  readonly confidence: number;
  /** Draws of the bootstrap. */
  readonly resamples: number;
  /** The others, in the order in which they were named. */
  readonly models: readonly ComparedModel[];
}

/**
 * The differences of models from a baseline on the same examples: by a paired bootstrap with the same draws for all of them, and
 * by McNemar's exact test where a metric is a share of examples. P-values are corrected for their number.
 *
 * @param places runs' folders or models'
 * @throws LockstepError as `evaluate` does, and where the examples are not the same or the models have no metric in common
 */
export async function compare(places: readonly string[], options: CompareOptions = {}): Promise<ComparisonResult> {
  const { baseline, others } = chosen(places, options.baseline);
  const expect = (place: string) => (metrics: RunMetrics, config: RunConfig) => {
    checkMetricNames(place, metrics, options.metrics);
    requireResamples(place, config);
  };
  const use = async (first: EvaluatedExamples): Promise<ComparisonResult> => {
    const one = { name: baseline, ...first };
    const found: { model: string; differences: Difference[] }[] = [];
    const own = await replicatesOf(one, one, options);
    for (const place of others) {
      const overrides = [...(options.overrides ?? []), `evaluation.resamples=${first.config.evaluation.resamples}`];
      const compared = async (evaluated: EvaluatedExamples) => {
        const other = { name: place, ...evaluated };
        return { model: evaluated.located.path, differences: await differencesFrom(one, own, other, options) };
      };
      found.push(await evaluateExamples(place, { ...options, overrides }, compared, { expect: expect(place) }));
    }
    const { confidence, resamples } = first.config.evaluation;
    const verdicts = verdictsOf(
      found.map(({ differences }) => differences),
      confidence,
    );
    warnOfFewResamples(verdicts.flat(), first.config, options.warn);
    return {
      baseline: first.located.path,
      split: first.split,
      data: first.dataset.description,
      examples: first.rows.length,
      ...{ confidence, resamples },
      models: found.map(({ model }, i) => ({ model, differences: verdicts[i] })),
    };
  };
  return evaluateExamples(baseline, options, use, { expect: expect(baseline) });
}

/** Which of the places is the baseline, and what is left. */
function chosen(places: readonly string[], asked: string | undefined) {
  const baseline = asked ?? places[0];
  const at = places.findIndex((place) => resolve(place) === resolve(baseline ?? ''));
  const others = at < 0 ? places : places.toSpliced(at, 1);
  if (baseline !== undefined && others.length > 0) return { baseline, others };
  throw new ConfigError(
    `compare: ${places.length === 0 ? 'no run' : `${places[0]} alone`} is not enough`,
    'name two runs or more, the one to compare with first',
  );
}

function requireResamples(name: string, { evaluation }: RunConfig): void {
  if (evaluation.resamples > 0) return;
  throw new ConfigError(
    `evaluation.resamples: 0 leaves ${name} nothing to be compared by`,
    'add --set evaluation.resamples=2000',
  );
}

/** Draws of a model's examples. @param by whose seed, groups and number of resamples hold */
export async function replicatesOf(
  { name, results, kept }: NamedExamples,
  by: EvaluatedExamples,
  options: EvaluateOptions,
): Promise<ResampledModel> {
  requireResamples(name, by.config);
  if (!kept) {
    throw new DataError(
      `${name}: the outputs of all examples are more than is kept of them, and pairs are compared by those`,
      'compare on fewer examples: --set data.test=0.1, or another --split or --data',
    );
  }
  return { kept, values: results.scalars, drawn: await replicates(kept, resamplingOf(by, options)) };
}

/**
 * @param by as `replicatesOf` takes it
 * @throws LockstepError when the examples are not the same, or there is nothing to compare by
 */
export async function differencesFrom(
  baseline: NamedExamples,
  drawn: ResampledModel,
  other: NamedExamples,
  options: CompareOptions,
  by: EvaluatedExamples = baseline,
): Promise<Difference[]> {
  await checkExamples(baseline, other, options.warn);
  const own = await replicatesOf(other, by, options);
  checkPlaces(baseline, drawn.kept, other, own.kept);
  const isCommon = commonNumbers(baseline, drawn.kept, other, own.kept);
  const differences = differencesOf(drawn, own, isCommon, resamplingOf(by, options));
  const wanted = differences.filter(({ metric }) => options.metrics?.includes(metric) ?? true);
  if (wanted.length > 0) return wanted;
  throw new ConfigError(
    `${baseline.name} and ${other.name} have no loss and no metric of the same kind`,
    'ask both for the same: --set metrics=[accuracy]',
  );
}

/** With so many comparisons even the least p-value that a bootstrap can give may show nothing. */
function warnOfFewResamples(
  verdicts: readonly Verdict[],
  { evaluation }: RunConfig,
  warn?: (message: string) => void,
): void {
  const { resamples, confidence } = evaluation;
  // Those that have no p-value with so few, and will have one with enough, count too.
  const count = verdicts.filter(({ difference }) => Number.isFinite(difference)).length;
  const least = (count * 2) / (resamples + 1);
  if (least < 1 - confidence || !verdicts.some(({ test }) => test === 'bootstrap')) return;
  const enough = Math.ceil((2 * count) / (1 - confidence));
  warn?.(
    `${plural(resamples, 'resample')} cannot show any difference among ${plural(count, 'comparison')}: add ` +
      `--set evaluation.resamples=${enough}, or name fewer with --metric`,
  );
}
