/** What a run has told, the newest first, in words. */

import { plural } from '../src/ground/units';
import { summaryNotes } from '../src/report/summary-notes';
import type { SummaryEvent } from '../src/report/world-events';
import type { Details, LogEvent } from './api';
import { clock, shortNumber, shownText } from './numbers';

/** Events that are shown. */
const most = 300;

/** What an event says besides its kind and time. */
type Rest = Readonly<Record<string, unknown>>;

const start = (rest: Rest): string =>
  `${rest.engine}, ${plural(rest.threads as number, 'thread')}, ${shortNumber(rest.parameters as number)} parameters: ${rest.data}`;

function end(rest: Rest): string {
  const skipped = rest.skippedSteps ? `; steps skipped in float16: ${rest.skippedSteps}` : '';
  return `${rest.interrupted ? 'stopped' : 'done'} after ${shortNumber(rest.seconds as number)} s${skipped}; parameters sha256 ${rest.sha256}`;
}

function columns({ total, features, shown }: Rest): string {
  const names = (shown as readonly { name: string; role: string }[]).map(({ name, role }) => `${name} (${role})`);
  return `${total} columns, ${features} features: ${names.join(', ')}`;
}

function summary(rest: Rest): string {
  const event = rest as unknown as SummaryEvent;
  const all = event.workers.reduce((sum, { shards }) => sum + shards, 0);
  const shares = event.workers.map(({ name, shards, timesLost }) => {
    const lost = timesLost > 0 ? ` (lost ${plural(timesLost, 'time')})` : '';
    return `${name} ${Math.round((100 * shards) / Math.max(1, all))} %${lost}`;
  });
  return [`${plural(event.steps, 'step')}, shards by ${shares.join(', ')}`, ...summaryNotes(event)].join('; ');
}

const words = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));

const lines: Readonly<Record<string, (rest: Rest) => string>> = {
  start,
  columns,
  summary,
  end,
  worker: (rest) => `${rest.name} ${rest.change} at step ${rest.step}${rest.reason ? `: ${rest.reason}` : ''}`,
  checkpoint: ({ step }) => `step ${step}`,
  phase: ({ phase }) => `${phase}`,
  listening: ({ url }) => `${url}`,
  waiting: ({ present, minimum }) => `${present} of ${minimum} workers are there`,
};

/** An event in words: what is no word of ours is shown as the text that it is. */
function textOf(event: LogEvent): string {
  const { event: kind, time: _, ...rest } = event;
  if (typeof rest.message === 'string')
    return `${rest.message}${typeof rest.remedy === 'string' ? `: ${rest.remedy}` : ''}`;
  try {
    const line = Object.hasOwn(lines, String(kind)) ? lines[String(kind)] : undefined;
    if (line) return line(rest);
  } catch {
    // Of a later version, or of nobody's: as it is.
  }
  return Object.entries(rest)
    .map(([name, value]) => `${name} ${words(value)}`)
    .join(', ');
}

export function Log({ events }: Pick<Details, 'events'>) {
  const shown = events
    .filter(({ event }) => event !== 'world')
    .slice(-most)
    .toReversed();
  return (
    <>
      <h3>Log</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys. */}
      <section class="scroll log" aria-label="Log, newest first" tabIndex={0}>
        <ol>
          {shown.map((event, i) => (
            <li key={`${event.time} ${shown.length - i}`} class={String(event.event) === 'error' ? 'error' : ''}>
              <span class="note">{clock(Number(event.time))}</span> <b>{shownText(event.event, 100)}</b>{' '}
              {shownText(textOf(event))}
            </li>
          ))}
        </ol>
      </section>
    </>
  );
}
