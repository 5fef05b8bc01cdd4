/** metrics.jsonl: the record of a run that plots are made from. */
import { appendFileSync } from 'node:fs';
import { OutputError } from '../errors.js';
import type { Reporter } from './events.js';
import { jsonLine } from './json.js';

/**
 * Appends each step, epoch and end event to `file` as a line of JSON (see `jsonLine` for numbers that are not finite).
 *
 * @throws OutputError from the reporter if the file cannot be written
 */
export function metricsLog(file: string): Reporter {
  return (event) => {
    if (event.event !== 'step' && event.event !== 'epoch' && event.event !== 'end') return;
    try {
      appendFileSync(file, jsonLine(event));
    } catch (error) {
      throw new OutputError(
        `${file}: cannot be written (${(error as Error).message})`,
        'free some space or choose another folder with --out',
      );
    }
  };
}
