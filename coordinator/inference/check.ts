/** Checks a saved model against a gate: limits of its metrics, and of how it stands to another run. */
import type { Gate } from '../../src/config/gate.js';
import type { Splits } from '../../src/data/examples.js';
import { ConfigError, DataError } from '../../src/errors.js';
import { verdictsOf } from '../../src/evaluate/differences.js';
import { baselineLine, type GateLine, limitLines, sliceLines } from '../../src/evaluate/gate-lines.js';
import { slicesOf } from '../../src/evaluate/slices.js';
import { resampled } from '../../src/evaluate/uncertainty.js';
import type { NamedExamples } from './comparable.js';
import { differencesFrom, replicatesOf } from './compare-models.js';
import { resamplingOf } from './evaluate.js';
import { type EvaluatedExamples, evaluateExamples } from './evaluate-examples.js';
import type { EvaluateOptions } from './evaluated-data.js';
import { checkBaseline, checkGate, nameOf } from './gate-fit.js';

/** What checking a model found. */
export interface CheckResult {
  /** The folder or file of the model. */
  readonly model: string;
  /** null where other data were evaluated. */
  readonly split: keyof Splits | null;
  /** How many examples were evaluated. */
  readonly examples: number;
  /** Whether all of the lines are. */
  readonly passed: boolean;
  /** One for each limit, in the order of the gate. */
  readonly lines: readonly GateLine[];
}

/**
 * @param place a run's folder or a model's
 * @param gate what it has to fulfil; its `split` holds unless the options name one, or other data
 * @throws LockstepError as `evaluate` and `compare` do, and where the gate names a metric that the model does not have
 */
export async function check(place: string, gate: Gate, options: EvaluateOptions = {}): Promise<CheckResult> {
  const split = options.split ?? (options.data === undefined ? gate.split : undefined);
  const byFrom = `${nameOf(gate)}: slices.`;
  const given = { ...options, split, by: Object.keys(gate.slices), byFrom };
  const measured = async (evaluated: EvaluatedExamples): Promise<CheckResult> => {
    const own = { name: place, ...evaluated };
    const lines = [
      ...(await limits(own, gate, given)),
      ...(await ofSlices(own, gate, given)),
      ...(await fromBaseline(own, gate, { ...given, by: [] })),
    ];
    return {
      model: evaluated.located.path,
      split: evaluated.split,
      examples: evaluated.rows.length,
      passed: lines.every(({ passed }) => passed),
      lines,
    };
  };
  return evaluateExamples(place, given, measured, {
    expect: (metrics, config) => checkGate(gate, place, metrics, config),
  });
}

async function limits(own: NamedExamples, { metrics }: Gate, options: EvaluateOptions): Promise<GateLine[]> {
  const { scalars } = own.results;
  const asked = resamplingOf(own, options);
  const { intervals = {}, notes = {} } = own.kept ? await resampled(own.kept, scalars, asked) : {};
  return Object.entries(metrics).flatMap(([name, limit]) =>
    limitLines(name, limit, { value: scalars[name], interval: intervals[name], note: notes[name] }),
  );
}

async function ofSlices(own: NamedExamples, { slices }: Gate, options: EvaluateOptions): Promise<GateLine[]> {
  const asked = Object.entries(slices);
  if (asked.length === 0) return [];
  if (!own.kept) {
    throw new DataError(
      `${own.name}: the outputs of all examples are more than is kept of them, and slices are made of those`,
      'check on fewer examples: --set data.test=0.1, or another --split or --data',
    );
  }
  const found = await slicesOf(own.kept, own.slicings, resamplingOf(own, options));
  return asked.flatMap(([, metrics], i) =>
    Object.entries(metrics).flatMap(([name, limit]) => sliceLines(name, limit, found[i])),
  );
}

async function fromBaseline(own: NamedExamples, gate: Gate, options: EvaluateOptions): Promise<GateLine[]> {
  const { baseline } = gate;
  if (!baseline) return [];
  const { run, metrics } = baseline;
  const names = Object.keys(metrics);
  const { confidence, resamples } = own.config.evaluation;
  const overrides = [...(options.overrides ?? []), `evaluation.resamples=${resamples}`];
  // The model that is checked may be of any config; the baseline is a run with its own.
  return evaluateExamples(
    run,
    { ...options, config: undefined, model: undefined, module: undefined, overrides },
    async (evaluated) => {
      const other = { name: run, ...evaluated };
      const drawn = await replicatesOf(other, own, options);
      const [verdicts] = verdictsOf(
        [await differencesFrom(other, drawn, own, { ...options, metrics: names }, own)],
        confidence,
      );
      return names.map((metric) => {
        const verdict = verdicts.find((each) => each.metric === metric);
        if (verdict) return baselineLine(metrics[metric], verdict);
        throw new ConfigError(
          `${nameOf(gate)}: baseline.metrics.${metric}: ${own.name} and ${run} do not compute it alike`,
          'name a metric whose options, or whose loss, are those of both',
        );
      });
    },
    { expect: (other) => checkBaseline(gate, run, other) },
  );
}
