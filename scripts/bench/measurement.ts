/** One measurement is one process that prints one JSON line: so programs alternate, and each peak memory is its own. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What every measured program prints. */
export interface Measurement {
  readonly model: string;
  readonly workers: number;
  /** Examples of a worker's batch. */
  readonly batch: number;
  readonly examplesPerSecond: number;
  readonly millisecondsPerStep: number;
  /** Peak resident memory of all its processes; null where the system does not tell. */
  readonly peakMegabytes: number | null;
  readonly software: string;
}

/** A program that failed, did not end in time, or printed no measurement. */
export class MeasurementError extends Error {}

/** Seconds that a program may take to start and to warm up. */
const startLimit = 120;

/**
 * Runs a program and reads the last line that it prints.
 * @param seconds how long it measures
 * @throws MeasurementError
 */
export async function measure<T extends object>(program: string, args: readonly string[], seconds: number): Promise<T> {
  const what = [program, ...args].join(' ').slice(0, 200);
  const limit = startLimit + 4 * seconds;
  const { output, errors, outcome } = await run(program, args, limit);
  if (outcome !== 'exit code 0') throw new MeasurementError(`${what}: ${outcome}\n${errors.slice(-2000)}`);
  try {
    return JSON.parse(output.trim().split('\n').at(-1)!) as T;
  } catch {
    throw new MeasurementError(`${what}: printed no measurement but ${JSON.stringify(output.slice(-200))}`);
  }
}

interface Ended {
  readonly output: string;
  readonly errors: string;
  readonly outcome: string;
}

function run(program: string, args: readonly string[], limitSeconds: number): Promise<Ended> {
  return new Promise((resolve) => {
    // A process group of its own, so that workers which it started end with it.
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const kill = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended.
      }
    };
    let [output, errors, late] = ['', '', false];
    child.stdout.on('data', (text) => {
      output += text;
    });
    child.stderr.on('data', (text) => {
      errors += text;
    });
    const timer = setTimeout(() => {
      late = true;
      kill();
    }, limitSeconds * 1000);
    const end = (outcome: string) => {
      clearTimeout(timer);
      process.off('exit', kill);
      resolve({ output, errors, outcome: late ? `not done after ${limitSeconds} s` : outcome });
    };
    process.on('exit', kill);
    child.on('error', (error) => end(error.message));
    child.on('close', (code, signal) => end(signal ?? `exit code ${code}`));
  });
}

/** Peak resident memory of another process in megabytes; null where the system does not tell. */
export function peakMegabytesOf(pid: number): number | null {
  try {
    const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
    return Number(kilobytes) / 1024;
  } catch {
    return null;
  }
}

/** Peak resident memory of this process in megabytes. */
export function peakMegabytes(): number {
  return peakMegabytesOf(process.pid) ?? process.resourceUsage().maxRSS / 1024;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
