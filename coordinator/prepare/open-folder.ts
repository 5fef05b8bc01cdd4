/** A run's folder, and what is written into it while the run goes on. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { resolvedYaml } from '../../src/config/load-config.js';
import type { RunConfig } from '../../src/config/run-config.js';
import type { StepModel } from '../../src/engine/step.js';
import { OutputError } from '../../src/errors.js';
import { grouped, plural } from '../../src/ground/units.js';
import { type EventRecord, eventsName } from '../../src/report/event-record.js';
import type { Reporter } from '../../src/report/events.js';
import { Ledger } from '../../src/report/ledger.js';
import type { LogFile, LogOptions } from '../../src/report/log-file.js';
import { metricsLog, metricsName } from '../../src/report/metrics-log.js';
import { createRunFolder, replaceConfig } from '../../src/report/run-folder.js';
import { type JobStart, lockRun } from '../../src/report/run-lock.js';
import type { Unwritten } from '../../src/report/unwritten.js';
import type { Resumption } from '../training/resume.js';
import { openTrackers } from './trackers.js';

export interface FolderOptions {
  /** Parent of a new run's folder. */
  readonly out: string;
  /** Whether to keep a ledger; a resumed run goes on with the one it has. */
  readonly ledger: boolean;
  /** Writes down what the run tells, and tells the caller. */
  readonly record: EventRecord;
  /** The job of a scheduler that it is the run of. */
  readonly job?: JobStart;
}

/** Takes back something that was done. @param failure what ended the run before its end */
export type Cleanup = (failure: unknown) => void | Promise<void>;

/**
 * The run's folder and what is written to it while the run goes on.
 * @param cleanups gets what gives each of them back, as soon as there is something to give back
 */
export function openFolder(
  config: RunConfig,
  { out, ledger: wanted, record, job }: FolderOptions,
  cleanups: Cleanup[],
  { step: model, unwritten }: { readonly step: StepModel; readonly unwritten: Unwritten },
  resumption?: Resumption,
) {
  const yaml = resolvedYaml(config);
  const folder = resumption?.folder ?? createRunFolder(out, config.name, yaml);
  const lock = resumption?.lock ?? lockRun(folder, job);
  if (!resumption) cleanups.push(() => lock.release());
  const step = resumption?.checkpoint?.state.progress.step ?? 0;
  if (resumption) replaceConfig(folder, yaml);
  const logs: LogFile[] = [];
  cleanups.push(() => {
    for (const log of logs) log.close();
  });
  const optionsOf = (path: string): Required<LogOptions> => ({
    check: () => lock.check(),
    failed: (error) => unwritten.failed(path, error),
    caughtUp: () => unwritten.written(path),
  });
  logs.push(record.open(folder, optionsOf(join(folder, eventsName))));
  cleanups.push(() => record.close());
  const metricsPath = join(folder, metricsName);
  const metrics = metricsLog(metricsPath, step, optionsOf(metricsPath));
  logs.push(metrics.file);
  const ledgerPath = ledgerFile(folder);
  const ledger = wanted || hasLedger(folder) ? new Ledger(ledgerPath, step, optionsOf(ledgerPath)) : undefined;
  if (ledger) logs.push(ledger.file);
  if (ledger && ledger.step < step) {
    const message = `${ledgerPath} does not have the steps ${grouped(ledger.step + 1)} to ${grouped(step)}: it could not be written then`;
    record.report({ event: 'warning', message });
  }
  const trackers = openTrackers({ config, folder, step, model, optionsOf, report: record.report });
  record.follow(trackers.map(({ report }) => report));
  cleanups.push(async () => {
    for (const tracker of trackers) await tracker.close();
  });
  const everybody: Reporter = (event) => {
    metrics.report(event);
    record.report(event);
  };
  return { folder, lock, ledger, logs, trackers, report: everybody };
}

const ledgerFile = (folder: string): string => join(folder, 'ledger.jsonl');

/** Whether a run keeps a ledger. */
export const hasLedger = (folder: string): boolean => existsSync(ledgerFile(folder));

/** @throws OutputError when a ledger is wanted of a run whose earlier steps are in none */
export function checkLedger({ folder, checkpoint }: Resumption, wanted: boolean): void {
  if (!wanted || !checkpoint || hasLedger(folder)) return;
  throw new OutputError(
    `${ledgerFile(folder)}: there is no ledger of the ${plural(checkpoint.state.progress.step, 'step')} that the run has behind it`,
    'resume without --ledger, or start a new run with it',
  );
}
