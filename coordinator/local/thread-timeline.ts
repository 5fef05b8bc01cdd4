/** `lockstep train --trace FILE`: the phases of every step of every thread. */
import { roundOf } from '../../src/data/geometry.js';
import { ThreadPool } from '../../src/pool/pool.js';
import { phaseNames, type TrainingOptions } from '../../src/pool/pool-options.js';
import type { Unwritten } from '../../src/report/unwritten.js';
import { Timeline } from '../training/timeline.js';

/**
 * Starts threads whose steps are traced. Threads keep the times of their steps in shared memory, and the trace is written
 * while they do nothing: between spans.
 *
 * @param parameters initial slab
 * @throws OutputError when the file cannot be written
 */
export async function startTraced(
  options: TrainingOptions,
  parameters: Float32Array,
  path: string,
  unwritten: Unwritten,
): Promise<ThreadPool<TrainingOptions>> {
  const trace = new Timeline(path, unwritten);
  const ranks = Array.from({ length: options.threads }, (_, id) => ({ id, name: `thread ${id}` }));
  let isStarted = false;
  const watch = {
    trained(epoch: number, first: number, committed: number, times: { of(step: number, rank: number): Float64Array }) {
      for (let step = first; step < first + committed; step++) {
        const number = roundOf(options.geometry, epoch, step) + 1;
        for (const rank of ranks) traceStep(trace, rank, number, times.of(step, rank.id));
      }
    },
    evaluated(milliseconds: number) {
      for (const rank of ranks) trace.span(rank, 'validate', milliseconds, 0);
    },
    closed: () => isStarted && trace.close(),
  };
  try {
    const pool = await ThreadPool.start(options, parameters, watch);
    isStarted = true;
    trace.keep();
    return pool;
  } catch (error) {
    trace.discard();
    throw error;
  }
}

/** A thread comes to a phase several times in a step: its parts are drawn as one. */
function traceStep(
  trace: Timeline,
  rank: { readonly id: number; readonly name: string },
  step: number,
  [end, ...phases]: Float64Array,
): void {
  let until = end - performance.timeOrigin - phases.reduce((sum, took) => sum + took, 0);
  phaseNames.forEach((phase, i) => {
    until += phases[i];
    if (phases[i] > 0) trace.spanUntil(rank, phase, phases[i], until, { step });
  });
}
