/** metrics.jsonl: the record of a run that plots are made from. */
import { readFileSync } from 'node:fs';
import type { Reporter } from './events.js';
import { jsonLine } from './json.js';
import { LogFile, type LogOptions } from './log-file.js';

/** The log in a run's folder. */
export const metricsName = 'metrics.jsonl';

export interface MetricsLog {
  /**
   * Appends each step, epoch and end event as a line of JSON (see `jsonLine` for numbers that are not finite), with its `time` in
   * seconds since 1970.
   */
  readonly report: Reporter;
  readonly file: LogFile;
}

/**
 * @param step how far the run is: what the log says of later steps is cut off, for they will be taken again
 * @throws OutputError if the file cannot be written
 */
export function metricsLog(path: string, step: number, options: LogOptions = {}): MetricsLog {
  const file = new LogFile(path, (entry) => typeof entry.step === 'number' && entry.step <= step, options);
  const report: Reporter = (event) => {
    if (event.event !== 'step' && event.event !== 'epoch' && event.event !== 'end') return;
    file.append(jsonLine({ ...event, time: Date.now() / 1000 }));
  };
  return { report, file };
}

/** Whether the last line of a log says that its run came to its end, with its model saved. */
export function saysEnded(path: string): boolean {
  const last = lastLine(path);
  return last.startsWith('{"event":"end"') && last.includes('"interrupted":false') && !last.includes('"model":""');
}

function lastLine(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').at(-1)!;
  } catch {
    // None, or none that can be read: whoever opens it to write has the better message.
    return '';
  }
}
