/** Runs over workers inside the test's process, on loopback. */
import { type CoordinateOptions, coordinate } from '../../coordinator/world/coordinate.js';
import { loadRunConfig } from '../../src/config/load-config.js';
import type { RunEvent } from '../../src/report/events.js';
import { type WorkerOptions, work } from '../../worker/worker.js';
import type { WorkerProgramEvent } from '../../worker/worker-events.js';
import { eventOf } from './cli.js';
import type { Trained } from './runs.js';

export interface InWorld extends Trained {
  /** What each worker said. */
  readonly workers: readonly (readonly WorkerProgramEvent[])[];
}

/** @param threads of each worker */
export interface WorldSetup extends Pick<CoordinateOptions, 'threads' | 'ledger' | 'trace' | 'transport' | 'steps'> {
  readonly workers: readonly (Partial<WorkerOptions> & { readonly threads: number })[];
}

const token = 'a token of tests';

/**
 * Trains as `trained` does, over workers.
 * @param out parent of the run's folder
 * @param cache folder for what workers keep
 */
export async function trainedInWorld(
  file: string,
  overrides: readonly string[],
  out: string,
  cache: string,
  { workers: setups, threads = 0, ...more }: WorldSetup,
): Promise<InWorld> {
  const events: RunEvent[] = [];
  const workers: WorkerProgramEvent[][] = [];
  const working: Promise<void>[] = [];
  const abort = new AbortController();
  const report = (event: RunEvent) => {
    events.push(event);
    if (event.event !== 'listening') return;
    for (const [i, setup] of setups.entries()) {
      const said: WorkerProgramEvent[] = [];
      workers.push(said);
      working.push(
        work({
          url: event.url,
          token,
          name: `worker-${i + 1}`,
          ca: undefined,
          memory: 1e9,
          local: undefined,
          cache,
          peer: { host: undefined, port: 0, advertise: undefined, tls: undefined },
          signal: abort.signal,
          report: (event) => said.push(event),
          ...setup,
        }),
      );
    }
  };
  try {
    const config = loadRunConfig(file, overrides);
    const end = await coordinate(config, {
      threads,
      out,
      report,
      token,
      port: 0,
      minWorkers: setups.length,
      ...more,
    });
    await Promise.all(working);
    const epochs = events.filter((event) => event.event === 'epoch');
    return { start: eventOf(events, 'start'), epochs, end, events, workers };
  } finally {
    abort.abort();
    await Promise.allSettled(working);
  }
}
