/** A run of `mlp-small` with everything on by which people watch, or without: how fast it trains by the clock on the wall. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunEvent } from '../../src/report/events.js';
import type { BrowserTab } from '../programs/browser-tab.js';
import { curveIsDrawn } from './measure-page.js';
import { MeasurementError } from './measurement.js';
import { standInForMlflow } from './mlflow-stand-in.js';
import { lockstep } from './program.js';
import { workloads } from './workloads.js';

export interface WatchedCase {
  readonly seconds: number;
  readonly folder: string;
  /** The browser that watches, or how the run is without one. */
  readonly watched: { readonly tab: BrowserTab | undefined; readonly metricsPort: number } | undefined;
}

export interface WatchedMeasurement {
  readonly examplesPerSecond: number;
  /** That went to MLflow, and scrapes that were answered. */
  readonly requests: number;
  readonly scrapes: number;
}

const threads = 2;
const stepsPerEpoch = 200;
/** Part of the data: enough to have a best epoch. */
const validation = 0.01;
/** Seconds after the first epoch, and after the page stands, that do not count. */
const warmUp = 1;
const limit = 120;

function configOf(uri: string | undefined): object {
  const { layers, batch } = workloads['mlp-small'];
  const batchSize = batch * threads;
  return {
    name: 'watched',
    data: {
      source: 'digits',
      examples: Math.round((batchSize * stepsPerEpoch) / (1 - validation)),
      validation,
      test: 0,
    },
    model: { layers: [{ flatten: {} }, ...layers] },
    loss: 'sparseCategoricalCrossentropy',
    optimizer: 'adam',
    training: { epochs: 100_000, batchSize, shards: threads },
    checkpoint: { everyMinutes: 1e6 },
    ...(uri && { track: { tensorboard: true, mlflow: { uri }, hooks: { end: 'cat', best: 'cat' } } }),
  };
}

/** @throws MeasurementError when it does not come to its end */
export async function measureWatched({ seconds, folder, watched }: WatchedCase): Promise<WatchedMeasurement> {
  const place = mkdtempSync(join(folder, 'watched-'));
  const mlflow = watched && (await standInForMlflow());
  const config = join(place, 'config.json');
  writeFileSync(config, JSON.stringify(configOf(mlflow?.uri)));
  let [startedAt, first, last, epochs, scrapes] = [0, 0, 0, 0, 0];
  let isSeen = watched === undefined;
  const told = ({ event }: RunEvent) => {
    if (event !== 'epoch') return;
    const now = performance.now() / 1000;
    if (!isSeen) startedAt = now;
    startedAt ||= now;
    if (now < startedAt + warmUp) return;
    if (first === 0) first = now;
    else [last, epochs] = [now, epochs + 1];
    if (last - first >= seconds) run.signal('SIGINT');
  };
  const watching = watched ? ['--ui', '--metrics-port', `${watched.metricsPort}`] : [];
  const args = ['train', config, '--threads', `${threads}`, '--out', join(place, 'runs'), ...watching];
  const run = lockstep<RunEvent>(args, place, told);
  const late = setTimeout(() => run.signal('SIGKILL'), 1000 * (limit + seconds));
  const scrape = setInterval(() => {
    if (!watched) return;
    const answer = fetch(`http://127.0.0.1:${watched.metricsPort}/metrics`).then((one) => one.text());
    answer.then(() => scrapes++).catch(() => {});
  }, 1000);
  let isOver = false;
  const ended = run.ended.finally(() => {
    isOver = true;
  });
  try {
    while (!isSeen && !isOver) {
      await sleep(50);
      isSeen = await isPageSeen(run.errors, watched!.tab);
    }
    const { code, signal, errors } = await ended;
    if (epochs === 0) throw new MeasurementError(`the run ended with ${signal ?? `exit code ${code}`}: ${errors}`);
    const { batch } = workloads['mlp-small'];
    const examplesPerSecond = (epochs * stepsPerEpoch * batch * threads) / (last - first);
    return { examplesPerSecond, requests: mlflow?.requests() ?? 0, scrapes };
  } finally {
    clearTimeout(late);
    clearInterval(scrape);
    mlflow?.close();
    await watched?.tab?.send('Page.navigate', { url: 'about:blank' });
    rmSync(place, { recursive: true, force: true });
  }
}

/** Opens the page once the run has said where it is. Without a browser nobody draws it: its stream alone is read. */
async function isPageSeen(said: string, tab: BrowserTab | undefined): Promise<boolean> {
  const [, url] = /^page: (\S+)$/m.exec(said) ?? [];
  if (url === undefined) return false;
  if (!tab) {
    fetch(`${url.split('#')[0]}api/events`)
      .then((answer) => answer.text())
      .catch(() => {});
    return true;
  }
  if ((await tab.evaluate<string>('location.href')) === 'about:blank') await tab.send('Page.navigate', { url });
  return tab.evaluate<boolean>(curveIsDrawn);
}
