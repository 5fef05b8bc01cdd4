/** Resident memory of processes over time, and whether it grows. Where the system does not tell (no /proc), there is none. */
import { readFileSync } from 'node:fs';

interface Sample {
  /** Seconds. */
  readonly time: number;
  readonly megabytes: number;
}

/** What a process's memory did. */
export interface MemoryStory {
  readonly name: string;
  readonly seconds: number;
  readonly start: number;
  readonly middle: number;
  readonly end: number;
  /** Megabytes that it grew by over the second half: by the line of least squares, so that one peak counts little. */
  readonly growth: number;
}

/** Fewer samples tell nothing. */
const fewestSamples = 20;

export class MemoryLog {
  readonly #logs = new Map<string, Sample[]>();

  look(name: string, pid: number): void {
    const megabytes = residentMegabytes(pid);
    if (megabytes === undefined) return;
    const log = this.#logs.get(name) ?? [];
    this.#logs.set(name, log);
    log.push({ time: performance.now() / 1000, megabytes });
  }

  /** Of every process that was looked at often enough. */
  stories(): MemoryStory[] {
    return [...this.#logs].flatMap(([name, samples]) =>
      samples.length < fewestSamples ? [] : [storyOf(name, samples)],
    );
  }
}

function residentMegabytes(pid: number): number | undefined {
  try {
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))!;
    return Number(kilobytes) / 1024;
  } catch {
    // It has ended.
    return undefined;
  }
}

function storyOf(name: string, samples: readonly Sample[]): MemoryStory {
  const half = samples.slice(samples.length >> 1);
  const [start, end] = [samples[0], samples.at(-1)!];
  return {
    name,
    seconds: end.time - start.time,
    start: start.megabytes,
    middle: half[0].megabytes,
    end: end.megabytes,
    growth: slope(half) * (end.time - half[0].time),
  };
}

/** Megabytes a second. */
function slope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [time, level] = [mean(samples.map((one) => one.time)), mean(samples.map((one) => one.megabytes))];
  let [over, under] = [0, 0];
  for (const one of samples) {
    over += (one.time - time) * (one.megabytes - level);
    under += (one.time - time) ** 2;
  }
  return over / under;
}
