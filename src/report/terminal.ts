/** The report on a terminal: a live bar for the epoch under way, one line for each that is done. */
import { Presets, SingleBar } from 'cli-progress';
import pc from 'picocolors';
import type { ProgressEvent, Reporter } from './events.js';
import { count, duration, number, textReporter } from './text.js';

/** Columns that the bar's figures may take. */
const FIGURES = 70;

/** @param stream a terminal; its width sets the bar's */
export function terminalReporter(stream: NodeJS.WriteStream): Reporter {
  let bar: SingleBar | undefined;
  const write = (text: string) => {
    bar?.stop();
    bar = undefined;
    stream.write(text);
  };
  return textReporter(pc, write, (event) => {
    if (bar) return bar.update(event.step, figures(event));
    bar = createBar(stream);
    bar.start(event.steps, event.step, figures(event));
  });
}

function createBar(stream: NodeJS.WriteStream): SingleBar {
  const barsize = Math.max(8, Math.min(32, (stream.columns ?? 80) - FIGURES));
  const format = '{epoch} {bar} {steps}  loss {loss}  {rate} examples/s  {left} left';
  return new SingleBar({ stream, format, barsize, clearOnComplete: true }, Presets.shades_classic);
}

function figures({ epoch, epochs, step, steps, loss, examplesPerSecond, secondsLeft }: ProgressEvent) {
  return {
    epoch: `${epoch}/${epochs}`,
    steps: `${String(step).padStart(String(steps).length)}/${steps}`,
    loss: number(loss),
    rate: count(examplesPerSecond),
    left: duration(secondsLeft),
  };
}
