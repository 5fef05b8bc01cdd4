/** All runs, with what tells them apart. */
import { useState } from 'preact/hooks';
import type { Run } from './api';
import { shortNumber, shownText } from './numbers';

/** Rows at once; the filter finds the others. */
const mostRows = 300;

export interface RunTableProps {
  readonly runs: readonly Run[];
  readonly keys: readonly string[];
  readonly chosen: readonly string[];
  readonly colours: ReadonlyMap<string, number>;
  readonly opened: string | undefined;
  readonly choose: (name: string) => void;
  readonly open: (name: string) => void;
}

function progressOf({ summary }: Run): string {
  if (!summary) return '…';
  if (summary.state === 'measured') return '';
  return `step ${shortNumber(summary.step)}, epoch ${summary.epoch}${summary.epochs === null ? '' : ` of ${summary.epochs}`}`;
}

function bestOf({ summary }: Run): string {
  return summary?.best
    ? `${shownText(summary.best.metric)} ${shortNumber(summary.best.value)} (epoch ${summary.best.epoch})`
    : '';
}

export function RunTable({ runs, keys, chosen, colours, opened, choose, open }: RunTableProps) {
  const [filter, setFilter] = useState('');
  const shown = runs.filter(({ name }) => name.includes(filter)).slice(0, mostRows);
  return (
    <section aria-labelledby="runs">
      <h2 id="runs">Runs</h2>
      <div class="controls">
        <label>
          Names with{' '}
          <input type="search" value={filter} onInput={({ currentTarget }) => setFilter(currentTarget.value)} />
        </label>
        <span class="note">
          {runs.length} runs, {chosen.length} drawn
        </span>
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys. */}
      <section class="scroll runs" aria-label="Table of runs" tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">Draw</th>
              <th scope="col">Run</th>
              <th scope="col">State</th>
              <th scope="col">Progress</th>
              <th scope="col">Best</th>
              {keys.map((key) => (
                <th scope="col" key={key}>
                  {shownText(key)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((run) => (
              <tr key={run.name} data-run={run.name} class={run.name === opened ? 'opened' : ''}>
                <td>
                  <input
                    type="checkbox"
                    aria-label={`Draw ${shownText(run.name)}`}
                    checked={chosen.includes(run.name)}
                    onChange={() => choose(run.name)}
                  />
                  {chosen.includes(run.name) && (
                    <span class={`sign c${(colours.get(run.name) ?? 0) % 6}`} aria-hidden="true" />
                  )}
                </td>
                <th scope="row">
                  <button type="button" class="link" aria-pressed={run.name === opened} onClick={() => open(run.name)}>
                    {shownText(run.name)}
                  </button>
                </th>
                <td class={`state ${(run.summary?.state ?? '').replace(' ', '-')}`}>{run.summary?.state ?? '…'}</td>
                <td>{progressOf(run)}</td>
                <td>{bestOf(run)}</td>
                {keys.map((key) => (
                  <td key={key}>{shownText(run.differences[key] ?? '')}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </section>
  );
}
