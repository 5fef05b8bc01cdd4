/** The report where there is no terminal: lines, no control codes, and a sign of life in long epochs. */
import pc from 'picocolors';
import type { ProgressEvent, Reporter } from './events.js';
import {
  count,
  duration,
  endBlock,
  epochHeader,
  epochLine,
  errorBlock,
  number,
  startBlock,
  warningLine,
} from './text.js';

/** Longest silence, in milliseconds, before a progress line. */
const SILENCE = 30_000;

/** @param now the time in milliseconds, for tests */
export function plainReporter(stream: NodeJS.WritableStream, now: () => number = Date.now): Reporter {
  const colors = pc.createColors(false);
  let epochs = 0;
  let headed = false;
  let spoke = now();
  const write = (text: string) => {
    stream.write(text);
    spoke = now();
  };
  return (event) => {
    switch (event.event) {
      case 'start':
        epochs = event.epochs;
        return write(startBlock(event, colors));
      case 'progress':
        if (now() - spoke >= SILENCE) write(progressLine(event));
        return;
      case 'epoch':
        if (!headed) write(epochHeader(event.validation, epochs, colors));
        headed = true;
        return write(epochLine(event, epochs, colors));
      case 'warning':
        return write(warningLine(event.message, colors));
      case 'end':
        return write(endBlock(event, colors));
      case 'error':
        return write(errorBlock(event, colors));
    }
  };
}

function progressLine({ epoch, epochs, step, steps, loss, examplesPerSecond, secondsLeft }: ProgressEvent): string {
  const rate = `${count(examplesPerSecond)} examples/s`;
  return `epoch ${epoch}/${epochs}: step ${step}/${steps}, loss ${number(loss)}, ${rate}, ${duration(secondsLeft)} left\n`;
}
