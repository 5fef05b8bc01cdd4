/** The page: the list of runs, the curves of those that are drawn, and the one that is opened. */
import { render } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { arrive, type Curve, getCurve, getRuns, isTrained, type Runs, TokenWanted } from './api';
import { Curves, type StepRange } from './curves';
import { shownText } from './numbers';
import { Reports } from './reports';
import { RunPanel } from './run-panel';
import { RunTable } from './run-table';
import { follow } from './stream';
import { TokenForm } from './token-form';

/** Runs that are drawn at once. */
const mostDrawn = 12;
/** Milliseconds between two looks at what goes on changing, at least. */
const interval = 700;

const inAddress = () => new URLSearchParams(location.hash.slice(1)).getAll('run');

const isThere = (entry: readonly [string, Curve | undefined]): entry is readonly [string, Curve] =>
  entry[1] !== undefined;

/** The list with what curves say of their runs. */
const withSummaries = ({ runs, ...rest }: Runs, curves: ReadonlyMap<string, Curve>): Runs => ({
  ...rest,
  runs: runs.map((run) => ({ ...run, summary: curves.get(run.name)?.summary ?? run.summary })),
});

/** Calls of a function at most once an interval, and never while nobody sees the page: the last one always. */
function useThrottled(work: () => void): () => void {
  const state = useRef<{ work: () => void; timer?: number; isWanted?: boolean }>({ work });
  state.current.work = work;
  const call = useCallback(() => {
    const { current } = state;
    current.isWanted = true;
    if (current.timer !== undefined || document.hidden) return;
    current.isWanted = false;
    current.work();
    current.timer = window.setTimeout(() => {
      current.timer = undefined;
      if (current.isWanted) call();
    }, interval);
  }, []);
  useEffect(() => {
    const seen = () => state.current.isWanted && call();
    document.addEventListener('visibilitychange', seen);
    return () => document.removeEventListener('visibilitychange', seen);
  }, []);
  return call;
}

function App() {
  const [runs, setRuns] = useState<Runs>();
  const [chosen, setChosen] = useState<readonly string[]>(inAddress());
  const [opened, setOpened] = useState<string | undefined>(inAddress()[0]);
  const [curves, setCurves] = useState<ReadonlyMap<string, Curve>>(new Map());
  const [range, setRange] = useState<StepRange>();
  const [line, setLine] = useState<'open' | 'lost'>('lost');
  const [isTokenWanted, wantToken] = useState(false);
  const [beat, setBeat] = useState(0);
  const changed = useRef({ change: new Set<string>(), grown: new Set<string>() });
  const seen = useRef(range);
  seen.current = range;
  const drawn = chosen.slice(0, mostDrawn);
  const colours = useMemo(() => new Map(drawn.map((name, i) => [name, i])), [drawn.join('\n')]);

  const fail = (error: unknown) => (error instanceof TokenWanted ? wantToken(true) : setLine('lost'));
  /** Asks for curves. @returns shows them; those that are not there any more are gone */
  const fetchCurves = async (names: readonly string[]): Promise<() => unknown> => {
    const ask = async (name: string) => {
      try {
        return [name, await getCurve(name, range)] as const;
      } catch (error) {
        if (error instanceof TokenWanted) fail(error);
        return [name, undefined] as const;
      }
    };
    const found = await Promise.all(names.map(ask));
    return () => {
      // Of steps that somebody has left meanwhile, nothing is shown.
      if (seen.current !== range) return;
      const curves = new Map(found.filter(isThere));
      setCurves((before) => new Map([...before, ...found].filter(isThere)));
      setRuns((before) => before && withSummaries(before, curves));
    };
  };
  /** @param shows what else is to be seen then: all at once, since each change of the page costs */
  const list = async (shows?: Promise<() => unknown>) => {
    try {
      const found = await getRuns();
      (await shows)?.();
      setRuns(found);
      if (inAddress().length > 0 || found.runs.length === 0) return;
      // What trains, or was written last, is what one wants to see first.
      const first = found.runs.find(({ summary }) => isTrained(summary?.state)) ?? found.runs[0];
      setChosen((before) => (before.length > 0 ? before : [first.name]));
      setOpened((before) => before ?? first.name);
    } catch (error) {
      fail(error);
    }
  };
  const refresh = useThrottled(() => {
    const { change, grown } = changed.current;
    if (change.has('*') || (opened && change.has(opened))) setBeat((before) => before + 1);
    const names = drawn.filter((name) => grown.has(name) || grown.has('*'));
    // Curves say how far their runs are: one question is enough.
    const isAll = change.size === 0 && names.length > 0 && names.length === grown.size;
    for (const names of [change, grown]) names.clear();
    const shows = names.length > 0 ? fetchCurves(names) : undefined;
    void (isAll ? shows?.then((show) => show()) : list(shows));
  });
  useEffect(() => {
    void (async () => {
      await arrive();
      await list();
      follow(({ kind, runs: names }) => {
        if (kind === 'open' || kind === 'lost') setLine(kind);
        const { change, grown } = changed.current;
        if (kind === 'reset') for (const names of [change, grown]) names.add('*');
        else for (const name of names) (kind === 'grown' ? grown : change).add(name);
        if (kind !== 'lost') refresh();
      });
    })();
  }, []);
  useEffect(() => void fetchCurves(drawn).then((show) => show()), [drawn.join('\n'), range?.join()]);
  useEffect(() => {
    if (chosen.length === 0) return;
    history.replaceState(null, '', `#${new URLSearchParams(chosen.map((name) => ['run', name]))}`);
  }, [chosen]);

  const shownCurves = useShown(curves, drawn);
  if (isTokenWanted) return <TokenForm known={() => location.reload()} />;
  const choose = (name: string) =>
    setChosen(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]);
  const open = (name: string) => {
    setOpened(name);
    const isRun = runs?.runs.find((run) => run.name === name)?.summary?.state !== 'measured';
    if (isRun && !chosen.includes(name)) choose(name);
  };
  return (
    <main>
      <h1>Lockstep</h1>
      <p class="note">
        {runs ? `Runs in ${shownText(runs.folder)}` : 'Loading'} ·{' '}
        <span role="status">{line === 'open' ? 'live' : 'not connected'}</span>
      </p>
      {runs && <RunTable {...{ runs: runs.runs, keys: runs.keys, chosen: drawn, colours, opened, choose, open }} />}
      {runs?.runs.length === 0 && <p>No run is here yet. A run begins with: npx lockstep train config.yaml</p>}
      <Curves curves={shownCurves} colours={colours} range={range} look={setRange} />
      {runs && runs.reports.length > 0 && (
        <section aria-labelledby="reports">
          <h2 id="reports">Reports beside the runs</h2>
          <Reports run="" names={runs.reports} />
        </section>
      )}
      {opened && runs && (
        <RunPanel
          key={opened}
          run={opened}
          state={runs.runs.find(({ name }) => name === opened)?.summary?.state}
          beat={beat}
          others={runs.runs.map(({ name }) => name).filter((name) => name !== opened)}
        />
      )}
    </main>
  );
}

/** The curves that are to be seen, in the order of choosing. */
function useShown(curves: ReadonlyMap<string, Curve>, drawn: readonly string[]) {
  return useMemo(
    () => new Map(drawn.flatMap((name) => (curves.has(name) ? [[name, curves.get(name)!] as const] : []))),
    [curves, drawn.join('\n')],
  );
}

render(<App />, document.getElementById('page')!);
