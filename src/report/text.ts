/** The words and columns of a run's report, for a terminal and for a plain stream alike. */

import { printableDeep } from '../ground/printable.js';
import { commandLine } from '../ground/shell-words.js';
import { duration, grouped, metricText, plural } from '../ground/units.js';
import { cutMiddle, displayWidth, padStart } from './aligned.js';
import { columnsText } from './columns-text.js';
import { decisionRows } from './decision-text.js';
import type {
  EndEvent,
  EpochEvent,
  ErrorEvent,
  Metrics,
  ProgressEvent,
  Reporter,
  StartEvent,
  Throughput,
} from './events.js';
import { figureText } from './figure-text.js';
import { sparkline } from './sparkline.js';
import type { WorldEvent } from './world-events.js';
import { type Colors, table, worldText } from './world-text.js';

/**
 * A report in words.
 * @param progress shows what changes with every step, each kind of stream in its own way
 * @param width columns that there are at this moment
 * @param now the time in milliseconds, for tests
 */
export function textReporter(
  colors: Colors,
  write: (text: string) => void,
  progress: (event: ProgressEvent) => void,
  width: () => number = () => Number.POSITIVE_INFINITY,
  now: () => number = Date.now,
): Reporter {
  let epochs = 0;
  let headed = false;
  const workers = new HeldWorkers((event) => write(worldText(event, colors, width())), now);
  const courses = new Map<string, number[]>();
  let folder = '';
  return (given) => {
    // Of each step, and without a word of anybody's.
    if (given.event === 'progress') {
      workers.showAged();
      return progress(given);
    }
    // Lines of their own, which only some streams have.
    if (given.event === 'phase') return;
    const event = printableDeep(given);
    switch (event.event) {
      case 'start':
        ({ epochs, folder } = event);
        return write(startBlock(event, colors, width()));
      case 'columns':
        return write(columnsText(event, colors, width()));
      case 'epoch':
        workers.show();
        for (const [name, value] of [['loss', event.loss] as const, ...validated(event)]) {
          courses.set(name, [...(courses.get(name) ?? []), value]);
        }
        if (!headed) write(epochHeader(event, epochs, colors, width()));
        headed = true;
        return write(epochLine(event, epochs, colors, width()));
      case 'warning':
        return write(warningLine(event.message, colors));
      case 'checkpoint':
      case 'step':
        return;
      case 'listening':
        return write(worldText(event, colors, width()));
      case 'world':
        return workers.hold(event);
      case 'worker':
      case 'transfer':
      case 'waiting':
      case 'summary':
        return write(worldText(event, colors, width()));
      case 'end':
        return write(endBlock(event, courses, folder, colors, width()));
      case 'error':
        return write(errorBlock(event, colors));
    }
  };
}

/** Milliseconds for which workers have to be the same before they are shown. */
const moment = 1000;

/** Who is there: several that come together are one table. */
class HeldWorkers {
  readonly #write: (event: WorldEvent) => void;
  readonly #now: () => number;
  #seen = '';
  #held: WorldEvent | undefined;
  #since = 0;

  constructor(write: (event: WorldEvent) => void, now: () => number) {
    this.#write = write;
    this.#now = now;
  }

