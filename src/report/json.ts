/** `--json`: one JSON object a line. Progress is for people and is left out. */
import { printableJson } from '../ground/printable.js';
import type { Reporter } from './events.js';

/**
 * An event as one line of JSON, newline included. JSON has no number that is not finite: those become the strings
 * "NaN", "Infinity" and "-Infinity", so that a reader sees what happened and not a null. What a terminal would
 * obey is escaped, C1 controls and changes of direction too, which JSON itself leaves as they are.
 */
export function jsonLine(event: object): string {
  const text = JSON.stringify(event, (_, value: unknown) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  );
  return `${printableJson(text)}\n`;
}

export function jsonReporter(stream: NodeJS.WritableStream): Reporter {
  return (event) => {
    if (event.event !== 'progress') stream.write(jsonLine(event));
  };
}
