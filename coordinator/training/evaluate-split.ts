/** What the metrics of a run come to over one of its splits. */
import type { MetricResults } from '../../src/evaluate/output-metrics.js';
import { RunMetrics } from '../../src/evaluate/run-metrics.js';
import { StoppedError } from '../../src/pool/control.js';
import type { PreparedRun } from '../prepare/prepare.js';
import type { Trainer } from './trainer.js';

/** Asks the trainer to stop as soon as the signal comes, while something is under way. */
export async function stoppable<Result>(
  trainer: Pick<Trainer, 'requestStop'>,
  signal: AbortSignal | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  const stop = () => trainer.requestStop();
  signal?.addEventListener('abort', stop);
  try {
    return await work();
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** @returns null where the split has no examples. @throws StoppedError when the trainer is to stop meanwhile */
export async function evaluateSplit(
  { metrics, trainer }: { readonly metrics: PreparedRun['metrics']; readonly trainer: Pick<Trainer, 'evaluate'> },
  rows: Int32Array,
): Promise<MetricResults | null> {
  return rows.length === 0 ? null : new RunMetrics(metrics).results(await trainer.evaluate(rows));
}

/**
 * @returns null where the split has no examples
 * @throws StoppedError when a signal comes before its end: it may take longer than anybody waits
 */
export async function validate(run: PreparedRun, signal: AbortSignal | undefined): Promise<MetricResults | null> {
  if (run.dataset.splits.validation.length === 0) return null;
  if (signal?.aborted) throw new StoppedError();
  return stoppable(run.trainer, signal, () => evaluateSplit(run, run.dataset.splits.validation));
}

/** A run that is stopped while nobody is there to compute ends without the numbers. */
export function unlessStopped(error: unknown): null {
  if (error instanceof StoppedError) return null;
  throw error;
}
