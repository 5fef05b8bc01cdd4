/** What a page shows of one run besides its curves: its log, its checkpoints, the workers of its world, its config and its reports. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventsName, worldName } from '../report/event-record.js';
import { configName } from '../report/run-folder.js';
import { entriesIn } from './growing-file.js';
import { reportsIn } from './stored-reports.js';

/** Bytes of a log that are read: its end. */
const mostLogBytes = 1 << 19;
const mostEvents = 1000;

export interface CheckpointInfo {
  readonly name: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly time: number;
}

/** The last events, as the run told them. */
async function eventsIn(folder: string): Promise<Record<string, unknown>[]> {
  try {
    const handle = await open(join(folder, eventsName), 'r');
    try {
      const { size } = await handle.stat();
      const start = Math.max(0, size - mostLogBytes);
      const bytes = Buffer.alloc(size - start);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      const from = start === 0 ? 0 : bytes.indexOf(10) + 1;
      return [...entriesIn(bytes.subarray(from, bytesRead))].slice(-mostEvents);
    } finally {
      await handle.close();
    }
  } catch {
    return [];
  }
}

function checkpointsIn(folder: string): CheckpointInfo[] {
  const place = join(folder, 'checkpoints');
  try {
    return readdirSync(place, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => ({ name, ...sizeOf(join(place, name)) }))
      .sort((a, b) => b.time - a.time);
  } catch {
    return [];
  }
}

/** A checkpoint may go while it is looked at: a newer one takes its place. */
function sizeOf(folder: string): { bytes: number; time: number } {
  const files = readdirSync(folder).map((name) => statSync(join(folder, name), { throwIfNoEntry: false }));
  return {
    bytes: files.reduce((sum, file) => sum + (file?.size ?? 0), 0),
    time: statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  };
}

function worldIn(folder: string): unknown {
  try {
    return JSON.parse(readFileSync(join(folder, worldName), 'utf8'));
  } catch {
    return null;
  }
}

export async function runDetails(folder: string) {
  return {
    events: await eventsIn(folder),
    checkpoints: checkpointsIn(folder),
    world: worldIn(folder),
    config: await readFile(join(folder, configName), 'utf8').catch(() => ''),
    reports: reportsIn(folder),
  };
}
