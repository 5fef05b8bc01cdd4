/** The report on a terminal: a live bar for the epoch under way, one line for each that is done. */
import { Presets, SingleBar } from 'cli-progress';
import pc from 'picocolors';
import { duration, grouped, metricText } from '../ground/units.js';
import type { ProgressEvent, Reporter } from './events.js';
import { textReporter } from './text.js';
import { terminalColumns, wrapLines } from './wrap.js';

/** Columns that all figures may take, and the fewest of a bar. */
const FIGURES = 70;
const BAR = 8;

/** @param stream a terminal; its width sets the bar's */
export function terminalReporter(stream: NodeJS.WriteStream): Reporter {
  let bar: SingleBar | undefined;
  const write = (text: string) => {
    bar?.stop();
    bar = undefined;
    stream.write(wrapLines(text, terminalColumns(stream)));
  };
  const progress = (event: ProgressEvent) => {
    if (bar) return bar.update(event.step, figures(event));
    bar = createBar(stream);
    bar.start(event.steps, event.step, figures(event));
  };
  return textReporter(pc, write, progress, () => terminalColumns(stream));
}

function createBar(stream: NodeJS.WriteStream): SingleBar {
  const columns = stream.columns ?? 80;
  const barsize = Math.max(BAR, Math.min(32, columns - FIGURES));
  // What has no room is left out, from the least useful on.
  const bar = columns < FIGURES + BAR ? ' ' : ' {bar} ';
  const rate = columns < FIGURES ? '' : '  {rate} examples/s';
  const format = `{epoch}${bar}{steps}  loss {loss}${rate}  {left} left`;
  return new SingleBar({ stream, format, barsize, clearOnComplete: true }, Presets.shades_classic);
}

function figures({ epoch, epochs, step, steps, loss, examplesPerSecond, secondsLeft }: ProgressEvent) {
  return {
    epoch: `${epoch}/${epochs}`,
    steps: `${String(step).padStart(String(steps).length)}/${steps}`,
    loss: metricText(loss),
    rate: grouped(examplesPerSecond),
    left: duration(secondsLeft),
  };
}
