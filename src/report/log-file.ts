/** Files of a line of JSON an entry: appended to while a run goes on, cut back when it is taken up from a checkpoint. */
import { closeSync, constants, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { OutputError } from '../errors.js';

const blockBytes = 1 << 16;
/** Characters that wait for space on a full disk before they are given up. */
const mostPending = 1 << 25;

export interface LogOptions {
  /** Looks whether the file may be written to now; throws if not. */
  readonly check?: () => void;
  /** Told that lines could not be written; they are tried again with the next ones. Throws where the run is to end. */
  readonly failed?: (error: unknown) => void;
  /** Told that all lines are there again. */
  readonly caughtUp?: () => void;
}

export class LogFile {
  readonly #file: string;
  readonly #options: LogOptions;
  readonly #fd: number;
  #length = 0;
  #last: Record<string, unknown> | undefined;
  /** Lines that are not in the file yet. */
  #pending = '';
  #hasFailed = false;
  /** Lines were given up: none may follow. */
  #isBroken = false;

  /**
   * Opens a log, or makes it, and cuts it off before the first line that `keep` refuses or that is no line of JSON.
   *
   * @throws OutputError if it cannot be written
   */
  constructor(file: string, keep: (entry: Record<string, unknown>) => boolean, options: LogOptions = {}) {
    this.#file = file;
    this.#options = options;
    // Not for appending: what Windows opens so it does not cut off (nodejs/node#3177).
    this.#fd = this.#orOutputError(() => openSync(file, constants.O_RDWR | constants.O_CREAT));
    const kept = this.#orOutputError(() => keptLines(this.#fd, keep));
    this.#length = kept.length;
    this.#last = kept.last;
    this.#orOutputError(() => ftruncateSync(this.#fd, this.#length));
  }

  /** Whether it holds no line. */
  get empty(): boolean {
    return this.#length === 0;
  }

  /** The last entry that was there when it was opened. */
  get last(): Record<string, unknown> | undefined {
    return this.#last;
  }

  /** @param text whole lines */
  append(text: string): void {
    if (this.#isBroken) return;
    this.#pending += text;
    this.#flush();
  }

  /** Returns when everything appended would survive a power cut. */
  sync(): void {
    this.#flush();
    this.#attempt(() => fsyncSync(this.#fd));
  }

  /** Never throws. */
  close(): void {
    try {
      this.#flush();
    } catch {
      // Told already, or another's by now.
    }
    try {
      if (this.#hasFailed) ftruncateSync(this.#fd, this.#length);
    } catch {
      // A part of a line stays: it is cut off when the run is taken up.
    }
    closeSync(this.#fd);
  }

  #flush(): void {
    if (this.#pending === '') return;
    const isWritten = this.#attempt(() => {
      this.#options.check?.();
      const bytes = Buffer.from(this.#pending);
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#length + done);
      }
      this.#length += bytes.length;
      this.#pending = '';
    });
    if (!isWritten && this.#pending.length > mostPending) {
      this.#isBroken = true;
      this.#pending = '';
    }
    if (isWritten && this.#hasFailed) {
      this.#hasFailed = false;
      this.#options.caughtUp?.();
    }
  }

  #attempt(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      this.#hasFailed = true;
      if (!this.#options.failed) throw this.#outputError(error);
      this.#options.failed(error);
      return false;
    }
  }

  #orOutputError<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw this.#outputError(error);
    }
  }

  #outputError(error: unknown): OutputError {
    return new OutputError(
      `${this.#file}: cannot be written (${(error as Error).message})`,
      'free some space or choose another folder with --out',
    );
  }
}

/** The lines up to the first that is not kept: their bytes, and the last of them. */
function keptLines(fd: number, keep: (entry: Record<string, unknown>) => boolean) {
  const block = Buffer.alloc(blockBytes);
  let length = 0;
  let last: Record<string, unknown> | undefined;
  let held = Buffer.alloc(0);
  for (let position = 0; ; ) {
    const read = readSync(fd, block, 0, blockBytes, position);
    if (read === 0) return { length, last };
    position += read;
    held = Buffer.concat([held, block.subarray(0, read)]);
    for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n')) {
      const entry = parse(held.subarray(0, end).toString());
      if (!entry || !keep(entry)) return { length, last };
      length += end + 1;
      last = entry;
      held = held.subarray(end + 1);
    }
  }
}

function parse(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
