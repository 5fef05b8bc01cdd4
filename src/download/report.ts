/** How a download is told: a live bar on a terminal, lines elsewhere, JSON with `--json`. */
import { Presets, SingleBar } from 'cli-progress';
import pc from 'picocolors';
import { printableDeep } from '../ground/printable.js';
import { grouped, sizeText } from '../ground/units.js';
import { jsonLine } from '../report/json.js';
import { plainReporter } from '../report/plain.js';
import { terminalReporter } from '../report/terminal.js';
import { terminalColumns, wrapLines } from '../report/wrap.js';
import type { DownloadEvent, DownloadProgress, DownloadReporter } from './download-events.js';

/** Longest silence, in milliseconds, before a progress line. */
const SILENCE = 10_000;

/** One JSON object a line. Progress is for people and is left out. */
export function jsonDownloadReporter(stream: NodeJS.WritableStream): DownloadReporter {
  return (event) => {
    if (event.event !== 'progress') stream.write(jsonLine(event));
  };
}

/** Lines, no control codes. @param now the time in milliseconds, for tests */
export function plainDownloadReporter(stream: NodeJS.WritableStream, now: () => number = Date.now): DownloadReporter {
  const faults = plainReporter(stream);
  const colors = pc.createColors(false);
  let spoke = now();
  return (event) => {
    if (event.event === 'progress' && now() - spoke < SILENCE) return;
    spoke = now();
    if (event.event === 'warning' || event.event === 'error') return faults(event);
    stream.write(line(printableDeep(event), colors.dim));
  };
}

/** A bar while a file comes. */
export function terminalDownloadReporter(stream: NodeJS.WriteStream): DownloadReporter {
  const faults = terminalReporter(stream);
  let bar: SingleBar | undefined;
  return (event) => {
    if (event.event === 'progress') {
      if (bar) return bar.update(event.received, figures(event));
      bar = createBar(stream);
      return bar.start(event.bytes, event.received, figures(event));
    }
    bar?.stop();
    bar = undefined;
    if (event.event === 'warning' || event.event === 'error') return faults(event);
    stream.write(wrapLines(line(printableDeep(event), pc.dim), terminalColumns(stream)));
  };
}

/** Columns that the figures may take, and the fewest of a bar. */
const FIGURES = 60;
const BAR = 8;

function createBar(stream: NodeJS.WriteStream): SingleBar {
  const columns = stream.columns ?? 80;
  const barsize = Math.max(BAR, Math.min(32, columns - FIGURES));
  const format = columns < FIGURES + BAR ? '  {file}  {part}  {rate}' : '  {file} {bar} {part}  {rate}';
  return new SingleBar({ stream, format, barsize, clearOnComplete: true }, Presets.shades_classic);
}

function figures({ file, received, bytes, bytesPerSecond }: DownloadProgress) {
  return { file, part: `${sizeText(received)} of ${sizeText(bytes)}`, rate: `${sizeText(bytesPerSecond)}/s` };
}

type ToldEvent = Exclude<DownloadEvent, { event: 'warning' | 'error' }>;

function line(event: ToldEvent, dim: (text: string) => string): string {
  switch (event.event) {
    case 'start':
      return `${event.files === 1 ? '1 file' : `${event.files} files`}, ${sizeText(event.bytes)}, into ${event.dir}\n`;
    case 'kept':
      return `  ${event.file}  ${dim('is here already')}\n`;
    case 'request': {
      const part = event.from > 0 ? `, from byte ${grouped(event.from)} on` : '';
      return `  ${event.file}  ${dim(`${sizeText(event.bytes)} from ${event.host}${part}`)}\n`;
    }
    case 'progress': {
      const { part, rate } = figures(event);
      return `  ${event.file}  ${part}, ${rate}\n`;
    }
    case 'file':
      return `  ${event.file}  ${dim(`done, SHA-256 ${event.sha256.slice(0, 16)}... is right`)}\n`;
    case 'converted':
      return `  ${event.archive}  ${dim(`converted into ${event.files.join(', ')} and removed`)}\n`;
    case 'end':
      return event.interrupted
        ? `Stopped. What has come is kept in ${event.dir}; this goes on from there:\n  ${event.next}\n`
        : `Ready in ${event.dir}. Next:\n  ${event.next}\n`;
  }
}