  hold(event: WorldEvent): void {
    // Between epochs the table would hide their lines; who is on the way has a line already.
    const states = event.workers.map(({ name, state }) => `${name} ${state}`).join();
    if (states === this.#seen || event.workers.some(({ state }) => state === 'joining')) return;
    this.#seen = states;
    this.#held = event;
    this.#since = this.#now();
  }

  showAged(): void {
    if (this.#now() - this.#since >= moment) this.show();
  }

  show(): void {
    if (this.#held) this.#write(this.#held);
    this.#held = undefined;
  }
}

function startBlock(run: StartEvent, colors: Colors, width: number): string {
  const engine = run.backend ? `${run.engine} (${run.backend})` : run.engine;
  const splits = `${grouped(run.training)} training, ${grouped(run.validation)} validation, ${grouped(run.test)} test`;
  const frozen = run.parameters - run.trainable;
  const rows: [string, string][] = [
    ['data', run.data],
    ['examples', splits],
    ['model', `${grouped(run.parameters)} parameters${frozen > 0 ? `, ${grouped(frozen)} of them not trained` : ''}`],
    ['engine', `${engine}, ${plural(run.threads, 'thread')}`],
    ['batch', `${plural(run.batchSize, 'example')} in ${plural(run.shards, 'shard')}`],
    ['training', `${plural(run.epochs, 'epoch')}, ${plural(run.steps, 'step')}, seed ${run.seed}`],
    ['prepared', `read in ${duration(run.prepared.reading)}, compiled in ${duration(run.prepared.compiling)}`],
    ['folder', run.folder],
  ];
  if (run.buckets) {
    const { places, graphs } = run.buckets;
    rows.push([
      'sequences',
      `${places.map(grouped).join(', ')} places, by the longest of the batch (${plural(graphs, 'graph')})`,
    ]);
  }
  if (run.resumed) rows.push(['resumed', resumedText(run.resumed)]);
  return `${colors.bold(run.name)}\n${table(rows, colors, width)}\n`;
}

function resumedText({ step, checkpoint }: NonNullable<StartEvent['resumed']>): string {
  return checkpoint ? `after step ${grouped(step)}, from ${checkpoint}` : 'from the start: it has no checkpoint yet';
}

/** The titles over the epoch lines; the first epoch gives its columns. */
function epochHeader(first: EpochEvent, epochs: number, colors: Colors, width: number): string {
  const titles = columnsOf(first, epochs, width).map(({ title, width }) => padStart(title, width));
  return `${colors.dim(['epoch'.padEnd(epochWidth(epochs)), ...titles].join('  '))}\n`;
}

function epochLine(event: EpochEvent, epochs: number, colors: Colors, width: number): string {
  const values = [
    metricText(event.loss),
    ...Object.values(event.validation ?? {}).map(metricText),
    rateOf(event).value,
    duration(event.seconds),
  ];
  const cells = columnsOf(event, epochs, width).map(({ width }, i) => padStart(values[i], width));
  const epoch = `${grouped(event.epoch)}/${grouped(epochs)}`.padEnd(epochWidth(epochs));
  return `${[epoch, ...cells].join('  ')}${event.best ? `  ${colors.green('best')}` : ''}\n`;
}

/** As `val loss`. */
const validated = ({ validation }: EpochEvent): [string, number][] =>
  Object.entries(validation ?? {}).map(([name, value]) => [`val ${name}`, value]);

/** Columns of a course; where there is room for fewer than the least, and for fewer than it has values, it is left out. */
const longestCourse = 40;
const leastCourse = 8;

/** How loss and metrics went over the epochs, where a terminal shows it. */
function courseRows(courses: ReadonlyMap<string, readonly number[]>, width: number): [string, string][] {
  const shown = [...courses].filter(([, values]) => values.length >= 3 && width !== Number.POSITIVE_INFINITY);
  const ends = shown.map(([, values]) => `${metricText(values[0])} to ${metricText(values.at(-1)!)}`);
  // Titles and ends have gaps of two columns around them; there may be longer titles than these.
  const longest = (texts: readonly string[], least: number) => Math.max(least, ...texts.map(displayWidth));
  const beside =
    longest(
      shown.map(([name]) => name),
      'dense_1/kernel'.length,
    ) +
    longest(ends, 0) +
    6;
  const room = Math.min(longestCourse, width - beside);
  return shown.map(([name, values], i) => {
    const fits = room >= Math.min(leastCourse, values.length);
    return [name, fits ? `${sparkline(values, room)}  ${ends[i]}` : ends[i]];
  });
}

function endBlock(
  event: EndEvent,
  courses: ReadonlyMap<string, readonly number[]>,
  folder: string,
  colors: Colors,
  width: number,
): string {
  const rows = courseRows(courses, width);
  if (event.interrupted) rows.push(['interrupted', interruptedText(event)]);
  if (event.stoppedEarly) {
    const best = event.bestEpoch === null ? 'none was the best' : `the best was ${grouped(event.bestEpoch)}`;
    rows.push(['stopped early', `after epoch ${grouped(event.epochs)}; ${best}`]);
  }
  if (event.skippedSteps) rows.push(['skipped', `${plural(event.skippedSteps, 'step')} that overflowed in float16`]);
  if (event.restored) rows.push(['restored', `the parameters of epoch ${grouped(event.bestEpoch!)}`]);
  if (event.validation) rows.push(['validation', metricsText(event.validation)]);
  if (event.test) rows.push(['test', metricsText(event.test)]);
  if (event.sealed) rows.push(['test', `sealed; ${commandLine(['evaluate', folder, '--unseal'])} opens it`]);
  for (const [name, values] of Object.entries(event.weights ?? {})) rows.push([name, values.map(metricText).join(' ')]);
  const { final = [], best = [] } = event.decisions ?? {};
  rows.push(...decisionRows(final));
  rows.push(['model', event.model || 'could not be written']);
  if (event.best !== null) rows.push(['best model', event.best]);
  for (const [title, value] of decisionRows(best)) rows.push([`its ${title}`, value]);
  rows.push(['time', duration(event.seconds)]);
  const rates = [`${grouped(event.examplesPerSecond)} examples/s`];
  if (event.tokensPerSecond !== undefined) rates.push(`${grouped(event.tokensPerSecond)} tokens/s`);
  if (event.examplesPerSecond > 0) rows.push(['speed', rates.join(', ')]);
  const figures = Object.entries(event.figures ?? {}).flatMap(([split, figures]) =>
    Object.entries(figures).map(([name, figure]) => figureText(`${split} ${name}`, figure, metricText, width)),
  );
  return `\n${table(rows, colors, width)}${figures.join('')}parameters sha256: ${event.sha256}\n`;
}

function interruptedText({ steps }: EndEvent): string {
  if (steps === 0) return 'before the first step: the model has its initial parameters';
  return `the model is that of step ${grouped(steps)}, the last that was finished`;
}

function warningLine(message: string, colors: Colors): string {
  return `${colors.yellow('warning:')} ${message}\n`;
}

function errorBlock({ code, message, remedy }: ErrorEvent, colors: Colors): string {
  return `${colors.red('error:')} ${message.trimEnd()}\n${colors.bold('remedy:')} ${remedy}\n${colors.dim(code)}\n`;
}

function metricsText(metrics: Metrics): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${name} ${metricText(value)}`)
    .join('  ');
}

/** How fast training is, in what is counted of its data. */
export const rateOf = ({ examplesPerSecond, tokensPerSecond }: Throughput): { value: string; unit: string } =>
  tokensPerSecond === undefined
    ? { value: grouped(examplesPerSecond), unit: 'examples/s' }
    : { value: grouped(tokensPerSecond), unit: 'tokens/s' };

/** Columns that the title of a metric has at least. */
const leastTitle = 12;

/** The columns behind the epoch; on a narrow terminal without the time, without the rate, and with shorter titles. */
function columnsOf(event: EpochEvent, epochs: number, most: number): { title: string; width: number }[] {
  const metrics = ['loss', ...Object.keys(event.validation ?? {}).map((name) => `val ${name}`)];
  const all = [...metrics, rateOf(event).unit, 'time'].map((title) => ({
    title,
    width: Math.max(displayWidth(title), 8),
  }));
  const room = most - epochWidth(epochs) - '  best'.length;
  const taken = (columns: typeof all) => columns.reduce((sum, { width }) => sum + width + 2, 0);
  while (all.length > metrics.length && taken(all) > room) all.pop();
  if (taken(all) <= room) return all;
  const cut = (share: number) =>
    all.map(({ title, width }) => ({ title: cutMiddle(title, share), width: Math.min(width, share) }));
  let share = Math.max(...all.map(({ width }) => width));
  while (share > leastTitle && taken(cut(share)) > room) share--;
  return cut(share);
}

function epochWidth(epochs: number): number {
  return Math.max('epoch'.length, 2 * grouped(epochs).length + 1);
}
