/** What a coordinator tells of its workers, in words and columns. */
import type pc from 'picocolors';
import { bytesText, duration, grouped, plural, sizeText, tenths } from '../ground/units.js';
import { tableLines } from './aligned.js';
import { summaryNotes } from './summary-notes.js';
import type {
  ListeningEvent,
  SummaryEvent,
  TransferEvent,
  WaitingEvent,
  WorkerEvent,
  WorkerInfo,
  WorldEvent,
} from './world-events.js';

/** picocolors, switched on or off. */
export type Colors = ReturnType<typeof pc.createColors>;

export type WorldReport = ListeningEvent | WorldEvent | WorkerEvent | TransferEvent | WaitingEvent | SummaryEvent;

/** Columns that a title may take in any case: shorter ones would be taken for each other. */
const leastRoom = 16;

/** Titles and values, one pair a line; a title takes at most half of it. @param width columns of the terminal */
export function table(rows: readonly [string, string][], colors: Colors, width: number): string {
  const titles = tableLines(
    rows.map(([title]) => [title]),
    Math.max(leastRoom, Math.floor(width / 2) - 2),
  );
  return rows.map(([, text], i) => `  ${colors.dim(titles[i])}  ${text}\n`).join('');
}

/** @param width columns of the terminal: longer names are cut in tables */
export function worldText(event: WorldReport, colors: Colors, width: number): string {
  switch (event.event) {
    case 'listening':
      if (event.join === null) return `listening at ${event.url} for ${plural(event.minimum, 'other rank')}\n`;
      return `${colors.bold(`to join, run on ${event.local ? 'this' : 'another'} machine:`)}\n  ${event.join}\n${event.note === null ? '' : `${event.note}\n`}\n`;
    case 'world':
      return columns(workerTitles, event.workers.map(workerRow), spareOfWorkers, colors, width);
    case 'worker':
      return workerLine(event, colors);
    case 'transfer':
      return event.bytes === event.total ? `${event.name}: has the data, ${bytesText(event.total)}\n` : '';
    case 'waiting':
      return waitingLine(event, colors);
    case 'summary':
      return summaryText(event, colors, width);
  }
}

function waitingLine({ step, present, minimum, away }: WaitingEvent, colors: Colors): string {
  const lost = away.length > 0 ? `, and may come back: ${away.join(', ')}` : '';
  const where = step === 0 ? 'not begun' : `paused after step ${grouped(step)}`;
  return `${colors.yellow('waiting:')} ${where}, ${grouped(present)} of ${grouped(minimum)} workers are here${lost}\n`;
}

function workerLine({ change, name, address, step, reason }: WorkerEvent, colors: Colors): string {
  const words = {
    joined: 'has joined',
    returned: 'is back',
    active: `takes part from step ${grouped(step + 1)}`,
    lost: 'is lost',
    left: 'has left',
    refused: 'was not admitted',
    detached: 'is left behind',
  };
  const color = change === 'lost' || change === 'refused' || change === 'detached' ? colors.yellow : colors.green;
  return `${color(`${name} (${address}) ${words[change]}`)}${reason === null ? '' : `: ${reason}`}\n`;
}

const workerTitles = ['worker', 'address', 'threads', 'state', 'examples/s', 'share', 'round trip'];

function workerRow({ name, address, threads, state, examplesPerSecond, share, roundTrip }: WorkerInfo): string[] {
  return [
    ...[name, address, grouped(threads), state, examplesPerSecond === null ? '-' : grouped(examplesPerSecond)],
    ...[`${(100 * share).toFixed(0)} %`, roundTrip === null ? '-' : `${tenths(roundTrip)} ms`],
  ];
}

const summaryTitles = ['worker', 'shards', 'steps', 'compute', 'exchange', 'update', 'sent', 'received', 'lost'];

function summaryText(event: SummaryEvent, colors: Colors, width: number): string {
  const rows = event.workers.map((worker) => [
    ...[worker.name, grouped(worker.shards), grouped(worker.steps)],
    ...[worker.computeSeconds, worker.exchangeSeconds, worker.updateSeconds].map(duration),
    ...[sizeText(worker.bytesReceived), sizeText(worker.bytesSent), grouped(worker.timesLost)],
  ]);
  return `\n${columns(summaryTitles, rows, spareOfSummary, colors, width)}${summaryNotes(event)
    .map((note) => `${note}\n`)
    .join('')}`;
}

/** What a narrow terminal has no room for, from the least useful on. */
const spareOfWorkers = ['round trip', 'address', 'threads', 'share'];
const spareOfSummary = ['shards', 'update', 'exchange', 'compute', 'lost', 'received', 'sent'];

/** By its name a worker is found: lines are broken rather than that. */
const leastName = 24;

function columns(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  spare: readonly string[],
  colors: Colors,
  width: number,
): string {
  const [head, ...lines] = tableLines([titles, ...rows], width, {
    leastName,
    spare: spare.map((title) => titles.indexOf(title)),
  });
  return `${colors.dim(head)}\n${lines.map((line) => `${line}\n`).join('')}`;
}
