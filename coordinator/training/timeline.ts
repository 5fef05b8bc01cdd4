/** `--trace FILE`: what every worker or thread did when, as a Chrome trace (chrome://tracing, Perfetto). Written as it happens. */
import { closeSync, fstatSync, openSync, rmSync, writeSync } from 'node:fs';
import { OutputError } from '../../src/errors.js';
import { beforeDeath } from '../../src/report/last-acts.js';
import type { Unwritten } from '../../src/report/unwritten.js';

/** Events that are written at once. */
const batch = 256;

export class Timeline {
  readonly #path: string;
  readonly #unwritten: Unwritten;
  readonly #forget: () => void;
  readonly #fd: number;
  readonly #origin = performance.now();
  readonly #named = new Set<number>();
  #lines: string[] = ['['];
  /** A part is missing: what follows would be no trace. */
  #isBroken = false;

  /**
   * @param unwritten told when it cannot be written any more
   * @throws OutputError when it cannot be written at all
   */
  constructor(path: string, unwritten: Unwritten) {
    this.#path = path;
    this.#unwritten = unwritten;
    this.#fd = opened(path);
    this.#forget = beforeDeath(() => this.discard());
    // When its time 0 was, so that it can be laid beside what others saw.
    const time = performance.timeOrigin + this.#origin;
    this.#add({ ph: 'M', name: 'trace_start', pid: 0, tid: 0, args: { time } });
  }

  /**
   * Something that took `milliseconds` and has just ended.
   * @param ago milliseconds since it ended, such as the time that the news took
   */
  span(
    worker: { readonly id: number; readonly name: string },
    name: string,
    milliseconds: number,
    ago: number,
    details: Readonly<Record<string, unknown>> = {},
  ): void {
    this.spanUntil(worker, name, milliseconds, performance.now() - ago, details);
  }

  /** @param end when it ended, as `performance.now()` of this thread counts */
  spanUntil(
    worker: { readonly id: number; readonly name: string },
    name: string,
    milliseconds: number,
    end: number,
    details: Readonly<Record<string, unknown>> = {},
  ): void {
    const { id } = worker;
    if (!this.#named.has(id)) {
      this.#named.add(id);
      this.#add({ ph: 'M', name: 'process_name', pid: id, tid: 0, args: { name: worker.name } });
    }
    const ts = (end - this.#origin - milliseconds) * 1000;
    this.#add({ ph: 'X', name, pid: id, tid: 0, ts, dur: milliseconds * 1000, args: details });
  }

  /** The file is complete JSON from here on; viewers read one that was cut off too. */
  close(): void {
    this.#add({ ph: 'M', name: 'trace_end', pid: 0, tid: 0, args: {} }, '\n]\n');
    this.#flush();
    closeSync(this.#fd);
  }

  /** The run has begun: what there is of the trace is kept. */
  keep(): void {
    this.#forget();
  }

  /** There was no run. */
  discard(): void {
    this.#forget();
    // A device, such as /dev/null, stays.
    const isFile = fstatSync(this.#fd).isFile();
    closeSync(this.#fd);
    if (isFile) rmSync(this.#path, { force: true });
  }

  #add(event: object, end = ','): void {
    this.#lines.push(`\n${JSON.stringify(event)}${end}`);
    if (this.#lines.length >= batch) this.#flush();
  }

  #flush(): void {
    const text = this.#lines.join('');
    this.#lines = [];
    if (this.#isBroken) return;
    try {
      const bytes = Buffer.from(text);
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    } catch (error) {
      this.#isBroken = true;
      this.#unwritten.failed(this.#path, error, 'the trace ends here, the run goes on');
    }
  }
}

function opened(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (error) {
    throw new OutputError(`${path}: cannot be written (${(error as Error).message})`, 'name another file for --trace');
  }
}
