/** `npm run bench -- ui`: what it costs to watch runs, beside TensorBoard, and what the run that is watched pays. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrowserTab, chromium } from '../programs/browser-tab.js';
import { manyRuns, writeEventFiles, writeManyRuns } from './many-runs.js';
import { measureOwnPage, measureTensorBoard, type PageMeasurement } from './measure-page.js';
import { measureWatched } from './measure-watched.js';
import { type Probe, playRounds } from './rounds.js';
import { type Row, rowTable } from './rows.js';
import { machine } from './table.js';

export interface UiBenchOptions {
  /** Of the run that is watched; the page is measured in at most three. */
  readonly pairs: number;
  /** Of a measurement; that run is measured five times as long, so that what trackers do every 5 s counts as often as in a run of hours. */
  readonly seconds: number;
  /** A Python that has TensorBoard; without one there is nothing beside the page. */
  readonly python: string | undefined;
}

/** Time and memory beside TensorBoard's; throughput beside that of a run that nobody watches. */
const [pageTarget, watchedTarget] = [0.5, 0.98];
/** Seconds from asking for the page to its first curve. */
const drawnTarget = 1;

export async function benchUi({ pairs, seconds, python }: UiBenchOptions): Promise<object> {
  const where = machine();
  process.stdout.write(`${where}\n${manyRuns.runs} runs of ${manyRuns.steps} steps\n`);
  if (!chromium) process.stdout.write('no Chromium: nobody draws the page. On Debian: apt-get install chromium\n');
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-ui-'));
  // Also when Ctrl-C ends the benchmark.
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const own = writeManyRuns(folder);
  const files = python === undefined ? undefined : writeEventFiles(folder, python);
  const tab = chromium ? await BrowserTab.open(join(folder, 'browser'), []) : undefined;
  const port = await freePort();
  try {
    const ours: Probe<PageMeasurement> = {
      ...{ key: 'page of 200 runs', rounds: 3 },
      measure: () => measureOwnPage(own, port, tab),
    };
    const theirs: Probe<PageMeasurement> = {
      ...{ key: 'TensorBoard', rounds: 3 },
      measure: () => measureTensorBoard(files!.theirs, port, python!),
    };
    const watched = (key: string, isWatched: boolean) => ({
      key,
      measure: () =>
        measureWatched({ seconds: 5 * seconds, folder, watched: isWatched ? { tab, metricsPort: port } : undefined }),
    });
    const [without, withAll] = [watched('mlp-small', false), watched('mlp-small, watched', true)];
    const measured = await playRounds(pairs, [ours, ...(files ? [theirs] : []), without, withAll]);
    const peer = (of: (one: PageMeasurement) => number) =>
      files && { name: 'TensorBoard', software: `TensorBoard ${files.version}`, values: measured.of(theirs).map(of) };
    const page = (what: string, unit: Row['unit'], of: (one: PageMeasurement) => number): Row => ({
      ...{ section: 'ui', what, unit, ours: measured.of(ours).map(of), peer: peer(of) },
      ...(files && { target: pageTarget }),
    });
    const rows: Row[] = [
      page('start until a curve', 's', ({ answer }) => answer),
      page('memory', 'MB', ({ megabytes }) => megabytes),
      ...(tab
        ? [{ ...page('page until drawn', 's', ({ drawn }) => drawn!), peer: undefined, target: drawnTarget }]
        : []),
      {
        ...{ section: 'ui', what: 'mlp-small, 2 threads, watched', unit: 'ex/s', target: watchedTarget },
        ours: measured.of(withAll).map(({ examplesPerSecond }) => examplesPerSecond),
        peer: {
          ...{ name: 'unwatched', software: 'Lockstep' },
          values: measured.of(without).map(({ examplesPerSecond }) => examplesPerSecond),
        },
      },
    ];
    process.stdout.write(`\n${rowTable(rows)}`);
    return { machine: where, pairs, rows, measured };
  } finally {
    await tab?.close();
  }
}

/** One that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { readonly port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
