/** The workers of a run over several machines: how each stands, where its time goes, and who came and went. */
import type { Details, LogEvent, WorkerRow } from './api';
import { clock, shortNumber, shownText } from './numbers';

export interface WorldViewProps {
  readonly world: Details['world'];
  readonly events: readonly LogEvent[];
  /** Whether the run goes on: of one that has ended, nobody takes part any more. */
  readonly isTrained: boolean;
}

/** Lost workers that the table has. */
const mostLost = 20;

/** What was said last of each worker that is lost, the newest first: until it is back, or the run is begun anew. */
function lostOf(events: readonly LogEvent[]): LogEvent[] {
  const lost = new Map<unknown, LogEvent>();
  for (const event of events) {
    if (event.event === 'start') lost.clear();
    else if (event.event === 'worker') {
      lost.delete(event.name);
      if (event.change === 'lost') lost.set(event.name, event);
    }
  }
  return [...lost.values()].reverse();
}

const parts = [
  ['computing', 'computeSeconds', 'c0'],
  ['exchanging', 'exchangeSeconds', 'c1'],
  ['updating', 'updateSeconds', 'c2'],
] as const;

/** Where the time of a worker's steps went, as a bar and in words. */
function Times({ worker }: { readonly worker: WorkerRow }) {
  const all = parts.reduce((sum, [, key]) => sum + (worker[key] ?? 0), 0);
  if (all === 0) return <>–</>;
  const shares = parts.map(([name, key, colour]) => ({ name, colour, share: (worker[key] ?? 0) / all }));
  let at = 0;
  return (
    <>
      <svg class="times" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
        {shares.map(({ name, colour, share }) => {
          const x = at;
          at += 100 * share;
          return <rect key={name} class={`fill-${colour}`} x={x} y="0" width={100 * share} height="10" />;
        })}
      </svg>
      {shares.map(({ name, share }) => `${Math.round(100 * share)} % ${name}`).join(', ')}
    </>
  );
}

/** Changes of the world on a line of time. */
function Line({ changes }: { readonly changes: readonly LogEvent[] }) {
  const times = changes.map(({ time }) => Number(time));
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const placeOf = (time: number) => (last === first ? 50 : 2 + (96 * (time - first)) / (last - first));
  return (
    <>
      <svg
        class="time-line"
        viewBox="0 0 100 10"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${changes.length} joins and losses from ${clock(first)} to ${clock(last)}`}
      >
        <line x1="0" x2="100" y1="5" y2="5" />
        {changes.map((change, i) => (
          <rect
            key={`${change.time} ${i}`}
            class={`change ${change.change}`}
            x={placeOf(Number(change.time)) - 0.4}
            y="1"
            width="0.8"
            height="8"
          />
        ))}
      </svg>
      <ol class="changes">
        {changes
          .slice(-50)
          .toReversed()
          .map((change, i) => (
            <li key={`${change.time} ${changes.length - i}`} class={String(change.change)}>
              {clock(Number(change.time))}: {shownText(change.name, 200)} {shownText(change.change, 100)} at step{' '}
              {String(change.step)}
              {change.reason ? `: ${shownText(change.reason)}` : ''}
            </li>
          ))}
      </ol>
    </>
  );
}

export function WorldView({ world, events, isTrained }: WorldViewProps) {
  const changes = events.filter(({ event }) => event === 'worker');
  const lost = lostOf(events);
  // One that is lost while the table was written.
  const isLost = (name: string) => lost.some((event) => event.name === name);
  if (!world && changes.length === 0) return null;
  return (
    <>
      <h3>Workers</h3>
      {world && !isTrained && <p class="note">As they stood at {clock(world.time)}.</p>}
      {world && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys.
        <section class="scroll" aria-label="Workers" tabIndex={0}>
          <table class="workers">
            <thead>
              <tr>
                {['Worker', 'State', 'Threads', 'Share', 'Examples a second', 'Round trip', 'Where its time goes'].map(
                  (title) => (
                    <th scope="col" key={title}>
                      {title}
                    </th>
                  ),
                )}
              </tr>
            </thead>
            <tbody>
              {lost.slice(0, mostLost).map((event) => (
                <tr key={`lost ${event.name}`} class="lost">
                  <th scope="row">
                    {shownText(event.name, 200)} ({shownText(event.address, 200)})
                  </th>
                  <td class="wide" colSpan={6}>
                    ✕ lost at {clock(Number(event.time))}, step {String(event.step)}
                    {event.reason ? `: ${shownText(event.reason)}` : ''}
                  </td>
                </tr>
              ))}
              {world.workers
                .filter(({ name }) => !isLost(name))
                .map((worker) => (
                  <tr key={worker.name}>
                    <th scope="row">
                      {worker.name} ({worker.address})
                    </th>
                    <td>{isTrained ? worker.state : `was ${worker.state}`}</td>
                    <td>{worker.threads}</td>
                    <td>{Math.round(100 * worker.share)} %</td>
                    <td>{shortNumber(worker.examplesPerSecond)}</td>
                    <td>{worker.roundTrip === null ? '–' : `${shortNumber(worker.roundTrip)} ms`}</td>
                    <td class="wide">
                      <Times worker={worker} />
                    </td>
                  </tr>
                ))}
            </tbody>
          </table>
        </section>
      )}
      {changes.length > 0 && <Line changes={changes} />}
    </>
  );
}
