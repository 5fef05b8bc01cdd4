/** Bootstrap replicates of metrics, on threads of their own: the same numbers for any number of threads. */
import { Piscina } from 'piscina';
import { type KeptExamples, shared } from './kept-examples.js';
import { type ReplicatedPart, ReplicateMaker, type ReplicateWork } from './replicate-maker.js';

export interface ReplicateOptions {
  /** How many. */
  readonly resamples: number;
  readonly seed: number;
  /** A number from 0 of the group of each example; absent: each example is drawn by itself. */
  readonly groups?: Int32Array;
  readonly threads: number;
  readonly signal?: AbortSignal;
}

/** Rows times resamples below which starting threads takes longer than the work. */
const little = 4_000_000;

/**
 * The loss and the metrics that are numbers, of `resamples` draws with replacement.
 * @returns [resamples, numbers], in the order of `RunMetrics.numbers`
 * @throws the signal's reason when it comes before the end
 */
export const replicates = (kept: KeptExamples, options: ReplicateOptions): Promise<Float64Array> =>
  partReplicates(kept.examples, [{ kept }], options);

/**
 * The same of parts of a split, all from the same draws of the whole of it.
 * @param examples of the split
 * @returns [resamples, parts, numbers]
 */
export async function partReplicates(
  examples: number,
  parts: readonly ReplicatedPart[],
  { resamples, seed, groups, threads, signal }: ReplicateOptions,
): Promise<Float64Array> {
  signal?.throwIfAborted();
  const next = new Int32Array(new SharedArrayBuffer(4));
  const width = ReplicateMaker.widthOf(parts[0].kept);
  const results = new Float64Array(new SharedArrayBuffer(8 * width * parts.length * resamples));
  const work: ReplicateWork = { examples, parts, seed, groups, resamples, next, results };
  const rows = parts.flatMap(({ kept }) => kept.outputs).reduce((sum, { outputs }) => sum + outputs.length, 0);
  if (threads === 1 || rows * resamples < little) await makeHere(work, signal);
  else {
    const shareable = parts.map((part) => ({ ...part, kept: shared(part.kept) }));
    await makeOnThreads({ ...work, parts: shareable }, threads, signal);
  }
  return results;
}

/** Lets others have a turn between two draws now and then. */
async function makeHere(work: ReplicateWork, signal: AbortSignal | undefined): Promise<void> {
  const maker = new ReplicateMaker(work);
  let turn = performance.now();
  while (maker.makeNext()) {
    if (performance.now() - turn < 50) continue;
    await new Promise(setImmediate);
    signal?.throwIfAborted();
    turn = performance.now();
  }
}

async function makeOnThreads(work: ReplicateWork, threads: number, signal: AbortSignal | undefined): Promise<void> {
  const piscina = new Piscina({
    filename: new URL('./replicate-thread.js', import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    idleTimeout: Number.POSITIVE_INFINITY,
    recordTiming: false,
  });
  const stop = () => Atomics.store(work.next, 0, work.resamples);
  signal?.addEventListener('abort', stop);
  try {
    const outcomes = await Promise.allSettled(Array.from({ length: threads }, () => piscina.run(work)));
    signal?.throwIfAborted();
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure) throw failure.reason;
  } finally {
    signal?.removeEventListener('abort', stop);
    await piscina.destroy();
  }
}
