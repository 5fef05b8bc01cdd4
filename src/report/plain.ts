/** The report without control codes, for what is no terminal or has another line of its own: lines, and a sign of life in long epochs. */
import pc from 'picocolors';
import { duration, grouped, metricText } from '../ground/units.js';
import type { ProgressEvent, Reporter } from './events.js';
import { textReporter } from './text.js';
import { terminalColumns, wrapLines } from './wrap.js';

/** Longest silence, in milliseconds, before a progress line. */
const SILENCE = 30_000;

/** @param now the time in milliseconds, for tests */
export function plainReporter(stream: NodeJS.WritableStream, now: () => number = Date.now): Reporter {
  let spoke = now();
  const write = (text: string) => {
    stream.write(wrapLines(text, terminalColumns(stream)));
    spoke = now();
  };
  return textReporter(pc.createColors(false), write, (event) => {
    if (now() - spoke >= SILENCE) write(progressLine(event));
  });
}

function progressLine({ epoch, epochs, step, steps, loss, examplesPerSecond, secondsLeft }: ProgressEvent): string {
  const rate = `${grouped(examplesPerSecond)} examples/s`;
  return `epoch ${epoch}/${epochs}: step ${step}/${steps}, loss ${metricText(loss)}, ${rate}, ${duration(secondsLeft)} left\n`;
}
