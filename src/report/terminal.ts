/** The report on a terminal: a live line for the phase or the epoch under way, one line for each epoch that is done. */
import { Presets, SingleBar } from 'cli-progress';
import pc from 'picocolors';
import { duration, grouped, metricText } from '../ground/units.js';
import type { ProgressEvent, Reporter, RunEvent } from './events.js';
import { beforeDeath } from './last-acts.js';
import { endsPhase, phaseText } from './phases.js';
import { rateOf, textReporter } from './text.js';
import { terminalColumns, wrapLines } from './wrap.js';

/** Columns that all figures may take, and the fewest of a bar. */
const FIGURES = 72;
const BAR = 8;

/** @param stream a terminal; its width sets the bar's */
export function terminalReporter(stream: NodeJS.WriteStream): Reporter {
  let bar: SingleBar | undefined;
  const phase = new PhaseLine(stream);
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
  const report = textReporter(pc, write, progress, () => terminalColumns(stream));
  return (event) => phase.around(event, () => report(event));
}

/** Says on the last line what a run is busy with before it trains. */
class PhaseLine {
  readonly #stream: NodeJS.WriteStream;
  #text = '';
  #forget = () => {};

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  /** @param show writes what the event says where the line is, which goes on below it */
  around(event: RunEvent, show: () => void): void {
    this.#clear();
    if (event.event === 'phase') this.#text = event.phase === 'training' ? '' : `${phaseText[event.phase]} ...`;
    else if (endsPhase(event)) this.#text = '';
    show();
    if (this.#text === '') return;
    this.#stream.write(pc.dim(this.#text));
    this.#forget = beforeDeath(() => this.#clear());
  }

  #clear(): void {
    this.#forget();
    if (this.#text !== '') this.#stream.write('\r\x1b[K');
  }
}

function createBar(stream: NodeJS.WriteStream): SingleBar {
  const columns = stream.columns ?? 80;
  const barsize = Math.max(BAR, Math.min(32, columns - FIGURES));
  // What has no room is left out, from the least useful on.
  const bar = columns < FIGURES + BAR ? ' ' : ' {bar} ';
  const rate = columns < FIGURES ? '' : '  {rate}';
  const format = `{epoch}${bar}{steps}  loss {loss}${rate}  {left} left`;
  return new SingleBar({ stream, format, barsize, clearOnComplete: true }, Presets.shades_classic);
}

function figures(event: ProgressEvent) {
  const { epoch, epochs, step, steps, loss, secondsLeft } = event;
  const { value, unit } = rateOf(event);
  return {
    epoch: `${grouped(epoch)}/${grouped(epochs)}`,
    steps: `${grouped(step).padStart(grouped(steps).length)}/${grouped(steps)}`,
    loss: metricText(loss),
    rate: `${value} ${unit}`,
    left: duration(secondsLeft),
  };
}
