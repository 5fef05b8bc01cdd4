/** The report without control codes, for what is no terminal or has another line of its own: lines, and a sign of life in long epochs. */
import pc from 'picocolors';
import { duration, grouped, metricText } from '../ground/units.js';
import type { ProgressEvent, Reporter } from './events.js';
import { endsPhase, phaseText } from './phases.js';
import { rateOf, textReporter } from './text.js';
import { terminalColumns, wrapLines } from './wrap.js';

/** Longest silence, in milliseconds, before a progress line. */
const SILENCE = 30_000;
/** How long a phase lasts before it has a line. */
const PHASE = 5_000;

/** @param now the time in milliseconds, for tests */
export function plainReporter(stream: NodeJS.WritableStream, now: () => number = Date.now): Reporter {
  let spoke = now();
  const write = (text: string) => {
    stream.write(wrapLines(text, terminalColumns(stream)));
    spoke = now();
  };
  const progress = (event: ProgressEvent) => {
    if (now() - spoke >= SILENCE) write(progressLine(event));
  };
  const report = textReporter(pc.createColors(false), write, progress, () => terminalColumns(stream), now);
  let timer: NodeJS.Timeout | undefined;
  return (event) => {
    if (event.event === 'phase' || endsPhase(event)) clearTimeout(timer);
    if (event.event !== 'phase') return report(event);
    if (event.phase === 'training') return;
    timer = setTimeout(() => write(`${phaseText[event.phase]} ...\n`), PHASE).unref();
  };
}

function progressLine(event: ProgressEvent): string {
  const { epoch, epochs, step, steps, loss, secondsLeft } = event;
  const { value, unit } = rateOf(event);
  const place = `epoch ${grouped(epoch)}/${grouped(epochs)}: step ${grouped(step)}/${grouped(steps)}`;
  return `${place}, loss ${metricText(loss)}, ${value} ${unit}, ${duration(secondsLeft)} left\n`;
}
