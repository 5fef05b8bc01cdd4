/** A `lockstep` command as a process of its own: what it says, the memory and processor time that it takes, and its end. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { RunEvent } from '../report/events.js';

/** Seconds of processor time that a process had used up by then. */
interface Sample {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly seconds: number;
}

export interface Ended {
  /** null where a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly errors: string;
}

/** Processor time is counted in these parts of a second (Linux, proc(5): USER_HZ). */
const ticks = 100;

export class Child {
  readonly ended: Promise<Ended>;
  /** Most memory that it had resident, in bytes; null where the system does not tell. */
  peakBytes: number | null = null;
  readonly #process: ChildProcess;
  readonly #samples: Sample[] = [];

  /**
   * @param program file of the `lockstep` command
   * @param args of it; `--json` is added
   * @param folder current folder of the process
   * @param told of each event; those of workers are others, but mistakes are told alike
   */
  constructor(program: string, args: readonly string[], folder: string, told: (event: RunEvent) => void) {
    // Not in this process's group: Ctrl-C is for the command that starts it.
    const child = spawn(process.execPath, [program, ...args, '--json'], { cwd: folder, detached: true });
    this.#process = child;
    let [rest, errors] = ['', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) told(JSON.parse(line) as RunEvent);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    const kill = () => this.kill();
    process.once('exit', kill);
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (code, signal) => {
        process.off('exit', kill);
        resolve({ code, signal, errors });
      });
    });
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  /** Looks at what it uses. */
  sample(): void {
    try {
      const folder = `/proc/${this.#process.pid}`;
      const time = Date.now();
      // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
      const fields = readFileSync(`${folder}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      const [, peak] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`${folder}/status`, 'utf8'))!;
      this.#samples.push({ time, seconds: (Number(fields[11]) + Number(fields[12])) / ticks });
      this.peakBytes = Number(peak) * 1024;
    } catch {
      // It has ended, or this is not Linux.
    }
  }

  /** Seconds of processor time between two moments, in milliseconds since 1970; null where the system does not tell. */
  secondsBetween(from: number, to: number): number | null {
    return this.#samples.length < 2 ? null : secondsAt(this.#samples, to) - secondsAt(this.#samples, from);
  }
}

/** Between two samples by their distance; beyond them what the nearest says. */
function secondsAt(samples: readonly Sample[], time: number): number {
  const after = samples.findIndex((sample) => sample.time >= time);
  if (after === 0) return samples[0].seconds;
  if (after < 0) return samples[samples.length - 1].seconds;
  const [a, b] = [samples[after - 1], samples[after]];
  return a.seconds + ((time - a.time) / (b.time - a.time)) * (b.seconds - a.seconds);
}
