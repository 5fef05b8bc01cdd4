/** What a server that shows runs takes: time until the first curve of a folder is there, and its memory once it has looked at all runs. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowserTab } from '../programs/browser-tab.js';
import { startedBy } from '../programs/started-by.js';
import { manyRuns } from './many-runs.js';
import { MeasurementError } from './measurement.js';
import { lockstepProgram } from './program.js';

export interface PageMeasurement {
  /** Seconds from the start of the server until it answers with the curve of a run. */
  readonly answer: number;
  /** Resident, of all its processes. */
  readonly megabytes: number;
  /** Seconds from asking for the page until a browser has drawn the first curve; null without a browser. */
  readonly drawn: number | null;
}

/** In the page: whether a curve is drawn. */
export const curveIsDrawn = `Number(document.querySelector('.chart:has(canvas)')?.dataset.points ?? 0) > 1`;

const limit = 180_000;

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const start = performance.now(); performance.now() - start < limit; await sleep(10)) {
    if (await holds().catch(() => false)) return;
  }
  throw new MeasurementError(`${what}: not within ${limit / 1000} s`);
}

// biome-ignore lint/suspicious/noExplicitAny: each answer has a type of its own.
const answerOf = async (url: string): Promise<any> => (await fetch(url)).json();

/** Of a process and of those that it has started. */
function megabytesOf(pid: number): number {
  const own = (one: number) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${one}/status`, 'utf8'))![1]) / 1000;
  return [pid, ...startedBy(pid)].reduce((sum, one) => sum + own(one), 0);
}

interface MeasuredServer {
  readonly command: readonly string[];
  /** Whether the curve of a run is answered. */
  readonly answers: () => Promise<boolean>;
  /** Whether all runs have been looked at. */
  readonly hasAll: () => Promise<boolean>;
  readonly draw?: () => Promise<number>;
}

async function measureServer({ command, answers, hasAll, draw }: MeasuredServer): Promise<PageMeasurement> {
  const [file, ...args] = command;
  const start = performance.now();
  const server = spawn(file, args, { stdio: 'ignore', env: { ...process.env, LOCKSTEP_TOKEN: '' } });
  const kill = () => server.kill('SIGKILL');
  process.on('exit', kill);
  try {
    await until(`${file}: the curve of a run`, answers);
    const answer = (performance.now() - start) / 1000;
    await until(`${file}: all runs`, hasAll);
    const drawn = draw ? await draw() : null;
    await sleep(2000);
    return { answer, megabytes: megabytesOf(server.pid!), drawn };
  } finally {
    process.off('exit', kill);
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
  }
}

export async function measureOwnPage(
  folder: string,
  port: number,
  tab: BrowserTab | undefined,
): Promise<PageMeasurement> {
  const base = `http://127.0.0.1:${port}/`;
  // Somebody has to look.
  const look = new AbortController();
  let isLooking = false;
  const draw = async () => {
    await tab!.send('Page.navigate', { url: 'about:blank' });
    const start = performance.now();
    await tab!.send('Page.navigate', { url: base });
    await until('the page: a curve', () => tab!.evaluate<boolean>(curveIsDrawn));
    return (performance.now() - start) / 1000;
  };
  try {
    return await measureServer({
      command: [process.execPath, lockstepProgram, 'ui', folder, '--port', `${port}`],
      answers: async () => {
        const { runs } = await answerOf(`${base}api/runs`);
        return (await answerOf(`${base}api/curve?run=${runs[0].name}`)).rows === manyRuns.steps;
      },
      hasAll: async () => {
        if (!isLooking) fetch(`${base}api/events`, { signal: look.signal }).catch(() => {});
        isLooking = true;
        await sleep(500);
        const { runs } = await answerOf(`${base}api/runs`);
        return runs.every((run: { summary: { step: number } | null }) => run.summary?.step === manyRuns.steps);
      },
      ...(tab && { draw }),
    });
  } finally {
    look.abort();
  }
}

export function measureTensorBoard(folder: string, port: number, python: string): Promise<PageMeasurement> {
  const scalars = `http://127.0.0.1:${port}/data/plugin/scalars`;
  return measureServer({
    command: [python, '-m', 'tensorboard.main', '--logdir', folder, '--port', `${port}`],
    answers: async () => (await answerOf(`${scalars}/scalars?tag=loss&run=run-1`)).length > 0,
    hasAll: async () => {
      await sleep(500);
      return Object.keys(await answerOf(`${scalars}/tags`)).length === manyRuns.runs;
    },
  });
}
