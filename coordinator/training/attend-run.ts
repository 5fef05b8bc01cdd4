/** What other programs see of a run while it trains, and what they may ask of it. */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { worldName } from '../../src/report/event-record.js';
import { jsonLine } from '../../src/report/json.js';
import { type AskedOfRun, watchRequests } from '../../src/report/run-request.js';
import type { PreparedRun } from '../prepare/prepare.js';

/** Milliseconds between two looks at the workers. */
const interval = 1000;

/**
 * Answers requests, and writes down how the workers stand.
 * @param answers what each request is answered with
 * @returns ends it
 */
export function attendRun(run: PreparedRun, answers: Readonly<Record<AskedOfRun, () => void>>): () => void {
  const unwatch = watchRequests(run.folder, (request) => answers[request]());
  const timer = run.trainer.standing && setInterval(() => writeStanding(run), interval).unref();
  return () => {
    unwatch();
    clearInterval(timer);
    writeStanding(run);
  };
}

/** For who looks on: where it cannot be written, the run needs no telling. */
function writeStanding({ trainer, folder, lock }: PreparedRun): void {
  if (!trainer.standing) return;
  const file = join(folder, worldName);
  try {
    lock.check();
    writeFileSync(`${file}.partial`, jsonLine({ time: Date.now() / 1000, workers: trainer.standing() }));
    renameSync(`${file}.partial`, file);
  } catch {
    // As above.
  }
}
