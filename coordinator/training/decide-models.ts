/** At the end of a run: how the classes of each saved model are read, fitted on the validation split. */
import { dirname } from 'node:path';
import { evaluationBatch } from '../../src/data/geometry.js';
import { initialParameters } from '../../src/engine/step.js';
import { LockstepError } from '../../src/errors.js';
import { type FittedDecision, fitDecision } from '../../src/evaluate/fit-decision.js';
import { keptExamples } from '../../src/evaluate/kept-examples.js';
import type { HeadMetrics } from '../../src/evaluate/run-metrics.js';
import { commandLine } from '../../src/ground/shell-words.js';
import { readModelFile } from '../../src/model/files/model-file.js';
import { saveDecisions } from '../../src/model/files/save-decision.js';
import { StoppedError } from '../../src/pool/control.js';
import { ThreadPool } from '../../src/pool/pool.js';
import type { EvaluationOptions } from '../../src/pool/pool-options.js';
import { decisionReport } from '../../src/report/decision-text.js';
import { type EndEvent, figuresIn } from '../../src/report/events.js';
import { assignWeights } from '../inference/saved-model.js';
import { keepingAll, rulesIn } from '../prepare/check-decision.js';
import type { PreparedRun } from '../prepare/prepare.js';
import { evaluateSplit, stoppable } from './evaluate-split.js';

type RunEnd = Omit<EndEvent, 'seconds'>;

/**
 * Fits what the config's `evaluation` asks for and saves it with the models. The coordinator does it alone, on threads of its own,
 * so that the epochs have no more to do; the bits are those of any number of threads.
 *
 * @returns the end with the validation and the test read by what was fitted
 */
export async function decideModels(run: PreparedRun, end: RunEnd, signal: AbortSignal | undefined): Promise<RunEnd> {
  if (run.decided.length === 0) return end;
  const warn = (message: string) => run.report({ event: 'warning', message });
  const later = `fit it by ${commandLine(['calibrate', run.folder])}`;
  if (end.interrupted) {
    warn(`evaluation: nothing is fitted for a run that was interrupted: go on with it, or ${later}`);
    return end;
  }
  try {
    return await decided(run, end, signal, warn);
  } catch (error) {
    if (!(error instanceof StoppedError)) throw error;
    warn(`evaluation: stopped before all was fitted: ${later}`);
    return end;
  }
}

async function decided(
  run: PreparedRun,
  end: RunEnd,
  signal: AbortSignal | undefined,
  warn: (message: string) => void,
): Promise<RunEnd> {
  const models = [
    { name: 'final', file: end.model },
    { name: 'best', file: end.best },
  ] as const;
  const saved = models.flatMap(({ name, file }) => (file ? [{ name, folder: dirname(file) }] : []));
  const fitted: { parameters: Float32Array; decisions: FittedDecision[] }[] = [];
  const decisions: NonNullable<EndEvent['decisions']> = {};
  for (const { name, folder } of saved) {
    const parameters = await parametersIn(run, folder);
    let fit = fitted.find((before) => isSame(before.parameters, parameters));
    if (!fit) {
      fit = {
        parameters,
        decisions: await fitOn(run, parameters, signal, (problem) => warn(`${name} model: ${problem}`)),
      };
      fitted.push(fit);
    }
    if (save(run, folder, fit.decisions)) decisions[name] = fit.decisions.map(decisionReport);
  }
  if (!decisions.final) return { ...end, decisions };
  const [final] = fitted;
  const heads = run.metrics.map((head) => ({
    ...head,
    decision: final.decisions.find(({ target }) => target === head.target)?.decision,
  }));
  const { validation, test } = run.dataset.splits;
  const [onValidation, onTest] = await evaluated(run, heads, final.parameters, signal, async (pool) => [
    await evaluateSplit({ metrics: heads, trainer: pool }, validation),
    // One that is sealed stays so.
    end.test && (await evaluateSplit({ metrics: heads, trainer: pool }, test)),
  ]);
  return {
    ...end,
    validation: onValidation?.scalars ?? null,
    test: onTest?.scalars ?? null,
    ...figuresIn({ validation: onValidation, test: onTest }),
    decisions,
  };
}

/** What lies on the disk, for that is what will be read. */
async function parametersIn({ step }: PreparedRun, folder: string): Promise<Float32Array> {
  const { weights } = await readModelFile(folder);
  assignWeights(step.built.model, weights!, folder, () => {});
  return initialParameters(step);
}

const isSame = (a: Float32Array, b: Float32Array): boolean =>
  Buffer.compare(
    Buffer.from(a.buffer, a.byteOffset, a.byteLength),
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  ) === 0;

async function fitOn(
  run: PreparedRun,
  parameters: Float32Array,
  signal: AbortSignal | undefined,
  warn: (problem: string) => void,
): Promise<FittedDecision[]> {
  const heads = keepingAll(run.metrics);
  const { outputs } = await evaluated(run, heads, parameters, signal, async (pool) =>
    keptExamples(heads, (await pool.evaluate(run.dataset.splits.validation)).kept),
  );
  return run.decided.map((i) => {
    const { fitted, unfitted } = fitDecision({ head: run.metrics[i], kept: outputs[i] }, rulesIn(run.config)!);
    for (const { problem } of unfitted) warn(problem);
    return fitted;
  });
}

/** Evaluates on threads that know other metrics than the trainer's do. */
async function evaluated<Result>(
  run: PreparedRun,
  metrics: readonly HeadMetrics[],
  parameters: Float32Array,
  signal: AbortSignal | undefined,
  use: (pool: ThreadPool<EvaluationOptions>) => Promise<Result>,
): Promise<Result> {
  const { engine, step, examples, buckets, dataset, threads } = run;
  const { validation, test } = dataset.splits;
  if (signal?.aborted) throw new StoppedError();
  const pool = await ThreadPool.start(
    {
      use: 'evaluation',
      engine,
      layout: step.layout,
      examples,
      buckets,
      geometry: { evaluationBatch },
      metrics,
      // A coordinator that leaves all steps to others still does this.
      threads: Math.max(1, threads),
      largestEvaluation: Math.max(validation.length, test.length),
    },
    parameters,
  );
  try {
    return await stoppable(pool, signal, () => use(pool));
  } finally {
    await pool.close();
  }
}

/** @returns whether it is written; a run survives where it is not */
function save({ lock, unwritten }: PreparedRun, folder: string, decisions: readonly FittedDecision[]): boolean {
  try {
    lock.check();
    saveDecisions(folder, decisions);
    unwritten.written(folder);
    return true;
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    unwritten.failed(folder, error);
    return false;
  }
}
