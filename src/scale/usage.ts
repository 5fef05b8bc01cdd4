/** What a process takes, looked at now and then: its memory, and processor time (Linux). */
import { readFileSync } from 'node:fs';

/** Seconds of processor time that a process had used up by then. */
interface UsageSample {
  /** Milliseconds since 1970. */
  readonly time: number;
  readonly seconds: number;
}

/** Processor time is counted in these parts of a second (Linux, proc(5): USER_HZ). */
const ticks = 100;

export class Usage {
  /** Most memory that it had resident, in bytes; null where the system does not tell. */
  peakBytes: number | null = null;
  readonly #pid: number | undefined;
  readonly #samples: UsageSample[] = [];

  /** @param pid undefined for one that could not be started */
  constructor(pid: number | undefined) {
    this.#pid = pid;
  }

  /** Looks at what it uses. */
  look(): void {
    try {
      const folder = `/proc/${this.#pid}`;
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
function secondsAt(samples: readonly UsageSample[], time: number): number {
  const after = samples.findIndex((sample) => sample.time >= time);
  if (after === 0) return samples[0].seconds;
  if (after < 0) return samples[samples.length - 1].seconds;
  const [a, b] = [samples[after - 1], samples[after]];
  return a.seconds + ((time - a.time) / (b.time - a.time)) * (b.seconds - a.seconds);
}
