/** One run: what can be done with it, its workers, checkpoints, log, config and reports. */
import { useEffect, useState } from 'preact/hooks';
import { act, type Details, getDetails, hasToken, isTrained } from './api';
import { Differences } from './differences';
import { Log } from './log';
import { bytesOf, clock, shownText } from './numbers';
import { Reports } from './reports';
import { TokenForm } from './token-form';
import { WorldView } from './world-view';

export interface RunPanelProps {
  readonly run: string;
  readonly state: string | undefined;
  /** Rises when something of it has changed. */
  readonly beat: number;
  readonly others: readonly string[];
}

export function RunPanel({ run, state, beat, others }: RunPanelProps) {
  const [details, setDetails] = useState<Details>();
  useEffect(() => {
    getDetails(run).then(setDetails, () => {});
  }, [run, beat, state]);
  if (!details) return null;
  const isRun = state !== 'measured';
  return (
    <section aria-labelledby="run">
      <h2 id="run">{shownText(run)}</h2>
      {isRun && <Actions run={run} state={state} goOn={details.goOn} />}
      <WorldView world={details.world} events={details.events} isTrained={isTrained(state)} />
      {isRun && <Checkpoints checkpoints={details.checkpoints} />}
      <h3>Reports</h3>
      {details.reports.length === 0 && (
        <p>
          None here. evaluate and explain write one where --html puts it, into the run's folder, say; what they, compare
          and check print with --json is drawn where a file keeps it. train --learning-curve and scale write theirs by
          themselves.
        </p>
      )}
      <Reports run={run} names={details.reports} first={isRun ? undefined : details.reports[0]} />
      {isRun && <Log events={details.events} />}
      <h3>Config</h3>
      <Differences run={run} keys={details.keys} others={others} />
      <details>
        <summary>The whole config</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keys. */}
        <pre tabIndex={0}>{details.config}</pre>
      </details>
    </section>
  );
}

function Checkpoints({ checkpoints }: Pick<Details, 'checkpoints'>) {
  return (
    <>
      <h3>Checkpoints</h3>
      {checkpoints.length === 0 && <p>None yet.</p>}
      <ul>
        {checkpoints.map(({ name, bytes, time }) => (
          <li key={name}>
            {name}: {bytesOf(bytes)}, {clock(time / 1000)}
          </li>
        ))}
      </ul>
    </>
  );
}

function Actions({ run, state, goOn }: Pick<RunPanelProps, 'run' | 'state'> & Pick<Details, 'goOn'>) {
  const [said, say] = useState('');
  const [asks, ask] = useState<'stop' | 'checkpoint'>();
  const [isConfirming, confirm] = useState(false);
  const send = async (what: 'stop' | 'checkpoint') => {
    confirm(false);
    if (!hasToken()) return ask(what);
    ask(undefined);
    const problem = await act(run, what);
    say(problem ?? (what === 'stop' ? 'Asked to stop after the step under way.' : 'Asked for a checkpoint.'));
  };
  return (
    <div>
      <p>
        State: <b class="run-state">{state ?? '…'}</b>
        {(state === 'stopped' || state === 'broken off') && (
          <>
            . It goes on with: <code>{shownText(goOn)}</code>
          </>
        )}
      </p>
      {isTrained(state) && (
        <div class="controls">
          <button type="button" onClick={() => void send('checkpoint')}>
            Write a checkpoint
          </button>
          <button type="button" onClick={() => confirm(true)}>
            Stop the run
          </button>
          {isConfirming && (
            <fieldset aria-label="Stop the run?">
              <button type="button" class="danger" onClick={() => void send('stop')}>
                Stop it, with a checkpoint
              </button>
              <button type="button" onClick={() => confirm(false)}>
                Let it run
              </button>
            </fieldset>
          )}
        </div>
      )}
      {asks && <TokenForm known={() => void send(asks)} />}
      <p role="status">{said}</p>
    </div>
  );
}
