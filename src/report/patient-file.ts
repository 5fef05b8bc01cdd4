/** A file that only grows while a run goes on: what cannot be written waits, and is tried again with what comes next. */
import { closeSync, fsyncSync, ftruncateSync, writeSync } from 'node:fs';

/** Bytes that wait for space on a full disk before they are given up. */
const mostPending = 1 << 25;

export interface PatientOptions {
  /** Looks whether the file may be written to now; throws if not. */
  readonly check?: () => void;
  /** Told that something could not be written; it is tried again with what comes next. Throws where the run is to end. */
  readonly failed: (error: unknown) => void;
  /** Told that all is there again. */
  readonly caughtUp?: () => void;
}

export class PatientFile {
  readonly #fd: number;
  readonly #options: PatientOptions;
  #length: number;
  /** What is not in the file yet. */
  #pending: Buffer[] = [];
  #hasFailed = false;
  /** Something was given up: nothing may follow. */
  #isBroken = false;

  /**
   * @param fd open for writing, and closed by `close`
   * @param length bytes of it that stay
   */
  constructor(fd: number, length: number, options: PatientOptions) {
    this.#fd = fd;
    this.#length = length;
    this.#options = options;
  }

  /** Bytes that are in it. */
  get length(): number {
    return this.#length;
  }

  /** @param bytes of a whole entry */
  append(bytes: Buffer): void {
    if (this.#isBroken) return;
    this.#pending.push(bytes);
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
      // A part of an entry stays: it is cut off when the run is taken up.
    }
    closeSync(this.#fd);
  }

  #flush(): void {
    if (this.#pending.length === 0) return;
    const isWritten = this.#attempt(() => {
      this.#options.check?.();
      const bytes = Buffer.concat(this.#pending);
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#length + done);
      }
      this.#length += bytes.length;
      this.#pending = [];
    });
    if (!isWritten && this.#pending.reduce((sum, { length }) => sum + length, 0) > mostPending) {
      this.#isBroken = true;
      this.#pending = [];
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
      this.#options.failed(error);
      return false;
    }
  }
}
