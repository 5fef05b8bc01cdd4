/** How long it takes from the start of a process until its first step is committed. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MeasurementError } from './measurement.js';
import { lockstep } from './program.js';

/** @returns seconds of `lockstep train` with that config @throws MeasurementError where it fails */
export async function firstStep(config: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
  try {
    const trace = join(folder, 'trace.json');
    const args = ['train', config, '--steps', '1', '--trace', trace, '--out', folder];
    const started = Date.now();
    const { code, errors } = await lockstep(args, folder).ended;
    if (code !== 0) throw new MeasurementError(`lockstep train ${config} ended with exit code ${code}: ${errors}`);
    type Entry = { name: string; ph: string; ts: number; dur: number; args: { time?: number; step?: number } };
    const entries = JSON.parse(readFileSync(trace, 'utf8')) as Entry[];
    const { time } = entries.find(({ name }) => name === 'trace_start')!.args;
    const ends = entries.filter(({ args }) => args?.step === 1).map(({ ts, dur }) => ts + dur);
    return (time! + Math.max(...ends) / 1000 - started) / 1000;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
