/** metrics.jsonl: the record of a run that plots are made from. */
import type { Reporter } from './events.js';
import { jsonLine } from './json.js';
import { LogFile } from './log-file.js';

export interface MetricsLog {
  /** Appends each step, epoch and end event as a line of JSON (see `jsonLine` for numbers that are not finite). */
  readonly report: Reporter;
  readonly file: LogFile;
}

/**
 * @param step how far the run is: what the log says of later steps is cut off, for they will be taken again
 * @throws OutputError here and from the reporter if the file cannot be written
 */
export function metricsLog(path: string, step: number): MetricsLog {
  const file = new LogFile(path, (entry) => typeof entry.step === 'number' && entry.step <= step);
  const report: Reporter = (event) => {
    if (event.event === 'step' || event.event === 'epoch' || event.event === 'end') file.append(jsonLine(event));
  };
  return { report, file };
}
